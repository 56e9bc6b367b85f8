/* Whole reads and writes at a place of a file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reads as many of `length` bytes as are there. */
size_t read_at(int fd, void *bytes, size_t length, uint64_t place);

/* Writes all of them. Returns 0, or a negative errno: a part may be written then. */
int write_at(int fd, const void *bytes, size_t length, uint64_t place);
