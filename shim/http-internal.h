#pragma once
/*
 * One client connection that speaks HTTP/1.1: requests one after the other,
 * each decided on, each sent to a connection of its own host. The states, and
 * who goes on from them:
 *
 *	HEAD    reading a request	http_request.c
 *	ROUTE   CONNECT: may it be dialled at all?	http_connect.c
 *	ASK     the supervisor decides	http_ask.c
 *	DIAL    TLS towards the server	http_ask.c
 *	BOTH    request and response flow	http_flow.c, http_response.c
 *	FIND    a refusal is being recorded	http_refuse.c
 *	TELL    the last bytes of an answer of our own go out	http_refuse.c
 *	OPEN    CONNECT: 200 goes out	http_connect.c
 *	LINGER  waiting for the client's end, so that it can read
 *http_refuse.c
 */
#include "shim/conn.h"
#include "shim/http_seen.h"
#include "shim/http_write.h"

#define HTTP_INTERIM_MAX 16u /* 1xx responses to one request */
#define HTTP_LINGER_TICKS 2u /* seconds */
#define HTTP_LINGER_MAX (1024u * 1024)
#define HTTP_LEASE (1024u * 1024)
#define HTTP_LEASE_AHEAD (256u * 1024)

enum http_state {
	HTTP_AT_HEAD,
	HTTP_AT_ROUTE,
	HTTP_AT_ASK,
	HTTP_AT_DIAL,
	HTTP_AT_BOTH,
	HTTP_AT_FIND,
	HTTP_AT_TELL,
	HTTP_AT_OPEN,
	HTTP_AT_LINGER,
	HTTP_STATES
};

/* What a step says to http_pump(). */
enum http_do {
	HTTP_GO,    /* there is more to do, perhaps in another state */
	HTTP_WAIT,  /* for an event or an answer */
	HTTP_END,   /* the connection ends in order */
	HTTP_RESET, /* ... so that nobody takes it for complete */
	HTTP_GONE,  /* the connection is another engine's, ours is freed */
};

/* Bytes that were read: used up to at, there up to len. */
struct http_in {
	char *buf;
	size_t at, len, size;
	bool pinned; /* what was used is still needed where it is */
};

/* The request under way. */
struct http_rq {
	struct http_head head;
	struct http_url url;
	struct http_seen seen;
	size_t at; /* of the head, in the client's bytes */
	char method[HTTP_METHOD_MAX + 1];
	bool is_head, repeats; /* repeats: may be sent twice (RFC 9110, 9.2.2)
				*/
	bool stays;	       /* the client's connection afterwards */
	char room[];	       /* the URL's */
};

struct http {
	struct conn *conn;
	enum http_state state;
	bool proxy, served;
	/* client, server: nothing to be read, no room to write, until the loop
	 * says so */
	bool dry[2], blocked[2];
	struct http_in in[2];	/* from the client, from the server */
	struct http_out out[2]; /* to the client, to the server */
	size_t scanned;		/* of the head that is being read */
	bool blank;		/* the empty line before a request was seen */
	uint32_t head_ticks, linger_ticks;
	size_t turn, lingered;
	struct http_rq *rq;

	/* the action of the request under way */
	uint64_t action, bytes_in, bytes_out;
	bool leased, asking, asking_more, no_more;
	uint64_t lease;
	struct ask ask, more;
	struct route_call route;
	bool routing;

	struct http_body body[2]; /* of the request, of the response */
	struct http_scan scan;	  /* of the request's body */
	bool again, retried;	  /* this server connection was used before */
	bool fresh;		  /* TLS is not there yet */
	bool up_dead;		  /* the server takes no more */
	bool answered;		  /* a byte of a response has come */
	bool head_done;		  /* its head was sent on */
	bool server_stays;
	bool resp_chunked; /* as it is sent on */
	uint16_t status;
	unsigned int interim;

	/* an answer of our own */
	struct found_call found;
	bool finding, closes;
	int own_status;
	char *own; /* http_refuse(): what every request gets */
	size_t own_len;
};

/* ---- http.c ---- */
void http_pump(struct conn *c);
/* Reads once, at most what fits. > 0; 0 at the end; -EAGAIN; -ENOBUFS: the
 * buffer is full; -EDQUOT: the run has had its bytes; else it is broken. */
ssize_t http_fill(struct http *h, bool server);
/* Sends what is held. 0: all of it; -EAGAIN; else it is broken. */
int http_flush(struct http *h, bool server);
/* Body bytes, as a chunk or as they are; what does not go is held. */
int http_send_body(struct http *h, bool server, const char *data, size_t n,
		   bool chunked);
/* How many of n bytes of a body may go now; 0: wait. -EDQUOT, -EACCES: the
 * lease was not renewed. */
ssize_t http_may(struct http *h, bool out, size_t n);
/* Gives the buffers back that hold nothing. */
void http_trim(struct http *h);
int http_watch_server(struct http *h);
/* Ends the server's connection; nothing of it is read again. */
void http_drop_server(struct http *h, bool reset);
/* The outcome of the action, if one is open. */
void http_done(struct http *h, const char *status, const char *error,
	       const char *detail);
/* The request is over; the next may come. */
void http_next(struct http *h);
/* Frees the engine without a word; the connection stays. */
void http_leave(struct http *h);

/* ---- the steps ---- */
enum http_do http_read_head(struct http *h);
enum http_do http_wait(struct http *h);
enum http_do http_dial(struct http *h);
enum http_do http_both(struct http *h);
enum http_do http_tell(struct http *h);
enum http_do http_open(struct http *h);
enum http_do http_linger(struct http *h);

/* http_request.c: what a whole head asks for, and whether that may be asked.
 */
enum http_do http_begin(struct http *h, size_t len);
/* http_ask.c */
enum http_do http_ask(struct http *h);
/* The server's connection has ended before it answered: asks again for a new
 * one, if that may be. */
enum http_do http_no_answer(struct http *h);
/* http_connect.c */
enum http_do http_connect(struct http *h);
/* http_response.c: one step of the way back. */
enum http_do http_down(struct http *h);
/* http_upgrade.c: the head of a 101 is at the front of in[1]. */
enum http_do http_upgraded(struct http *h, const struct http_head *head);

/* ---- http_refuse.c ---- */
/* Refuses what the client sent, or what the server sent: it is recorded, and
 * the client is told, if nothing of a response was sent yet. detail: NULL, or
 * text of theirs. */
enum http_do http_refuse_for(struct http *h, enum http_reason why,
			     const char *detail);
/* The same, for a word of shim/reasons.h. */
enum http_do http_refuse_word(struct http *h, const char *word, int status,
			      const char *detail);
/* The run has sent (received) as many bytes as it may. */
enum http_do http_refuse_limit(struct http *h, bool out);
/* An answer of ours to this request, at once. */
enum http_do http_answer_own(struct http *h, int status, const char *body,
			     size_t len);
/* Something failed that nobody refused. */
enum http_do http_failed(struct http *h, int status, const char *word,
			 const char *text);
