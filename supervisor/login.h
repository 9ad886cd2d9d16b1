#pragma once
/* The person behind this process, for the records: the login that the kernel
 * remembers through su and sudo (/proc/self/loginuid), else the real uid, by
 * its name in /etc/passwd; "uid 1234" where it has none there. The environment
 * is not asked. Returns buf. */
#define LOGIN_MAX 64
const char *login_name(char buf[LOGIN_MAX]);
