/*
 * The plan's encoding. The decoder is the trust boundary between the process
 * that read a profile and the one that holds privilege inside the new
 * namespaces: after plan_decode() every string ends, every path is clean, every
 * enum is in range and every table lies inside the block.
 */
#include "sandbox/plan.h"

#include "lib/str.h"
#include "sandbox/seccomp.h"

#include <limits.h>
#include <string.h>
#include <sys/resource.h>

#define PLAN_MAGIC 0x4e414c50584f4241ull /* "ABOXPLAN" */
#define PLAN_VERSION 1
#define HOSTNAME_LEN 64 /* __NEW_UTS_LEN of linux/utsname.h */
/* LANDLOCK_ACCESS_FS_* up to IOCTL_DEV, linux/landlock.h of 6.10 */
#define LANDLOCK_FS_KNOWN ((1ull << 16) - 1)

struct wire_table {
	uint32_t n, off;
};

/* Strings are offsets into the pool; 0 is "none". */
struct plan_wire {
	uint64_t magic;
	uint32_t version, size;
	uint32_t flags, layers, optional;
	uint32_t uid, gid;
	int32_t oom_score_adj;
	uint32_t umask, landlock_min;
	uint32_t hostname, workdir, canary;
	struct wire_table fs, rules, rlimits, args, env, insns, strings;
	uint32_t sockets;
};

struct wire_fs {
	uint32_t kind, flags, mode, src, dst, data;
	uint64_t size;
};

struct wire_rule {
	uint64_t access;
	uint32_t path, pad;
};

struct wire_rlimit {
	uint32_t resource, pad;
	uint64_t soft, hard;
};

/* Encoding */

struct encoder {
	char *data;
	size_t len;	/* of everything before the strings */
	size_t str_off; /* where the pool starts */
	size_t str_len;
};

static size_t
string_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static size_t
pool_size(const struct plan *p)
{
	size_t n = 1 + string_size(p->hostname) + string_size(p->workdir) +
		   string_size(p->canary);

	for (size_t i = 0; i < p->n_fs; i++)
		n += string_size(p->fs[i].src) + string_size(p->fs[i].dst) +
		     string_size(p->fs[i].data);
	for (size_t i = 0; i < p->n_rules; i++)
		n += string_size(p->rules[i].path);
	for (size_t i = 0; i < p->n_args; i++)
		n += string_size(p->args[i]);
	for (size_t i = 0; i < p->n_env; i++)
		n += string_size(p->env[i]);
	return n;
}

static uint32_t
put_string(struct encoder *enc, const char *s)
{
	size_t n = string_size(s), at = enc->str_len;

	if (!s)
		return 0;
	memcpy(enc->data + enc->str_off + at, s, n);
	enc->str_len += n;
	return (uint32_t)at;
}

static void *
put_table(struct encoder *enc, struct wire_table *t, size_t n, size_t size)
{
	void *at = enc->data + enc->len;

	t->n = (uint32_t)n;
	t->off = (uint32_t)enc->len;
	enc->len += (n * size + 7) & ~(size_t)7;
	return at;
}

static void
put_strings(struct encoder *enc, struct wire_table *t, const char **v, size_t n)
{
	uint32_t *at = put_table(enc, t, n, sizeof(*at));

	for (size_t i = 0; i < n; i++)
		at[i] = put_string(enc, v[i]);
}

static void
put_fs(struct encoder *enc, struct plan_wire *w, const struct plan *p)
{
	struct wire_fs *at = put_table(enc, &w->fs, p->n_fs, sizeof(*at));

	for (size_t i = 0; i < p->n_fs; i++)
		at[i] = (struct wire_fs){
			.kind = p->fs[i].kind,
			.flags = p->fs[i].flags,
			.mode = p->fs[i].mode,
			.size = p->fs[i].size,
			.src = put_string(enc, p->fs[i].src),
			.dst = put_string(enc, p->fs[i].dst),
			.data = put_string(enc, p->fs[i].data),
		};
}

static void
put_rules(struct encoder *enc, struct plan_wire *w, const struct plan *p)
{
	struct wire_rule *at =
		put_table(enc, &w->rules, p->n_rules, sizeof(*at));

	for (size_t i = 0; i < p->n_rules; i++)
		at[i] = (struct wire_rule){
			.access = p->rules[i].access,
			.path = put_string(enc, p->rules[i].path),
		};
}

static void
put_rlimits(struct encoder *enc, struct plan_wire *w, const struct plan *p)
{
	struct wire_rlimit *at =
		put_table(enc, &w->rlimits, p->n_rlimits, sizeof(*at));

	for (size_t i = 0; i < p->n_rlimits; i++)
		at[i] = (struct wire_rlimit){
			.resource = p->rlimits[i].resource,
			.soft = p->rlimits[i].soft,
			.hard = p->rlimits[i].hard,
		};
}

