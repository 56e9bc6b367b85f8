/* Runs a fuzz target over every file of the folders that are named: what a fuzzer once found, or a person
 * thought of, is tried again in every build, with any compiler. A folder that does not exist holds no files.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "litemount/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void close_folder(DIR **folder)
{
    if (*folder)
        closedir(*folder);
}

/* Returns 0, or a negative errno if the file cannot be read. A fault of the target ends the program. */
static int replay_file(int folder, const char *name)
{
    _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0)
        return -errno;

    _cleanup_free_ uint8_t *bytes = malloc(info.st_size ? (size_t)info.st_size : 1);
    if (!bytes)
        return -ENOMEM;
    ssize_t length = read(fd, bytes, (size_t)info.st_size);
    if (length < 0)
        return -errno;

    printf("%s\n", name);
    fflush(stdout);
    LLVMFuzzerTestOneInput(bytes, (size_t)length);
    return 0;
}

static int replay_folder(const char *path, unsigned *files)
{
    _cleanup_(close_folder) DIR *folder = opendir(path);
    if (!folder)
        return errno == ENOENT ? 0 : -errno;

    const struct dirent *entry;
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        int r = replay_file(dirfd(folder), entry->d_name);
        if (r < 0)
            return r;
        ++*files;
    }
    return 0;
}

int main(int count, char **arguments)
{
    unsigned files = 0;
    for (int i = 1; i < count; i++) {
        int r = replay_folder(arguments[i], &files);
        if (r < 0) {
            fprintf(stderr, "%s: %s\n", arguments[i], strerror(-r));
            return 1;
        }
    }
    printf("%u passed, %u failed\n", files, files ? 0 : 1);
    return files ? 0 : 1;
}
