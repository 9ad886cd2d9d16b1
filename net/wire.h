#pragma once
/*
 * What the supervisor and the shim of one box say to each other, over a
 * SOCK_SEQPACKET socketpair, one message in each packet. The supervisor trusts
 * nothing in what comes from the shim: it is fuzzed.
 *
 * A packet, in the byte order of the host, since it never leaves it:
 *
 *    0  u32  NET_MAGIC
 *    4  u16  op
 *    6  u16  flags
 *    8  u32  id: the shim's number of a question; comes back in the answer
 *   12       fields, in ascending order, none twice: u16 number, u16 zero,
 *            u32 length, the bytes
 *
 * Texts have no NUL. Numbers are 8 bytes. PAIRS is a row of (u32 length, name,
 * u32 length, value).
 *
 * How a connection goes: ROUTE (once for a host and port, until EPOCH) says
 * what must be known before it can be decided on. ASK asks for one action: a
 * raw stream, or one HTTP request; the answer YES brings a connected
 * descriptor if one was asked for. Each YES is owed a DONE.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NET_MAGIC 0x3154454eu /* "NET1" */
#define NET_PACKET_MAX (128u * 1024)
#define NET_PAIRS_MAX 256u /* of a query or a head */
#define NET_FDS_MAX 24u
#define NET_NAMES_SIZE (65537u * 256)

/* NET_OP(ID, number, FROM, "what it says"); FROM: SHIM or SUPERVISOR */
#define NET_OPS(NET_OP)                                                        \
	NET_OP(SETUP, 1, SUPERVISOR,                                           \
	       "first: who the box is, what it listens on")                    \
	NET_OP(READY, 2, SHIM, "confined; from here on bytes are read")        \
	NET_OP(ROUTE, 3, SHIM, "what must be known of HOST and PORT")          \
	NET_OP(ROUTED, 4, SUPERVISOR, "NEEDS")                                 \
	NET_OP(NAME, 5, SHIM, "may HOST be dialled at all? (DNS)")             \
	NET_OP(NAMED, 6, SUPERVISOR, "VERDICT; BODY, why not")                 \
	NET_OP(ASK, 7, SHIM, "one action")                                     \
	NET_OP(ANSWER, 8, SUPERVISOR,                                          \
	       "VERDICT, ACTION, descriptor, or why not")                      \
	NET_OP(CANCEL, 9, SHIM, "nobody waits for the answer to ASK id")       \
	NET_OP(MORE, 10, SHIM, "the lease of ACTION is used up: SIZE more?")   \
	NET_OP(DONE, 11, SHIM, "what became of ACTION")                        \
	NET_OP(GONE, 12, SHIM, "the connection CONN is closed")                \
	NET_OP(FOUND, 13, SHIM,                                                \
	       "refused before it could be decided on, or a "                  \
	       "finding: REASON, DETAIL")                                      \
	NET_OP(TOLD, 14, SUPERVISOR, "answer to FOUND: BODY for the agent")    \
	NET_OP(EPOCH, 15, SUPERVISOR, "another policy: forget all routes")     \
	NET_OP(IDLE, 16, SHIM, "nothing is open; it ends, unless STAY")        \
	NET_OP(STAY, 17, SUPERVISOR, "something came meanwhile")               \
	NET_OP(END, 18, SUPERVISOR, "the box ended: reset everything, exit")

enum net_op {
#define NET_OP(id, n, from, text) NET_##id = (n),
	NET_OPS(NET_OP)
#undef NET_OP
		NET_OP_MAX
};

/* flags of ASK */
#define NET_WANT_FD 1u	  /* a new connection; else CONN is used again */
#define NET_FIRST_DATA 2u /* the client's first bytes were looked at */

enum net_field_kind { NET_U64, NET_TEXT, NET_BYTES, NET_PAIRS };

