/* Whose a restored file is, and who may do what with it. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

struct new_file;
struct task;

/* What a user asks for. Plain value. */
struct rights {
    bool has_mode, has_owner;
    mode_t mode, umask; /* the latter is the process's */
    uid_t user;
    gid_t group; /* (gid_t)-1: it stays */
};

/* Takes `mode` (-1: none) and reads `owner` ("USER", "USER:GROUP", ":GROUP"; names or numbers; NULL: none).
 * To be called while no other thread makes files. 0, or -EINVAL with a reason. */
int rights_read(int mode, const char *owner, struct task *task, struct rights *ret_rights);

/* Gives them to a file that is not in its place yet. Without a mode that was asked for it is the old file's,
 * whose owner it then is too, as far as this user may give it away; where no file stood before
 * (`old->st_mode` is 0), `mode` less the umask. 0, or a negative errno with a reason. */
int rights_give(const struct rights *rights, const struct stat *old, mode_t mode, const struct new_file *file,
                struct task *task);
