/* FNV-1a, 64 bits: stable numbers for names (inode numbers, identities). Not for anything that an enemy may
 * choose to collide. Source: http://www.isthe.com/chongo/tech/comp/fnv/ */
#pragma once

#include <stdint.h>

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* The hash of `text` and its NUL, continuing from `hash`: so that "a", "bc" and "ab", "c" differ. */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    while (*text++);
    return hash;
}