/* NET_FIELD(ID, number, KIND, "what it is") */
#define NET_FIELDS(NET_FIELD)                                                  \
	/* what is asked */                                                    \
	NET_FIELD(HOST, 1, TEXT, "canonical name or address, net/hostname.h")  \
	NET_FIELD(PORT, 2, U64, "1 to 65535")                                  \
	NET_FIELD(ORIGINAL, 3, BYTES,                                          \
		  "address that the agent dialled; 4 or "                      \
		  "16 bytes; not with a proxy's name")                         \
	NET_FIELD(VIA, 4, U64, "enum net_via")                                 \
	NET_FIELD(SCHEME, 5, TEXT, "tcp, tls, http, https, ws, wss")           \
	NET_FIELD(SNI, 6, TEXT, "server name of a ClientHello")                \
	NET_FIELD(METHOD, 7, TEXT, "of HTTP")                                  \
	NET_FIELD(PATH, 8, TEXT, "decoded, clean")                             \
	NET_FIELD(QUERY, 9, PAIRS, "decoded parameters, in order")             \
	NET_FIELD(HEADERS, 10, PAIRS, "names in lower case, in order")         \
	NET_FIELD(SIZE, 11, U64, "bytes of the body; missing: not known yet")  \
	NET_FIELD(SEEN, 12, BYTES,                                             \
		  "placeholders in this request: u16 number "                  \
		  "of the credential, u16 NET_SEEN_ bits")                     \
	NET_FIELD(CONN, 13, U64, "number of a connection that ANSWER gave")    \
	/* what is answered */                                                 \
	NET_FIELD(VERDICT, 20, U64, "enum net_verdict")                        \
	NET_FIELD(ACTION, 21, U64, "number of the action, for DONE and MORE")  \
	NET_FIELD(NEEDS, 22, U64, "NET_NEEDS_ bits")                           \
	NET_FIELD(LEASE, 23, U64,                                              \
		  "bytes that may flow, both ways together, "                  \
		  "before MORE; missing: any")                                 \
	NET_FIELD(VALUES, 24, PAIRS,                                           \
		  "number of the credential in decimal -> "                    \
		  "value that replaces its placeholder")                       \
	NET_FIELD(SET_HEADERS, 25, PAIRS, "headers that replace the agent's")  \
	NET_FIELD(BODY, 26, TEXT, "JSON for the agent: why it was refused")    \
	NET_FIELD(STATUS_CODE, 27, U64,                                        \
		  "HTTP status to refuse with: 403, 502, 504, 429")            \
	NET_FIELD(REMOVE_QUERY, 28, PAIRS,                                     \
		  "parameters to be taken out; values empty")                  \
	/* outcomes and findings */                                            \
	NET_FIELD(STATUS, 40, TEXT, "ok, error, denied, timeout, killed")      \
	NET_FIELD(ERROR, 41, TEXT, "short word: reset, too-slow, tls-verify")  \
	NET_FIELD(DETAIL, 42, TEXT, "for people; escaped where printed")       \
	NET_FIELD(BYTES_IN, 43, U64, "from the other side")                    \
	NET_FIELD(BYTES_OUT, 44, U64, "to the other side")                     \
	NET_FIELD(REASON, 45, TEXT, "of FOUND, a word of shim/reasons.h")      \
	NET_FIELD(RESPONSE, 46, U64, "HTTP status that came")                  \
	/* SETUP */                                                            \
	NET_FIELD(BOX, 60, TEXT, "id of the box")                              \
	NET_FIELD(LISTENERS, 61, BYTES,                                        \
		  "enum net_listener, u8 for each descriptor that "            \
		  "comes along, in order")                                     \
	NET_FIELD(PLACEHOLDERS, 62, PAIRS,                                     \
		  "name of the credential -> its placeholder; "                \
		  "their order is their number")                               \
	NET_FIELD(CA_KEY, 63, BYTES,                                           \
		  "DER, PKCS #8; only where TLS is intercepted")               \
	NET_FIELD(CA_CERT, 64, BYTES, "DER")                                   \
	NET_FIELD(LIMITS, 65, BYTES, "struct net_limits")                      \
	NET_FIELD(USED_OUT, 66, U64,                                           \
		  "bytes sent by earlier shims of this run")                   \
	NET_FIELD(USED_IN, 67, U64, "bytes received by them")

enum net_field {
#define NET_FIELD(id, n, kind, text) NET_F_##id = (n),
	NET_FIELDS(NET_FIELD)
#undef NET_FIELD
		NET_FIELD_MAX = 80
};

enum net_via {
	NET_VIA_CAPTURE, /* dialled as if there were a network */
	NET_VIA_CONNECT, /* HTTP proxy */
	NET_VIA_ABSOLUTE,
	NET_VIA_SOCKS
};

enum net_verdict {
	NET_NO,	   /* denied by policy: BODY, STATUS_CODE */
	NET_YES,   /* goes ahead */
	NET_FAILED /* allowed, and could not be done: resolving, dialling */
};

/* What the shim must find out before it asks. */
#define NET_NEEDS_DATA                                                         \
	1u /* look at the client's first bytes: some rule looks at the         \
	      scheme or deeper */
