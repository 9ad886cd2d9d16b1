#pragma once
/* For tests of the verifier: a log in a folder of its own, its report, places.
 * Each fails the test where it cannot. */
#include "audit/verify.h"
#include "tests/tap.h"
#include "tests/tools/audit_log.h"

struct at {
	struct audit_log log;
	struct verify_options o;
	struct verify_report r;
	int dirfd;
};

struct at at_make_of(const struct audit_log_spec *s);
struct at at_make(uint64_t records, uint64_t per_file);
void at_done(struct at *a);
/* Verifies with the options; notes what was found. */
enum verify_fault at_verify(struct at *a);
/* The report names the place of record seq. */
void at_place(const struct at *a, uint64_t seq);
/* Opens a file of the log. */
int at_open(const struct at *a, uint64_t first);
/* Cuts the file behind so many bytes of record seq. */
void at_cut(const struct at *a, uint64_t seq, uint32_t keep);
void at_remove(const struct at *a, uint64_t first);
uint64_t at_file_after(const struct at *a, uint64_t first);
/* The first record of a type from seq on. */
uint64_t at_find(const struct at *a, enum record_type type, uint64_t seq);
