#include "no_backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "recognize.h"

#define MOST_ASKED 16 /* folders that are looked into */
#define MOST_LISTED 1000
#define STEPS_UP 2 /* from a generation to its backup */

static void backup_close_replica(struct replica **replica)
{
    replica_close(*replica);
}

/* What lies directly at the replica's root. What can't be listed is not there: it is only asked to be
 * helpful. */
static int backup_list_place(struct replica *replica, struct task *task, struct listing *listing)
{
    struct task attempt;

    task_init(&attempt, task);
    int r = replica_list(replica, "", LIST_FOLDER, NULL, MOST_LISTED, &attempt, listing);
    return r == -ECANCELED || r == -ENOMEM ? r : 0;
}

/* The first of the folders that is a backup. 1 and a replica for the caller to close, 0, or an errno. */
static int backup_find_listed(struct replica *replica, const struct listing *listing, struct task *task,
                              struct replica **ret_found)
{
    for (size_t i = 0; i < listing->n_folders && i < MOST_ASKED; i++) {
        const char *place = listing->folders[i];
        struct task attempt;

        task_init(&attempt, task);
        int r = recognize_place(replica, place, &attempt);
        if (r == 1)
            r = replica_open_below(replica, place, false, ret_found) < 0 ? -ENOMEM : 1;
        if (r == 1 || r == -ECANCELED || r == -ENOMEM)
            return r;
    }
    return 0;
}

/* Looks beside the place or below it. 1 and a reason, 0, or an errno. */
static int backup_find_in(struct replica *replica, const char *place, const char *where, struct task *task)
{
    _cleanup_(listing_finish) struct listing listing = {0};
    _cleanup_(backup_close_replica) struct replica *found = NULL;
    int r = backup_list_place(replica, task, &listing);

    if (r == 0)
        r = backup_find_listed(replica, &listing, task, &found);
    if (r == 1)
        task_fail(task, ENODATA, "no backup found at %s; there is one %s it: %s", place, where,
                  replica_url(found));
    return r;
}

/* Looks whether the place is inside a backup. As above. */
static int backup_find_above(struct replica *replica, const char *place, struct task *task)
{
    _cleanup_(backup_close_replica) struct replica *above = NULL;
    struct task attempt;
    int r = replica_open_above(replica, &above);

    for (int step = 1; step <= STEPS_UP && r == 0; step++) {
        task_init(&attempt, task);
        if (recognize_place(above, "", &attempt) == 1) {
            task_fail(task, ENODATA, "no backup found at %s, which is inside of one: %s", place,
                      replica_url(above));
            return 1;
        }
        struct replica *next = NULL;
        r = replica_open_above(above, &next);
        if (r == 0) {
            replica_close(above);
            above = next;
        }
    }
    return r == -ENOMEM ? r : 0;
}

static int backup_find_beside(struct replica *replica, const char *place, struct task *task)
{
    _cleanup_(backup_close_replica) struct replica *above = NULL;
    int r = replica_open_above(replica, &above);

    return r == 0 ? backup_find_in(above, place, "beside", task) : r == -ENOMEM ? r : 0;
}

static int backup_tell_contents(struct replica *replica, const char *place, struct task *task)
{
    _cleanup_(listing_finish) struct listing listing = {0};
    char text[200] = "";
    size_t length = 0, n = 0;
    int r = backup_list_place(replica, task, &listing);

    if (r < 0)
        return r;
    for (; n < listing.n_folders + listing.n_objects && length < sizeof text; n++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%s", n ? ", " : "",
                                   n < listing.n_folders ? listing.folders[n]
                                                         : listing.objects[n - listing.n_folders].key);
    if (n == 0)
        return task_fail(task, ENODATA, "no backup found at %s: nothing is there; check the path", place);
    return task_fail(task, ENODATA, "no backup found at %s, where this is: %s%s", place, text,
                     length >= sizeof text ? "..." : "");
}

int no_backup_explain(struct replica *replica, struct task *task)
{
    const char *place = replica_url(replica);
    int r = backup_find_above(replica, place, task);

    if (r == 0)
        r = backup_find_in(replica, place, "below", task);
    if (r == 0)
        r = backup_find_beside(replica, place, task);
    if (r == 0)
        return backup_tell_contents(replica, place, task);
    return r == 1 ? -ENODATA : r;
}
