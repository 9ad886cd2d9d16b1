/* links: supervisor sandbox lib */
/* What a client may send to a box, byte by byte. */
#include "supervisor/control.h"
#include "tests/tap.h"

#include <errno.h>
#include <string.h>

struct packet {
	struct control_request rq;
	char text[CONTROL_REQUEST_MAX + CONTROL_BODY_MAX + 64];
};

static int
decode(uint32_t magic, unsigned int version, unsigned int op, uint32_t arg,
       uint32_t len, size_t have, struct control_call *ret)
{
	static struct packet p;

	memset(&p, 'x', sizeof(p));
	p.rq = (struct control_request){ magic, (uint16_t)version, (uint16_t)op,
					 arg, len };
	return control_decode(&p, sizeof(p.rq) + have, ret);
}

TEST(decoder_table)
{
	static const struct {
		uint32_t magic;
		unsigned int version, op;
		uint32_t arg, len;
		unsigned int have;
		int want;
	} rows[] = {
		{ CONTROL_MAGIC, 1, CONTROL_PING, 0, 0, 0, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, 5, 5, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, 512, 512, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, 513, 513, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 1, 0, 0, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, 5, 4, -EPROTO },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, 5, 6, -EPROTO },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, UINT32_MAX, 6, -EPROTO },
		{ CONTROL_MAGIC, 1, CONTROL_KILL, 0, 0, 0, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_KILL, 64, 0, 0, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_KILL, 65, 0, 0, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_KILL, UINT32_MAX, 0, 0, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_EVENTS, 1, 0, 0, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_EVENTS, 2, 0, 0, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_RELOAD, 0, 512, 512, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_RELOAD, 1, 0, 0, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_DECIDE, 0, 1, 1, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_DECIDE, 0, 0, 0, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_DECIDE, 1, 1, 1, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_DECIDE, 0, CONTROL_BODY_MAX,
		  CONTROL_BODY_MAX, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_OUTCOME, 0, CONTROL_BODY_MAX,
		  CONTROL_BODY_MAX, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_DECIDE, 0,
		  CONTROL_BODY_MAX + CONTROL_REQUEST_MAX,
		  CONTROL_BODY_MAX + CONTROL_REQUEST_MAX, -EMSGSIZE },
		{ CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, CONTROL_REQUEST_MAX,
		  CONTROL_REQUEST_MAX, -EMSGSIZE },
		{ CONTROL_MAGIC, 1, CONTROL_REVOKE, 0, 3, 3, 0 },
		{ CONTROL_MAGIC, 1, CONTROL_REVOKE, 0, 0, 0, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_REVOKE, 1, 3, 3, -EINVAL },
		{ CONTROL_MAGIC, 1, CONTROL_OP_MAX, 0, 0, 0, -ENOSYS },
		{ CONTROL_MAGIC, 1, 65535, 0, 0, 0, -ENOSYS },
		{ CONTROL_MAGIC, 2, CONTROL_PING, 0, 0, 0, -EPROTONOSUPPORT },
		{ CONTROL_MAGIC, 0, CONTROL_PING, 0, 0, 0, -EPROTONOSUPPORT },
		{ CONTROL_MAGIC + 1, 1, CONTROL_PING, 0, 0, 0, -EPROTO },
		{ 0, 0, 0, 0, 0, 0, -EPROTO },
	};
	struct control_call call;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = decode(rows[i].magic, rows[i].version, rows[i].op,
			       rows[i].arg, rows[i].len, rows[i].have, &call);

		if (r != rows[i].want)
			FAIL("row %zu: got %d, want %d", i, r, rows[i].want);
	}
	for (size_t n = 0; n < sizeof(struct control_request); n++)
		ASSERT_ERR(
			control_decode("Agxb\1\0\0\0\0\0\0\0\0\0\0", n, &call),
			-EPROTO);
}

TEST(decoder_escapes_and_refuses_nul)
{
	struct {
		struct control_request rq;
		char text[8];
	} p = { { CONTROL_MAGIC, 1, CONTROL_FREEZE, 0, 8 }, "\x1b[2J\nab" };
	struct control_call call;

	p.text[7] = 'c';
	ASSERT_OK(control_decode(&p, sizeof(p), &call));
	ASSERT_STREQ(call.text, "\\x1b[2J\\x0aabc");
	p.text[3] = '\0';
	ASSERT_ERR(control_decode(&p, sizeof(p), &call), -EINVAL);
}
