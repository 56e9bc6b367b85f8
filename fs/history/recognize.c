/* A folder may be called `ltx`, `generations` or 0001 and hold models, tenants or photos. So one of such a
 * name is asked for its first keys: a backup has objects there whose names a format knows. Where there is
 * nothing at all but such folders, without any content, it is a backup that was not written to yet. */
#include "recognize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "formats.h"
#include "litemount/cleanup.h"
#include "litemount/task.h"

#define KEYS_LOOKED_AT 100 /* litter that stands before a backup's objects may be as much less one */

/* Levels are many folders, and one of them tells for all: so it is for every kind of folder of a format. */
struct format_folder {
    size_t format;
    unsigned kind; /* 0: no format keeps objects in a folder of that name */
};

static struct format_folder recognize_folder(const char *folder)
{
    for (size_t i = 0; i < N_FORMATS; i++) {
        unsigned kind = formats[i]->folder_kind(folder);
        if (kind)
            return (struct format_folder){i, kind};
    }
    return (struct format_folder){0};
}

static bool recognize_is_key(const char *key)
{
    for (size_t i = 0; i < N_FORMATS; i++)
        if (formats[i]->is_key(key))
            return true;
    return false;
}

const char *recognize_key(const char *key)
{
    for (const char *slash = key; slash; slash = strchr(key, '/'), key = slash ? slash + 1 : key)
        if (recognize_is_key(key))
            return key;
    return NULL;
}

int recognize_list_first(struct replica *replica, const char *place, struct task *task,
                         struct listing *listing)
{
    return replica_list(replica, place, LIST_ALL, NULL, KEYS_LOOKED_AT, task, listing);
}

static bool recognize_holds_key(const struct listing *listing, const char *place)
{
    for (size_t i = 0; i < listing->n_objects; i++)
        if (recognize_is_key(listing->objects[i].key + strlen(place)))
            return true;
    return false;
}

/* Whether the folder of such a name holds objects of a backup. One that can't be looked into is believed its
 * name: whoever opens the backup is told why not. */
static int recognize_holds_objects(struct replica *replica, const char *place, const char *folder,
                                   struct task *task, bool *ret_empty)
{
    _cleanup_(listing_finish) struct listing first = {0};
    struct task attempt;

    task_init(&attempt, task);
    int r = recognize_list_first(replica, folder, &attempt, &first);
    *ret_empty = r == 0 && first.n_objects == 0;
    if (r == -EACCES)
        return 1;
    return r < 0 ? task_fail(task, -r, "%s", task_reason(&attempt, r)) : recognize_holds_key(&first, place);
}

int recognize_backup(struct replica *replica, const char *place, struct listing *listing, struct task *task)
{
    bool recognized[N_FORMATS][FORMAT_MOST_FOLDERS + 1] = {{false}}, any = false, empty = false;
    size_t kept = 0, n_empty = 0;
    int r = 0;

    for (size_t i = 0; i < listing->n_folders; i++) {
        char *folder = listing->folders[i];
        struct format_folder found = recognize_folder(folder + strlen(place));
        bool *known = &recognized[found.format][found.kind];
        if (r >= 0 && found.kind && !*known) {
            r = recognize_holds_objects(replica, place, folder, task, &empty);
            *known = r > 0;
            any |= *known;
            n_empty += empty;
        }
        if (*known)
            free(folder);
        else
            listing->folders[kept++] = folder;
    }
    listing->n_folders = kept;
    if (r < 0)
        return r;
    return any || (n_empty > 0 && n_empty == kept && listing->n_objects == 0);
}

/* 1, 0, or -EAGAIN: there is more than what was looked at, or nothing, or it can't all be looked into. */
static int recognize_tell_by_first(struct replica *replica, const char *place, struct task *task)
{
    _cleanup_(listing_finish) struct listing first = {0};
    struct task attempt;

    task_init(&attempt, task);
    int r = recognize_list_first(replica, place, &attempt, &first);
    if (r == -ECANCELED || r == -ENOMEM)
        return r;
    if (r < 0)
        return -EAGAIN;
    if (recognize_holds_key(&first, place))
        return 1;
    return first.n_objects > 0 && first.n_objects < KEYS_LOOKED_AT ? 0 : -EAGAIN;
}

int recognize_place(struct replica *replica, const char *place, struct task *task)
{
    _cleanup_(listing_finish) struct listing listing = {0};
    int r = recognize_tell_by_first(replica, place, task);

    if (r != -EAGAIN)
        return r;
    r = replica_list(replica, place, LIST_FOLDER, NULL, 0, task, &listing);
    return r < 0 ? r : recognize_backup(replica, place, &listing, task);
}
