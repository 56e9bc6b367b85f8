/* The names of v0.3 objects and positions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "v03/wal/versions.h"

/* v03_key.c */
bool v03_is_generation(const char *name);
bool v03_parse_snapshot(const char *name, uint32_t *ret_index);
bool v03_parse_segment(const char *name, uint32_t *ret_index, uint64_t *ret_offset);
bool v03_is_key(const char *key); /* of a snapshot or a segment, below a backup's root */

#define V03_POSITION_SIZE 26 /* bytes of a position's text, with the NUL */

/* INDEX/OFFSET: where the commit frame at `at` ends in its WAL; frame 0: at its beginning. */
void v03_format_position(struct wal_position at, uint32_t page_size, char text[static V03_POSITION_SIZE]);

/* A part of a position, all hex digits up to `length`: at least eight. */
bool v03_parse_hex(const char *text, size_t length, uint64_t *ret_value);
