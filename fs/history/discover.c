#include "discover.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/parallel.h"
#include "litemount/replica.h"
#include "litemount/task.h"

#define PARALLEL_LISTINGS 64
#define DEEPEST 16 /* folders below the root */

struct search {
    struct replica *replica;
    const struct database_config *config;
    const struct names *known;
    size_t enough;
    struct names *level; /* folders to look into now, each "" or ending in '/' */

    pthread_mutex_t lock; /* guards what is below */
    struct names next;    /* folders to look into after that */
    struct names *found, *refused;
};

bool discover_is_deep(const struct database_config *config)
{
    return config->is_source || config->recursive;
}

bool discover_allows(const struct database_config *config, const char *place)
{
    const char *slash = strrchr(place, '/'), *name = slash ? slash + 1 : place;

    if (slash && !discover_is_deep(config))
        return false;
    return !config->pattern || fnmatch(config->pattern, name, 0) == 0;
}

/* Whether a folder's own folders say that it is a backup. Litestream v0.3 writes `generations`, v0.5 `ltx`,
 * or levels of four digits. */
static bool is_backup(const struct listing *listing, size_t skip)
{
    static const char *const signs[] = {"generations/", "ltx/", "0000/", "0001/", "0009/"};
    for (size_t i = 0; i < listing->n_folders; i++)
        for (size_t j = 0; j < sizeof signs / sizeof *signs; j++)
            if (strcmp(listing->folders[i] + skip, signs[j]) == 0)
                return true;
    return false;
}

static int compare_place(const void *left, const void *right)
{
    return strcmp(left, ((const struct name *)right)->text);
}

/* Adds the backup at `place`, if it is one that is wanted. */
static int add_found(struct search *search, const char *place)
{
    if (*place && !discover_allows(search->config, place))
        return 0;
    pthread_mutex_lock(&search->lock);
    int r = names_add(search->found, place, false);
    pthread_mutex_unlock(&search->lock);
    return r;
}

static bool has_enough(struct search *search)
{
    pthread_mutex_lock(&search->lock);
    bool enough = search->enough && search->found->n >= search->enough;
    pthread_mutex_unlock(&search->lock);
    return enough;
}

/* Whether it is what Litestream keeps beside a live database, which looks like a backup. */
static bool is_of_litestream(const char *folder_name)
{
    return fnmatch(".*-litestream/", folder_name, 0) == 0;
}

/* A folder that nobody lets us into (lost+found) must not hide its neighbours. */
static int pass_over(struct search *search, const char *why)
{
    pthread_mutex_lock(&search->lock);
    int r = names_add(search->refused, why, false);
    pthread_mutex_unlock(&search->lock);
    return r;
}

static int look_into(void *context, size_t item, struct task *task)
{
    struct search *search = context;
    const char *folder = search->level->items[item].text;
    size_t length = strlen(folder);
    _cleanup_free_ char *place = strndup(folder, length ? length - 1 : 0);
    _cleanup_(listing_finish) struct listing listing = {0};

    if (!place || has_enough(search))
        return place ? 0 : -ENOMEM;
    if (*folder && search->known->n &&
        bsearch(place, search->known->items, search->known->n, sizeof *search->known->items, compare_place))
        return add_found(search, place);
    int r = replica_list(search->replica, folder, LIST_FOLDER, NULL, 0, task, &listing);
    if (r == -EACCES && *folder)
        return pass_over(search, task_reason(task, r));
    if (r < 0)
        return r;
    if (is_backup(&listing, length))
        return add_found(search, place);
    pthread_mutex_lock(&search->lock);
    for (size_t i = 0; i < listing.n_folders && r == 0; i++)
        if (!is_of_litestream(listing.folders[i] + length))
            r = names_add(&search->next, listing.folders[i], true);
    pthread_mutex_unlock(&search->lock);
    return r;
}

/* Looks level by level, the folders of one level at once. */
int discover(struct replica *replica, const struct database_config *config, const struct names *known,
             size_t enough, struct task *task, struct names *found, struct names *refused)
{
    struct search search = {.replica = replica,
                            .config = config,
                            .known = known,
                            .enough = enough,
                            .found = found,
                            .refused = refused};
    _cleanup_(names_finish) struct names level = {0};
    size_t deepest = discover_is_deep(config) ? DEEPEST : 1;
    int r = names_add(&level, "", true);

    pthread_mutex_init(&search.lock, NULL);
    for (size_t depth = 0; depth <= deepest && level.n && r == 0; depth++) {
        search.level = &level;
        r = parallel_each(level.n, PARALLEL_LISTINGS, look_into, &search, task);
        names_finish(&level);
        level = search.next;
        search.next = (struct names){0};
    }
    names_finish(&search.next);
    pthread_mutex_destroy(&search.lock);
    names_sort(found);
    return r;
}

int discover_at(struct replica *replica, const char *place, struct task *task)
{
    _cleanup_(listing_finish) struct listing listing = {0};
    _cleanup_free_ char *folder = NULL;

    if (asprintf(&folder, "%s%s", place, *place ? "/" : "") < 0) {
        folder = NULL;
        return -ENOMEM;
    }
    int r = replica_list(replica, folder, LIST_FOLDER, NULL, 0, task, &listing);
    return r < 0 ? r : is_backup(&listing, strlen(folder));
}
