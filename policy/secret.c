/*
 * What must not be written down. Names come first: who gives a value a name
 * says best what it is. Forms are those that issuers of keys chose so that
 * scanners find them (GitHub, GitLab, AWS, Slack, Stripe, Google, npm, PyPI,
 * model providers publish theirs), and those of standards: PEM (RFC 7468), JWT
 * (RFC 7519), userinfo in URLs (RFC 3986 3.2.1), HTTP credentials (RFC 9110
 * 11.4). What always holds: a text is looked at whole, each byte a bounded
 * number of times.
 */
#include "policy/secret.h"

#include "lib/macro.h"

#include <stdint.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define JWT_HEAD_MAX 256

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What keys are made of: base64, base64url, and what lies between parts. */
static bool
is_key_char(char c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '.' || c == '+' ||
	       c == '/' || c == '=' || c == '~';
}

/* Names */

/* In lower case without separators. END: also where a longer name ends so. */
enum { WHOLE, END, HTTP };

#define NAME(s, how)                                                           \
	{                                                                      \
		s, sizeof(s) - 1, how                                          \
	}
static const struct {
	const char *name;
	uint8_t len, how;
} names[] = {
	NAME("password", END),
	NAME("passwords", END),
	NAME("passwd", END),
	NAME("pwd", END),
	NAME("passphrase", END),
	NAME("pass", WHOLE),
	NAME("userpass", WHOLE),
	NAME("passcode", END),
	NAME("secret", END),
	NAME("secrets", END),
	NAME("secretvalue", END),
	NAME("token", END),
	NAME("apikey", END),
	NAME("apikeys", END),
	NAME("appkey", END),
	NAME("accesskey", END),
	NAME("secretkey", END),
	NAME("privatekey", END),
	NAME("signingkey", END),
	NAME("encryptionkey", END),
	NAME("masterkey", END),
	NAME("sharedkey", END),
	NAME("accountkey", END),
	NAME("authkey", END),
	NAME("sshkey", END),
	NAME("authorization", END),
	NAME("auth", WHOLE),
	NAME("basicauth", END),
	NAME("authtoken", END),
	NAME("bearer", END),
	NAME("cookie", END),
	NAME("cookies", END),
	NAME("setcookie", END),
	NAME("credential", END),
	NAME("credentials", END),
	NAME("sessionid", END),
	NAME("sessid", END),
	NAME("sessionkey", END),
	NAME("jwt", END),
	NAME("otp", WHOLE),
	NAME("totp", WHOLE),
	NAME("pin", WHOLE),
	NAME("cvv", END),
	NAME("cvc", END),
	NAME("cardnumber", END),
	NAME("connectionstring", END),
	NAME("dsn", WHOLE),
	NAME("webhookurl", END),
	NAME("key", HTTP),
	NAME("code", HTTP),
	NAME("sig", HTTP),
	NAME("signature", HTTP),
	NAME("sid", HTTP),
	NAME("xamzsignature", HTTP),
	NAME("xgoogsignature", HTTP),
};
#undef NAME

/* Lower case without separators; the last NAME_MAX_LEN bytes are enough. */
static size_t
plain_name(const char *s, size_t n, char out[NAME_MAX_LEN])
{
	size_t len = 0;

	if (n > 2 * NAME_MAX_LEN) {
		s += n - 2 * NAME_MAX_LEN;
		n = 2 * NAME_MAX_LEN;
	}
	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!is_alnum(c))
			continue;
		if (len == NAME_MAX_LEN)
			memmove(out, out + 1, --len);
		out[len++] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	/* "password2", "token_1" */
	while (len && is_digit(out[len - 1]))
		len--;
	return len;
}

bool
secret_name(const char *s, size_t n, bool http)
{
	char name[NAME_MAX_LEN];
	size_t len = plain_name(s, n, name);

	if (!len)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		size_t k = names[i].len;

		if (k > len || name[len - 1] != names[i].name[k - 1] ||
		    (names[i].how != END && k != len) ||
		    (names[i].how == HTTP && !http))
			continue;
		if (memcmp(name + len - k, names[i].name, k) == 0)
			return true;
	}
	return false;
}

static bool
is_one_of(const char *s, size_t n, const char *const *list)
{
	for (; *list; list++)
		if (n == strlen(*list) && memcmp(s, *list, n) == 0)
			return true;
	return false;
}

bool
secret_option(const char *s, size_t n, const char *next, size_t next_n)
{
	/* curl(1) and what is like it */
	static const char *const user[] = { "-u", "--user", "-U",
					    "--proxy-user", NULL };

	if (!n || s[0] != '-' || memchr(s, '=', n))
		return false;
	return secret_name(s, n, false) ||
	       (is_one_of(s, n, user) && memchr(next, ':', next_n));
}

/* Forms */

