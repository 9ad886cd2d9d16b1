#pragma once
/*
 * Why the shim refuses something before anybody could decide on it, and what
 * it only reports. The word goes over the channel (REASON) and into the record;
 * supervisor and `agentbox why` have the sentences from here.
 *
 * REASON(ID, "word", "what, for people", "cure")
 */
#include "shim/http_reasons.h"

#define SHIM_REASONS(REASON)                                                   \
	/* capture */                                                          \
	REASON(UNKNOWN_NAME, "unknown-name",                                   \
	       "the address is one that stands for names, but for none yet",   \
	       "resolve the name anew; do not keep addresses of another box")  \
	REASON(NO_DESTINATION, "no-destination",                               \
	       "where the connection was to go cannot be told",                \
	       "dial the host itself, not a listener of the broker")           \
	REASON(LIMIT_CONNECTIONS, "limit-connections",                         \
	       "more connections at once than the profile allows",             \
	       "close some, or raise network.limits.connections")              \
	REASON(LIMIT_SENT, "limit-sent",                                       \
	       "the run has sent as many bytes as the profile allows",         \
	       "raise network.limits.sent")                                    \
	REASON(LIMIT_RECEIVED, "limit-received",                               \
	       "the run has received as many bytes as the profile allows",     \
	       "raise network.limits.received")                                \
	/* first bytes */                                                      \
	REASON(SNI_MISMATCH, "sni-mismatch",                                   \
	       "the TLS hello names another host than the one dialled",        \
	       "ask for the host that is dialled (SNI)")                       \
	REASON(BAD_HELLO, "bad-hello",                                         \
	       "the first message of TLS is malformed or has two readings",    \
	       "use a TLS client that follows RFC 8446")                       \
	REASON(TOO_SLOW, "too-slow",                                           \
	       "the first bytes of a request or TLS hello took too long",      \
	       "send them at once, or raise network.limits.head")              \
	REASON(LATE_PROTOCOL, "late-protocol",                                 \
	       "TLS or HTTP began on a stream that was decided on as neither", \
	       "let the client speak first, within two seconds")               \
	REASON(TLS_CLIENT, "tls-client",                                       \
	       "the client did not accept the certificate of this box, or "    \
	       "its TLS failed",                                               \
	       "let the client trust /run/agentbox/ca.pem, or pass TLS "       \
	       "through: \"tls\": \"pass\"")                                   \
	/* names */                                                            \
	REASON(DNS_NAME, "dns-name",                                           \
	       "the question is for a name that no host can have",             \
	       "ask for a name of letters, digits and hyphens")                \
	REASON(DNS_FULL, "dns-full",                                           \
	       "more names were resolved than one box can have",               \
	       "grant fewer names with wildcards")                             \
	/* SOCKS */                                                            \
	REASON(SOCKS_VERSION, "socks-version", "SOCKS 4 cannot be used",       \
	       "use SOCKS 5 (socks5h://)")                                     \
	REASON(SOCKS_MALFORMED, "socks-malformed",                             \
	       "the SOCKS request does not follow RFC 1928",                   \
	       "use another SOCKS client")                                     \
	REASON(SOCKS_COMMAND, "socks-command", "SOCKS can only CONNECT here",  \
	       "do not BIND or ASSOCIATE: nothing comes in, and no UDP")       \
	REASON(SOCKS_HOST, "socks-host",                                       \
	       "the host of the SOCKS request is no host name or address",     \
	       "write names plainly and addresses in full")                    \
	HTTP_REASONS(REASON)

enum shim_reason {
#define REASON(id, word, what, cure) SHIM_REASON_##id,
	SHIM_REASONS(REASON)
#undef REASON
		SHIM_REASON_MAX
};

/* The word of a reason, at compile time: SHIM_WORD(SNI_MISMATCH). */
#define REASON(id, word, what, cure)                                           \
	static const char shim_word_##id[] __attribute__((unused)) = word;
SHIM_REASONS(REASON)
#undef REASON
#define SHIM_WORD(id) shim_word_##id