static size_t
tables_size(const struct plan *p)
{
	return sizeof(struct plan_wire) + p->n_fs * sizeof(struct wire_fs) +
	       p->n_rules * sizeof(struct wire_rule) +
	       p->n_rlimits * sizeof(struct wire_rlimit) +
	       (p->n_args + p->n_env) * sizeof(uint32_t) +
	       p->n_insns * sizeof(struct sock_filter) + (size_t)7 * 8;
}

static int
counts_fit(const struct plan *p)
{
	return p->n_fs <= PLAN_FS_MAX && p->n_rules <= PLAN_RULES_MAX &&
	       p->n_rlimits <= PLAN_RLIMITS_MAX && p->n_args >= 1 &&
	       p->n_args <= PLAN_ARGS_MAX && p->n_env <= PLAN_ENV_MAX &&
	       p->n_insns <= SECCOMP_INSNS_MAX;
}

int
plan_encode(const struct plan *p, void **ret_data, size_t *ret_len,
	    struct err *e)
{
	struct encoder enc = { .len = sizeof(struct plan_wire), .str_len = 1 };
	size_t total;
	struct plan_wire *w;

	if (!counts_fit(p))
		return err_set(e, -E2BIG,
			       "the plan is too large (%zu mounts, %zu rules, "
			       "%zu arguments, %zu variables)",
			       p->n_fs, p->n_rules, p->n_args, p->n_env);
	enc.str_off = (tables_size(p) + 7) & ~(size_t)7;
	total = enc.str_off + pool_size(p);
	if (total > PLAN_SIZE_MAX)
		return err_set(e, -E2BIG,
			       "command and environment are too large: the "
			       "plan has %zu bytes, at most %u fit",
			       total, PLAN_SIZE_MAX);
	enc.data = calloc(1, total);
	if (!enc.data)
		return err_sys(e, -ENOMEM, "plan");
	w = (struct plan_wire *)(void *)enc.data;
	*w = (struct plan_wire){
		.magic = PLAN_MAGIC,
		.version = PLAN_VERSION,
		.size = (uint32_t)total,
		.flags = p->flags,
		.layers = p->layers,
		.optional = p->optional,
		.uid = p->uid,
		.gid = p->gid,
		.oom_score_adj = p->oom_score_adj,
		.umask = p->umask,
		.landlock_min = p->landlock_min,
		.sockets = p->sockets,
		.hostname = put_string(&enc, p->hostname),
		.workdir = put_string(&enc, p->workdir),
		.canary = put_string(&enc, p->canary),
	};
	put_fs(&enc, w, p);
	put_rules(&enc, w, p);
	put_rlimits(&enc, w, p);
	put_strings(&enc, &w->args, p->args, p->n_args);
	put_strings(&enc, &w->env, p->env, p->n_env);
	memcpy(put_table(&enc, &w->insns, p->n_insns,
			 sizeof(struct sock_filter)),
	       p->insns ? (const void *)p->insns : "",
	       p->n_insns * sizeof(struct sock_filter));
	w->strings = (struct wire_table){ (uint32_t)enc.str_len,
					  (uint32_t)enc.str_off };
	*ret_data = enc.data;
	*ret_len = total;
	return 0;
}

/* Decoding */

struct decoder {
	const char *data;
	size_t len;
	const struct plan_wire *w;
	struct err *e;
};

static int
bad(struct decoder *d, const char *what)
{
	return err_set(d->e, -EBADMSG, "plan: %s", what);
}

static const void *
get_table(struct decoder *d, const struct wire_table *t, size_t max,
	  size_t size)
{
	if (t->n > max || t->off % 8 || t->off < sizeof(struct plan_wire) ||
	    t->off > d->len || (size_t)t->n * size > d->len - t->off)
		return NULL;
	return d->data + t->off;
}

/* The pool ends in NUL (checked first), so an offset inside it is a string. */
static int
get_string(struct decoder *d, uint32_t at, const char **ret)
{
	if (at >= d->w->strings.n)
		return bad(d, "string outside of the pool");
	*ret = at ? d->data + d->w->strings.off + at : NULL;
	return 0;
}

static int
get_path(struct decoder *d, uint32_t at, const char **ret)
{
	int r = get_string(d, at, ret);

	if (r < 0)
		return r;
	if (!*ret || !str_is_clean_path(*ret))
		return bad(d, "path that is not absolute and clean");
	return 0;
}

