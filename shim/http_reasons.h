#pragma once
/*
 * Why HTTP is refused by the shim itself, before anything could be decided on.
 * The words are in the record and in what the agent is told; they are never
 * used for something else. Requests and responses share them.
 *
 *   REASON(ID, "word", "what, for people", "cure")
 */
#define HTTP_REASONS(REASON)                                                   \
	/* the first line */                                                   \
	REASON(HTTP_BAD_LINE, "bad-first-line",                                \
	       "the first line is no request or status line of HTTP/1.1",      \
	       "send METHOD, one space, target, one space, HTTP/1.1")          \
	REASON(HTTP_BAD_METHOD, "bad-method",                                  \
	       "the method is not a short word of capital letters",            \
	       "methods are case-sensitive: write GET, not get")               \
	REASON(HTTP_ECHO_METHOD, "echo-method",                                \
	       "TRACE and TRACK would send back what the request carries",     \
	       "use another method")                                           \
	REASON(HTTP_BAD_VERSION, "bad-version",                                \
	       "the version is neither HTTP/1.1 nor HTTP/1.0",                 \
	       "speak HTTP/1.1")                                               \
	REASON(HTTP_HTTP2, "http2", "HTTP/2 without TLS is not understood",    \
	       "speak HTTP/1.1 (curl --http1.1)")                              \
	REASON(HTTP_BAD_STATUS, "bad-status",                                  \
	       "the status of the response is not 100 to 599",                 \
	       "the server has to be repaired")                                \
	/* bytes */                                                            \
	REASON(HTTP_BARE_LF, "bare-lf", "a line ends with LF alone",           \
	       "end lines with CR LF")                                         \
	REASON(HTTP_BARE_CR, "bare-cr", "a CR stands alone",                   \
	       "end lines with CR LF")                                         \
	REASON(HTTP_NUL, "nul-byte", "a NUL byte in the head", "leave it out") \
	REASON(HTTP_CONTROL, "control-byte", "a control byte in the head",     \
	       "leave it out, or encode it")                                   \
	/* header fields */                                                    \
	REASON(HTTP_OBS_FOLD, "folded-header",                                 \
	       "a header goes on in the next line",                            \
	       "write each header in one line")                                \
	REASON(HTTP_BAD_FIELD, "bad-header",                                   \
	       "a line is no header: name, colon, value", "repair the header") \
	REASON(HTTP_SPACE_COLON, "space-before-colon",                         \
	       "a blank between a header's name and its colon",                \
	       "leave the blank out")                                          \
	REASON(HTTP_LOOKALIKE, "lookalike-header",                             \
	       "a header that some servers take for another one (\"_\" for "   \
	       "\"-\")",                                                       \
	       "write the header's name with \"-\"")                           \
	REASON(HTTP_TWICE, "header-twice",                                     \
	       "a header that may be there once is there twice",               \
	       "send it once")                                                 \
	REASON(HTTP_HEAD_TOO_LARGE, "head-too-large",                          \
	       "more than 64 KiB or 128 lines of headers", "send fewer")       \
	REASON(HTTP_BAD_CONNECTION, "bad-connection-header",                   \
	       "the header Connection is no short list of names",              \
	       "send keep-alive or close")                                     \
	REASON(HTTP_CONNECTION_NAMES, "connection-names-header",               \
	       "the header Connection names a header that others decide on",   \
	       "leave the name out")                                           \
	REASON(HTTP_BAD_EXPECT, "bad-expect",                                  \
	       "the header Expect says something else than 100-continue",      \
	       "leave it out")                                                 \
	/* length of the body */                                               \
	REASON(HTTP_BAD_LENGTH, "bad-length",                                  \
	       "Content-Length is not one decimal number",                     \
	       "send the number of bytes, digits only")                        \
	REASON(HTTP_LENGTH_TWICE, "two-lengths", "two headers Content-Length", \
	       "send one")                                                     \
	REASON(HTTP_BAD_CODING, "bad-coding",                                  \
	       "Transfer-Encoding is not exactly \"chunked\"",                 \
	       "send \"chunked\", or Content-Length")                          \
	REASON(HTTP_LENGTH_AND_CODING, "length-and-coding",                    \
	       "both Content-Length and Transfer-Encoding",                    \
	       "send one of them")                                             \
	REASON(HTTP_CODING_1_0, "coding-in-http10",                            \
	       "Transfer-Encoding in HTTP/1.0", "speak HTTP/1.1")              \
	REASON(HTTP_BAD_CHUNK, "bad-chunk",                                    \
	       "a chunk's size, its end or a trailer cannot be read",          \
	       "send size in hexadecimal, CR LF, data, CR LF")                 \
	REASON(HTTP_CHUNK_TOO_LARGE, "chunk-line-too-large",                   \
	       "the line before a chunk, or the trailers, are too long",       \
	       "leave chunk extensions and trailers out")                      \
	REASON(HTTP_TRUNCATED, "truncated",                                    \
	       "the body ended before its length", "send all of it")           \
	/* the target */                                                       \
	REASON(HTTP_URL_TOO_LONG, "url-too-long",                              \
	       "the URL has more than 8192 bytes",                             \
	       "send what is long in the body")                                \
	REASON(HTTP_BAD_TARGET, "bad-target",                                  \
	       "the target is no URL: a byte that URLs do not have, or a "     \
	       "form "                                                         \
	       "that does not go with the method",                             \
	       "percent-encode it")                                            \
	REASON(HTTP_BAD_ESCAPE, "bad-escape",                                  \
	       "a % in the URL without two hexadecimal digits",                \
	       "write %25 for %")                                              \
	REASON(HTTP_DOUBLE_ESCAPE, "double-escape",                            \
	       "the path has an escape inside an escape",                      \
	       "encode the path once")                                         \
	REASON(HTTP_ENCODED_SLASH, "encoded-slash",                            \
	       "%2F in the path, which some servers read as /",                \
	       "write / where / is meant")                                     \
	REASON(HTTP_BACKSLASH, "backslash",                                    \
	       "a backslash in the path, which some servers read as /",        \
	       "leave it out")                                                 \
	REASON(HTTP_DOT_SEGMENT, "dot-segment",                                \
	       "\".\" or \"..\" as a part of the path",                        \
	       "write the path that is meant")                                 \
	REASON(HTTP_EMPTY_SEGMENT, "empty-segment",                            \
	       "\"//\" in the path, which some servers read as /",             \
	       "write one slash")                                              \
	REASON(HTTP_URL_CONTROL, "control-in-url",                             \
	       "an encoded NUL or control byte in the URL", "leave it out")    \
	REASON(HTTP_URL_UTF8, "url-not-utf8",                                  \
	       "the URL's escapes are not UTF-8", "encode it as UTF-8")        \
	REASON(HTTP_QUERY_TOO_MANY, "query-too-many",                          \
	       "more than 128 parameters in the URL", "send them in the body") \
	REASON(HTTP_BAD_SCHEME, "bad-scheme",                                  \
	       "a proxy request for something else than http://",              \
	       "use CONNECT for https")                                        \
	REASON(HTTP_USERINFO, "userinfo",                                      \
	       "a user name in the URL or the host",                           \
	       "send the header Authorization")                                \
	/* whom it is for */                                                   \
	REASON(HTTP_NO_HOST, "no-host", "the header Host is missing",          \
	       "send it")                                                      \
	REASON(HTTP_BAD_HOST, "bad-host",                                      \
	       "the host in the request cannot be read, or has two readings",  \
	       "send a plain host name or address, and port")                  \
	REASON(HTTP_HOST_MISMATCH, "host-mismatch",                            \
	       "the request is for another host than the connection",          \
	       "open a connection for each host")                              \
	REASON(HTTP_CONNECT_HERE, "connect-here",                              \
	       "CONNECT on a connection that goes to a server already",        \
	       "send CONNECT to the proxy, once")                              \
	REASON(HTTP_CONNECT_BODY, "connect-body", "CONNECT with a body",       \
	       "send none")                                                    \
	REASON(HTTP_NOT_PROXY_FORM, "not-proxy-form",                          \
	       "a request to the proxy that does not say for which host",      \
	       "send the whole URL, http://host/path")                         \
	/* upgrades */                                                         \
	REASON(HTTP_H2C, "h2c-upgrade", "an upgrade to HTTP/2 without TLS",    \
	       "speak HTTP/1.1 (curl --http1.1)")                              \
	REASON(HTTP_UPGRADE, "upgrade",                                        \
	       "an upgrade to something else than a WebSocket",                \
	       "open a connection for that protocol")                          \
	REASON(HTTP_BAD_WEBSOCKET, "bad-websocket",                            \
	       "the upgrade to a WebSocket is not as RFC 6455 has it",         \
	       "send GET, Sec-WebSocket-Key and Sec-WebSocket-Version: 13")    \
	REASON(HTTP_UNASKED_UPGRADE, "unasked-upgrade",                        \
	       "the server switches to a protocol that nobody asked for",      \
	       "the server has to be repaired")                                \
	/* time, amounts */                                                    \
	REASON(HTTP_INTERIM, "too-many-interim",                               \
	       "more than 16 interim responses to one request",                \
	       "the server has to be repaired")                                \
	/* secrets */                                                          \
	REASON(HTTP_SEEN_PATH, "placeholder-in-path",                          \
	       "the placeholder of a credential in the path of a URL",         \
	       "send credentials in a header")                                 \
	REASON(HTTP_SEEN_BODY, "placeholder-in-body",                          \
	       "the placeholder of a credential in the body",                  \
	       "send credentials in a header")                                 \
	REASON(HTTP_BAD_SECRET, "bad-secret",                                  \
	       "the credential's value cannot stand in a header",              \
	       "repair the secret: one line, no control bytes")                \
	/* the other side */                                                   \
	REASON(HTTP_TLS, "tls-verify", "the server's TLS cannot be trusted",   \
	       "see the detail; the server's certificate has to be repaired")  \
	REASON(HTTP_NO_ANSWER, "no-answer",                                    \
	       "the server ended the connection without an answer",            \
	       "try again")
