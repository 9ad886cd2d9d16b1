/*
 * A profile, a request and this host become a plan. What always holds: the
 * result depends on nothing but these three; whatever the host does not have
 * is left out; everything that cannot be is refused here, where a profile's
 * author still reads the message, rather than in the stage. Paths are resolved
 * here, once, to what they really are; the stage resolves them again without
 * following links, so a path that was changed in between fails.
 */
#include "profiles/compile-internal.h"

#include "lib/str.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* Memory */

#define CHUNK_SIZE 16000

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	char data[] __attribute__((aligned(16)));
};

void *
build_alloc(struct builder *b, size_t n)
{
	struct arena_chunk *c = b->arena;
	size_t need = (n + 15) & ~(size_t)15;

	if (!c || c->size - c->used < need) {
		size_t size = MAX(need, (size_t)CHUNK_SIZE);

		c = malloc(sizeof(*c) + size);
		if (!c) {
			err_set(b->e, -ENOMEM, "out of memory");
			return NULL;
		}
		*c = (struct arena_chunk){ .next = b->arena, .size = size };
		b->arena = c;
	}
	c->used += need;
	return c->data + c->used - need;
}

static void
arena_free(struct arena_chunk *c)
{
	while (c) {
		struct arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

const char *
build_copy(struct builder *b, const char *s, size_t n)
{
	char *t = build_alloc(b, n + 1);

	if (t) {
		memcpy(t, s, n);
		t[n] = '\0';
	}
	return t;
}

const char *
build_printf(struct builder *b, const char *fmt, ...)
{
	char buf[2 * PATH_MAX];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf)) {
		err_set(b->e, -ENAMETOOLONG, "a path is too long");
		return NULL;
	}
	return build_copy(b, buf, (size_t)n);
}

void *
build_push(struct builder *b, struct vec *v, size_t size, size_t max,
	   const char *what)
{
	if (v->n == max) {
		err_set(b->e, -E2BIG, "%s: more than %zu %s", b->p->path, max,
			what);
		return NULL;
	}
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 32;
		void *data = build_alloc(b, cap * size);

		if (!data)
			return NULL;
		if (v->n)
			memcpy(data, v->data, v->n * size);
		v->data = data;
		v->cap = cap;
	}
	return memset((char *)v->data + v->n++ * size, 0, size);
}

/* What the profile requires of the host */

/* "6.1.0-13-amd64" -> 6001; 0 when it is no version. */
static uint64_t
kernel_number(const char *s)
{
	uint64_t part[2] = { 0, 0 };
	char digits[8];

	for (size_t i = 0; i < 2; i++) {
		size_t n = strspn(s, "0123456789");

		if (!n || n >= sizeof(digits))
			return 0;
		memcpy(digits, s, n);
		digits[n] = '\0';
		if (str_to_u64(digits, &part[i]) < 0)
			return 0;
		s += n + (s[n] == '.');
	}
	return part[0] * 1000 + MIN(part[1], 999u);
}

static int
check_kernel_version(struct builder *b)
{
	const char *want = b->p->requires.kernel;
	struct utsname u;

	if (!want)
		return 0;
	if (uname(&u) < 0)
		return err_sys(b->e, -errno, "uname");
	if (kernel_number(u.release) >= kernel_number(want))
		return 0;
	profile_fail(b->p, b->e, -ENOSYS, "/requires/kernel",
		     "Linux %s is required, this is %s", want, u.release);
	return err_cure(b->e, "run it on a newer kernel, or use a profile that "
			      "requires less");
}

/* Layers and limits */

static bool
is_limit(uint64_t v)
{
	return v != CGROUP_UNLIMITED;
}

