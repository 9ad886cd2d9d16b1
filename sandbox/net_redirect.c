/*
 * The redirect, as nft(8) would show it:
 *
 *	table inet agentbox {
 *		chain raw {
 *			type filter hook output priority -300; policy accept;
 *			meta l4proto != tcp notrack accept
 *			tcp sport 1023 accept
 *			ip daddr 127.0.0.0/8 notrack accept
 *			ip6 daddr ::1 notrack accept
 *			tcp dport 22 notrack accept	(each exception)
 *			tcp sport 22 notrack accept
 *		}
 *		chain out {
 *			type nat hook output priority -100; policy accept;
 *			tcp sport 1023 accept
 *			redirect to :1023
 *		}
 *	}
 *
 * What is not tracked is not redirected, costs nothing on its way, and leaves
 * no state behind that an agent could pile up. What goes back from the listener
 * is tracked wherever it goes, else its client would not know it again. A
 * packet that was looked at on its way out is not looked at again on its way in
 * over loopback. A nat chain sees only the first packet of a connection.
 *
 * Numbers in nf_tables are big endian; registers are 32 bits wide
 * (linux/netfilter/nf_tables.h). The messages are made by libnl's core, which
 * knows alignment and nesting, and laid end to end: nfnetlink takes a whole
 * batch in one packet.
 */
#include "sandbox/net_redirect.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define CHAIN_RAW "raw"
#define CHAIN_NAT "out"
#define PRIORITY_RAW (-300)    /* NF_IP_PRI_RAW: before conntrack */
#define PRIORITY_DSTNAT (-100) /* NF_IP_PRI_NAT_DST */

struct batch {
	char *buf;
	size_t len, size;
	uint32_t seq;
	int error;
	struct nl_msg *m; /* the message being made */
};

/* Messages */

static void
begin(struct batch *b, int type, int flags, uint8_t family, uint16_t res)
{
	const struct nfgenmsg head = { .nfgen_family = family,
				       .version = NFNETLINK_V0,
				       .res_id = htons(res) };
	struct nlmsghdr *h;

	b->m = nlmsg_alloc();
	h = b->m ? nlmsg_put(b->m, 0, ++b->seq, type, sizeof(head),
			     NLM_F_REQUEST | flags)
		 : NULL;
	if (h)
		memcpy(nlmsg_data(h), &head, sizeof(head));
	else
		b->error = -ENOMEM;
}

static void
end(struct batch *b)
{
	const struct nlmsghdr *h = b->m ? nlmsg_hdr(b->m) : NULL;
	size_t n = h ? NLMSG_ALIGN(h->nlmsg_len) : 0;

	if (!b->error && n > b->size - b->len)
		b->error = -EMSGSIZE;
	if (!b->error && h) {
		memset(b->buf + b->len, 0, n);
		memcpy(b->buf + b->len, h, h->nlmsg_len);
		b->len += n;
	}
	nlmsg_free(b->m);
	b->m = NULL;
}

