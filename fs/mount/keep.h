/* How long the kernel may keep what a name in a folder is, or that there is no such name. Pure. */
#pragma once

#include "place.h"

enum keep {
    KEEP_MOMENT,  /* it moves with the clock, or with what Litestream writes: latest, 30m-ago, a name to come
                   */
    KEEP_REFRESH, /* a past that only retention changes: as long as a listing counts as current */
    KEEP_ALWAYS,  /* the tree's own folders, and names that can never be */
};

/* `entry` is what tree_lookup gave; NULL: there is no such name. */
enum keep keep_name(const struct place *place, const char *name, const struct tree_entry *entry);
