/* A state's number, which a listing shows before anything is read. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct known_state;
struct segment;
struct snapshot;
struct v03_generation;
struct v03_listing;

/* The state_inode of the state that ends with segment `last`, or with its commit at `frame` (0:
 * the segment's last one), or (NULL) that is the snapshot alone. */
uint64_t v03_inode(const struct snapshot *snapshot, const struct segment *last, uint32_t frame);

/* As known_at of generation_ops. */
void v03_known_at(struct v03_generation *generation, const struct v03_listing *listing, const int64_t *times,
                  size_t n, struct known_state *ret_states);
