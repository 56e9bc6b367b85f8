#include "rights.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/log.h"
#include "litemount/task.h"
#include "new_file.h"

static bool rights_parse_id(const char *text, unsigned long *ret_id)
{
    char *end;

    errno = 0;
    *ret_id = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *ret_id <= UINT32_MAX - 1;
}

/* A name may look like a number: then it is one. */
static bool rights_find_user(const char *text, struct rights *rights)
{
    unsigned long number;
    const struct passwd *entry = getpwnam(text);

    if (entry)
        rights->user = entry->pw_uid;
    else if (rights_parse_id(text, &number))
        rights->user = (uid_t)number;
    else
        return false;
    return true;
}

static bool rights_find_group(const char *text, struct rights *rights)
{
    unsigned long number;
    const struct group *entry = getgrnam(text);

    if (entry)
        rights->group = entry->gr_gid;
    else if (rights_parse_id(text, &number))
        rights->group = (gid_t)number;
    else
        return false;
    return true;
}

static int rights_read_owner(const char *owner, struct task *task, struct rights *rights)
{
    _cleanup_free_ char *user = strdup(owner);
    char *colon = user ? strchr(user, ':') : NULL;
    const char *group = colon ? colon + 1 : NULL;

    if (!user)
        return -ENOMEM;
    if (colon)
        *colon = '\0';
    rights->has_owner = true;
    if (*user ? !rights_find_user(user, rights) : !group)
        return task_fail(task, EINVAL, "-owner %s: no such user; expected USER, USER:GROUP or :GROUP", owner);
    if (group && !rights_find_group(group, rights))
        return task_fail(task, EINVAL, "-owner %s: no such group; expected USER, USER:GROUP or :GROUP",
                         owner);
    return 0;
}

static mode_t rights_process_umask(void)
{
    mode_t mask = umask(0);
    umask(mask);
    return mask;
}

int rights_read(int mode, const char *owner, struct task *task, struct rights *ret_rights)
{
    struct rights rights = {.has_mode = mode >= 0,
                            .mode = mode >= 0 ? (mode_t)mode : 0,
                            .umask = rights_process_umask(),
                            .user = (uid_t)-1,
                            .group = (gid_t)-1};
    int r = owner ? rights_read_owner(owner, task, &rights) : 0;

    if (r == 0)
        *ret_rights = rights;
    return r;
}

/* The new file is whose the old one was, if this user may give it away. */
static int rights_take_over(const struct new_file *file, const struct stat *old, struct task *task)
{
    struct stat info;

    if (fstat(file->fd, &info) < 0)
        return task_fail(task, errno, "%s: cannot tell whose it is: %m", file->temporary);
    if ((info.st_uid != old->st_uid || info.st_gid != old->st_gid) &&
        fchown(file->fd, old->st_uid, old->st_gid) < 0)
        log_warning("%s: cannot give it to its owner, user %u and group %u: %m", file->path, old->st_uid,
                    old->st_gid);
    return 0;
}

int rights_give(const struct rights *rights, const struct stat *old, mode_t mode, const struct new_file *file,
                struct task *task)
{
    mode_t wanted = rights->has_mode ? rights->mode
                    : old->st_mode   ? old->st_mode & 07777
                                     : mode & ~rights->umask;
    int r = old->st_mode ? rights_take_over(file, old, task) : 0;

    if (r < 0)
        return r;
    if (rights->has_owner && fchown(file->fd, rights->user, rights->group) < 0)
        return task_fail(task, errno, "%s: cannot give it to the owner that was asked for: %m", file->path);
    if (fchmod(file->fd, wanted) < 0)
        return task_fail(task, errno, "%s: cannot set its mode: %m", file->temporary);
    return 0;
}
