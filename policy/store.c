/*
 * The store of epochs: a short list, the newest first. What always holds: the
 * first of the list is in force; every other one has somebody who holds it.
 */
#include "policy/store.h"

#include <stdio.h>
#include <stdlib.h>

struct epoch {
	struct policy_epoch e; /* first: what is given out */
	struct policy *policy;
	size_t refs;
	struct epoch *next;
};

struct policy_store {
	struct epoch *first;
	size_t n;
	char failure[ERR_TEXT_MAX];
};

static int
push(struct policy_store *s, struct policy *p)
{
	struct epoch *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return -ENOMEM;
	ep->policy = p;
	ep->e.policy = p;
	ep->e.number = s->first ? s->first->e.number + 1 : 1;
	ep->next = s->first;
	s->first = ep;
	s->n++;
	return 0;
}

static void
epoch_free(struct epoch *ep)
{
	policy_free(ep->policy);
	free(ep);
}

/* Removes old epochs that nobody holds. */
static void
collect(struct policy_store *s)
{
	struct epoch **at = &s->first->next;

	while (*at) {
		struct epoch *ep = *at;

		if (ep->refs) {
			at = &ep->next;
			continue;
		}
		*at = ep->next;
		s->n--;
		epoch_free(ep);
	}
}

int
policy_store_new(struct policy *first, struct policy_store **ret)
{
	struct policy_store *s = calloc(1, sizeof(*s));
	int r = s ? push(s, first) : -ENOMEM;

	if (r < 0) {
		free(s);
		policy_free(first);
		return r;
	}
	*ret = s;
	return 0;
}

void
policy_store_free(struct policy_store *s)
{
	if (!s)
		return;
	while (s->first) {
		struct epoch *ep = s->first;

		s->first = ep->next;
		epoch_free(ep);
	}
	free(s);
}

const struct policy_epoch *
policy_store_get(struct policy_store *s)
{
	s->first->refs++;
	return &s->first->e;
}

void
policy_store_put(struct policy_store *s, const struct policy_epoch *held)
{
	for (struct epoch *ep = s->first; ep; ep = ep->next)
		if (&ep->e == held && ep->refs)
			ep->refs--;
	collect(s);
}

const struct policy_epoch *
policy_store_now(const struct policy_store *s)
{
	return &s->first->e;
}

int
policy_store_swap(struct policy_store *s, struct policy *next)
{
	int r = s->n >= POLICY_EPOCHS_MAX && s->first->refs ? -EBUSY
							    : push(s, next);

	if (r < 0) {
		policy_free(next);
		return r;
	}
	collect(s);
	return 0;
}

int
policy_store_load(struct policy_store *s,
		  int (*load)(void *arg, struct policy **ret, struct err *e),
		  void *arg, struct err *e)
{
	struct policy *next = NULL;
	struct err why = ERR_INIT;
	int r = load(arg, &next, &why);

	if (r >= 0) {
		r = policy_store_swap(s, next);
		if (r < 0)
			err_sys(&why, r, "the new policy");
	}
	if (r >= 0) {
		s->failure[0] = '\0';
		return 0;
	}
	snprintf(s->failure, sizeof(s->failure), "%s", why.text);
	if (e)
		*e = why;
	(void)err_wrap(e, "epoch %llu stays",
		       (unsigned long long)s->first->e.number);
	return r;
}

const char *
policy_store_failure(const struct policy_store *s)
{
	return s->failure;
}

size_t
policy_store_epochs(const struct policy_store *s)
{
	return s->n;
}
