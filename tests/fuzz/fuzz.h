#pragma once
/* The one function of a fuzz target; its name is libFuzzer's. Returns 0. */
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