static int
check_fs(struct decoder *d, const struct plan_fs *f)
{
	if (f->kind >= PLAN_FS_KIND_MAX || f->flags & ~PLAN_FS_FLAGS_ALL ||
	    f->mode & ~07777u)
		return bad(d, "mount of an unknown kind");
	switch (f->kind) {
	case PLAN_FS_BIND:
	case PLAN_FS_REBIND:
		if (!f->src || !str_is_clean_path(f->src))
			return bad(d, "bind without a source");
		break;
	case PLAN_FS_SYMLINK:
		if (!f->src || !*f->src || strlen(f->src) >= PATH_MAX)
			return bad(d, "symlink without a target");
		break;
	case PLAN_FS_FILE:
		if (!f->data)
			return bad(d, "file without contents");
		break;
	case PLAN_FS_TMPFS:
		if (!f->size)
			return bad(d, "tmpfs without a size");
		break;
	default:
		break;
	}
	return 0;
}

static int
get_fs(struct decoder *d, struct plan *p)
{
	const struct wire_fs *at =
		get_table(d, &d->w->fs, PLAN_FS_MAX, sizeof(*at));
	int r;

	if (!at)
		return bad(d, "mount table out of bounds");
	for (size_t i = 0; i < p->n_fs; i++) {
		struct plan_fs *f = &p->fs[i];

		*f = (struct plan_fs){ .kind = at[i].kind,
				       .flags = at[i].flags,
				       .mode = at[i].mode,
				       .size = at[i].size };
		if ((r = get_string(d, at[i].src, &f->src)) < 0 ||
		    (r = get_path(d, at[i].dst, &f->dst)) < 0 ||
		    (r = get_string(d, at[i].data, &f->data)) < 0 ||
		    (r = check_fs(d, f)) < 0)
			return r;
	}
	return 0;
}

