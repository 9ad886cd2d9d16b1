#pragma once
/*
 * The input document as JSON: {"surface": "network", "host": ..., "run":
 * {...}, "data": {...}, "approvers": [...], "time": "2026-11-25T10:00:00Z"}.
 * Strict: what the surface does not have, and a value of the wrong type, is an
 * error. On files and process "./x" and "$WORKSPACE/x" are the workspace's,
 * "~/x" is the agent's home. Fuzzed.
 */
#include "lib/err.h"
#include "policy/request.h"

#include <jansson.h>
#include <stdbool.h>

#define REQUEST_SIZE_MAX (256u * 1024)
#define REQUEST_NODES_MAX 65536u

struct request_doc;
struct load;

/* Errors: "LABEL:LINE: POINTER: ...". *ret: request_doc_free(). label is
 * borrowed for the call only. */
int request_doc_read(const char *label, const char *text, size_t len,
		     struct request_doc **ret, struct err *e);
/* For the loader: j has the attributes of the surface and is the member
 * "request" of what is read now; run, data and approvers stand in beside (may
 * be NULL). Holds references to both. */
int request_doc_make(struct load *l, enum surface surface, json_t *j,
		     json_t *beside, struct request_doc **ret);
void request_doc_free(struct request_doc *d);

/* Derived attributes are filled in. Lives as long as the document. */
const struct request *request_doc_request(const struct request_doc *d);
/* Is there a "time"? In microseconds of CLOCK_REALTIME. */
bool request_doc_time(const struct request_doc *d, int64_t *ret_us);

/* "2026-11-25T10:00:00Z", "+01:00" instead of Z (RFC 3339, no fractions):
 * microseconds; or -EINVAL, -ERANGE before 1970 or after 9999. */
int time_from_text(const char *s, int64_t *ret_us);
/* In UTC; buf holds at least 32 bytes. Returns buf. */
const char *time_to_text(int64_t us, char *buf, size_t size);
