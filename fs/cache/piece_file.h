/* The file that holds one image's pieces (how: layout.h), read and written.
 *
 * No lock is held while it is. A piece is handed out only after its checksum held. Two that write the same
 * piece write the same bytes, so they need not know of each other. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

struct digest;

#define IMAGE_END_UNKNOWN UINT64_MAX

struct piece_file {
    int fd;
    struct layout layout;
    unsigned references;     /* guarded by the cache's lock */
    _Atomic int64_t touched; /* monotonic seconds: when its use was last noted on disk */

    pthread_mutex_t lock; /* guards what follows */
    unsigned writers;     /* while there are any, the file is flocked against removal */
    uint64_t end;         /* the image's size in bytes, once its last piece was verified */
};

/* Opens the image's file below `folder`, to write as well if that can be, and makes it if `create` says so.
 * Returns 0, -ENOENT if it isn't there, or another negative errno. Has one reference. */
int piece_file_open(int folder, const struct digest *digest, size_t piece, bool create,
                    struct piece_file **ret_file);
void piece_file_close(struct piece_file *file); /* NULL is fine */

/* Whether another process, or this one, has removed the file. */
bool piece_file_removed(const struct piece_file *file);

/* Says that the file has been of use now, for those who look which to remove first. */
void piece_file_touch(const struct piece_file *file);

/* Reads the bytes from `offset` on, up to the first piece that isn't there; what lies behind it in `bytes` is
 * undefined. Returns how many bytes. `ret_end` is set to the image's size, if it is known here. */
size_t piece_file_read(struct piece_file *file, uint64_t offset, size_t length, uint8_t *bytes,
                       uint64_t *ret_end);

/* Reads one piece whole; `bytes` has room for it. Returns 0, or -ENOENT if it isn't there. */
int piece_file_load(struct piece_file *file, uint64_t index, uint8_t *bytes, size_t *ret_length,
                    bool *ret_last);

/* The first piece from `first` on that seems to be there, or not `there`, by its entry alone; `limit` if none
 * below it is so. */
uint64_t piece_file_next(const struct piece_file *file, uint64_t first, uint64_t limit, bool there);

/* Writes whole pieces, of which the last may be short if `last` says that the image ends there. Returns 0;
 * -ESTALE if the file has been removed or is about to be; or another negative errno. `ret_occupied` is set to
 * the bytes of the disk that it took once anything may have been written, whatever is returned. */
int piece_file_write(struct piece_file *file, uint64_t offset, const uint8_t *bytes, size_t length, bool last,
                     uint64_t *ret_occupied);
