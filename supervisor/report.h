#pragma once
/* Requested against enforced: one way to print it and to send it. */
#include "sandbox/layers.h"

#include <jansson.h>
#include <stdio.h>

/* An aligned table, one line per layer; LAYER_OFF rows only if all. */
void report_layers(FILE *f, const struct layer_table *t, bool all);

/* [{"layer":"pid","state":"held","optional":false,"requested":"...",
 * "enforced":"..."}, ...]; NULL when out of memory. */
json_t *report_layers_json(const struct layer_table *t);
/* The way back; unknown layers are skipped. 0 or -EPROTO. */
int report_layers_parse(const json_t *j, struct layer_table *ret);

/* "3s", "4m12s", "2h03m", "5d01h": for tables. Returns buf. */
const char *report_duration(uint64_t usec, char *buf, size_t size);
