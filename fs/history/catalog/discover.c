#include "discover.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/parallel.h"
#include "litemount/replica.h"
#include "litemount/task.h"
#include "recognize.h"

#define PARALLEL_LISTINGS 64
#define PARALLEL_UNTIL_ENOUGH 16
#define DEEPEST 16 /* folders below the root */

struct search {
    struct replica *replica;
    const struct database_config *config;
    const struct names *known;
    bool whole; /* look into those that are known too */
    size_t enough;
    bool deepest;        /* nothing below these is looked for */
    struct names *level; /* places to look into now */

    pthread_mutex_t lock; /* guards what is below */
    struct names next;    /* places to look into after that */
    struct names *found, *refused;
};

bool discover_is_deep(const struct database_config *config)
{
    return config->is_source || config->recursive;
}

bool discover_allows(const struct database_config *config, const char *name)
{
    const char *slash = strrchr(name, '/'), *file = slash ? slash + 1 : name;

    if (slash && !discover_is_deep(config))
        return false;
    return !config->pattern || fnmatch(config->pattern, file, 0) == 0;
}

static int discover_compare_place(const void *left, const void *right)
{
    return strcmp(left, ((const struct name *)right)->text);
}

/* Whether a backup is known there, and none below it. Those below a place stand right behind it. */
static bool discover_is_settled(const struct search *search, const char *place)
{
    const struct names *known = search->known;

    if (search->whole || known->n == 0)
        return false;
    const struct name *found =
        bsearch(place, known->items, known->n, sizeof *known->items, discover_compare_place);
    if (!found)
        return false;
    return found + 1 == known->items + known->n || strncmp(found[1].text, place, strlen(place)) != 0;
}

/* Adds the backup at `place`, if it is one that is wanted. */
static int discover_add_found(struct search *search, const char *place)
{
    size_t length = strlen(place);
    _cleanup_free_ char *name = strndup(place, length ? length - 1 : 0);

    if (!name)
        return -ENOMEM;
    if (length && !discover_allows(search->config, name))
        return 0;
    pthread_mutex_lock(&search->lock);
    int r = names_add(search->found, place, true);
    pthread_mutex_unlock(&search->lock);
    return r;
}

static bool discover_has_enough(struct search *search)
{
    pthread_mutex_lock(&search->lock);
    bool enough = search->enough && search->found->n >= search->enough;
    pthread_mutex_unlock(&search->lock);
    return enough;
}

/* Whether it is, or lies in, what Litestream keeps beside a live database, which looks like a backup. */
static bool discover_is_beside_database(const char *place)
{
    static const char end[] = "-litestream";

    for (size_t length; *place; place += length + (place[length] == '/')) {
        length = strcspn(place, "/");
        if (*place == '.' && length >= sizeof end &&
            memcmp(place + length - strlen(end), end, strlen(end)) == 0)
            return true;
    }
    return false;
}

/* A folder below the root that nobody lets us into (lost+found) must not hide its neighbours. */
static int discover_pass_over(struct search *search, const char *place, int code, const struct task *task)
{
    if (code != -EACCES || !*place)
        return code;
    pthread_mutex_lock(&search->lock);
    int r = names_add(search->refused, task_reason(task, code), false);
    pthread_mutex_unlock(&search->lock);
    return r;
}

/* Adds the folders that may hold others. */
static int discover_add_next(struct search *search, const struct listing *listing)
{
    int r = 0;

    pthread_mutex_lock(&search->lock);
    for (size_t i = 0; i < listing->n_folders && r == 0; i++)
        if (!discover_is_beside_database(listing->folders[i]))
            r = names_add(&search->next, listing->folders[i], true);
    pthread_mutex_unlock(&search->lock);
    return r;
}

/* Of a path that was written with a '/' at its end v0.5 has its keys behind another one: that part of the
 * backup is found with the other, wherever the search ends. */
static int discover_look_for_written(struct search *search, const char *place, const struct listing *listing,
                                     struct task *task)
{
    size_t length = strlen(place);

