#pragma once
/* What addr.c and addr_own.c share. */
#include "net/addr.h"

#define ADDR_INSIDE_MAX 4

/* The IPv4 addresses inside an IPv6 one, at most ADDR_INSIDE_MAX. */
size_t addr_inside(const uint8_t *addr, size_t len, uint8_t ret[][4]);
/* Are the first bits the same? */
bool addr_in_prefix(const uint8_t *addr, const uint8_t *prefix,
		    unsigned int bits);
