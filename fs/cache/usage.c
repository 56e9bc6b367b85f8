#include "usage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "inventory.h"
#include "io.h"

#include "litemount/cleanup.h"
#include "litemount/task.h"

#define _cleanup_inventory_ _cleanup_(inventory_finish)

#define LOCK_TRIES 500 /* of a tenth of a millisecond each */

/* Locks the file: exclusively if no other process has the folder open, else shared, once none counts. */
static int usage_lock(int fd, struct task *task, bool *ret_alone)
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

static int usage_write_counts(int fd, const struct usage_counts *counts)
{
    return write_at(fd, counts, sizeof *counts, 0);
}

/* Removes what a crash left half written, and counts the rest. */
static int usage_count_folder(int fd, int folder)
{
    _cleanup_inventory_ struct inventory inventory = {0};
    int r = inventory_take(folder, &inventory);

    if (r < 0)
        return r;
    for (size_t i = 0; i < inventory.n_files; i++)
        if (strstr(inventory.files[i].name, ".tmp") && unlinkat(folder, inventory.files[i].name, 0) == 0)
            inventory.bytes -= inventory.files[i].bytes;
    const struct usage_counts counts = {.bytes = inventory.bytes};
    return usage_write_counts(fd, &counts);
}

/* Waits for no other process longer than a moment: it may have been stopped. */
static bool usage_lock_counts(struct usage *usage)
{
    const struct timespec pause = {.tv_nsec = 100 * 1000};

    pthread_mutex_lock(&usage->lock);
    for (int tries = 0; tries < LOCK_TRIES; tries++) {
        if (flock(usage->lock_file, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&pause, NULL);
    }
    pthread_mutex_unlock(&usage->lock);
    return false;
}

static void usage_unlock_counts(struct usage *usage)
{
    (void)flock(usage->lock_file, LOCK_UN);
    pthread_mutex_unlock(&usage->lock);
}

/* Returns whether there are any; else all of the room counts as occupied. */
static bool usage_read_counts_locked(const struct usage *usage, struct usage_counts *ret_counts)
{
    if (read_at(usage->fd, ret_counts, sizeof *ret_counts, 0) == sizeof *ret_counts)
        return true;
    *ret_counts = (struct usage_counts){.bytes = usage->room};
    return false;
}

static int usage_open_file(int folder, const char *name)
{
    return openat(folder, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int usage_open(struct usage *usage, int folder, uint64_t limit, struct task *task)
{
    _cleanup_close_ int fd = usage_open_file(folder, "usage"),
                        lock_file = usage_open_file(folder, "usage-lock");
    bool alone;
    int r;

    *usage = (struct usage){.fd = -1, .lock_file = -1, .room = limit - limit / 64};
    atomic_init(&usage->clearing, false);
    pthread_mutex_init(&usage->lock, NULL);
    if (fd < 0 || lock_file < 0)
        return 0;
    r = usage_lock(fd, task, &alone);
    if (r == 0 && alone) {
        r = usage_count_folder(fd, folder);
        /* Between the two locks another process may count as well: nobody writes before it is done. */
        while (r == 0 && flock(fd, LOCK_SH) < 0)
            r = errno == EINTR ? 0 : -errno;
    }
    if (r == 0) {
        usage->fd = steal_fd(&fd);
        usage->lock_file = steal_fd(&lock_file);
    }
    return r == -ECANCELED || r == -ENOMEM ? r : 0;
}

void usage_finish(struct usage *usage)
{
    pthread_mutex_destroy(&usage->lock);
    if (usage->fd < 0)
        return;
    close(usage->lock_file);
    close(usage->fd);
}

bool usage_writable(const struct usage *usage)
{
    return usage->fd >= 0;
}

uint64_t usage_bytes(struct usage *usage)
{
    struct usage_counts counts = {.bytes = usage->room};

    if (usage->fd < 0)
        return 0;
    if (usage_lock_counts(usage)) {
        usage_read_counts_locked(usage, &counts);
        usage_unlock_counts(usage);
    }
    return counts.bytes;
}

int usage_reserve(struct usage *usage, uint64_t bytes)
{
    struct usage_counts counts;
    uint64_t then;
    int r = -ENOSPC;

    if (usage->fd < 0 || !usage_lock_counts(usage))
        return r;
    if (usage_read_counts_locked(usage, &counts) && !__builtin_add_overflow(counts.bytes, bytes, &then) &&
        then <= usage->room) {
        counts = (struct usage_counts){then, counts.writing + bytes};
        r = usage_write_counts(usage->fd, &counts) < 0 ? -ENOSPC : 0;
    }
    usage_unlock_counts(usage);
    return r;
}

/* What can't be counted down is found out by the next look at the folder. */
static void usage_count_down(struct usage *usage, uint64_t bytes, uint64_t writing)
{
    struct usage_counts counts;

    if (usage->fd < 0 || !usage_lock_counts(usage))
        return;
    if (usage_read_counts_locked(usage, &counts)) {
        counts.bytes -= counts.bytes < bytes ? counts.bytes : bytes;
        counts.writing -= counts.writing < writing ? counts.writing : writing;
        (void)usage_write_counts(usage->fd, &counts);
    }
    usage_unlock_counts(usage);
}

void usage_written(struct usage *usage, uint64_t reserved, uint64_t actual)
{
    usage_count_down(usage, actual < reserved ? reserved - actual : 0, reserved);
}

void usage_removed(struct usage *usage, uint64_t bytes)
{
    usage_count_down(usage, bytes, 0);
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

/* What the look will find at least: all that is counted but for what is being written. A reservation made
 * meanwhile can only make the count after it too large. */
bool usage_before_inventory(struct usage *usage, uint64_t *ret_before)
{
    struct usage_counts counts;

    if (!usage_lock_counts(usage))
        return false;
    usage_read_counts_locked(usage, &counts);
    usage_unlock_counts(usage);
    *ret_before = counts.bytes > counts.writing ? counts.bytes - counts.writing : 0;
    return true;
}

void usage_correct(struct usage *usage, uint64_t before, uint64_t found)
{
    struct usage_counts counts;

    if (!usage_lock_counts(usage))
        return;
    usage_read_counts_locked(usage, &counts);
    if (found >= before)
        counts.bytes += found - before;
    else
        counts.bytes -= counts.bytes < before - found ? counts.bytes : before - found;
    (void)usage_write_counts(usage->fd, &counts);
    usage_unlock_counts(usage);
}
