/*
 * The one place where the name or address of a host becomes text that is
 * decided on. What always holds: a text that two programs could read as two
 * hosts (inet_aton's numbers, zones, bytes above 127, a dot behind an address)
 * is refused; what is accepted is in the form that policies compare with, and
 * parsing it again gives the same.
 */
#include "net/hostname.h"

#include <arpa/inet.h>
#include <string.h>

#define LABEL_MAX 63 /* RFC 1035, 2.3.4 */

static int
refuse(const char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = why;
	return -EINVAL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
in_label(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

static const char *
why_not_byte(unsigned char c)
{
	if (c > 127)
		return "has bytes that are not ASCII; international names are "
		       "written in punycode (xn--...)";
	if (c <= ' ' || c == 127)
		return "has a blank or a control character";
	if (c == '[' || c == ']' || c == ':')
		return "has a \"[\", \"]\" or \":\", which only an IPv6 "
		       "address of a URL has, around or in it";
	if (c == '%')
		return "has a \"%\": neither escapes nor zones are taken";
	return "has a character that no host name has";
}

/* Copies the labels in lower case. */
static int
read_labels(const char *s, size_t n, char *buf, const char **ret_why)
{
	size_t label = 0;

	for (size_t i = 0; i < n; i++) {
		char c = lower(s[i]);

		buf[i] = c;
		if (c == '.' && !label)
			return refuse(ret_why, "has an empty label");
		if (c != '.' && !in_label(c))
			return refuse(ret_why, why_not_byte((unsigned char)c));
		label = c == '.' ? 0 : label + 1;
		if (label > LABEL_MAX)
			return refuse(ret_why,
				      "has a label of more than 63 characters");
	}
	buf[n] = '\0';
	return label ? 0 : refuse(ret_why, "has an empty label");
}

/* Would some program take the name for a number (WHATWG URL, "ends in a
 * number"; inet_aton(3))? */
static bool
ends_in_number(const char *name)
{
	const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;

	return last[strspn(last, "0123456789")] == '\0' ||
	       (last[0] == '0' && last[1] == 'x');
}

static int
read_name(const char *s, size_t n, struct hostname *h, const char **ret_why)
{
	bool dot = n && s[n - 1] == '.';
	int r;

	n -= dot;
	if (!n)
		return refuse(ret_why, "is empty");
	if (n > HOSTNAME_MAX)
		return refuse(ret_why, "has more than 253 characters");
	r = read_labels(s, n, h->text, ret_why);
	if (r < 0 || !ends_in_number(h->text))
		return r;
	h->kind = HOSTNAME_IPV4;
	if (!dot && inet_pton(AF_INET, h->text, h->addr) == 1)
		return 0;
	return refuse(ret_why, "is a number, but no address of four decimal "
			       "numbers without leading zeros");
}

static int
read_ipv6(const char *s, size_t n, struct hostname *h, const char **ret_why)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t addr[16];

	if (memchr(s, '%', n))
		return refuse(ret_why, "has a zone (\"%\")");
	if (n >= sizeof(text) || memchr(s, '\0', n))
		return refuse(ret_why, "is no IPv6 address");
	memcpy(text, s, n);
	text[n] = '\0';
	if (inet_pton(AF_INET6, text, addr) != 1)
		return refuse(ret_why, "is no IPv6 address");
	hostname_from_addr(addr, sizeof(addr), h);
	return 0;
}

int
hostname_parse(const char *s, size_t n, bool url, struct hostname *ret,
	       const char **ret_why)
{
	struct hostname h = { .kind = HOSTNAME_NAME };
	int r;

	if (url && n && s[0] == '[') {
		if (s[n - 1] != ']')
			return refuse(ret_why, "has a \"[\" without \"]\"");
		r = read_ipv6(s + 1, n - 2, &h, ret_why);
	} else if (!url && memchr(s, ':', n)) {
		r = read_ipv6(s, n, &h, ret_why);
	} else {
		r = read_name(s, n, &h, ret_why);
	}
	if (r < 0)
		return r;
	*ret = h;
	return 0;
}

void
hostname_from_addr(const uint8_t *addr, size_t len, struct hostname *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	bool v4 = len == 4;

	*ret = (struct hostname){ .kind = HOSTNAME_IPV6 };
	if (len == 16 && memcmp(addr, mapped, sizeof(mapped)) == 0) {
		addr += sizeof(mapped);
		v4 = true;
	}
	if (v4)
		ret->kind = HOSTNAME_IPV4;
	memcpy(ret->addr, addr, v4 ? 4 : 16);
	inet_ntop(v4 ? AF_INET : AF_INET6, ret->addr, ret->text,
		  sizeof(ret->text));
}

static int
read_port(const char *s, size_t n, uint16_t *ret, const char **ret_why)
{
	unsigned int v = 0;

	if (!n)
		return refuse(ret_why, "has no port");
	if (n > 5 || s[0] == '0')
		return refuse(ret_why,
			      "has a port that is not from 1 to 65535");
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return refuse(ret_why, "has a port that is no number");
		v = v * 10 + (unsigned int)(s[i] - '0');
	}
	if (v > 65535)
		return refuse(ret_why,
			      "has a port that is not from 1 to 65535");
	*ret = (uint16_t)v;
	return 0;
}

int
hostname_parse_port(const char *s, size_t n, struct hostname *ret,
		    uint16_t *ret_port, const char **ret_why)
{
	const char *colon = memrchr(s, ':', n);
	size_t host = colon ? (size_t)(colon - s) : n;
	struct hostname h;
	uint16_t port;
	int r;

	if (!colon || (s[0] == '[' && s[n - 1] == ']'))
		return refuse(ret_why, "has no port");
	r = hostname_parse(s, host, true, &h, ret_why);
	if (r >= 0)
		r = read_port(colon + 1, n - host - 1, &port, ret_why);
	if (r < 0)
		return r;
	*ret = h;
	*ret_port = port;
	return 0;
}
