/* Names of layers and of their states: one table, made from layers.h. */
#include "sandbox/layers.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name, *text;
} names[LAYER_MAX] = {
#define LAYER(id, n, t) [LAYER_##id] = { n, t },
	LAYERS(LAYER)
#undef LAYER
};

const char *
layer_name(enum layer l)
{
	return l < LAYER_MAX ? names[l].name : "?";
}

const char *
layer_text(enum layer l)
{
	return l < LAYER_MAX ? names[l].text : "?";
}

const char *
layer_state_name(enum layer_state s)
{
	static const char *const state[] = {
		[LAYER_OFF] = "off",
		[LAYER_HELD] = "held",
		[LAYER_DEGRADED] = "degraded",
		[LAYER_ABSENT] = "absent",
	};

	return s <= LAYER_ABSENT ? state[s] : "?";
}

int
layer_from_name(const char *name)
{
	for (int i = 0; i < LAYER_MAX; i++)
		if (!strcmp(names[i].name, name))
			return i;
	return -EINVAL;
}
