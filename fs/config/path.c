#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "environment.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"

char *path_clean(const char *path)
{
    bool rooted = *path == '/';
    size_t length = 0, floor = 0; /* `..` can take back what stands behind `floor` */
    char *clean = malloc(strlen(path) + 2);

    if (!clean)
        return NULL;
    while (*path) {
        size_t part = strcspn(path, "/");
        bool is_parent = part == 2 && memcmp(path, "..", 2) == 0;
        bool is_nothing = part == 0 || (part == 1 && *path == '.');
        if (is_parent && length > floor) {
            while (length > floor && clean[--length] != '/')
                ;
        } else if (!is_nothing && !(is_parent && rooted)) {
            if (length > 0 || rooted)
                clean[length++] = '/';
            memcpy(clean + length, path, part);
            length += part;
            if (is_parent)
                floor = length;
        }
        path += part + (path[part] == '/');
    }
    if (length == 0)
        clean[length++] = rooted ? '/' : '.';
    clean[length] = '\0';
    return clean;
}

/* The home folder of the user's entry in the password file, which Litestream prefers to $HOME. */
static int path_home_folder(const struct config_options *options, char **ret_home)
{
    char buffer[4096];
    struct passwd entry, *found = NULL;
    const char *home = NULL;

    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found && *found->pw_dir)
        home = found->pw_dir;
    if (!home)
        home = environment_get(options, "HOME");
    if (!home)
        return -ENOENT;
    *ret_home = strdup(home);
    return *ret_home ? 0 : -ENOMEM;
}

static const char *path_skip_sqlite_scheme(const char *path)
{
    static const char *const schemes[] = {"sqlite://", "sqlite3://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp(path, schemes[i], strlen(schemes[i])) == 0)
            return path + strlen(schemes[i]);
    return path;
}

int path_expand(const char *path, const struct config_options *options, char **ret_path)
{
    _cleanup_free_ char *base = NULL, *joined = NULL;

    path = path_skip_sqlite_scheme(path);
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
        int r = path_home_folder(options, &base);
        if (r < 0)
            return r;
        path++;
    } else if (*path != '/') {
        base = getcwd(NULL, 0);
        if (!base)
            return errno == ENOMEM ? -ENOMEM : -ENOENT;
    }
    if (asprintf(&joined, "%s/%s", base ? base : "", path) < 0) {
        joined = NULL;
        return -ENOMEM;
    }
    *ret_path = path_clean(joined);
    return *ret_path ? 0 : -ENOMEM;
}

int config_expand_path(const char *path, char **ret_path)
{
    const struct config_options options = {0};
    return path_expand(path, &options, ret_path);
}

int file_read(const char *path, size_t limit, char **ret_text, size_t *ret_length)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    _cleanup_free_ char *text = malloc(limit + 1);
    if (!text)
        return -ENOMEM;
    size_t length = 0;
    for (;;) {
        ssize_t n = read(fd, text + length, limit + 1 - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || (length += (size_t)n) > limit) {
            int code = n < 0 ? errno : n > 0 ? EFBIG : 0;
            if (code == 0)
                break;
            explicit_bzero(text, length);
            return -code;
        }
    }
    text[length] = '\0';
    *ret_text = steal_pointer(text);
    *ret_length = length;
    return 0;
}
