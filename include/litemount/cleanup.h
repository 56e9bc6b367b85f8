/* Cleanup attributes, so that an error path is one `return`.
 *
 * `_cleanup_(f)` runs f(&variable) when the variable goes out of scope; `steal_pointer` hands ownership over,
 * and `steal_fd` does the same for a file descriptor. Knows nothing of the rest of the program. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

static inline void free_pointer(void *pointer)
{
    free(*(void **)pointer);
}

static inline void close_descriptor(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void close_stream(FILE **stream)
{
    if (*stream)
        fclose(*stream);
}

#define _cleanup_free_ _cleanup_(free_pointer)
#define _cleanup_close_ _cleanup_(close_descriptor)
#define _cleanup_fclose_ _cleanup_(close_stream)

#define steal_pointer(pointer)                                                                               \
    ({                                                                                                       \
        __typeof__(pointer) stolen_ = (pointer);                                                             \
        (pointer) = NULL;                                                                                    \
        stolen_;                                                                                             \
    })

static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}