static void
table_message(struct batch *b, int type, int flags)
{
	begin(b, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

/* Attributes; the first that does not fit is remembered. */

static void
put(struct batch *b, int type, const void *data, size_t len)
{
	if (!b->error && nla_put(b->m, type, (int)len, data) < 0)
		b->error = -EMSGSIZE;
}

static void
put_u32(struct batch *b, int type, uint32_t v)
{
	uint32_t be = htonl(v);

	put(b, type, &be, sizeof(be));
}

static void
put_text(struct batch *b, int type, const char *s)
{
	put(b, type, s, strlen(s) + 1);
}

static struct nlattr *
nest(struct batch *b, int type)
{
	struct nlattr *a =
		b->error ? NULL : nla_nest_start(b->m, type | NLA_F_NESTED);

	if (!a && !b->error)
		b->error = -EMSGSIZE;
	return a;
}

static void
nest_end(struct batch *b, struct nlattr *a)
{
	if (!b->error)
		nla_nest_end(b->m, a);
}

/* Expressions, each one an element of a rule's list. */

struct expr {
	struct nlattr *elem, *data;
};

static struct expr
expr(struct batch *b, const char *name)
{
	struct expr x = { .elem = nest(b, NFTA_LIST_ELEM) };

	put_text(b, NFTA_EXPR_NAME, name);
	x.data = nest(b, NFTA_EXPR_DATA);
	return x;
}

static void
expr_end(struct batch *b, struct expr x)
{
	nest_end(b, x.data);
	nest_end(b, x.elem);
}

static void
load_meta(struct batch *b, enum nft_meta_keys key)
{
	struct expr x = expr(b, "meta");

	put_u32(b, NFTA_META_DREG, NFT_REG_1);
	put_u32(b, NFTA_META_KEY, key);
	expr_end(b, x);
}

static void
load_payload(struct batch *b, enum nft_payload_bases base, uint32_t at,
	     uint32_t len)
{
	struct expr x = expr(b, "payload");

	put_u32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_u32(b, NFTA_PAYLOAD_BASE, base);
	put_u32(b, NFTA_PAYLOAD_OFFSET, at);
	put_u32(b, NFTA_PAYLOAD_LEN, len);
	expr_end(b, x);
}

static void
put_value(struct batch *b, int type, const void *v, size_t len)
{
	struct nlattr *a = nest(b, type);

	put(b, NFTA_DATA_VALUE, v, len);
	nest_end(b, a);
}

static void
compare(struct batch *b, enum nft_cmp_ops op, const void *v, size_t len)
{
	struct expr x = expr(b, "cmp");

	put_u32(b, NFTA_CMP_SREG, NFT_REG_1);
	put_u32(b, NFTA_CMP_OP, op);
	put_value(b, NFTA_CMP_DATA, v, len);
	expr_end(b, x);
}

static void
accept_it(struct batch *b)
{
	struct expr x = expr(b, "immediate");
	struct nlattr *data, *verdict;

	put_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nest(b, NFTA_IMMEDIATE_DATA);
	verdict = nest(b, NFTA_DATA_VERDICT);
	put_u32(b, NFTA_VERDICT_CODE, NF_ACCEPT);
	nest_end(b, verdict);
	nest_end(b, data);
	expr_end(b, x);
}

static void
leave_alone(struct batch *b)
{
	struct nlattr *elem = nest(b, NFTA_LIST_ELEM);

	put_text(b, NFTA_EXPR_NAME, "notrack");
	nest_end(b, elem);
	accept_it(b);
}

static void
redirect_to(struct batch *b, uint16_t port)
{
	uint16_t be = htons(port);
	struct expr x = expr(b, "immediate");

	put_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_value(b, NFTA_IMMEDIATE_DATA, &be, sizeof(be));
	expr_end(b, x);
	x = expr(b, "redir");
	put_u32(b, NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1);
	expr_end(b, x);
}

/* Rules */

static struct nlattr *
rule(struct batch *b, const char *chain, int flags)
{
	table_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | flags);
	put_text(b, NFTA_RULE_TABLE, NET_REDIRECT_TABLE);
	put_text(b, NFTA_RULE_CHAIN, chain);
	return nest(b, NFTA_RULE_EXPRESSIONS);
}

static void
rule_end(struct batch *b, struct nlattr *list)
{
	nest_end(b, list);
	end(b);
}

static void
rule_not_tcp(struct batch *b)
{
	const uint8_t tcp = IPPROTO_TCP;
	struct nlattr *list = rule(b, CHAIN_RAW, 0);

	load_meta(b, NFT_META_L4PROTO);
	compare(b, NFT_CMP_NEQ, &tcp, sizeof(tcp));
	leave_alone(b);
	rule_end(b, list);
}

/* Destination addresses of that family that begin so. */
static void
rule_address(struct batch *b, uint8_t family, uint32_t at, const void *v,
	     size_t len)
{
	struct nlattr *list = rule(b, CHAIN_RAW, 0);

	load_meta(b, NFT_META_NFPROTO);
	compare(b, NFT_CMP_EQ, &family, sizeof(family));
	load_payload(b, NFT_PAYLOAD_NETWORK_HEADER, at, (uint32_t)len);
	compare(b, NFT_CMP_EQ, v, len);
	leave_alone(b);
	rule_end(b, list);
}

/* Where the ports stand: RFC 9293, 3.1. */
enum { TCP_SOURCE = 0, TCP_DESTINATION = 2 };

static void
rule_port(struct batch *b, const char *in, uint32_t at, uint16_t port,
	  void (*verdict)(struct batch *b))
{
	uint16_t be = htons(port);
	struct nlattr *list = rule(b, in, 0);

	load_payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, at, sizeof(be));
	compare(b, NFT_CMP_EQ, &be, sizeof(be));
	verdict(b);
	rule_end(b, list);
}