static uint32_t
wanted_layers(const struct builder *b)
{
	const struct cgroup_limits *c = &b->p->process.cgroup;
	uint32_t all = (LAYER_BIT(LAYER_MAX - 1) - 1) |
		       LAYER_BIT(LAYER_MAX - 1),
		 off = 0;

	/* The caller's own uid is all that a user can give. */
	if (!b->r->root)
		off |= LAYER_BIT(LAYER_OWNUID);
	if (!b->p->process.timens)
		off |= LAYER_BIT(LAYER_TIME);
	if (!b->r->sockets)
		off |= LAYER_BIT(LAYER_BROKER);
	if (!is_limit(c->memory))
		off |= LAYER_BIT(LAYER_MEMORY);
	if (!is_limit(c->swap))
		off |= LAYER_BIT(LAYER_SWAP);
	if (!is_limit(c->pids))
		off |= LAYER_BIT(LAYER_PIDS);
	if (!is_limit(c->cpu_percent))
		off |= LAYER_BIT(LAYER_CPU);
	if (!is_limit(c->io_weight) && !is_limit(c->io_bps))
		off |= LAYER_BIT(LAYER_IO);
	return all & ~off;
}

/* A crash starts the host's handler (core_pattern with "|") even where core
 * files are limited to nothing, but not where the limit is exactly 1, which the
 * kernel gives to such handlers themselves (fs/coredump.c, coredump_pipe). A
 * file of one byte is none: below a page the kernel does not begin one. */
static uint64_t
core_limit(const struct builder *b)
{
	return MAX(b->p->process.core, 1u);
}

static int
push_rlimit(struct builder *b, uint32_t resource, uint64_t hard,
	    uint64_t soft_max)
{
	struct plan_rlimit *l;

	if (!is_limit(hard))
		return 0;
	l = build_push(b, &b->rlimits, sizeof(*l), PLAN_RLIMITS_MAX, "limits");
	if (!l)
		return -ENOMEM;
	*l = (struct plan_rlimit){ resource, MIN(hard, soft_max), hard };
	return 0;
}

/* The soft limits of descriptors and stack stay what programs expect: select()
 * knows 1024 descriptors, and each thread reserves a soft stack. */
static int
build_rlimits(struct builder *b)
{
	const struct profile *p = b->p;
	int r = push_rlimit(b, RLIMIT_NOFILE, p->process.nofile, 1024);

	if (r >= 0)
		r = push_rlimit(b, RLIMIT_NPROC, p->process.nproc, UINT64_MAX);
	if (r >= 0)
		r = push_rlimit(b, RLIMIT_FSIZE, p->process.fsize, UINT64_MAX);
	if (r >= 0)
		r = push_rlimit(b, RLIMIT_STACK, p->process.stack, 8u << 20);
	if (r >= 0)
		r = push_rlimit(b, RLIMIT_CORE, core_limit(b), UINT64_MAX);
	if (r >= 0)
		r = push_rlimit(b, RLIMIT_DATA, p->process.data, UINT64_MAX);
	if (r >= 0)
		r = push_rlimit(b, RLIMIT_MEMLOCK, p->process.memlock,
				UINT64_MAX);
	return r;
}

static void
build_cgroup(struct builder *b)
{
	struct cgroup_limits *c = &b->out->cgroup;
	struct stat st;

	*c = b->p->process.cgroup;
	c->io_dev = 0;
	if (is_limit(c->io_bps) && b->r->workspace &&
	    stat(b->r->workspace, &st) == 0)
		c->io_dev = st.st_dev;
}

/* Command and filter */

static int
build_args(struct builder *b)
{
	const char **s;

	for (const char *const *a = b->r->args; a && *a; a++) {
		s = build_push(b, &b->args, sizeof(*s), PLAN_ARGS_MAX,
			       "arguments");
		if (!s)
			return -E2BIG;
		*s = build_copy(b, *a, strlen(*a));
		if (!*s)
			return -ENOMEM;
	}
	if (!b->args.n)
		return err_set(b->e, -EINVAL, "no command");
	return build_push(b, &b->args, sizeof(*s), PLAN_ARGS_MAX + 1,
			  "arguments")
		       ? 0
		       : -ENOMEM;
}

