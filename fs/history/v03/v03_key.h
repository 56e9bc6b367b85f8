/* The names of v0.3 objects. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* v03_key.c */
bool v03_is_generation(const char *name);
bool v03_parse_snapshot(const char *name, uint32_t *ret_index);
bool v03_parse_segment(const char *name, uint32_t *ret_index, uint64_t *ret_offset);
bool v03_is_key(const char *key); /* of a snapshot or a segment, below a backup's root */
