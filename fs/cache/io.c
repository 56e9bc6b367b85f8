#include "io.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

size_t read_at(int fd, void *bytes, size_t length, uint64_t place)
{
    size_t done = 0;
    while (done < length) {
        ssize_t n = pread(fd, (uint8_t *)bytes + done, length - done, (off_t)(place + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

/* Beyond the limit to a file's size a write is not only refused: SIGXFSZ kills the process. */
static bool io_too_large(uint64_t size)
{
    struct rlimit limit;
    return size > INT64_MAX || (getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur);
}

int write_at(int fd, const void *bytes, size_t length, uint64_t place)
{
    size_t done = 0;
    uint64_t end;

    if (__builtin_add_overflow(place, length, &end) || io_too_large(end))
        return -EFBIG;
    while (done < length) {
        ssize_t n = pwrite(fd, (const uint8_t *)bytes + done, length - done, (off_t)(place + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            done += (size_t)n;
    }
    return 0;
}
