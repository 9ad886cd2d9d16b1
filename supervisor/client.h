#pragma once
/*
 * The CLI's side of the control sockets: choosing boxes and talking to them.
 * When a box is named, only that box is connected to.
 */
#include "lib/err.h"
#include "supervisor/control.h"
#include "supervisor/runtime.h"

/* Exit statuses of the commands on boxes; run adds 124, 126, 127. */
enum client_exit {
	CLIENT_DONE = 0,
	CLIENT_SOME_FAILED = 1,
	CLIENT_FAILED = 125, /* agentbox itself, usage included */
};

struct client_box {
	char id[RUNTIME_ID_LEN + 1];
	int fd; /* connected */
};

struct client_set {
	struct client_box *v;
	size_t n;
};

struct client_select {
	char *const *names; /* names, ids, unique prefixes of ids */
	size_t n;
	bool all;
	const char *label; /* "k=v" or NULL */
};

/* Opens every selected box. A box that ends meanwhile is no error with all and
 * label. -ENOENT with the names of what runs in e. */
int client_find(struct runtime *rt, const struct client_select *sel,
		struct client_set *ret, struct err *e);
void client_set_done(struct client_set *set);

/* One request. text may be NULL. Fire and collect apart, so that many boxes
 * act at the same time. */
int client_ask(int fd, enum control_op op, uint32_t arg, const char *text);
/* decide and outcome: a body of at most CONTROL_BODY_MAX bytes. */
int client_ask_body(int fd, enum control_op op, const char *body, size_t len);
/* The reply: JSON (new reference); the box's refusal comes as its negative
 * errno with e filled. -ECONNRESET: the supervisor went away. */
int client_receive(int fd, json_t **ret, struct err *e);
int client_call(int fd, enum control_op op, json_t **ret, struct err *e);
/* Raw message of a stream: bytes of text, 0 at the end. */
ssize_t client_stream(int fd, char *buf, size_t size);

/* runtime_open(), where a missing folder means that nothing runs: with a box
 * the error that names it, without (NULL) success and *ret NULL. */
int client_runtime(const char *box, struct runtime **ret, struct err *e);

/* "Try agentbox COMMAND --help"; returns CLIENT_FAILED. */
int client_usage(const char *command);
/* "agentbox: text" and the cure on a second line, on stderr. */
void client_complain(const struct err *e);
