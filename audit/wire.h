#pragma once
/*
 * What goes over the writer's socket (SOCK_SEQPACKET, one message each), in the
 * byte order of the host, since it never leaves it. docs/AUDIT.md describes it.
 *
 * A connection begins as a *control* connection. OPEN turns it, or the socket
 * sent along with it, into a *channel*: bound for good to the identity that
 * OPEN said and to the peer that the kernel names. A channel sends records, and
 * nothing in a record can say who it is from.
 */
#include "audit/record.h"
#include "lib/macro.h"

#include <stddef.h>
#include <stdint.h>

#define WIRE_MAGIC 0x31445541u /* "AUD1" */
#define WIRE_CHANNELS_MAX 4096u
#define WIRE_ACKS_MAX 256u
#define WIRE_RECORDS_MAX 64u /* in one message */
#define WIRE_RECORDS_BYTES 65536u

enum wire_op {
	WIRE_HELLO,  /* control: answered by struct wire_hello */
	WIRE_OPEN,   /* control: fields of FROM_CHANNEL; with a descriptor
			(one end of a SEQPACKET socketpair) that becomes the
			channel, else this connection. Acknowledged with the
			seq of the channel record. WIRE_RESUME: fields must
			have the run; its owed outcomes may be sent here */
	WIRE_RECORD, /* channel: struct wire_record and fields of FROM_CLIENT
		      */
	WIRE_BLOB,   /* channel, control: the digest; with a sealed memfd: to
			be kept; without: -ENOENT if it is not there */
	WIRE_STATUS, /* control: JSON */
	WIRE_CHECKPOINT, /* control: now; acknowledged when it is on the disk */
	WIRE_ROTATE,	 /* control: begin a new file */
	WIRE_RECORDS,	 /* channel: several RECORDs, each behind its length
			    (u32); as if they had come one by one */
	WIRE_OP_MAX
};

#define WIRE_DURABLE 1u /* acknowledge when it is on the disk */
#define WIRE_RESUME 2u	/* OPEN: a channel that there was before */
#define WIRE_QUIET 4u	/* RECORD: only a failure is answered */

struct wire_head {
	uint32_t magic;
	uint16_t op;
	uint16_t flags;
	uint64_t cookie; /* comes back in the acknowledgement */
};

struct wire_record {
	struct wire_head head;
	uint64_t ref;
	uint16_t type;
	uint16_t zero[3];
	/* fields follow */
};

struct wire_blob {
	struct wire_head head;
	uint8_t digest[RECORD_HASH_LEN];
};

/* Answers: several acknowledgements in one message, or one of the others. */
struct wire_ack {
	uint64_t cookie;
	uint64_t seq;	/* of the record; 0 on failure */
	int32_t status; /* 0 or negative errno */
	uint32_t field; /* the field that is wrong or missing; or 0 */
};
struct wire_acks {
	uint32_t magic;
	uint16_t op; /* WIRE_RECORD for all acknowledgements */
	uint16_t n;
	struct wire_ack ack[];
};
struct wire_hello {
	uint32_t magic;
	uint16_t op;	  /* WIRE_HELLO */
	uint16_t version; /* of the protocol: 1 */
	uint64_t cookie;
	uint8_t log[16];
	uint8_t public_key[32];
	uint8_t digest_key[32]; /* for HMAC-SHA-256 of arguments */
	uint32_t durable;	/* enum audit_durable: what clients ask for */
	uint32_t open_actions;
};
struct wire_text {
	uint32_t magic;
	uint16_t op; /* WIRE_STATUS */
	uint16_t zero;
	uint64_t cookie;
	/* JSON follows */
};

/* A message from a client, looked at. Pure; fuzzed. */
struct wire_message {
	struct wire_head head;
	uint64_t ref;	       /* RECORD */
	uint16_t type;	       /* RECORD */
	const uint8_t *fields; /* OPEN, RECORD */
	size_t fields_len;
	const uint8_t *digest; /* BLOB */
};
/* 0; -EPROTO: form; -ENOSYS: op; -EINVAL: type or flags. Fields are checked by
 * record_fields_check() and record_required(): -EBADMSG, -EPERM, -ENODATA with
 * *ret_field. */
int wire_decode(const void *data, size_t len, struct wire_message *ret,
		uint32_t *ret_field);
/* The messages of a RECORDS, each for wire_decode(). Start with *at = 0.
 * 1; 0: there are no more; -EPROTO. */
int wire_next(const void *data, size_t len, size_t *at, const void **ret,
	      size_t *ret_len);
