#pragma once
/* What a string in a profile may be. Each returns NULL when s is good, else
 * the rest of a sentence that begins with the string: "is not a clean path".
 * Pure: nothing is asked of the host. */

const char *check_name(const char *s);
const char *check_text(const char *s);
const char *check_kernel(const char *s);
const char *check_hostname(const char *s);
const char *check_call(const char *s);
const char *check_env_set(const char *s);
const char *check_env_pass(const char *s);
const char *check_rule_id(const char *s);   /* as an author gives one */
const char *check_rule_name(const char *s); /* as a rule can be named */
const char *check_label(const char *s);
const char *check_pointer(const char *s);    /* RFC 6901, not the whole */
const char *check_path_grant(const char *s); /* read, exec */
const char *check_path_write(const char *s);
const char *check_path_deny(const char *s);