#define NET_NEEDS_HTTP 2u /* HTTP is parsed; TLS is intercepted for it */
#define NET_NEEDS_PASS 4u /* never intercepted: tls "pass" */
#define NET_NEVER                                                              \
	8u /* nothing grants this host and port: ASK at once, then tell */

#define NET_SEEN_HEADER 1u
#define NET_SEEN_BASIC 2u
#define NET_SEEN_QUERY 4u
#define NET_SEEN_PATH 8u  /* never replaced */
#define NET_SEEN_BODY 16u /* never replaced */

enum net_listener {
	NET_LISTEN_ANY,	  /* TCP that nf_tables redirected: SO_ORIGINAL_DST */
	NET_LISTEN_PORT,  /* TCP to one port of any address: getsockname(2) */
	NET_LISTEN_PROXY, /* HTTP proxy and SOCKS5 */
	NET_LISTEN_DNS_UDP,
	NET_LISTEN_DNS_TCP,
	NET_LISTEN_UPSTREAM_CA, /* no listener: a sealed memfd, PEM, of what
				   upstream certificates are verified with */
	NET_LISTEN_NAMES, /* no listener: a memfd of NET_NAMES_SIZE bytes where
			     the shim keeps which name has which address, for
			     the shim after it; nobody else looks into it */
	NET_LISTEN_MAX
};

/* Of one box; 0: no limit. Times in microseconds. */
struct net_limits {
	uint64_t connections; /* at once; more wait in the listeners' backlog */
	uint64_t bytes_out, bytes_in; /* of the whole run */
	uint64_t rate_out,
		rate_in;      /* bytes a second, all connections together */
	uint64_t idle_us;     /* of a connection */
	uint64_t lifetime_us; /* of a connection */
	uint64_t head_us;     /* until a request's head, or a hello, is there */
};

struct net_bytes {
	const uint8_t *data; /* borrowed; NULL: the field is missing */
	size_t len;
};

/* A message, looked at: form, order, kinds and bounds of every field hold; what
 * an op needs is its reader's business. Borrowed from the packet. */
struct net_message {
	uint16_t op, flags;
	uint32_t id;
	bool has[NET_FIELD_MAX];
	uint64_t number[NET_FIELD_MAX];	       /* U64 */
	struct net_bytes bytes[NET_FIELD_MAX]; /* the others */
};

/* 0; -EPROTO with nothing said: whoever sent it is broken. from_shim: only its
 * ops are legal, else only the supervisor's. Pure; fuzzed. */
int net_decode(const void *data, size_t len, bool from_shim,
	       struct net_message *ret);
/* The i-th pair. False after the last. Start with *at = 0. */
bool net_pair(const struct net_bytes *pairs, size_t *at,
	      struct net_bytes *ret_name, struct net_bytes *ret_value);

/* Making one; the buffer is the caller's, NET_PACKET_MAX bytes. Fields must be
 * put in ascending order; whatever does not fit or is out of order makes
 * net_put_end() fail with -EMSGSIZE or -EINVAL. */
struct net_writer {
	uint8_t *buf;
	size_t len, pairs_at;
	int error;
	uint16_t last;
};
void net_begin(struct net_writer *w, uint8_t *buf, enum net_op op,
	       uint16_t flags, uint32_t id);
void net_put_u64(struct net_writer *w, enum net_field f, uint64_t v);
void net_put(struct net_writer *w, enum net_field f, const void *data,
	     size_t len);
void net_put_text(struct net_writer *w, enum net_field f,
		  const char *s); /* NULL: left out */
void net_pairs_begin(struct net_writer *w, enum net_field f);
void net_pairs_add(struct net_writer *w, const void *name, size_t n,
		   const void *value, size_t m);
void net_pairs_end(struct net_writer *w);
/* The length, or negative errno. */
ssize_t net_end(struct net_writer *w);

/* One packet with at most NET_FDS_MAX descriptors (borrowed). -EAGAIN when the
 * other side does not read. Never raises SIGPIPE. */
int net_send(int chan, const void *data, size_t len, const int *fds,
	     size_t n_fds);
/* Returns the length, 0 at end of file, -EAGAIN, negative errno. Descriptors
 * are close-on-exec; more than max are closed and -EBADMSG. */
ssize_t net_recv(int chan, void *buf, size_t size, int *fds, size_t max,
		 size_t *ret_n);

const char *net_op_name(uint16_t op);
const char *net_field_name(uint16_t f);
