#include "device.h"

#include <linux/fuse.h>
#include <sys/uio.h>
#include <unistd.h>

#include "filesystem.h"
#include "readahead.h"

/* The answer to INIT is the first that is written after filesystem_init: the kernel asks nothing else before
 * it has that. A message begins with its header; what follows is the answer itself. */
static ssize_t device_write(int fd, struct iovec *parts, int count, void *userdata)
{
    struct filesystem *filesystem = userdata;

    if (!atomic_load(&filesystem->answers_init) || !atomic_exchange(&filesystem->answers_init, false))
        return writev(fd, parts, count);
    if (count == 2 && parts[1].iov_len >= offsetof(struct fuse_init_out, max_background)) {
        struct fuse_init_out *answer = parts[1].iov_base;
        answer->flags |= FUSE_PARALLEL_DIROPS;
    }
    ssize_t written = writev(fd, parts, count);
    readahead_widen(filesystem->mountpoint);
    return written;
}

static ssize_t device_read(int fd, void *bytes, size_t size, void *userdata)
{
    return read(fd, bytes, size);
}

int device_take_over(struct fuse_session *session)
{
    static const struct fuse_custom_io io = {.writev = device_write, .read = device_read};
    return fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