static void
rule_rest(struct batch *b, uint16_t port)
{
	struct nlattr *list = rule(b, CHAIN_NAT, NLM_F_ACK);

	redirect_to(b, port);
	rule_end(b, list);
}

static void
chain(struct batch *b, const char *name, const char *type, int priority)
{
	struct nlattr *hook;

	table_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	put_text(b, NFTA_CHAIN_TABLE, NET_REDIRECT_TABLE);
	put_text(b, NFTA_CHAIN_NAME, name);
	hook = nest(b, NFTA_CHAIN_HOOK);
	put_u32(b, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
	put_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	nest_end(b, hook);
	put_text(b, NFTA_CHAIN_TYPE, type);
	end(b);
}

static void
table_and_chains(struct batch *b)
{
	table_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	put_text(b, NFTA_TABLE_NAME, NET_REDIRECT_TABLE);
	end(b);
	chain(b, CHAIN_RAW, "filter", PRIORITY_RAW);
	chain(b, CHAIN_NAT, "nat", PRIORITY_DSTNAT);
}

int
net_redirect_encode(uint16_t port, const uint16_t *except, size_t n, void *buf,
		    size_t size, uint32_t *ret_last)
{
	static const uint8_t loop4 = 127, loop6[16] = { [15] = 1 };
	struct batch b = { .buf = buf, .size = size };

	if (n > NET_REDIRECT_EXCEPT_MAX)
		return -E2BIG;
	begin(&b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end(&b);
	table_and_chains(&b);
	rule_not_tcp(&b);
	rule_port(&b, CHAIN_RAW, TCP_SOURCE, port, accept_it);
	/* where the destination stands: RFC 791, 3.1; RFC 8200, 3 */
	rule_address(&b, NFPROTO_IPV4, 16, &loop4, sizeof(loop4));
	rule_address(&b, NFPROTO_IPV6, 24, loop6, sizeof(loop6));
	for (size_t i = 0; i < n; i++) {
		rule_port(&b, CHAIN_RAW, TCP_DESTINATION, except[i],
			  leave_alone);
		rule_port(&b, CHAIN_RAW, TCP_SOURCE, except[i], leave_alone);
	}
	/* answers to who dialled the listener itself: they look new */
	rule_port(&b, CHAIN_NAT, TCP_SOURCE, port, accept_it);
	rule_rest(&b, port);
	*ret_last = b.seq;
	begin(&b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	end(&b);
	return b.error ? b.error : (int)b.len;
}

/* Asking the kernel. It answers before send(2) returns. */

static int
read_answer(int fd, uint32_t last)
{
	union {
		struct nlmsghdr align;
		char buf[8192];
	} in;

	for (;;) {
		ssize_t len = recv(fd, in.buf, sizeof(in.buf), MSG_DONTWAIT);
		const struct nlmsghdr *h = &in.align;

		if (len < 0)
			return errno == EAGAIN ? -EPROTO : -errno;
		for (; NLMSG_OK(h, (size_t)len); h = NLMSG_NEXT(h, len)) {
			const struct nlmsgerr *err = NLMSG_DATA(h);

			if (h->nlmsg_type != NLMSG_ERROR)
				continue;
			if (err->error || err->msg.nlmsg_seq == last)
				return err->error;
		}
	}
}

int
net_redirect(int fd, uint16_t port, const uint16_t *except, size_t n,
	     struct err *e)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	_cleanup_free_ char *buf = malloc(NET_REDIRECT_SIZE_MAX);
	uint32_t last = 0;
	int r = buf ? net_redirect_encode(port, except, n, buf,
					  NET_REDIRECT_SIZE_MAX, &last)
		    : -ENOMEM;

	if (r >= 0 && sendto(fd, buf, (size_t)r, 0, (struct sockaddr *)&kernel,
			     sizeof(kernel)) < 0)
		r = -errno;
	if (r >= 0)
		r = read_answer(fd, last);
	return r < 0 ? err_sys(e, r, "nf_tables") : 0;
}
