/* What lies in the cache's folder right now, over all processes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "folder.h"

struct stored_file {
    char name[FOLDER_NAME_SIZE]; /* below v1 */
    int64_t used;                /* its mtime, which every use refreshes: nanoseconds since 1970 */
    uint64_t bytes;              /* occupied on disk */
};

/* Owns `files`. Zero-initialise, finish with inventory_finish. */
struct inventory {
    struct stored_file *files;
    size_t n_files, files_capacity;
    uint64_t bytes; /* occupied by all of them and by the folders */
};

void inventory_finish(struct inventory *inventory);

/* Looks through `folder` (v1). Files that come or go meanwhile may or may not be in it. 0, -ENOMEM or -EIO.
 */
int inventory_take(int folder, struct inventory *inventory);
