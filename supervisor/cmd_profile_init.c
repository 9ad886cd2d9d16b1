/*
 * agentbox profile init: a profile to begin with, that passes check and test as
 * it is. What always holds: nothing is overwritten, and a file that does not
 * load is not left behind.
 */
#include "supervisor/cmd_profile-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>

static const char usage[] =
	"Usage: agentbox profile init [OPTIONS] NAME\n"
	"\n"
	"Writes a commented profile to begin with, into the user's profile "
	"folder, so\n"
	"that `agentbox run --profile NAME` finds it. It grants little and "
	"passes\n"
	"`check` and `test` as it is. An existing file is not overwritten.\n"
	"\n"
	"      --role R        retrieve, reason, execute, approve or monitor\n"
	"                      (default: execute, or that of --from)\n"
	"      --from P        the new profile narrows profile P\n"
	"  -o, --output FILE   write to FILE; - is standard output\n"
	"  -j, --json          the result as an object\n"
	"  -h, --help          this text\n"
	"\n"
	"Exit status: 0; 125 when it could not be written.\n";

static const char *const roles[] = { "retrieve", "reason",  "execute",
				     "approve",	 "monitor", NULL };

struct init {
	struct pc pc;
	const char *name, *role, *from, *output;
	char path[PATH_MAX]; /* output, when it was not said */
};

/* The text. @NAME@ and @ROLE@ are replaced. */
static const char head[] =
	"// What the agent \"@NAME@\" may do. agentbox-profile(5) explains "
	"every "
	"key; after\n"
	"// a change: agentbox profile check @NAME@ && agentbox profile test "
	"@NAME@\n"
	"{\n"
	"\t\"version\": 1,\n"
	"\t\"name\": \"@NAME@\",\n"
	"\t// retrieve reads from outside, reason only thinks, execute acts, "
	"approve\n"
	"\t// decides on others' requests, monitor watches.\n"
	"\t\"role\": \"@ROLE@\",\n"
	"\t\"purpose\": \"say in one line what this agent is for\",\n";

static const char body[] =
	"\n"
	"\t\"requires\": {\n"
	"\t\t// Limits that a host without cgroups cannot hold: start all the "
	"same.\n"
	"\t\t\"optional\": [\"memory\", \"swap\", \"pids\", \"cpu\", \"io\", "
	"\"freeze\"]\n"
	"\t},\n"
	"\n"
	"\t\"process\": {\n"
	"\t\t\"syscalls\": [\"base\"],\n"
	"\t\t\"limits\": { \"memory\": \"2G\", \"pids\": 512 }\n"
	"\t},\n"
	"\n"
	"\t\"files\": {\n"
	"\t\t// The programs and libraries of the host, to be executed.\n"
	"\t\t\"exec\": [\"@system\"],\n"
	"\t\t\"read\": [\"@etc\"],\n"
	"\t\t// The folder that `agentbox run` is started in.\n"
	"\t\t\"workspace\": { \"access\": \"@ACCESS@\" }\n"
	"\t},\n"
	"\n"
	"\t// Nothing outside may be reached, except what stands here:\n"
	"\t//   \"network\": { \"allow\": [\"api.example.com\"] }\n"
	"\t//   \"tools\": { \"allow\": [\"server/tool_*\"] }\n"
	"\t// and may be taken back again by deny and ask, in any order.\n";

static const char narrowed[] =
	"\n"
	"\t// Everything that \"@FROM@\" may do; what stands below can only "
	"take "
	"away\n"
	"\t// from it.\n"
	"\t\"extends\": { \"profiles\": [\"@FROM@\"] },\n";

static const char tail[] =
	"\n"
	"\t// What must never change by mistake; `agentbox profile test` tries "
	"it, and\n"
	"\t// with --live it tries the files for real.\n"
	"\t\"expect\": [\n"
	"\t\t{\n"
	"\t\t\t\"name\": \"no keys of the human\",\n"
	"\t\t\t\"on\": \"files\",\n"
	"\t\t\t\"request\": { \"path\": \"~/.ssh/id_ed25519\", \"access\": "
	"\"read\" },\n"
	"\t\t\t\"verdict\": \"deny\"\n"
	"\t\t},\n"
	"\t\t{\n"
	"\t\t\t\"name\": \"nobody unknown is called\",\n"
	"\t\t\t\"on\": \"network\",\n"
	"\t\t\t\"request\": { \"host\": \"unknown.invalid\", \"port\": 443 },\n"
	"\t\t\t\"verdict\": \"deny\"\n"
	"\t\t}\n"
	"\t]\n"
	"}\n";

