#pragma once
/*
 * The record: what one line of the audit trail is made of, and its one binary
 * form. docs/AUDIT.md has the same tables for people, and a test holds them
 * together.
 *
 * A frame, all numbers little endian:
 *
 *    0  u32  magic "ABXR"
 *    4  u32  size of the whole frame, RECORD_MIN to RECORD_MAX
 *    8  u64  seq: 1, 2, 3, ... without a gap in one log
 *   16  u64  time, CLOCK_REALTIME in microseconds, set by the writer
 *   24  u64  time, CLOCK_BOOTTIME in microseconds, set by the writer
 *   32  u64  ref: seq of the intent that this belongs to; 0: none
 *   40  u64  channel: seq of the record "channel" that says who speaks; 0: the
 *            writer itself
 *   48  u32  number of the MAC key
 *   52  u16  type, enum record_type
 *   54  u16  version of this form, RECORD_VERSION
 *   56       fields, in ascending order of number, none twice:
 *            u16 number, u16 length, the bytes
 *  -64  32   MAC
 *  -32  32   hash; audit/chain.h says of what
 *
 * Every byte of a frame is covered by the hash, so there is no second
 * encoding of the same record. Nothing here allocates or does I/O.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_MAGIC 0x52584241u
#define RECORD_VERSION 1
#define RECORD_HEAD 56u
#define RECORD_TAIL 64u
#define RECORD_MIN (RECORD_HEAD + RECORD_TAIL)
#define RECORD_MAX 65000u /* fits in one message to the writer */
#define RECORD_FIELDS_MAX (RECORD_MAX - RECORD_MIN)
#define RECORD_HASH_LEN 32u

/* RECORD(ID, number, "name", FROM, "what it says")
 * FROM: WRITER makes it, or a CLIENT (a supervisor) sends it. */
#define RECORDS(RECORD)                                                        \
	RECORD(LOG_START, 1, "log.start", WRITER,                              \
	       "the writer begins; the record before it is a clean end")       \
	RECORD(LOG_STOP, 2, "log.stop", WRITER,                                \
	       "the writer ends as it should; a checkpoint follows")           \
	RECORD(LOG_RESTART, 3, "log.restart", WRITER,                          \
	       "the writer begins again after an end that was none")           \
	RECORD(LOG_GAP, 4, "log.gap", WRITER,                                  \
	       "records were refused or cut: how many, when, why")             \
	RECORD(LOG_SEGMENT, 5, "log.segment", WRITER,                          \
	       "first of each file: the state of the chain before it")         \
	RECORD(LOG_CHECKPOINT, 6, "log.checkpoint", WRITER,                    \
	       "size, head and Merkle root so far, signed")                    \
	RECORD(LOG_EXPIRE, 7, "log.expire", WRITER,                            \
	       "a file older than the retention goes: its records and head")   \
	RECORD(CHANNEL, 16, "channel", WRITER,                                 \
	       "who speaks from here on under this number")                    \
	RECORD(CHANNEL_END, 17, "channel.end", WRITER,                         \
	       "that one speaks no more")                                      \
	RECORD(INTENT, 32, "intent", CLIENT,                                   \
	       "an action was decided on; before any effect")                  \
	RECORD(OUTCOME, 33, "outcome", CLIENT,                                 \
	       "what became of it; ref is the intent")                         \
	RECORD(LIFECYCLE, 34, "lifecycle", CLIENT,                             \
	       "a state of a box: confined, started, observing")               \
	RECORD(POLICY, 35, "policy", CLIENT,                                   \
	       "a policy is in force, or could not be loaded")                 \
	RECORD(APPROVAL, 36, "approval", CLIENT,                               \
	       "somebody was asked, approved, denied; or time was over")       \
	RECORD(ADMIN, 37, "admin", CLIENT,                                     \
	       "a change that an operator made to what stands beside boxes")   \
	RECORD(ANOMALY, 38, "anomaly", CLIENT,                                 \
	       "what should not happen: a limit, a tripwire, a degraded "      \
	       "layer")

enum record_type {
#define RECORD(id, n, name, from, text) RECORD_##id = (n),
	RECORDS(RECORD)
#undef RECORD
		RECORD_TYPE_MAX = 64
};

enum field_kind {
	AS_UINT, /* 8 bytes */
	AS_TEXT, /* UTF-8 without control, bidi and other format characters;
		       record_text() escapes them as \u{XXXX}, bytes as \xNN */
	AS_JSON, /* one JSON value in printable ASCII, no newline */
	AS_BYTES /* digests, keys, signatures */
};

