/* Opening ahead of somebody who asks for one database after the other.
 *
 * `ls -l` wants the state of every database, and the kernel asks for them one by one: of 2,000 on a distant
 * store each would wait for a few round trips. So whoever asks for the next in order for the third time finds
 * the following ones opened with it, all at once, and ever more of them. Those that are late, for their store
 * may be a silent one, are waited for no longer than it matters: they are opened when they are asked for. */
#include <errno.h>

#include "catalog_parts.h"
#include "litemount/instant.h"
#include "litemount/parallel.h"
#include "litemount/task.h"

#define RUN_BEGINS 3 /* databases asked for in order before others are opened */
#define MOST_AHEAD 64
#define LATE INSTANT_SECOND /* behind the one that was asked for: nanoseconds */

struct ahead {
    struct history *histories[MOST_AHEAD];
    size_t n;
    int64_t time;
    struct task *attempt; /* to open them all */
};

/* Notes that the database was asked for, and picks those to be opened: it, and what follows. */
static void catalog_pick_locked(struct catalog *catalog, const char *name, struct ahead *ahead)
{
    struct ordered_lookups *lookups = &catalog->lookups;
    size_t number = entries_number(&catalog->entries, name);
    bool same_time = lookups->time == ahead->time;

    if (same_time && number + 1 == lookups->next)
        return; /* the same again */
    if (!same_time || number != lookups->next)
        *lookups = (struct ordered_lookups){.time = ahead->time};
    lookups->next = number + 1;
    lookups->n++;
    if (lookups->n < RUN_BEGINS || number < lookups->opened)
        return;
    size_t most = lookups->n * 2 < MOST_AHEAD ? lookups->n * 2 : MOST_AHEAD;
    for (size_t i = number; i < catalog->entries.n && ahead->n < most; i++)
        ahead->histories[ahead->n++] = catalog->entries.items[i].history;
    lookups->opened = number + ahead->n;
}

static const void *ahead_holder(void *context, size_t item)
{
    const struct ahead *ahead = context;
    return history_store(ahead->histories[item]);
}

/* What is learnt stays in the history, so the state itself may go. One that can't be opened says so to
 * whoever asks for it. */
static int catalog_open_one(void *context, size_t item, struct task *task)
{
    const struct ahead *ahead = context;
    struct state *state = NULL;
    int r = ahead->time == INSTANT_MAX
                ? history_open_latest(ahead->histories[item], NULL, task, &state)
                : history_open_at(ahead->histories[item], NULL, ahead->time, task, &state);

    if (r == 0)
        state_unref(state);
    if (item == 0)
        task_cancel_later(ahead->attempt, LATE);
    return r == -ECANCELED ? r : 0;
}

void catalog_open_ahead(struct catalog *catalog, const char *name, int64_t time, struct task *task)
{
    struct task attempt;
    struct ahead ahead = {.time = time, .attempt = &attempt};

    pthread_mutex_lock(&catalog->lock);
    catalog_pick_locked(catalog, name, &ahead);
    pthread_mutex_unlock(&catalog->lock);
    task_init(&attempt, task);
    if (ahead.n > 1)
        (void)parallel_each_holder(ahead.n, MOST_AHEAD, ahead_holder, catalog_open_one, &ahead, &attempt);
}