static const char *
value_of(const struct init *in, const char *s, size_t *ret_len)
{
	const struct {
		const char *key, *value;
	} keys[] = {
		{ "@NAME@", in->name },
		{ "@ROLE@", in->role },
		{ "@FROM@", in->from },
		{ "@ACCESS@", strcmp(in->role, "execute") ? "read" : "write" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_starts(s, keys[i].key)) {
			*ret_len = strlen(keys[i].key);
			return keys[i].value;
		}
	return NULL;
}

static void
fill(const struct init *in, FILE *f, const char *s)
{
	size_t len;

	while (*s) {
		const char *value = *s == '@' ? value_of(in, s, &len) : NULL;

		if (value) {
			fputs(value, f);
			s += len;
		} else {
			fputc(*s++, f);
		}
	}
}

static int
make_text(const struct init *in, char **ret, size_t *ret_len)
{
	FILE *f = open_memstream(ret, ret_len);

	if (!f)
		return -ENOMEM;
	fill(in, f, head);
	fill(in, f, in->from ? narrowed : body);
	fill(in, f, tail);
	return fclose(f) ? -ENOMEM : 0;
}

/* The file */

static void
make_folders(char *path)
{
	for (char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		(void)mkdir(path, 0755);
		*s = '/';
	}
}

/* NULL: e says why. */
static const char *
find_output(struct init *in, struct err *e)
{
	if (in->output)
		return in->output;
	if (!in->pc.paths.user[0]) {
		err_set(e, -ENOENT,
			"there is no folder of this user's profiles: HOME is "
			"not set");
		err_cure(e, "say where with --output FILE");
		return NULL;
	}
	if (snprintf(in->path, sizeof(in->path), "%s/%s.json",
		     in->pc.paths.user, in->name) >= (int)sizeof(in->path)) {
		err_sys(e, -ENAMETOOLONG, "%s", in->pc.paths.user);
		return NULL;
	}
	make_folders(in->path);
	return in->path;
}

static int
write_new(const struct init *in, const char *output, const char *text,
	  size_t len, struct err *e)
{
	_cleanup_close_ int fd =
		open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char path[PATH_MAX + 2];
	struct profile *p = NULL;
	int r;

	if (fd < 0 && errno == EEXIST) {
		err_set(e, -EEXIST, "%s exists, and is not overwritten",
			output);
		return err_cure(e, "choose another name or --output, or remove "
				   "it");
	}
	if (fd < 0)
		return err_sys(e, -errno, "%s", output);
	r = fd_write_all(fd, text, len);
	if (r < 0)
		err_sys(e, r, "%s", output);
	/* a path, not a name, to the loader */
	snprintf(path, sizeof(path), "%s%s", strchr(output, '/') ? "" : "./",
		 output);
	if (r >= 0)
		r = profile_load(path, in->pc.paths.search, &p, e);
	if (r < 0)
		(void)unlink(output);
	profile_free(p);
	return r;
}

static int
take_role(struct init *in, struct err *e)
{
	struct profile *p = NULL;
	int r;

	if (in->role && !str_in(in->role, roles)) {
		err_set(e, -EINVAL, "--role %s: not a role", in->role);
		return err_cure(e, "retrieve, reason, execute, approve or "
				   "monitor");
	}
	if (in->from) {
		r = profile_load(in->from, in->pc.paths.search, &p, e);
		if (r < 0)
			return r;
		if (!in->role)
			in->role = profile_role_name(p->role);
		profile_free(p);
	}
	if (!in->role)
		in->role = "execute";
	return 0;
}

static int
init(struct init *in, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	const char *output;
	size_t len = 0;
	int r;

	if (!str_is_name(in->name)) {
		err_set(e, -EINVAL, "\"%s\" is not a name", in->name);
		return err_cure(e, "up to 64 of A-Z a-z 0-9 . _ -, not "
				   "beginning with . or -");
	}
	r = take_role(in, e);
	if (r >= 0 && make_text(in, &text, &len) < 0)
		r = err_sys(e, -ENOMEM, "profile");
	if (r < 0)
		return r;
	if (text && in->output && !strcmp(in->output, "-")) {
		fwrite(text, 1, len, stdout);
		return 0;
	}
	output = find_output(in, e);
	r = output ? write_new(in, output, text, len, e) : e->code;
	if (r < 0)
		return r;
	if (in->pc.json)
		return pc_print(json_pack("{ss so}", "name", in->name, "path",
					  pc_string(output)));
	printf("%s\n", output);
	return 0;
}

int
cmd_profile_init(int argc, char **argv)
{
	static const struct option options[] = {
		{ "role", required_argument, NULL, 'r' },
		{ "from", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct init in = { .name = NULL };
	struct err e = ERR_INIT;
	int c;

	while ((c = getopt_long(argc, argv, "o:jh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), PC_DONE;
		if (c == 'r')
			in.role = optarg;
		else if (c == 'f')
			in.from = optarg;
		else if (c == 'o')
			in.output = optarg;
		else if (c == 'j')
			in.pc.json = true;
		else
			return pc_usage("init");
	}
	if (argc - optind != 1)
		return pc_usage("init");
	in.name = argv[optind];
	if (paths_find(&in.pc.paths, &e) < 0 || init(&in, &e) < 0)
		return pc_fail(&in.pc, &e);
	return pc_end(PC_DONE);
}