/* Who may set a field. */
enum field_from { FROM_WRITER, FROM_CHANNEL, FROM_CLIENT };

/* FIELD(ID, number, "name", KIND, FROM, "what it is"); names as in JSON. */
#define FIELDS(FIELD)                                                          \
	FIELD(HOST, 1, "host", TEXT, WRITER, "name of the machine")            \
	FIELD(MACHINE, 2, "machine", TEXT, WRITER,                             \
	      "id of the machine: a digest of /etc/machine-id")                \
	FIELD(BOOT, 3, "boot", TEXT, WRITER, "id of its boot")                 \
	FIELD(LOG, 4, "log", BYTES, WRITER, "id of the log, 16 bytes")         \
	FIELD(WRITER, 5, "writer", TEXT, WRITER, "version of the writer")      \
	FIELD(PUBLIC_KEY, 6, "public_key", BYTES, WRITER,                      \
	      "Ed25519 key of the checkpoints, 32 bytes")                      \
	FIELD(SEGMENT, 7, "segment", UINT, WRITER, "number of the file")       \
	FIELD(SIZE, 8, "size", UINT, WRITER, "records before this one")        \
	FIELD(HEAD, 9, "head", BYTES, WRITER, "hash of the record before")     \
	FIELD(PEAKS, 10, "peaks", BYTES, WRITER,                               \
	      "the Merkle tree's frontier, highest first")                     \
	FIELD(ROOT, 11, "root", BYTES, WRITER, "the Merkle tree's root")       \
	FIELD(SIGNATURE, 12, "signature", BYTES, WRITER,                       \
	      "Ed25519 over the note of these values")                         \
	FIELD(FIRST, 13, "first", UINT, WRITER, "first seq, or time")          \
	FIELD(LAST, 14, "last", UINT, WRITER, "last seq, or time")             \
	FIELD(COUNT, 15, "count", UINT, WRITER, "how many")                    \
	FIELD(BYTES, 16, "bytes", UINT, WRITER, "how many bytes")              \
	FIELD(CAUSE, 17, "cause", TEXT, WRITER, "why")                         \
	FIELD(DIGEST, 18, "digest", BYTES, WRITER, "SHA-256 of what was cut")  \
	FIELD(CONFINED, 19, "confined", TEXT, WRITER,                          \
	      "what confines the writer itself")                               \
	FIELD(FORMER, 20, "former", BYTES, WRITER,                             \
	      "id of the log that this one follows, after damage")             \
	FIELD(UNIT, 21, "unit", TEXT, WRITER,                                  \
	      "of first and last: seq or time")                                \
	FIELD(OPEN, 22, "open", BYTES, WRITER,                                 \
	      "intents without outcome before it: u64 intent, u64 channel, "   \
	      "u8 length and text of the run")                                 \
                                                                               \
	FIELD(AGENT, 64, "agent", TEXT, CHANNEL, "name of the agent")          \
	FIELD(AGENT_ID, 65, "agent_id", TEXT, CHANNEL, "its stable id")        \
	FIELD(INSTANCE, 66, "box", TEXT, CHANNEL, "id of the box")             \
	FIELD(RUN, 67, "run", TEXT, CHANNEL, "id of the run")                  \
	FIELD(NAME, 68, "name", TEXT, CHANNEL, "name of the box")              \
	FIELD(OWNER, 69, "owner", TEXT, CHANNEL, "who answers for it")         \
	FIELD(TEAM, 70, "team", TEXT, CHANNEL, "the owner's team")             \
	FIELD(ROLE, 71, "role", TEXT, CHANNEL, "role of its profile")          \
	FIELD(PURPOSE, 72, "purpose", TEXT, CHANNEL, "what it is for")         \
	FIELD(APPROVER_GROUP, 73, "approver_group", TEXT, CHANNEL,             \
	      "who may approve")                                               \
	FIELD(WORKFLOW, 74, "workflow", TEXT, CHANNEL, "the workflow")         \
	FIELD(PARENT, 75, "parent", TEXT, CHANNEL,                             \
	      "the action that started this run")                              \
	FIELD(HANDOFF, 76, "handoff", TEXT, CHANNEL, "the handoff")            \
	FIELD(DEPTH, 77, "depth", UINT, CHANNEL, "handoffs above it")          \
	FIELD(ON_BEHALF_OF, 78, "on_behalf_of", TEXT, CHANNEL,                 \
	      "the person for whom it works")                                  \
	FIELD(PROFILE, 79, "profile", TEXT, CHANNEL, "name of the profile")    \
	FIELD(PROFILE_FILE, 80, "profile_file", TEXT, CHANNEL, "its file")     \
	FIELD(BOX_UID, 81, "box_uid", UINT, CHANNEL, "its uid on the host")    \
	FIELD(RUN_LABELS, 82, "run_labels", JSON, CHANNEL,                     \
	      "labels k=v of the command line")                                \
	FIELD(PEER_UID, 96, "peer_uid", UINT, WRITER,                          \
	      "uid of the supervisor, from the kernel")                        \
	FIELD(PEER_GID, 97, "peer_gid", UINT, WRITER, "its gid")               \
	FIELD(PEER_PID, 98, "peer_pid", UINT, WRITER, "its pid")               \
	FIELD(PEER_START, 99, "peer_start", UINT, WRITER,                      \
	      "its start in clock ticks since boot (proc(5), stat, 22)")       \
                                                                               \
	FIELD(WHAT, 128, "what", TEXT, CLIENT,                                 \
	      "the action or event: box.start, tools.call, box.confined")      \
	FIELD(SURFACE, 129, "surface", TEXT, CLIENT, "where it is decided")    \
	FIELD(CLASS, 130, "class", TEXT, CLIENT, "action class")               \
	FIELD(TARGET, 131, "target", TEXT, CLIENT,                             \
	      "what it is done to, for people: host:port, server/tool, key")   \
	FIELD(SERVER, 132, "server", TEXT, CLIENT, "tool server")              \
	FIELD(TOOL, 133, "tool", TEXT, CLIENT, "tool")                         \
	FIELD(METHOD, 134, "method", TEXT, CLIENT, "method")                   \
	FIELD(CALL_ID, 135, "call_id", TEXT, CLIENT, "id in its protocol")     \
	FIELD(PIN, 136, "pin", BYTES, CLIENT, "digest of the definition")      \
	FIELD(SOURCE_HOST, 137, "peer_host", TEXT, CLIENT, "host")             \
	FIELD(PORT, 138, "port", UINT, CLIENT, "port")                         \
	FIELD(COMMAND, 139, "command", JSON, CLIENT,                           \
	      "the arguments of a program, secrets withheld")                  \
	FIELD(WORKSPACE, 140, "workspace", TEXT, CLIENT, "its folder")         \
	FIELD(ARGS_DIGEST, 144, "args_digest", BYTES, CLIENT,                  \
	      "keyed SHA-256 of the input document")                           \
	FIELD(INPUTS, 145, "inputs", JSON, CLIENT,                             \
	      "the input document; what is secret or long is withheld")        \
	FIELD(TRUTHS, 146, "truths", JSON, CLIENT,                             \
	      "what each condition said of what is withheld")                  \
	FIELD(RESULT_DIGEST, 147, "result_digest", BYTES, CLIENT,              \
	      "keyed SHA-256 of what came back")                               \
	FIELD(BYTES_IN, 148, "bytes_in", UINT, CLIENT, "bytes to the agent")   \
	FIELD(BYTES_OUT, 149, "bytes_out", UINT, CLIENT, "bytes from it")      \
	FIELD(DETECTORS, 150, "detectors", JSON, CLIENT, "detectors that hit") \
	FIELD(LABELS_IN, 151, "labels_in", JSON, CLIENT,                       \
	      "labels of the run when it was decided")                         \
	FIELD(LABELS_OUT, 152, "labels_out", JSON, CLIENT,                     \
	      "labels of the run afterwards")                                  \
	FIELD(SOURCES, 153, "sources", JSON, CLIENT,                           \
	      "digests of the data that went in")                              \
	FIELD(SINKS, 154, "sinks", JSON, CLIENT, "where it went")              \
	FIELD(REGION, 155, "region", TEXT, CLIENT, "region")                   \
	FIELD(EFFECT, 160, "effect", TEXT, CLIENT,                             \
	      "allow, deny, ask, redact, limit, prohibit, none")               \
	FIELD(RULE, 161, "rule", TEXT, CLIENT, "id of the deciding rule")      \
	FIELD(REASON, 162, "reason", TEXT, CLIENT, "reason code")              \
	FIELD(LEVEL, 163, "level", TEXT, CLIENT, "whose rule it is")           \
	FIELD(POLICY, 164, "policy", TEXT, CLIENT, "name of the policy")       \
	FIELD(POLICY_HASH, 165, "policy_hash", BYTES, CLIENT,                  \
	      "SHA-256 of what the compiled policy says")                      \
	FIELD(EPOCH, 166, "epoch", UINT, CLIENT, "its epoch in this run")      \
	FIELD(DECISION, 167, "decision", JSON, CLIENT, "decision record")      \
	FIELD(WALL_US, 168, "wall_us", UINT, CLIENT,                           \
	      "time passed to decide(), CLOCK_REALTIME")                       \
	FIELD(BOOT_US, 169, "boot_us", UINT, CLIENT,                           \
	      "time passed to decide(), CLOCK_BOOTTIME")                       \
	FIELD(GOES_AHEAD, 170, "goes_ahead", UINT, CLIENT,                     \
	      "1: it was counted as done when it was decided")                 \
	FIELD(USAGE, 171, "usage", BYTES, CLIENT,                              \
	      "SHA-256 of the counters from here on, which the log keeps")     \
	FIELD(TRIGGER, 172, "trigger", TEXT, CLIENT, "freeze trigger")         \
	FIELD(POLICY_BLOB, 173, "policy_blob", BYTES, CLIENT,                  \
	      "SHA-256 of the policy's bytes, which the log keeps")            \
	FIELD(FORMER_HASH, 174, "former_hash", BYTES, CLIENT,                  \
	      "policy_hash of the epoch before")                               \
	FIELD(APPROVAL, 180, "approval", TEXT, CLIENT, "id of the approval")   \
	FIELD(APPROVERS, 181, "approvers", JSON, CLIENT, "who approved")       \
	FIELD(ASSURANCE, 182, "assurance", TEXT, CLIENT,                       \
	      "how the approver was known")                                    \
	FIELD(ACTION_DIGEST, 183, "action_digest", BYTES, CLIENT,              \
	      "what exactly was approved")                                     \
	FIELD(DECIDED_AT, 184, "decided_at", UINT, CLIENT, "when")             \
	FIELD(CONSUMED_AT, 185, "consumed_at", UINT, CLIENT, "used when")      \
	FIELD(LEASE, 190, "lease", TEXT, CLIENT, "lease")                      \
	FIELD(GRANT, 191, "grant", TEXT, CLIENT, "grant")                      \
	FIELD(CREDENTIAL, 192, "credential", TEXT, CLIENT,                     \
	      "name of a credential, never its value")                         \
	FIELD(STATUS, 200, "status", TEXT, CLIENT,                             \
	      "ok, error, denied, timeout, killed, unknown")                   \
	FIELD(ERROR, 201, "error", TEXT, CLIENT, "kind of error")              \
	FIELD(DETAIL, 202, "detail", TEXT, CLIENT, "more, for people")         \
	FIELD(LATENCY_US, 203, "latency_us", UINT, CLIENT,                     \
	      "how long the effect took")                                      \
	FIELD(WAIT_US, 204, "wait_us", UINT, CLIENT,                           \
	      "how long it waited for a person")                               \
	FIELD(RETRIES, 205, "retries", UINT, CLIENT, "attempts before")        \
	FIELD(EXIT_STATUS, 206, "exit_status", UINT, CLIENT, "exit status")    \
	FIELD(SIGNAL, 207, "signal", UINT, CLIENT, "signal that ended it")     \
	FIELD(INCIDENT, 210, "incident", TEXT, CLIENT, "incident")             \
	FIELD(COMPENSATES, 211, "compensates", UINT, CLIENT,                   \
	      "the action that this one undoes")                               \
	FIELD(BY_UID, 220, "by_uid", UINT, CLIENT, "who asked for it")         \
	FIELD(BY_PID, 221, "by_pid", UINT, CLIENT, "with which process")       \
	FIELD(WHY, 222, "why", TEXT, CLIENT, "what that person said")          \
	FIELD(LAYERS, 230, "layers", JSON, CLIENT,                             \
	      "requested against enforced, layer by layer")                    \
	FIELD(CPU_US, 231, "cpu_us", UINT, CLIENT, "processor time")           \
	FIELD(MEMORY_PEAK, 232, "memory_peak", UINT, CLIENT, "bytes")          \
	FIELD(STEP, 240, "step", UINT, CLIENT, "step in the workflow")         \
	FIELD(TRACE, 241, "traceparent", TEXT, CLIENT, "W3C trace context")