    for (size_t i = 0; i < listing->n_folders; i++)
        if (strcmp(listing->folders[i] + length, "/") == 0) {
            int r = recognize_place(search->replica, listing->folders[i], task);
            return r > 0 ? discover_add_found(search, listing->folders[i]) : r;
        }
    return 0;
}

static int discover_look_into(void *context, size_t item, struct task *task)
{
    struct search *search = context;
    const char *place = search->level->items[item].text;
    _cleanup_(listing_finish) struct listing listing = {0};

    if (discover_has_enough(search))
        return 0;
    if (*place && discover_is_settled(search, place))
        return discover_add_found(search, place);
    if (search->deepest) {
        int r = recognize_place(search->replica, place, task);
        return r > 0 ? discover_add_found(search, place) : discover_pass_over(search, place, r, task);
    }
    int r = replica_list(search->replica, place, LIST_FOLDER, NULL, 0, task, &listing);
    if (r == 0)
        r = recognize_backup(search->replica, place, &listing, task);
    if (r > 0 && (r = discover_add_found(search, place)) == 0)
        r = discover_look_for_written(search, place, &listing, task);
    return r < 0 ? discover_pass_over(search, place, r, task) : discover_add_next(search, &listing);
}

/* Whether one of the folders that `place` lies in is a backup itself, which would be called by a name that
 * this one's begins with. 1, 0 or an errno. */
static int discover_lies_below_another(struct search *search, const char *place, struct task *task)
{
    int r = 0;

    for (const char *slash = place; r == 0 && (slash = strchr(slash, '/')) && *++slash;) {
        _cleanup_free_ char *above = strndup(place, (size_t)(slash - place));
        r = above ? recognize_place(search->replica, above, task) : -ENOMEM;
    }
    return r;
}

/* The backup that the first keys of all tell of: in one request, or a few, however many folders there are. */
static int discover_look_at_first(struct search *search, struct task *task)
{
    _cleanup_(listing_finish) struct listing first = {0};
    struct task attempt;

    task_init(&attempt, task);
    int r = recognize_list_first(search->replica, "", &attempt, &first);
    for (size_t i = 0; i < first.n_objects && r == 0; i++) {
        char *place = first.objects[i].key;
        const char *key = recognize_key(place);
        if (!key)
            continue;
        place[key - place] = '\0';
        if (!discover_is_beside_database(place) &&
            (r = discover_lies_below_another(search, place, &attempt)) == 0)
            r = discover_add_found(search, place);
        break;
    }
    /* Who looks into the folders is told what can't be done. */
    return r == -ECANCELED || r == -ENOMEM ? r : 0;
}

/* Looks level by level, the folders of one level at once. */
int discover(struct replica *replica, const struct database_config *config, const struct names *known,
             bool whole, size_t enough, struct task *task, struct names *found, struct names *refused)
{
    struct search search = {.replica = replica,
                            .config = config,
                            .known = known,
                            .whole = whole,
                            .enough = enough,
                            .found = found,
                            .refused = refused};
    _cleanup_(names_finish) struct names level = {0};
    size_t deepest = discover_is_deep(config) ? DEEPEST : 1;
    size_t parallel = enough ? PARALLEL_UNTIL_ENOUGH : PARALLEL_LISTINGS;
    int r = names_add(&level, "", true);

    pthread_mutex_init(&search.lock, NULL);
    if (enough && r == 0)
        r = discover_look_at_first(&search, task);
    for (size_t depth = 0; depth <= deepest && level.n && r == 0 && !discover_has_enough(&search); depth++) {
        search.level = &level;
        search.deepest = depth == deepest;
        r = parallel_each(level.n, parallel, discover_look_into, &search, task);
        names_finish(&level);
        level = search.next;
        search.next = (struct names){0};
    }
    names_finish(&search.next);
    pthread_mutex_destroy(&search.lock);
    names_sort(found);
    return r;
}
