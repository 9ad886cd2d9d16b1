/* links: net profiles sandbox policy lib */
/* The host's network settings: every key, the words for each mistake, who wins
 * where two files speak, and which files are read at all. */
#include "lib/fd.h"
#include "net/config.h"
#include "tests/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
parse(struct net_config *c, const char *text, bool hosts, struct err *e)
{
	*e = (struct err)ERR_INIT;
	return net_config_parse(c, "network.json", text, strlen(text), hosts,
				e);
}

TEST(defaults)
{
	struct net_config c;

	net_config_default(&c);
	ASSERT_EQ(c.dns_timeout_us, 5000000);
	ASSERT_EQ(c.connect_timeout_us, 10000000);
	ASSERT_EQ(c.n_hosts, 0);
	ASSERT_EQ(c.n_credentials, 0);
	ASSERT_NULL(net_config_host(&c, "a.example"));
	net_config_done(&c);
}

static void
is_to(const struct net_host *h, size_t i, const char *addr, uint16_t port)
{
	char text[64];

	ASSERT_TRUE(i < h->n);
	ASSERT_NOT_NULL(inet_ntop(h->to[i].len == 4 ? AF_INET : AF_INET6,
				  h->to[i].addr, text, sizeof(text)));
	ASSERT_STREQ(text, addr);
	ASSERT_EQ(h->to[i].port, port);
}

TEST(hosts_and_the_like)
{
	static const char text[] =
		"{ // a comment\n"
		"\"version\": 1,\n"
		"\"hosts\": { \"Registry.Example.\": \"127.0.0.1:4873\",\n"
		"  \"db.example\": [ \"10.0.0.5\", \"[::1]:80\", \"fd00::1\",\n"
		"    \"::ffff:1.2.3.4\", \"[::2]:9\" ] },\n"
		"\"ca\": [ \"/etc/a.pem\", \"/etc/b.pem\" ],\n"
		"\"dns\": { \"servers\": [ \"9.9.9.9\", \"127.0.0.1:5353\",\n"
		"  \"2620:fe::fe\" ], \"timeout\": \"250ms\" },\n"
		"\"connect_timeout\": \"3s\" }";
	const struct net_host *h;
	struct net_config c;
	struct err e;

	net_config_default(&c);
	if (parse(&c, text, true, &e) < 0)
		FAIL("%s", e.text);
	h = net_config_host(&c, "registry.example");
	ASSERT_NOT_NULL(h);
	ASSERT_EQ(h->n, 1);
	ASSERT_TRUE(h->hosts);
	is_to(h, 0, "127.0.0.1", 4873);
	h = net_config_host(&c, "db.example");
	ASSERT_NOT_NULL(h);
	ASSERT_EQ(h->n, 5);
	is_to(h, 0, "10.0.0.5", 0);
	is_to(h, 1, "::1", 80);
	is_to(h, 2, "fd00::1", 0);
	is_to(h, 3, "1.2.3.4", 0);
	is_to(h, 4, "::2", 9);
	ASSERT_NULL(net_config_host(&c, "other.example"));
	ASSERT_EQ(c.ca.n, 2);
	ASSERT_STREQ(c.ca.v[1], "/etc/b.pem");
	ASSERT_EQ(c.dns.n, 3);
	ASSERT_STREQ(c.dns.v[1], "127.0.0.1:5353");
	ASSERT_EQ(c.dns_timeout_us, 250000);
	ASSERT_EQ(c.connect_timeout_us, 3000000);
	net_config_done(&c);
}

