/*
 * The request decoder of the control socket: pure, so that it can be fuzzed.
 * The bytes come from a process of the same user or of root, which is not
 * reason enough to trust them.
 */
#include "lib/str.h"
#include "supervisor/control.h"

#include <signal.h>
#include <string.h>

static int
check_arg(const struct control_request *rq)
{
	switch ((enum control_op)rq->op) {
	case CONTROL_KILL:
		return rq->arg <= (uint32_t)SIGRTMAX ? 0 : -EINVAL;
	case CONTROL_EVENTS:
		return rq->arg <= 1 ? 0 : -EINVAL;
	default:
		return rq->arg == 0 ? 0 : -EINVAL;
	}
}

static int
take_text(const char *p, size_t len, char ret[CONTROL_WHY_MAX + 1])
{
	char raw[CONTROL_WHY_MAX + 1];

	if (len > CONTROL_WHY_MAX || memchr(p, '\0', len))
		return -EINVAL;
	memcpy(raw, p, len);
	raw[len] = '\0';
	str_escape(raw, ret, CONTROL_WHY_MAX + 1);
	return 0;
}

static bool
has_body(enum control_op op)
{
	return op == CONTROL_DECIDE || op == CONTROL_OUTCOME;
}

static int
take_rest(struct control_call *call, const char *p, size_t len)
{
	call->text[0] = '\0';
	call->body = NULL;
	call->body_len = 0;
	if (!len && (has_body(call->op) || call->op == CONTROL_REVOKE))
		return -EINVAL;
	if (!has_body(call->op))
		return take_text(p, len, call->text);
	call->body = p;
	call->body_len = len;
	return 0;
}

int
control_decode(const void *data, size_t len, struct control_call *ret)
{
	struct control_request rq;
	struct control_call call;
	int r;

	if (len < sizeof(rq))
		return -EPROTO;
	memcpy(&rq, data, sizeof(rq));
	if (rq.magic != CONTROL_MAGIC)
		return -EPROTO;
	if (rq.version != CONTROL_VERSION)
		return -EPROTONOSUPPORT;
	if (rq.len != len - sizeof(rq))
		return -EPROTO;
	if (rq.op >= CONTROL_OP_MAX)
		return -ENOSYS;
	if (len >
	    CONTROL_REQUEST_MAX +
		    (has_body((enum control_op)rq.op) ? CONTROL_BODY_MAX : 0))
		return -EMSGSIZE;
	r = check_arg(&rq);
	if (r < 0)
		return r;
	call.op = rq.op;
	call.arg = rq.arg;
	r = take_rest(&call, (const char *)data + sizeof(rq), rq.len);
	if (r < 0)
		return r;
	*ret = call;
	return 0;
}
