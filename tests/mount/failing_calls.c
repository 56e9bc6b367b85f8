/* For LD_PRELOAD: calls that fail as they do where memory is short. Environment: FAIL_READS=N, each but the
 * Nth read of a FUSE request; FAIL_CUSTOM_IO, what libfuse is to read and write by. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define FUSE_REQUEST_SIZE (1 << 20) /* bytes: nothing else is read in such pieces */

ssize_t read(int fd, void *bytes, size_t size)
{
    static ssize_t (*real)(int fd, void *bytes, size_t size);
    static atomic_uint reads;
    const char *every = getenv("FAIL_READS");

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "read");
    if (every && size >= FUSE_REQUEST_SIZE && atomic_fetch_add(&reads, 1) % (unsigned)atoi(every) != 0) {
        errno = EAGAIN;
        return -1;
    }
    return real(fd, bytes, size);
}

struct fuse_session;
struct fuse_custom_io;

int fuse_session_custom_io(struct fuse_session *session, const struct fuse_custom_io *io, int fd);

int fuse_session_custom_io(struct fuse_session *session, const struct fuse_custom_io *io, int fd)
{
    int (*real)(struct fuse_session * session, const struct fuse_custom_io *io, int fd);

    *(void **)&real = dlsym(RTLD_NEXT, "fuse_session_custom_io");
    return getenv("FAIL_CUSTOM_IO") ? -ENOMEM : real(session, io, fd);
}
