#pragma once
/*
 * A record as an entry of systemd's journal, in the native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL). Pure. A courtesy for operators:
 * the log is the evidence.
 */
#include "audit/record.h"

#define JOURNAL_MAX 4096u

struct journal_entry {
	uint64_t seq;
	const char *agent, *run; /* NULL: the writer itself */
	unsigned int type;
	const uint8_t *fields; /* checked */
	size_t fields_len;
};

/* Whether such a record goes there: what was not allowed, anomalies, policies,
 * acts of operators, lives of boxes. */
bool journal_wants(unsigned int type, const uint8_t *fields, size_t len);
/* The datagram; buf has JOURNAL_MAX bytes. Values that are long are cut. */
size_t journal_write(const struct journal_entry *e, char *buf);
