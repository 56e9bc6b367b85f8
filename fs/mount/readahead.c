#include "readahead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "filesystem.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"

/* Blanks and backslashes of a path stand in the kernel's tables as \OOO. */
static void readahead_unescape(char *path)
{
    unsigned code;
    char *to = path;

    for (; *path; path++) {
        if (sscanf(path, "\\%3o", &code) == 1 && code <= 0xff) {
            *to++ = (char)code;
            path += 3;
        } else {
            *to++ = *path;
        }
    }
    *to = '\0';
}

/* Whether a line of mountinfo (proc(5)) is our mount's there, and its device number. */
static bool readahead_is_ours(const char *line, const char *mountpoint, unsigned *ret_major,
                              unsigned *ret_minor)
{
    _cleanup_free_ char *point = NULL;
    unsigned major, minor;

    if (sscanf(line, "%*d %*d %u:%u %*s %ms", &major, &minor, &point) != 3)
        return false;
    readahead_unescape(point);
    if (strcmp(point, mountpoint) != 0 || !strstr(line, " - fuse.litemount "))
        return false;
    *ret_major = major;
    *ret_minor = minor;
    return true;
}

/* What was mounted last at a place stands last. */
static int readahead_find_device(const char *mountpoint, unsigned *ret_major, unsigned *ret_minor)
{
    _cleanup_fclose_ FILE *table = fopen("/proc/self/mountinfo", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (table && getline(&line, &size, table) > 0)
        found |= readahead_is_ours(line, mountpoint, ret_major, ret_minor);
    return found ? 0 : -ENOENT;
}

/* Linux, Documentation/ABI/testing/sysfs-class-bdi. */
static int readahead_write_setting(unsigned major, unsigned minor, unsigned kibibytes)
{
    char path[64], text[16];

    snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", major, minor);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    int length = snprintf(text, sizeof text, "%u\n", kibibytes);
    return fd < 0 || write(fd, text, (size_t)length) < 0 ? -errno : 0;
}

void readahead_widen(const char *mountpoint)
{
    unsigned major, minor;
    int r = readahead_find_device(mountpoint, &major, &minor);

    if (r == 0)
        r = readahead_write_setting(major, minor, FILESYSTEM_MAX_READ >> 10);
    if (r < 0)
        log_debug("the kernel reads ahead no further than it does by itself: %s", strerror(-r));
}