static int
get_rules(struct decoder *d, struct plan *p)
{
	const struct wire_rule *at =
		get_table(d, &d->w->rules, PLAN_RULES_MAX, sizeof(*at));
	int r;

	if (!at)
		return bad(d, "rule table out of bounds");
	for (size_t i = 0; i < p->n_rules; i++) {
		p->rules[i].access = at[i].access;
		if (at[i].access & ~LANDLOCK_FS_KNOWN)
			return bad(d, "Landlock right that is not known");
		r = get_path(d, at[i].path, &p->rules[i].path);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
get_rlimits(struct decoder *d, struct plan *p)
{
	const struct wire_rlimit *at =
		get_table(d, &d->w->rlimits, PLAN_RLIMITS_MAX, sizeof(*at));

	if (!at)
		return bad(d, "limit table out of bounds");
	for (size_t i = 0; i < p->n_rlimits; i++) {
		if (at[i].resource >= RLIM_NLIMITS || at[i].soft > at[i].hard)
			return bad(d, "resource limit out of range");
		p->rlimits[i] = (struct plan_rlimit){ at[i].resource,
						      at[i].soft, at[i].hard };
	}
	return 0;
}

static int
get_strings(struct decoder *d, const struct wire_table *t, size_t max,
	    const char **v)
{
	const uint32_t *at = get_table(d, t, max, sizeof(*at));
	int r;

	if (!at)
		return bad(d, "string table out of bounds");
	for (size_t i = 0; i < t->n; i++) {
		r = get_string(d, at[i], &v[i]);
		if (r < 0)
			return r;
		if (!v[i])
			return bad(d, "empty slot in a string table");
	}
	v[t->n] = NULL;
	return 0;
}

static int
check_header(struct decoder *d)
{
	const struct plan_wire *w = d->w;

	if (d->len < sizeof(*w) || d->len > PLAN_SIZE_MAX ||
	    w->magic != PLAN_MAGIC || w->version != PLAN_VERSION ||
	    w->size != d->len)
		return bad(d, "not a plan of this version");
	if (!get_table(d, &w->strings, PLAN_SIZE_MAX, 1) || !w->strings.n ||
	    d->data[w->strings.off + w->strings.n - 1])
		return bad(d, "string pool out of bounds");
	if (w->flags & ~PLAN_FLAGS_ALL ||
	    (w->layers | w->optional) & ~(LAYER_BIT(LAYER_MAX) - 1))
		return bad(d, "unknown flag");
	if (!(w->flags & PLAN_NETWORK) != !w->sockets ||
	    w->sockets > PLAN_SOCKETS_MAX ||
	    (w->flags & PLAN_NETWORK && !(w->flags & PLAN_LOOPBACK)))
		return bad(d, "sockets without a network, or too many");
	if (w->umask & ~0777u || w->oom_score_adj < -1000 ||
	    w->oom_score_adj > 1000)
		return bad(d, "umask or oom score out of range");
	if (w->fs.n > PLAN_FS_MAX || w->rules.n > PLAN_RULES_MAX ||
	    w->rlimits.n > PLAN_RLIMITS_MAX || w->args.n > PLAN_ARGS_MAX ||
	    w->env.n > PLAN_ENV_MAX || w->args.n < 1)
		return bad(d, "table too long");
	return 0;
}

/* One allocation: the struct, then its arrays, largest alignment first. */
static struct plan *
plan_alloc(const struct plan_wire *w)
{
	size_t fs = w->fs.n * sizeof(struct plan_fs);
	size_t rules = w->rules.n * sizeof(struct plan_rule);
	size_t rlimits = w->rlimits.n * sizeof(struct plan_rlimit);
	size_t args = (w->args.n + (size_t)1) * sizeof(char *);
	size_t env = (w->env.n + (size_t)1) * sizeof(char *);
	char *at = calloc(1, sizeof(struct plan) + fs + rules + rlimits + args +
				     env);
	struct plan *p = (struct plan *)(void *)at;

	if (!p)
		return NULL;
	at += sizeof(struct plan);
	p->fs = (struct plan_fs *)(void *)at;
	p->rules = (struct plan_rule *)(void *)(at += fs);
	p->rlimits = (struct plan_rlimit *)(void *)(at += rules);
	p->args = (const char **)(void *)(at += rlimits);
	p->env = (const char **)(void *)(at += args);
	p->n_fs = w->fs.n;
	p->n_rules = w->rules.n;
	p->n_rlimits = w->rlimits.n;
	p->n_args = w->args.n;
	p->n_env = w->env.n;
	return p;
}

static int
get_filter(struct decoder *d, struct plan *p)
{
	const struct sock_filter *at =
		get_table(d, &d->w->insns, SECCOMP_INSNS_MAX, sizeof(*at));

	if (!at)
		return bad(d, "filter out of bounds");
	p->n_insns = d->w->insns.n;
	/* Only handed to the kernel, which takes a pointer to non-const. */
	p->insns = (struct sock_filter *)(uintptr_t)at;
	if (p->n_insns && seccomp_check(at, p->n_insns) < 0)
		return bad(d, "filter that is not well formed");
	if (p->layers & LAYER_BIT(LAYER_SECCOMP) && !p->n_insns)
		return bad(d, "seccomp asked for, but no filter");
	return 0;
}

static int
get_scalars(struct decoder *d, struct plan *p)
{
	const struct plan_wire *w = d->w;
	int r;

	p->flags = w->flags;
	p->layers = w->layers;
	p->optional = w->optional;
	p->uid = w->uid;
	p->gid = w->gid;
	p->oom_score_adj = w->oom_score_adj;
	p->umask = w->umask;
	p->landlock_min = w->landlock_min;
	p->sockets = w->sockets;
	if ((r = get_string(d, w->hostname, &p->hostname)) < 0 ||
	    (r = get_path(d, w->workdir, &p->workdir)) < 0 ||
	    (r = get_string(d, w->canary, &p->canary)) < 0)
		return r;
	if (!p->hostname || strlen(p->hostname) > HOSTNAME_LEN)
		return bad(d, "host name missing or too long");
	if (p->canary && !str_is_clean_path(p->canary))
		return bad(d, "canary that is not a clean path");
	if (p->layers & LAYER_BIT(LAYER_LANDLOCK) && !p->canary)
		return bad(d, "Landlock asked for, but no canary");
	return 0;
}

int
plan_decode(const void *data, size_t len, struct plan **ret, struct err *e)
{
	struct decoder d = { .data = data, .len = len, .w = data, .e = e };
	struct plan *p;
	int r;

	if (len < sizeof(struct plan_wire) || (uintptr_t)data % 8)
		return bad(&d, "too short");
	r = check_header(&d);
	if (r < 0)
		return r;
	p = plan_alloc(d.w);
	if (!p)
		return err_sys(e, -ENOMEM, "plan");
	if ((r = get_scalars(&d, p)) < 0 || (r = get_fs(&d, p)) < 0 ||
	    (r = get_rules(&d, p)) < 0 || (r = get_rlimits(&d, p)) < 0 ||
	    (r = get_strings(&d, &d.w->args, PLAN_ARGS_MAX, p->args)) < 0 ||
	    (r = get_strings(&d, &d.w->env, PLAN_ENV_MAX, p->env)) < 0 ||
	    (r = get_filter(&d, p)) < 0) {
		plan_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void
plan_free(struct plan *p)
{
	free(p);
}