enum field_id {
#define FIELD(id, n, name, kind, from, text) FIELD_##id = (n),
	FIELDS(FIELD)
#undef FIELD
		FIELD_ID_MAX = 256
};

/* NULL for a number that is not known. */
const char *record_type_name(unsigned int type);
int record_type_from_name(const char *name); /* or -EINVAL */
bool record_type_is_clients(unsigned int type);
const char *record_type_text(unsigned int type);
const char *field_name(unsigned int field);
int field_from_name(const char *name); /* or -EINVAL */
enum field_kind field_kind(unsigned int field);
enum field_from field_from(unsigned int field);
const char *field_text(unsigned int field);

/* A frame that was looked at; points into its bytes. */
struct record {
	uint64_t seq, time_us, boot_us, ref, channel;
	uint32_t key;
	uint16_t type;
	uint32_t size; /* of the whole frame */
	const uint8_t *bytes;
	const uint8_t *fields;
	size_t fields_len;
	const uint8_t *mac, *hash; /* RECORD_HASH_LEN each */
};

/* Looks at the frame that begins at data. Returns its size; 0 if it goes on
 * beyond len (so far nothing is wrong with it); -EBADMSG: no frame; form, not
 * hashes, and fields only as far as record_fields_check(..., -1) looks. A type
 * that is not known is let through: the hash covers it. */