TEST(credentials)
{
	static const char text[] =
		"{ \"credentials\": {\n"
		" \"openai\": { \"source\": { \"file\": \"/etc/k\" },\n"
		"  \"lease\": \"1m\", \"env\": [ \"OPENAI_API_KEY\", \"K\" ],\n"
		"  \"placeholder\": \"sk-agentbox-{}\",\n"
		"  \"use\": [ { \"host\": [ \"API.openai.com.\", "
		"\"*.Example.org\" ], \"method\": [ \"GET\", \"POST\" ],\n"
		"    \"path\": \"/v1/**\", \"header\": \"Authorization\",\n"
		"    \"value\": \"Bearer {}\", \"always\": true },\n"
		"   { \"host\": \"a.example\", \"query\": \"key\" } ] },\n"
		" \"env\": { \"source\": { \"env\": \"TOKEN\" },\n"
		"  \"use\": [ { \"host\": \"b.example\", \"port\": 8443 } ] "
		"},\n"
		" \"sd\": { \"source\": { \"systemd\": \"x.y\" }, \"use\": [\n"
		"   { \"host\": \"::7f00:1\", \"plain\": true, \"port\": 80,\n"
		"     \"basic\": true, \"value\": \"user\" } ] },\n"
		" \"cmd\": { \"source\": { \"command\": [ \"/bin/pass\", "
		"\"show me\" ], \"timeout\": \"2s\" }, \"lease\": \"0s\",\n"
		"  \"use\": [ { \"host\": \"d.example\" } ] } } }";
	const struct credential *v;
	struct net_config c;
	struct err e;

	net_config_default(&c);
	if (parse(&c, text, false, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(c.n_credentials, 4);
	v = &c.credential[0];
	ASSERT_STREQ(v->name, "openai");
	ASSERT_EQ(v->source, SECRET_FILE);
	ASSERT_STREQ(v->from, "/etc/k");
	ASSERT_EQ(v->lease_us, 60000000);
	ASSERT_EQ(v->env.n, 2);
	ASSERT_STREQ(v->placeholder, "sk-agentbox-{}");
	ASSERT_FALSE(v->hosts);
	ASSERT_EQ(v->n_uses, 2);
	ASSERT_STREQ(v->use[0].hosts.v[0], "api.openai.com");
	ASSERT_STREQ(v->use[0].hosts.v[1], "*.example.org");
	ASSERT_EQ(v->use[0].port, 443);
	ASSERT_EQ(v->use[0].methods.n, 2);
	ASSERT_STREQ(v->use[0].paths.v[0], "/v1/**");
	ASSERT_STREQ(v->use[0].header, "authorization");
	ASSERT_STREQ(v->use[0].value, "Bearer {}");
	ASSERT_TRUE(v->use[0].always);
	ASSERT_STREQ(v->use[1].query, "key");
	ASSERT_STREQ(v->use[1].value, "{}");
	ASSERT_NULL(v->use[1].header);
	ASSERT_FALSE(v->use[1].always);
	v = &c.credential[1];
	ASSERT_EQ(v->source, SECRET_ENV);
	ASSERT_STREQ(v->from, "TOKEN");
	ASSERT_STREQ(v->placeholder, "agentbox-env-{}");
	ASSERT_EQ(v->lease_us, 300000000);
	ASSERT_EQ(v->use[0].port, 8443);
	ASSERT_NULL(v->use[0].value);
	v = &c.credential[2];
	ASSERT_EQ(v->source, SECRET_SYSTEMD);
	ASSERT_STREQ(v->use[0].hosts.v[0], "::127.0.0.1");
	ASSERT_STREQ(v->use[0].header, "authorization");
	ASSERT_STREQ(v->use[0].value, "user");
	ASSERT_TRUE(v->use[0].basic);
	ASSERT_TRUE(v->use[0].plain);
	v = &c.credential[3];
	ASSERT_EQ(v->source, SECRET_COMMAND);
	ASSERT_NULL(v->from);
	ASSERT_STREQ(v->argv.v[1], "show me");
	ASSERT_EQ(v->timeout_us, 2000000);
	ASSERT_EQ(v->lease_us, 0);
	net_config_done(&c);
}

#define CRED(body) "{ \"credentials\": { \"k\": { " body " } } }"
#define FROM "\"source\": { \"file\": \"/k\" }"
#define USE(body) CRED(FROM ", \"use\": [ { " body " } ]")
#define A_USE "\"use\": [ { \"host\": \"a.example\" } ]"

/* Each with what the message must hold. */
static const struct {
	const char *text, *want;
} wrong[] = {
	{ "", "network.json:1: not JSON" },
	{ "[]", "is a list; it must be an object" },
	{ "{\n\"host\": {} }",
	  "network.json:2: /host: unknown key; did you mean "
	  "\"hosts\"?" },
	{ "{ \"version\": 2 }", "/version: must be from 1 to 1" },
	{ "{ \"hosts\": [] }", "/hosts: is a list" },
	{ "{ \"hosts\": {\n\"a..b\": \"1.2.3.4\" } }",
	  "network.json:2: /hosts/a..b: \"a..b\" has an empty label" },
	{ "{ \"hosts\": { \"1.2.3.4\": \"1.2.3.4\" } }",
	  "only names can be given addresses" },
	{ "{ \"hosts\": { \"*.a.example\": \"1.2.3.4\" } }",
	  "has a character that no host name has" },
	{ "{ \"hosts\": { \"a/b\": \"1.2.3.4\" } }",
	  "network.json:1: /hosts/a~1b: \"a/b\" has a character" },
	{ "{ \"hosts\": { \"\\u001b[2J\": \"1.2.3.4\" } }", "\\x1b" },
	{ "{ \"hosts\": { \"a.example\": \"b.example\" } }",
	  "/hosts/a.example: \"b.example\" is a name; write an" },
	{ "{ \"hosts\": { \"a.example\": \"b.example:80\" } }",
	  "is a name; write an" },
	{ "{ \"hosts\": { \"a.example\": \"127.1\" } }", "has no port" },
	{ "{ \"hosts\": { \"a.example\": \"1.2.3.4:0\" } }",
	  "has a port that is not" },
	{ "{ \"hosts\": { \"a.example\": \"1.2.3.4:http\" } }",
	  "has a port that is no number" },
	{ "{ \"hosts\": { \"a.example\": \"fe80::1%eth0\" } }",
	  "\"fe80::1%eth0\" has" },
	{ "{ \"hosts\": { \"a.example\": [] } }",
	  "has 0 items; it must have 1 to 16" },
	{ "{ \"hosts\": { \"a.example\": [ 7 ] } }",
	  "/hosts/a.example/0: is a number; it must be an address" },
	{ "{ \"hosts\": { \"a.example\": 7 } }", "is a number" },
	{ "{ \"hosts\": { \"a.example\": \"1.2.3.4\\u0000\" } }",
	  "\"\\u0000\" in a string" },
	{ "{ \"hosts\": { \"a.example\": \"1.2.3.4\",\n"
	  "\"A.example.\": \"1.2.3.4\" } }",
	  "network.json:2: /hosts/A.example.: the host \"a.example\" "
	  "is there twice" },
	{ "{ \"ca\": [ \"b.pem\" ] }", "/ca/0: \"b.pem\" is no absolute path" },
	{ "{ \"ca\": [ \"/a/../b\" ] }", "is no absolute path" },
	{ "{ \"ca\": 1 }", "must be a string or a list" },
	{ "{ \"dns\": { \"servers\": [ \"dns.example\" ] } }",
	  "/dns/servers/0: \"dns.example\" is a name" },
	{ "{ \"dns\": { \"servers\": [] } }", "has 0 items" },
	{ "{ \"dns\": { \"server\": [] } }", "did you mean \"servers\"?" },
	{ "{ \"dns\": { \"timeout\": 5 } }", "must be a time such as \"30s\"" },
	{ "{ \"dns\": { \"timeout\": \"fast\" } }",
	  "\"fast\" is no time; write" },
	{ "{ \"dns\": { \"timeout\": \"1ms\" } }",
	  "must be from 100 to 60000 ms" },
	{ "{ \"connect_timeout\": \"1h\" }", "must be from 100 to" },
	/* credentials */
	{ "{ \"credentials\": [] }", "is a list" },
	{ "{ \"credentials\": { \"a b\": {} } }",
	  "\"a b\" is no name for a credential" },
	{ CRED(""), "/credentials/k: has no \"source\"" },
	{ CRED(A_USE), "has no \"source\"" },
	{ CRED(FROM), "has no \"use\": it could go nowhere" },
	{ CRED(FROM ", \"use\": []"), "has 0 items" },
	{ CRED(FROM ", \"sourc\": 1"), "did you mean \"source\"?" },
	{ CRED("\"source\": {}, " A_USE), "must have one of \"file\"" },
	{ CRED("\"source\": { \"file\": \"/k\", \"env\": \"K\" }"),
	  "must have one of \"file\"" },
	{ CRED("\"source\": { \"file\": \"k\" }"),
	  "\"k\" is no absolute path" },
	{ CRED("\"source\": { \"file\": 1 }"), "is a number" },
	{ CRED("\"source\": { \"file\": \"/k\", \"timeout\": \"1s\" }"),
	  "only a command has a \"timeout\"" },
	{ CRED("\"source\": { \"env\": \"1A\" }"), "no name of a var" },
	{ CRED("\"source\": { \"env\": \"A-B\" }"), "no name of a var" },
	{ CRED("\"source\": { \"env\": \"\" }"), "must have 1 to" },
	{ CRED("\"source\": { \"systemd\": \"../x\" }"),
	  "is no name of a credential" },
	{ CRED("\"source\": { \"command\": \"/bin/pass\" }"),
	  "must be a list: the program and its arguments" },
	{ CRED("\"source\": { \"command\": [] }"), "has 0 items" },
	{ CRED("\"source\": { \"command\": [ \"pass\" ] }"),
	  "no shell and no PATH" },
	{ CRED(FROM ", \"lease\": \"2d\""), "must be from 0 to" },
	{ CRED(FROM ", \"env\": [ \"A=B\" ]"), "no name of a var" },
	{ CRED(FROM ", \"env\": [ \"LD_PRELOAD\" ]"),
	  "agentbox or the loader uses" },
	{ CRED(FROM ", \"env\": [ \"AGENTBOX_X\" ]"), "agentbox or" },
	{ CRED(FROM ", \"placeholder\": \"sk\""), "has no \"{}\"" },
	{ CRED(FROM ", \"placeholder\": \"{}{}\""), "has \"{}\" twice" },
	{ CRED(FROM ", \"placeholder\": \"a b{}\""), "may have let" },
	{ CRED(FROM ", \"placeholder\": \"a/{}\""), "may have let" },
	{ CRED(FROM ", \"placeholder\": \"{a{}\""), "may have let" },
	{ USE(""), "/credentials/k/use/0: has no \"host\"" },
	{ USE("\"hosts\": \"a.example\""), "did you mean \"host\"?" },
	{ USE("\"host\": \"*\""),
	  "\"*\" is every host; a secret must say where" },
	{ USE("\"host\": \"*.com\""), "whole top-level domain" },
	{ USE("\"host\": \"*.co.uk\""), "public suffix" },
	{ USE("\"host\": \"a.*.example\""), "first label" },
	{ USE("\"host\": \"a b\""), "is not a host name" },
	{ USE("\"host\": \"127.1\""), "is not a host name" },
	{ USE("\"host\": []"), "has 0 items" },
	{ USE("\"host\": \"a.example\", \"port\": 0"),
	  "must be from 1 to 65535" },
	{ USE("\"host\": \"a.example\", \"port\": 65536"),
	  "must be from 1 to 65535" },
	{ USE("\"host\": \"a.example\", \"port\": -1"),
	  "must be from 1 to 65535" },
	{ USE("\"host\": \"a.example\", \"port\": \"443\""),
	  "is a string; it must be a whole number" },
	{ USE("\"host\": \"a.example\", \"method\": \"get\""),
	  "methods are in upper case" },
	{ USE("\"host\": \"a.example\", \"method\": \"GET /\""),
	  "is no method" },
	{ USE("\"host\": \"a.example\", \"method\": \"\""), "is no method" },
	{ USE("\"host\": \"a.example\", \"path\": \"v1/**\""),
	  "does not begin with \"/\"" },
	{ USE("\"host\": \"a.example\", \"path\": \"/a***\""),
	  "more than two" },
	{ USE("\"host\": \"a.example\", \"path\": \"\""), "is empty" },
	{ USE("\"host\": \"a.example\", \"header\": \"a b\""),
	  "is no name of a header" },
	{ USE("\"host\": \"a.example\", \"header\": \"Host\""),
	  "belongs to the connection" },
	{ USE("\"host\": \"a.example\", \"header\": "
	      "\"Transfer-Encoding\""),
	  "belongs to the connection" },
	{ USE("\"host\": \"a.example\", \"header\": "
	      "\"Proxy-Authorization\""),
	  "belongs to the connection" },
	{ USE("\"host\": \"a.example\", \"header\": \"x\", \"value\": "
	      "\"a\\r\\nb: {}\""),
	  "has a character that no header has" },
	{ USE("\"host\": \"a.example\", \"header\": \"x\", \"value\": "
	      "\"a\""),
	  "\"a\" has no \"{}\"" },
	{ USE("\"host\": \"a.example\", \"value\": \"{}\""),
	  "\"value\" needs a \"header\" or a \"query\"" },
	{ USE("\"host\": \"a.example\", \"always\": true"),
	  "\"always\" needs a \"header\" or \"basic\"" },
	{ USE("\"host\": \"a.example\", \"query\": \"k\", \"always\": "
	      "true"),
	  "\"always\" needs a \"header\" or \"basic\"" },
	{ USE("\"host\": \"a.example\", \"header\": \"x\", \"query\": "
	      "\"y\""),
	  "has both \"header\" and \"query\"" },
	{ USE("\"host\": \"a.example\", \"query\": \"a&b\""),
	  "is no name of a parameter" },
	{ USE("\"host\": \"a.example\", \"plain\": true"),
	  "\"plain\" needs its \"port\"" },
	{ USE("\"host\": \"a.example\", \"plain\": 1"),
	  "must be true or false" },
	{ USE("\"host\": \"a.example\", \"basic\": true"),
	  "needs the user in \"value\"" },
	{ USE("\"host\": \"a.example\", \"basic\": true, \"value\": "
	      "\"a:b\""),
	  "without \":\"" },
	{ USE("\"host\": \"a.example\", \"basic\": true, \"value\": "
	      "\"a\", \"header\": \"x\""),
	  "\"basic\" is the header authorization" },
	{ "{ \"credentials\": {"
	  "\"a\": {" FROM "," A_USE ", \"env\": \"K\" },"
	  "\"b\": {" FROM "," A_USE ", \"env\": [ \"L\", \"K\" ] } } }",
	  "credentials \"a\" and \"b\": both want the variable K" },
	{ "{ \"ca\": [], \"ca\": [] }", "network.json:1: " },
};

TEST(mistakes)
{
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct net_config c;
		struct err e;
		int r;

		net_config_default(&c);
		r = parse(&c, wrong[i].text, true, &e);
		if (r >= 0)
			FAIL("taken: %s", wrong[i].text);
		if (!strstr(e.text, wrong[i].want))
			FAIL("%s\n# says \"%s\", not \"%s\"", wrong[i].text,
			     e.text, wrong[i].want);
		net_config_done(&c);
	}
}

/* The user's file first; then the host's, which has the last word. */
TEST(the_host_wins)
{
	static const char user[] =
		"{ \"hosts\": { \"a.example\": \"1.1.1.1\", "
		"\"u.example\": \"1.1.1.2\" },"
		"\"connect_timeout\": \"1s\", \"ca\": \"/u.pem\","
		"\"dns\": { \"servers\": [ \"1.1.1.1\", \"1.0.0.1\" ],"
		" \"timeout\": \"1s\" },"
		"\"credentials\": { \"k\": { " FROM ", \"env\": \"K\", "
		"\"use\": [ { \"host\": \"u.example\" } ] },"
		"\"mine\": { " FROM ", " A_USE " } } }";
	static const char host[] =
		"{ \"hosts\": { \"A.example\": [ \"2.2.2.2\", \"3.3.3.3\" ] },"
		"\"connect_timeout\": \"2s\", \"ca\": \"/h.pem\","
		"\"dns\": { \"servers\": [ \"9.9.9.9\" ] },"
		"\"credentials\": { \"k\": { \"source\": { \"env\": \"H\" },"
		"\"use\": [ { \"host\": \"h.example\" } ] },"
		"\"other\": { " FROM ", \"env\": \"K\", " A_USE " } } }";
	struct net_config c;
	struct err e;

	net_config_default(&c);
	ASSERT_OK(parse(&c, user, false, &e));
	if (parse(&c, host, true, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(c.n_hosts, 2);
	is_to(net_config_host(&c, "a.example"), 0, "2.2.2.2", 0);
	ASSERT_EQ(net_config_host(&c, "a.example")->n, 2);
	is_to(net_config_host(&c, "u.example"), 0, "1.1.1.2", 0);
	ASSERT_EQ(c.connect_timeout_us, 2000000);
	ASSERT_EQ(c.dns_timeout_us, 1000000);
	ASSERT_EQ(c.dns.n, 1);
	ASSERT_EQ(c.ca.n, 2);
	ASSERT_EQ(c.n_credentials, 3);
	ASSERT_STREQ(c.credential[0].from, "H");
	ASSERT_TRUE(c.credential[0].hosts);
	ASSERT_STREQ(c.credential[0].use[0].hosts.v[0], "h.example");
	ASSERT_FALSE(c.credential[1].hosts);
	ASSERT_ERR(parse(&c, user, false, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "read after the host's");
	net_config_done(&c);
}

TEST(bounds)
{
	_cleanup_free_ char *text = NULL;
	size_t size, n;
	struct net_config c;
	struct err e;
	FILE *f = open_memstream(&text, &size);

	ASSERT_NOT_NULL(f);
	fputs("{ \"hosts\": {", f);
	for (n = 0; n <= NET_HOSTS_MAX; n++)
		fprintf(f, "%s\"h%zu.example\": \"1.2.3.4\"", n ? "," : "", n);
	fputs("} }", f);
	fclose(f);
	net_config_default(&c);
	ASSERT_ERR(parse(&c, text, true, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "1025 members; 1024 are the most");
	net_config_done(&c);
	free(TAKE_PTR(text));
	text = malloc(NET_CONFIG_SIZE_MAX + 2);
	ASSERT_NOT_NULL(text);
	memset(text, ' ', NET_CONFIG_SIZE_MAX + 1);
	text[NET_CONFIG_SIZE_MAX + 1] = '\0';
	net_config_default(&c);
	ASSERT_ERR(parse(&c, text, true, &e), -EFBIG);
	net_config_done(&c);
}

static void
write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, text, strlen(text)), strlen(text));
	ASSERT_OK(fchmod(fd, mode));
	close(fd);
}

static void
loads(const char *want)
{
	struct net_config c;
	struct err e = ERR_INIT;
	int r = net_config_load(&c, &e);

	if (want) {
		ASSERT_TRUE(r < 0);
		ASSERT_STRSTR(e.text, want);
		return;
	}
	if (r < 0)
		FAIL("%s", e.text);
	ASSERT_NOT_NULL(net_config_host(&c, "t.example"));
	net_config_done(&c);
}

TEST(which_files_are_read)
{
	static const char text[] = "{ \"hosts\": { \"t.example\": \"1.2.3.4\" }"
				   " }";
	char path[PATH_MAX];

	if (access(NET_CONFIG_HOST, F_OK) == 0)
		SKIP(NET_CONFIG_HOST " is there");
	snprintf(path, sizeof(path), "%s/network.json", tap_tmpdir());
	setenv("AGENTBOX_NETWORK_CONFIG", path, 1);
	loads("network.json: No such file");
	write_file(path, text, 0644);
	loads(NULL);
	ASSERT_OK(chmod(path, 0664));
	loads("others can write to it (mode 0664)");
	ASSERT_OK(chmod(path, 0646));
	loads("others can write to it");
	ASSERT_OK(chmod(path, 0600));
	loads(NULL);
	if (geteuid() == 0) {
		ASSERT_OK(chown(path, 12345, 0));
		loads("belongs to user 12345");
		ASSERT_OK(chown(path, 0, 0));
	}
	setenv("AGENTBOX_NETWORK_CONFIG", "network.json", 1);
	loads("no absolute path");
	setenv("AGENTBOX_NETWORK_CONFIG", tap_tmpdir(), 1);
	loads("is no regular file");
	write_file(path, "{ \"hosts\": 7 }", 0600);
	setenv("AGENTBOX_NETWORK_CONFIG", path, 1);
	loads("network.json:1: /hosts: is a number");
}

/* Of a user, but never of root, whose HOME may be somebody else's. */
TEST(the_users_file)
{
	static const char text[] = "{ \"hosts\": { \"t.example\": \"1.2.3.4\" }"
				   " }";
	char path[PATH_MAX];
	struct net_config c;
	struct err e = ERR_INIT;

	unsetenv("AGENTBOX_NETWORK_CONFIG");
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", tap_tmpdir(), 1);
	snprintf(path, sizeof(path), "%s/.config", tap_tmpdir());
	ASSERT_OK(mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/.config/agentbox", tap_tmpdir());
	ASSERT_OK(mkdir(path, 0700));
	snprintf(path, sizeof(path), "%s/.config/agentbox/network.json",
		 tap_tmpdir());
	write_file(path, text, 0600);
	ASSERT_OK(net_config_load(&c, &e));
	ASSERT_EQ(net_config_host(&c, "t.example") != NULL, geteuid() != 0);
	net_config_done(&c);
}

/* The manual's example is taken, and its text has each key. */
TEST(the_manual)
{
	static const char *const keys[] = { "version",
					    "hosts",
					    "ca",
					    "dns",
					    "servers",
					    "timeout",
					    "connect_timeout",
					    "credentials",
					    "source",
					    "file",
					    "env",
					    "systemd",
					    "command",
					    "use",
					    "placeholder",
					    "lease",
					    "host",
					    "port",
					    "method",
					    "path",
					    "header",
					    "query",
					    "value",
					    "basic",
					    "always",
					    "plain",
					    NULL };
	_cleanup_free_ char *page = NULL;
	char path[PATH_MAX], word[64], *from, *to;
	struct net_config c;
	struct err e = ERR_INIT;

	snprintf(path, sizeof(path), "%s/docs/man/agentbox-network.json.5",
		 tap_srcdir());
	ASSERT_OK(fd_read_file(AT_FDCWD, path, 1 << 20, &page));
	for (size_t i = 0; keys[i]; i++) {
		snprintf(word, sizeof(word), "Cm %s", keys[i]);
		ASSERT_STRSTR(page, word);
	}
	from = strstr(page, ".Bd -literal");
	ASSERT_NOT_NULL(from);
	from = strchr(from, '\n');
	to = strstr(from, ".Ed");
	ASSERT_NOT_NULL(to);
	net_config_default(&c);
	if (net_config_parse(&c, "example", from, (size_t)(to - from), true,
			     &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(c.n_credentials, 2);
	net_config_done(&c);
}
