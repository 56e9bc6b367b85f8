#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"

int digest_of(const char *identity, struct digest *ret_digest)
{
    struct digest digest;
    if (!EVP_Digest(identity, strlen(identity), digest.bytes, NULL, EVP_sha256(), NULL))
        return -ENOMEM;
    *ret_digest = digest;
    return 0;
}

uint64_t digest_number(const struct digest *digest)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | digest->bytes[i];
    return number;
}

void folder_name(const struct digest *digest, const char *extension, char name[static FOLDER_NAME_SIZE])
{
    char hash[2 * sizeof digest->bytes + 1];
    for (size_t i = 0; i < sizeof digest->bytes; i++)
        snprintf(hash + 2 * i, 3, "%02x", digest->bytes[i]);
    snprintf(name, FOLDER_NAME_SIZE, "%.2s/%s.%.48s", hash, hash, extension);
}

/* The home folder: a mount at boot has no $HOME. */
static int folder_find_home(char **ret_home)
{
    const char *home = getenv("HOME");
    struct passwd entry, *found = NULL;
    char text[4096];

    if (!home || home[0] != '/') {
        getpwuid_r(geteuid(), &entry, text, sizeof text, &found);
        home = found ? found->pw_dir : NULL;
    }
    if (!home || home[0] != '/')
        return -ENOENT;
    *ret_home = strdup(home);
    return *ret_home ? 0 : -ENOMEM;
}

/* Source: XDG Base Directory Specification, where a relative $XDG_CACHE_HOME is to be ignored. */
static int folder_default_path(struct task *task, char **ret_path)
{
    const char *base = getenv("XDG_CACHE_HOME");
    _cleanup_free_ char *home = NULL;
    int r;

    if (base && base[0] == '/')
        return asprintf(ret_path, "%s/litemount", base) < 0 ? -ENOMEM : 0;
    r = folder_find_home(&home);
    if (r < 0)
        return task_fail(task, -r, "no folder for the cache: neither XDG_CACHE_HOME nor HOME is set");
    return asprintf(ret_path, "%s/.cache/litemount", home) < 0 ? -ENOMEM : 0;
}

/* mkdir -p. That a folder is there already, or that it can't be made, shows when it is opened. */
static int folder_make_folders(const char *path)
{
    _cleanup_free_ char *prefix = strdup(path);
    if (!prefix)
        return -ENOMEM;
    if (!prefix[0])
        return -ENOENT;
    for (char *slash = strchr(prefix + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(prefix, 0700);
        *slash = '/';
    }
    return mkdir(prefix, 0700) < 0 ? -errno : 0;
}

static bool folder_is_ours(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && info.st_uid == geteuid();
}

/* Everything lies in v1, which nobody else can enter whatever the mode of FOLDER, which may have been there
 * before and may be more than a cache. */
static int folder_open_version(int folder, const char *path, struct task *task, int *ret_version)
{
    _cleanup_close_ int version = -1;

    if (mkdirat(folder, "v1", 0700) < 0 && errno != EEXIST) {
        *ret_version = -1;
        return 0;
    }
    version = openat(folder, "v1", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (version < 0)
        return task_fail(task, errno, "cannot open the cache %s/v1: %m", path);
    if (!folder_is_ours(version))
        return task_fail(task, EPERM, "the cache %s/v1 belongs to somebody else", path);
    (void)fchmod(version, 0700);
    *ret_version = steal_fd(&version);
    return 0;
}

int folder_open(const char *path, struct task *task, int *ret_folder)
{
    _cleanup_free_ char *own = NULL;
    _cleanup_close_ int folder = -1;
    int r, made;

    if (!path) {
        r = folder_default_path(task, &own);
        if (r < 0)
            return r;
        path = own;
    }
    made = folder_make_folders(path);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT && made < 0)
        return task_fail(task, -made, "cannot make the cache folder %s: %s", path, strerror(-made));
    if (folder < 0)
        return task_fail(task, errno, "cannot open the cache folder %s: %m", path);
    if (!folder_is_ours(folder))
        return task_fail(task, EPERM, "the cache folder %s belongs to somebody else", path);
    return folder_open_version(folder, path, task, ret_folder);
}

int folder_open_file(int folder, const char *name, int flags)
{
    char parent[] = {name[0], name[1], '\0'};
    int fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ENOENT && (flags & O_CREAT)) {
        if (mkdirat(folder, parent, 0700) < 0 && errno != EEXIST)
            return -errno;
        fd = openat(folder, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    return fd < 0 ? -errno : fd;
}