static const struct {
	const char *prefix;
	size_t least; /* so many key characters behind it */
} forms[] = {
	{ "sk-", 16 },
	{ "sk_live_", 8 },
	{ "sk_test_", 8 },
	{ "rk_live_", 8 },
	{ "rk_test_", 8 },
	{ "whsec_", 8 },
	{ "ghp_", 16 },
	{ "gho_", 16 },
	{ "ghu_", 16 },
	{ "ghs_", 16 },
	{ "ghr_", 16 },
	{ "github_pat_", 16 },
	{ "glpat-", 12 },
	{ "gldt-", 12 },
	{ "glrt-", 12 },
	{ "glcbt-", 12 },
	{ "AKIA", 16 },
	{ "ASIA", 16 },
	{ "xoxb-", 10 },
	{ "xoxp-", 10 },
	{ "xoxa-", 10 },
	{ "xoxr-", 10 },
	{ "xoxs-", 10 },
	{ "xoxe.", 10 },
	{ "xapp-", 10 },
	{ "AIza", 30 },
	{ "ya29.", 10 },
	{ "GOCSPX-", 10 },
	{ "npm_", 30 },
	{ "pypi-", 16 },
	{ "hf_", 20 },
	{ "SG.", 20 },
	{ "shpat_", 16 },
	{ "shpss_", 16 },
	{ "dop_v1_", 16 },
	{ "doo_v1_", 16 },
	{ "hvs.", 16 },
	{ "hvb.", 16 },
	{ "gsk_", 20 },
	{ "r8_", 20 },
	{ "xai-", 20 },
	{ "nvapi-", 20 },
	{ "lin_api_", 16 },
	{ "ntn_", 20 },
	{ "secret_", 20 },
	{ "dckr_pat_", 16 },
	{ "rubygems_", 16 },
	{ "tskey-", 16 },
	{ "figd_", 16 },
	{ "PMAK-", 16 },
	{ "sq0atp-", 16 },
	{ "sq0csp-", 16 },
	{ "dapi", 32 },
	{ "pplx-", 20 },
	{ "AGE-SECRET-KEY-", 16 },
	{ "Bearer ", 8 },
	{ "bearer ", 8 },
	{ "Basic ", 8 },
	{ "basic ", 12 },
};

/* How many of the first n. */
static size_t
key_chars(const char *s, size_t n)
{
	size_t k = 0;

	while (k < n && is_key_char(s[k]))
		k++;
	return k;
}

static bool
starts(const char *s, size_t n, const char *with)
{
	size_t k = strlen(with);

	return n >= k && memcmp(s, with, k) == 0;
}

/* header.payload, and perhaps more, of which the header is an object in base64:
 * {" is eyJ there. */
static bool
is_jwt(const char *s, size_t n)
{
	size_t k = starts(s, n, "eyJ") ? key_chars(s, MIN(n, JWT_HEAD_MAX)) : 0;
	const char *dot = k ? memchr(s, '.', k) : NULL;

	return dot && dot - s >= 10 && k - (size_t)(dot - s) >= 5;
}

static bool
is_form(const char *s, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t k = strlen(forms[i].prefix);

		if (s[0] == forms[i].prefix[0] &&
		    starts(s, n, forms[i].prefix) &&
		    key_chars(s + k, MIN(n - k, forms[i].least)) ==
			    forms[i].least)
			return true;
	}
	return is_jwt(s, n);
}

/* At the beginning of a word, so that most bytes cost one look. */
static bool
has_form(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_alnum(s[i]) && (!i || !is_alnum(s[i - 1])) &&
		    is_form(s + i, n - i))
			return true;
	return false;
}

static bool
has_pem(const char *s, size_t n)
{
	const char *at = memmem(s, n, "-----BEGIN", 10);

	return at && memmem(at, n - (size_t)(at - s), "PRIVATE KEY", 11);
}

/* "scheme://user:password@host": a ":" and then a "@" before any "/". */
static bool
has_userinfo(const char *s, size_t n)
{
	const char *at = s, *end = s + n;

	while ((at = memmem(at, (size_t)(end - at), "://", 3))) {
		bool colon = false;

		for (at += 3; at < end && *at != '/' && *at > ' '; at++) {
			if (*at == '@' && colon)
				return true;
			colon = colon || *at == ':';
		}
	}
	return false;
}

static bool
is_name_char(char c)
{
	return is_alnum(c) || c == '_' || c == '-' || c == '.';
}

static bool
is_quote(char c)
{
	return c == '"' || c == '\'' || c == '\\';
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Is there a value behind the sign at s[i]? "==" and "=>" compare and map. */
static bool
has_value(const char *s, size_t n, size_t i)
{
	bool colon = s[i] == ':', room = false;

	if (i + 1 < n && !colon && (s[i + 1] == '=' || s[i + 1] == '>'))
		return false;
	for (i++; i < n && (is_blank(s[i]) || is_quote(s[i])); i++)
		room = true;
	/* "reset:now" is no pair, "token: now" and {"token":"now"} are */
	return i < n && (!colon || room);
}

/* "name=value", "name = value", "name: value", "\"name\":1"; i is at the sign.
 */
static bool
is_secret_pair(const char *s, size_t n, size_t i)
{
	size_t end = i, start;
	bool quoted = false;

	while (end && i - end < 4 &&
	       (is_blank(s[end - 1]) || is_quote(s[end - 1]))) {
		end--;
		quoted = quoted || is_quote(s[end]);
	}
	start = end;
	while (start && end - start < NAME_MAX_LEN &&
	       is_name_char(s[start - 1]))
		start--;
	if (start == end || !secret_name(s + start, end - start, false))
		return false;
	return has_value(s, n, i) || (quoted && s[i] == ':' && i + 1 < n);
}

static bool
has_pair(const char *s, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if ((s[i] == '=' || s[i] == ':') && is_secret_pair(s, n, i))
			return true;
	return false;
}

bool
secret_text(const char *s, size_t n)
{
	return has_form(s, n) || has_pair(s, n) || has_userinfo(s, n) ||
	       has_pem(s, n);
}
