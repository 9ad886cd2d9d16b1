#pragma once
/* The loader's own: where it is in the file, and the readers of one value. */
#include "profiles/loader.h"

struct load {
	const struct jsonc *doc;
	struct profile *p;
	struct err *e;
	char at[512]; /* JSON pointer of what is read now */
};

/* Adds a segment to the pointer; returns the length to go back to. */
size_t load_enter(struct load *l, const char *segment);
size_t load_enter_index(struct load *l, size_t i);
/* The member of the profile that the key fills. */
void *load_member(struct load *l, const struct profile_key *k);

/* loader_values.c: one value of one type, stored, or an error. */
int load_bool(struct load *l, const struct profile_key *k, const json_t *j);
int load_word(struct load *l, const struct profile_key *k, const json_t *j);
int load_bits(struct load *l, const struct profile_key *k, const json_t *j);
int load_text(struct load *l, const struct profile_key *k, const json_t *j);
int load_list(struct load *l, const struct profile_key *k, const json_t *j);
int load_map(struct load *l, const struct profile_key *k, json_t *j);
int load_wrong_type(struct load *l, const struct profile_key *k,
		    const json_t *j);

/* "an integer", as errors name what was expected. */
const char *load_type_name(const struct profile_key *k);
/* "an integer", of what was found. */
const char *load_found_name(const json_t *j);
/* Index of the string j among words, or an error that lists them. */
int load_word_index(struct load *l, const char *const *words, const json_t *j);

/* loader.c: errors about l->at; both return -EINVAL. */
int load_fail(struct load *l, const char *fmt, ...) _printf_(2, 3);
/* "expected WHAT, found ..." */
int load_expected(struct load *l, const char *what, const json_t *j);
/* About the key name of the object at l->at; names ends with NULL. */
int load_unknown_key(struct load *l, const char *name,
		     const char *const *names);

/* loader_numbers.c */
int load_number(struct load *l, const struct profile_key *k, const json_t *j);
int load_default_number(struct load *l, const struct profile_key *k);
/* v (of KEY_TIME in seconds) as a person writes it. Returns buf. */
const char *load_number_text(const struct profile_key *k, uint64_t v, char *buf,
			     size_t size);
