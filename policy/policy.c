/* What can be asked of an opened policy, beside decisions. */
#include "policy/policy-internal.h"

#include <string.h>

const char *
policy_name(const struct policy *p)
{
	return flat_str(p, p->h->name);
}

const uint8_t *
policy_hash(const struct policy *p)
{
	return p->h->hash;
}

void
policy_hash_text(const struct policy *p, char buf[2 * POLICY_HASH_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < POLICY_HASH_LEN; i++) {
		buf[2 * i] = hex[p->h->hash[i] >> 4];
		buf[2 * i + 1] = hex[p->h->hash[i] & 15];
	}
	buf[2 * POLICY_HASH_LEN] = '\0';
}

const void *
policy_bytes(const struct policy *p, size_t *ret_len)
{
	*ret_len = p->h->size;
	return p->base;
}

size_t
policy_levels(const struct policy *p)
{
	return p->h->levels.n;
}

size_t
policy_rules(const struct policy *p)
{
	return p->h->rules.n;
}

void
policy_rule(const struct policy *p, size_t i, struct policy_rule_view *ret)
{
	const struct flat_rule *r = flat_rules(p) + i;

	*ret = (struct policy_rule_view){
		.id = flat_str(p, r->id),
		.because = flat_str(p, r->because),
		.file = flat_str(p, r->file),
		.line = r->line,
		.effect = (enum effect)r->effect,
		.surface = (enum surface)r->surface,
		.level = r->level,
		.level_name = flat_str(p, flat_levels(p)[r->level].name),
		.mode = (enum policy_mode)r->mode,
	};
}

int
policy_label(const struct policy *p, const char *name, size_t len)
{
	const struct flat_text *t = FLAT(p, labels, struct flat_text);

	for (uint32_t i = 0; i < p->h->labels.n; i++)
		if (t[i].len == len &&
		    memcmp(flat_str(p, t[i].off), name, len) == 0)
			return (int)i;
	return -ENOENT;
}

const char *
policy_label_name(const struct policy *p, unsigned int bit)
{
	const struct flat_text *t = FLAT(p, labels, struct flat_text);

	return bit < p->h->labels.n ? flat_str(p, t[bit].off) : "?";
}

uint64_t
policy_labels_start(const struct policy *p)
{
	return p->h->labels_start;
}

bool
policy_has_surface(const struct policy *p, enum surface s)
{
	return s < SURFACE_MAX && p->h->all[s].n > 0;
}

bool
policy_observes(const struct policy *p)
{
	for (uint32_t i = 0; i < p->h->levels.n; i++)
		if (flat_levels(p)[i].mode == MODE_OBSERVE)
			return true;
	for (uint32_t i = 0; i < p->h->rules.n; i++)
		if (flat_rules(p)[i].mode == MODE_OBSERVE)
			return true;
	return false;
}

bool
policy_rule_is_hosts(const struct policy *p, size_t i)
{
	return flat_levels(p)[flat_rules(p)[i].level].kind == LEVEL_HOST;
}

bool
policy_rule_tls_pass(const struct policy *p, size_t i)
{
	return flat_rules(p)[i].tls_pass != 0;
}
