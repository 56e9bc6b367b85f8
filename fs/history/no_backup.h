/* No backup is where one was looked for: the path is often right but for its last step. */
#pragma once

struct replica;
struct task;

/* Says why the replica's root holds no backup: what is there, or where there is one, inside of which or
 * beside which the root is. Returns -ENODATA with that reason; or -ECANCELED, -ENOMEM. */
int no_backup_explain(struct replica *replica, struct task *task);
