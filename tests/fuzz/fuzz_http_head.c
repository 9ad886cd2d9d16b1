/* links: shim net lib */
/*
 * Heads and targets. Of what is let through every offset lies in the head, and
 * what would be sent on for it reads the same: another pass changes nothing.
 */
#include "shim/http_url.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static struct http_head h;
static struct http_url first, again;

static void
inside(const struct http_head *head, const struct http_text *t)
{
	if (t->at > head->len || t->len > head->len - t->at)
		abort();
}

static void
check_offsets(const struct http_head *head)
{
	inside(head, &head->method);
	inside(head, &head->target);
	inside(head, &head->phrase);
	inside(head, &head->host);
	if (head->n > SHIM_HEADERS_MAX || (head->chunked && head->has_length))
		abort();
	for (unsigned int i = 0; i < head->n; i++) {
		inside(head, &head->field[i].name);
		inside(head, &head->field[i].value);
		if (!head->field[i].name.len)
			abort();
	}
}

/* sent_path?param&param */
static char *
written(const struct http_url *url, const char *room, size_t *ret_len)
{
	char *s = malloc(HTTP_URL_ROOM(SHIM_URL_MAX) + HTTP_PARAMS_MAX);
	size_t n = url->sent_path.len;

	if (!s)
		abort();
	memcpy(s, room + url->sent_path.at, n);
	for (size_t i = 0; i < url->n; i++) {
		s[n++] = i ? '&' : '?';
		memcpy(s + n, room + url->sent[i].at, url->sent[i].len);
		n += url->sent[i].len;
	}
	*ret_len = n;
	return s;
}

static void
check_url(const char *target, size_t len)
{
	char *room = malloc(HTTP_URL_ROOM(len)), *room2, *s;
	enum http_reason why;
	size_t n;

	if (!room)
		abort();
	if (http_url_parse(target, len, false, room, &first, &why) < 0) {
		free(room);
		return;
	}
	s = written(&first, room, &n);
	room2 = malloc(HTTP_URL_ROOM(n));
	if (!room2)
		abort();
	if (n <= SHIM_URL_MAX) {
		if (http_url_parse(s, n, false, room2, &again, &why) ||
		    strcmp(first.path, again.path) != 0 || first.n != again.n)
			abort();
		for (size_t i = 0; i < first.n; i++)
			if (first.param[i].value_len !=
				    again.param[i].value_len ||
			    memcmp(first.param[i].value, again.param[i].value,
				   first.param[i].value_len) != 0)
				abort();
	}
	free(room2);
	free(room);
	free(s);
}

static void
judge(const uint8_t *data, size_t size, bool request)
{
	char *copy = malloc(size ? size : 1);
	enum http_reason why = HTTP_FINE;
	size_t at = 0, end = 0;
	int r;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (http_head_scan(copy, size, &at, &end) != 1)
		end = size;
	r = request ? http_request_parse(copy, end, &h, &why)
		    : http_response_parse(copy, end, &h, &why);
	if ((r < 0) != (why != HTTP_FINE) || why >= HTTP_REASON_MAX)
		abort();
	if (r == 0) {
		check_offsets(&h);
		check_url(copy + h.target.at, h.target.len);
	}
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge(data, size, true);
	judge(data, size, false);
	if (size && data[0] == '/')
		check_url((const char *)data, size);
	return 0;
}
