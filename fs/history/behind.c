/* Which replicas of a database were updated earlier than others. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "history_parts.h"
#include "litemount/array.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/replica.h"

/* By so much replicas are apart that are written at intervals of their own. */
#define BEHIND (5 * INSTANT_SECOND)

void listed_replicas_finish(struct listed_replicas *replicas)
{
    free(replicas->items);
    *replicas = (struct listed_replicas){0};
}

/* The time of the newest object; INT64_MIN: it is not known. */
static int64_t behind_newest_time(const struct generations *generations)
{
    int64_t earliest, latest, newest = INT64_MIN;

    for (size_t i = 0; i < generations->n; i++)
        if (generation_bounds(generations->items[i], &earliest, &latest) && latest > newest)
            newest = latest;
    return newest;
}

int history_compare_replicas(struct history *history, struct listed_replicas *replicas)
{
    int64_t newest = INT64_MIN;
    int r = ARRAY_GROW(replicas->items, replicas->capacity, history->n_replicas);

    pthread_mutex_lock(&history->lock);
    for (size_t i = 0; i < history->n_replicas && r == 0; i++) {
        const struct history_replica *replica = &history->replicas[i];
        struct listed_replica *listed = &replicas->items[replicas->n++];
        *listed = (struct listed_replica){.url = replica_url(replica->replica),
                                          .name = replica_name(replica->replica),
                                          .answers = replica->answers,
                                          .latest = INT64_MIN};
        if (replica->answers)
            listed->latest = behind_newest_time(&replica->generations);
        newest = listed->latest > newest ? listed->latest : newest;
    }
    pthread_mutex_unlock(&history->lock);
    for (size_t i = 0; i < replicas->n; i++) {
        struct listed_replica *listed = &replicas->items[i];
        if (listed->latest != INT64_MIN && __builtin_sub_overflow(newest, listed->latest, &listed->behind))
            listed->behind = INT64_MAX;
        listed->is_behind = listed->behind > BEHIND;
    }
    return r;
}

/* Which of them was updated last: the first of several. */
static const struct listed_replica *behind_find_newest(const struct listed_replicas *replicas)
{
    for (size_t i = 0; i < replicas->n; i++)
        if (replicas->items[i].latest != INT64_MIN && replicas->items[i].behind == 0)
            return &replicas->items[i];
    return NULL;
}

static void behind_format_span(int64_t nanoseconds, char *text, size_t size)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "seconds"}};
    int64_t seconds = nanoseconds / INSTANT_SECOND;
    size_t unit = 0;

    while (unit < 3 && seconds < 2 * units[unit].seconds)
        unit++;
    snprintf(text, size, "%lld %s", (long long)(seconds / units[unit].seconds), units[unit].name);
}

/* Whether the log is to be told now that the replica is behind, or not. */
static bool behind_is_news(struct history *history, size_t n, bool is_behind)
{
    pthread_mutex_lock(&history->lock);
    bool news = is_behind && !history->replicas[n].told_behind;
    history->replicas[n].told_behind = is_behind;
    pthread_mutex_unlock(&history->lock);
    return news;
}

int listed_replica_describe(const struct listed_replicas *replicas, size_t n, char **ret_text)
{
    const struct listed_replica *replica = &replicas->items[n], *newest = behind_find_newest(replicas);
    char span[48];
    int length;

    *ret_text = NULL;
    if (!newest || (replica->answers && !replica->is_behind && replica->latest != INT64_MIN))
        return 0;
    behind_format_span(replica->behind, span, sizeof span);
    if (replica->is_behind)
        length = asprintf(ret_text, "replica %s is passed over: it is %s behind %s, which was updated last",
                          replica->url, span, newest->url);
    else if (replica->answers)
        length = asprintf(ret_text, "replica %s is passed over: there is no backup", replica->url);
    else
        length = asprintf(ret_text, "replica %s is passed over: it does not answer", replica->url);
    return length < 0 ? -ENOMEM : 0;
}

void history_tell_behind(struct history *history)
{
    _cleanup_(listed_replicas_finish) struct listed_replicas replicas = {0};

    if (history->n_replicas == 1 || history_compare_replicas(history, &replicas) < 0)
        return;
    for (size_t i = 0; i < replicas.n; i++) {
        _cleanup_free_ char *text = NULL;
        bool is_behind = replicas.items[i].is_behind;
        if (behind_is_news(history, i, is_behind) && listed_replica_describe(&replicas, i, &text) == 0)
            log_warning("%s: %s", history->name, text);
    }
}
