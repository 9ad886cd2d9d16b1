#pragma once
/* Base64 of RFC 4648, section 4, with padding, without line ends. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

void base64_write(FILE *f, const uint8_t *p, size_t n);
