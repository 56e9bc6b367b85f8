#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "inventory.h"

#include "litemount/cleanup.h"
#include "litemount/task.h"

#define _cleanup_inventory_ _cleanup_(inventory_finish)

/* Locks the file: exclusively if no other process has the folder open, else shared, once none counts. */
static int lock_usage(int fd, struct task *task, bool *ret_alone)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

    for (;;) {
        *ret_alone = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (*ret_alone || flock(fd, LOCK_SH | LOCK_NB) == 0)
            return 0;
        if (errno != EWOULDBLOCK && errno != EINTR)
            return -errno;
        if (task_cancelled(task))
            return -ECANCELED;
        nanosleep(&pause, NULL);
    }
}

/* Removes what a crash left half written, and counts the rest. The bytes are written, not just mapped: a page
 * that the disk has no room for would be a SIGBUS later. */
static int count_folder(int fd, int folder)
{
    _cleanup_inventory_ struct inventory inventory = {0};
    struct usage_counts counts = {0};
    int r = inventory_take(folder, &inventory);

    if (r < 0)
        return r;
    for (size_t i = 0; i < inventory.n_files; i++)
        if (strstr(inventory.files[i].name, ".tmp") && unlinkat(folder, inventory.files[i].name, 0) == 0)
            inventory.bytes -= inventory.files[i].bytes;
    atomic_init(&counts.bytes, inventory.bytes);
    return pwrite(fd, &counts, sizeof counts, 0) == (ssize_t)sizeof counts ? 0 : -ENOSPC;
}

static int map_counts(int fd, struct usage_counts **ret_counts)
{
    struct stat info;
    void *counts;

    if (fstat(fd, &info) < 0 || info.st_size < (off_t)sizeof(struct usage_counts))
        return -EIO;
    counts = mmap(NULL, sizeof(struct usage_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (counts == MAP_FAILED)
        return -errno;
    *ret_counts = counts;
    return 0;
}

int usage_open(struct usage *usage, int folder, uint64_t limit, struct task *task)
{
    _cleanup_close_ int fd = openat(folder, "usage", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool alone;
    int r;

    *usage = (struct usage){.fd = -1, .room = limit - limit / 64};
    atomic_init(&usage->clearing, false);
    if (fd < 0)
        return 0;
    r = lock_usage(fd, task, &alone);
    if (r == 0 && alone) {
        r = count_folder(fd, folder);
        /* Between the two locks another process may count as well: nobody writes before it is done. */
        while (r == 0 && flock(fd, LOCK_SH) < 0)
            r = errno == EINTR ? 0 : -errno;
    }
    if (r == 0)
        r = map_counts(fd, &usage->counts);
    if (r == 0)
        usage->fd = steal_fd(&fd);
    return r == -ECANCELED || r == -ENOMEM ? r : 0;
}

void usage_finish(struct usage *usage)
{
    if (usage->fd < 0)
        return;
    munmap(usage->counts, sizeof *usage->counts);
    close(usage->fd);
}

bool usage_writable(const struct usage *usage)
{
    return usage->fd >= 0;
}

uint64_t usage_bytes(const struct usage *usage)
{
    return usage->fd < 0 ? 0 : atomic_load(&usage->counts->bytes);
}

/* `writing` goes up before `bytes` does: see usage_before_inventory. */
int usage_reserve(struct usage *usage, uint64_t bytes)
{
    uint64_t now, then;

    if (usage->fd < 0)
        return -ENOSPC;
    atomic_fetch_add(&usage->counts->writing, bytes);
    now = atomic_load(&usage->counts->bytes);
    do {
        if (__builtin_add_overflow(now, bytes, &then) || then > usage->room) {
            atomic_fetch_sub(&usage->counts->writing, bytes);
            return -ENOSPC;
        }
    } while (!atomic_compare_exchange_weak(&usage->counts->bytes, &now, then));
    return 0;
}

void usage_written(struct usage *usage, uint64_t reserved, uint64_t actual)
{
    if (actual < reserved)
        usage_removed(usage, reserved - actual);
    atomic_fetch_sub(&usage->counts->writing, reserved);
}

void usage_removed(struct usage *usage, uint64_t bytes)
{
    uint64_t now;

    if (usage->fd < 0)
        return;
    now = atomic_load(&usage->counts->bytes);
    while (!atomic_compare_exchange_weak(&usage->counts->bytes, &now, now > bytes ? now - bytes : 0))
        ;
}

/* The threads of a process share one description, and so its lock: hence the flag beside it. */
bool usage_clear_begin(struct usage *usage)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (usage->fd < 0 || atomic_exchange(&usage->clearing, true))
        return false;
    if (fcntl(usage->fd, F_OFD_SETLK, &lock) == 0)
        return true;
    atomic_store(&usage->clearing, false);
    return false;
}

void usage_clear_end(struct usage *usage)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

    (void)fcntl(usage->fd, F_OFD_SETLK, &lock);
    atomic_store(&usage->clearing, false);
}

/* What the look will find at least: all that is counted but for what is being written. `bytes` has to stand
 * still while `writing` is read, or a write that ends in between would be taken off twice. A reservation made
 * meanwhile can only make the result too small, and so the count after it too large. */
uint64_t usage_before_inventory(const struct usage *usage)
{
    uint64_t bytes, writing;

    do {
        bytes = atomic_load(&usage->counts->bytes);
        writing = atomic_load(&usage->counts->writing);
    } while (bytes != atomic_load(&usage->counts->bytes));
    return bytes > writing ? bytes - writing : 0;
}

void usage_correct(struct usage *usage, uint64_t before, uint64_t found)
{
    if (found < before)
        usage_removed(usage, before - found);
    else
        atomic_fetch_add(&usage->counts->bytes, found - before);
}