static int
build_filter(struct builder *b)
{
	struct seccomp_spec spec = {
		.sets_dir = b->r->sets_dir,
		.deny = (const char *const *)b->p->process.syscalls_deny.v,
		.n_deny = b->p->process.syscalls_deny.n,
	};

	for (size_t i = 0; i < b->p->process.syscalls.n; i++)
		spec.sets[spec.n_sets++] = b->p->process.syscalls.v[i];
	return seccomp_get(&spec, b->r->cache_dir, &b->prog, NULL, b->e);
}

/* All together */

static void
fill_plan(struct builder *b)
{
	struct plan *pl = &b->out->plan;
	const struct profile *p = b->p;
	bool ws = b->r->workspace && p->files.workspace != ACCESS_NONE;

	*pl = (struct plan){
		.flags = (b->r->tty ? PLAN_TTY : 0) |
			 (p->process.timens ? PLAN_TIMENS : 0) |
			 (p->process.loopback ? PLAN_LOOPBACK : 0) |
			 (b->r->sockets ? PLAN_NETWORK | PLAN_LOOPBACK : 0) |
			 (b->r->root ? PLAN_SETGROUPS : 0),
		.layers = wanted_layers(b),
		.optional = p->requires.optional,
		.uid = BOX_UID,
		.gid = BOX_GID,
		.oom_score_adj = p->process.oom_score_adj,
		.umask = 022,
		.landlock_min = p->requires.landlock_abi,
		.sockets = b->r->sockets,
		.hostname =
			p->process.hostname ? p->process.hostname : b->r->name,
		.workdir = ws ? b->r->workspace : BOX_HOME,
		.canary = BOX_CANARY,
		.n_fs = b->fs.n,
		.n_rules = b->rules.n,
		.n_rlimits = b->rlimits.n,
		.n_args = b->args.n - 1,
		.n_env = b->env.n - 1,
		.n_insns = b->prog.n,
		.fs = b->fs.data,
		.rules = b->rules.data,
		.rlimits = b->rlimits.data,
		.args = b->args.data,
		.env = b->env.data,
		.insns = b->prog.insns,
	};
}

/* The few strings that the plan takes from outside the arena. */
static int
own_strings(struct builder *b)
{
	struct plan *pl = &b->out->plan;

	pl->hostname = build_copy(b, pl->hostname, strlen(pl->hostname));
	pl->workdir = build_copy(b, pl->workdir, strlen(pl->workdir));
	return pl->hostname && pl->workdir ? 0 : -ENOMEM;
}

static int
build_all(struct builder *b)
{
	static int (*const steps[])(struct builder *) = {
		check_kernel_version, build_args,   build_env,	 build_grants,
		build_narrow,	      build_fs,	    build_masks, build_rules,
		build_rlimits,	      build_filter,
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(steps) && r >= 0; i++)
		r = steps[i](b);
	if (r < 0)
		return r;
	build_cgroup(b);
	fill_plan(b);
	return own_strings(b);
}

int
profile_compile(const struct profile *p, const struct compile_request *r,
		struct compiled **ret, struct err *e)
{
	struct builder b = { .p = p, .r = r, .e = e, .shell = "/bin/sh" };
	char home[PATH_MAX];
	int rc;

	if (!str_is_name(r->name))
		return err_set(e, -EINVAL, "the box has no valid name");
	if (faccessat(AT_FDCWD, "/bin/bash", X_OK, 0) == 0)
		b.shell = "/bin/bash";
	if (r->home && *r->home == '/')
		b.home = realpath(r->home, home);
	b.out = calloc(1, sizeof(*b.out));
	if (!b.out)
		return err_set(e, -ENOMEM, "out of memory");
	rc = build_all(&b);
	b.out->insns = b.prog.insns;
	b.out->priv = b.arena;
	if (rc < 0) {
		compiled_free(b.out);
		return rc;
	}
	*ret = b.out;
	return 0;
}

void
compiled_free(struct compiled *c)
{
	if (!c)
		return;
	free(c->insns);
	arena_free(c->priv);
	free(c);
}