int record_parse(const void *data, size_t len, struct record *ret);

/* Size and seq of a frame that begins at data, RECORD_HEAD bytes, to step over
 * it: nothing else is looked at. 0 or -EBADMSG. */
struct record_prefix {
	uint32_t size;
	uint64_t seq;
};
int record_prefix(const void *data, struct record_prefix *ret);

struct field {
	uint16_t id, len;
	const uint8_t *bytes;
};

/* Steps through checked fields: *at starts at 0. False after the last. */
bool record_next(const struct record *r, size_t *at, struct field *ret);
/* The field, or false. */
bool record_get(const struct record *r, enum field_id id, struct field *ret);
/* Its number; 0 if it is missing or no UINT. */
uint64_t record_get_uint(const struct record *r, enum field_id id);

/* Whether bytes are fields in order, known, of the right form, and all of them
 * from (an enum field_from); from -1: any, and numbers that are not known are
 * let through. 0, or -EBADMSG form, -EPERM: a field that another sets. */
int record_fields_check(const uint8_t *fields, size_t len, int from);
/* What a type must have (a table in record.c): 0, or -ENODATA and the field. */
int record_required(unsigned int type, const uint8_t *fields, size_t len,
		    enum field_id *ret_missing);

/* Fields that are being put together, always in order. What does not fit is
 * left out and full is set. Start with fields_init(). */
