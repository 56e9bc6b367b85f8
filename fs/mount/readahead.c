#include "readahead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "filesystem.h"
#include "litemount/cleanup.h"
#include "litemount/log.h"

/* The device number of what is mounted there: a disk's own settings are nobody's to change, so the mount must
 * not be gone already. */
static int find_device(const char *mountpoint, dev_t *ret_device)
{
    _cleanup_close_ int fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statfs filesystem;
    struct stat root;

    if (fd < 0 || fstat(fd, &root) < 0 || fstatfs(fd, &filesystem) < 0)
        return -errno;
    if (filesystem.f_type != FUSE_SUPER_MAGIC || root.st_ino != FUSE_ROOT_ID)
        return -ENOENT;
    *ret_device = root.st_dev;
    return 0;
}

/* Linux, Documentation/ABI/testing/sysfs-class-bdi. */
static int write_setting(dev_t device, unsigned kibibytes)
{
    char path[64], text[16];
    snprintf(path, sizeof path, "/sys/class/bdi/%u:%u/read_ahead_kb", major(device), minor(device));
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    int length = snprintf(text, sizeof text, "%u\n", kibibytes);
    return fd < 0 || write(fd, text, (size_t)length) < 0 ? -errno : 0;
}

void readahead_widen(const char *mountpoint)
{
    dev_t device;
    int r = find_device(mountpoint, &device);
    if (r == 0)
        r = write_setting(device, FILESYSTEM_MAX_READ >> 10);
    if (r < 0)
        log_debug("the kernel reads ahead no further than it does by itself: %s", strerror(-r));
}