struct fields {
	size_t len;
	size_t last, last_end; /* the last field; while len is last_end */
	bool full;
	uint8_t bytes[RECORD_FIELDS_MAX];
};
/* The bytes need no zeroing. */
static inline void
fields_init(struct fields *f)
{
	f->len = f->last = f->last_end = 0;
	f->full = false;
}

/* A field that is there already is replaced. NULL strings are left out. Texts
 * are escaped and shortened to max bytes of output ("..." at the end);
 * RECORD_TEXT_MAX where max is 0. */
#define RECORD_TEXT_MAX 4096u
void fields_text(struct fields *f, enum field_id id, const char *s);
void fields_text_n(struct fields *f, enum field_id id, const char *s, size_t n,
		   size_t max);
void fields_uint(struct fields *f, enum field_id id, uint64_t v);
void fields_bytes(struct fields *f, enum field_id id, const void *p, size_t n);
/* Checked to be one line of printable ASCII, else full is set. */
void fields_json(struct fields *f, enum field_id id, const char *s, size_t n);

/* Writes a frame around fields, all but MAC and hash (zeros). Returns the size;
 * out has room for RECORD_MIN + len. */
struct record_head {
	uint64_t seq, time_us, boot_us, ref, channel;
	uint32_t key;
	uint16_t type;
};
size_t record_write(const struct record_head *h, const uint8_t *fields,
		    size_t len, uint8_t *out);

/* Little endian numbers in bytes. */
static inline uint64_t
record_u64(const uint8_t *p)
{
	uint64_t v;

	__builtin_memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}
