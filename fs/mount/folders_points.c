/* A generation's restore points by day and hour, and its committed transactions by position. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "folders.h"
#include "litemount/array.h"
#include "litemount/catalog.h"
#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/shown.h"

#define HOUR (3600 * INSTANT_SECOND)
#define DAY (24 * HOUR)

/* What stands in a folder below points/: the points from `begin` up to but not `end`, each in a folder of its
 * `unit` (0: a file). `name` is where in YYYY-MM-DDTHH... such a folder's name stands. */
struct span {
    int64_t begin, end, unit;
    size_t name, length;
};

/* The span of the folder that `detail` is below points/: NULL, YYYY-MM-DD, or that and /HH. */
static bool folders_span_of(const char *detail, struct span *ret_span)
{
    char text[INSTANT_TEXT_SIZE];
    int64_t begin, end;

    if (!detail) {
        *ret_span = (struct span){INT64_MIN, INT64_MAX, DAY, 0, strlen("YYYY-MM-DD")};
        return true;
    }
    size_t day_length = strcspn(detail, "/");
    bool is_day = detail[day_length] == '\0';
    if ((size_t)snprintf(text, sizeof text, "%.*sT%s:00:00Z", (int)day_length, detail,
                         is_day ? "00" : detail + day_length + 1) >= sizeof text ||
        instant_parse(text, 0, &begin) < 0)
        return false;
    if (__builtin_add_overflow(begin, is_day ? DAY : HOUR, &end))
        end = INT64_MAX;
    *ret_span = is_day ? (struct span){begin, end, HOUR, strlen("YYYY-MM-DDT"), strlen("HH")}
                       : (struct span){begin, end, 0, 0, 0};
    return true;
}

/* The first point that may be shown at `time` or later: it is shown less than a millisecond after its own. */
static size_t folders_span_first_from(const struct instants *points, int64_t time)
{
    int64_t least = time < INT64_MIN + INSTANT_MILLISECOND ? INT64_MIN : time - INSTANT_MILLISECOND;
    return ARRAY_LOWER_BOUND(points->n, i, points->times[i] < least);
}

/* The first point behind number `i`, shown at `shown`, that may stand in another folder. */
static size_t folders_span_next_from(const struct instants *points, const struct span *span, size_t i,
                                     int64_t shown)
{
    int64_t into = span->unit ? (shown % span->unit + span->unit) % span->unit : 0, next;
    if (!span->unit || __builtin_add_overflow(shown - into, span->unit, &next))
        return i + 1;
    size_t first = folders_span_first_from(points, next);
    return first > i ? first : i + 1;
}

/* The folders and files that stand in a folder below points/: `visit` gets an instant that each is shown for,
 * perhaps repeatedly. */
typedef int visit_point(void *context, const struct span *span, int64_t shown);

static int folders_span_visit(struct catalog *catalog, const struct place *place, struct task *task,
                              visit_point *visit, void *context)
{
    _cleanup_(instants_finish) struct instants points = {0};
    struct history *history;
    struct span span;
    int r =
        folders_span_of(place->detail, &span) ? catalog_find(catalog, place->name, task, &history) : -ENOENT;

    if (r == 0)
        r = history_list_points(history, place->generation, task, &points);
    for (size_t i = folders_span_first_from(&points, span.begin); i < points.n && r == 0;) {
        int64_t shown = shown_instant(&points, i);
        if (shown >= span.end)
            break;
        if (shown >= span.begin)
            r = visit(context, &span, shown);
        i = shown >= span.begin ? folders_span_next_from(&points, &span, i, shown) : i + 1;
    }
    return r;
}

/* Adds a folder's name, unless it is the one that was added last. */
static int folders_span_add_folder(void *context, const struct span *span, int64_t shown)
{
    struct names *names = context;
    char text[INSTANT_TEXT_SIZE];

    instant_format(shown, text);
    text[span->name + span->length] = '\0';
    if (names->n && strcmp(names->items[names->n - 1].text, text + span->name) == 0)
        return 0;
    return names_add(names, text + span->name, true);
}

static int folders_span_lookup(struct catalog *catalog, const struct place *place, enum place_kind kind,
                               const char *name, struct task *task, struct tree_entry *ret_entry)
{
    _cleanup_(names_finish) struct names names = {0};
    int r = folders_span_visit(catalog, place, task, folders_span_add_folder, &names);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        if (strcmp(names.items[i].text, name) != 0)
            continue;
        r = tree_entry_set_folder(ret_entry, kind, place);
        return r < 0 ? r : place_set_path(&ret_entry->place.detail, place->detail ? place->detail : "", name);
    }
    return r < 0 ? r : -ENOENT;
}

static int points_lookup(struct catalog *catalog, const struct place *place, const char *name,
                         struct task *task, struct tree_entry *ret_entry)
{
    return folders_span_lookup(catalog, place, PLACE_POINTS_DAY, name, task, ret_entry);
}

static int points_list(struct catalog *catalog, const struct place *place, struct task *task,
                       struct names *names)
{
    return folders_span_visit(catalog, place, task, folders_span_add_folder, names);
}

static int points_day_lookup(struct catalog *catalog, const struct place *place, const char *name,
                             struct task *task, struct tree_entry *ret_entry)
{
    return folders_span_lookup(catalog, place, PLACE_POINTS_HOUR, name, task, ret_entry);
}

static int points_hour_lookup(struct catalog *catalog, const struct place *place, const char *name,
                              struct task *task, struct tree_entry *ret_entry)
{
    char text[INSTANT_TEXT_SIZE], shown[INSTANT_TEXT_SIZE];
    struct history *history;
    struct state *state;
    struct span span;
    int64_t time;

    if (!cut_extension(name, place->name, text, sizeof text) || instant_parse(text, 0, &time) < 0)
        return -ENOENT;
    instant_format(time, shown);
    if (strcmp(shown, text) != 0 || !folders_span_of(place->detail, &span) || time < span.begin ||
        time >= span.end)
        return -ENOENT;
    int r = catalog_find(catalog, place->name, task, &history);
    if (r == 0)
        r = history_open_at(history, place->generation, time, task, &state);
    if (r < 0)
        return r;
    if (!is_shown_as(state_time(state), time)) {
        state_unref(state);
        return -ENOENT;
    }
    tree_entry_set_state(ret_entry, state);
    return 0;
}

static int folders_span_add_instant(void *context, const struct span *span, int64_t shown)
{
    return instants_add(context, shown);
}

static int points_hour_list(struct catalog *catalog, const struct place *place, struct task *task,
                            struct names *names)
{
    _cleanup_(instants_finish) struct instants shown = {0};
    struct history *history;
    int r = folders_span_visit(catalog, place, task, folders_span_add_instant, &shown);

    if (r == 0)
        r = catalog_find(catalog, place->name, task, &history);
    return r < 0 ? r : folder_add_instants(history, place, &shown, names);
}

/* A name in positions/ is a folder, or (with EXT) a state. */
static int folders_positions_lookup(struct catalog *catalog, const struct place *place, const char *name,
                                    struct task *task, struct tree_entry *ret_entry)
{
    _cleanup_(names_finish) struct names entries = {0};
    _cleanup_free_ char *position = NULL;
    struct history *history;
    struct state *state;
    char text[64];
    int r = catalog_find(catalog, place->name, task, &history);

    if (r < 0)
        return r;
    if (cut_extension(name, place->name, text, sizeof text)) {
        if ((r = place_set_path(&position, place->detail ? place->detail : "", text)) == 0)
            r = history_open_position(history, place->generation, position, task, &state);
        if (r == 0)
            tree_entry_set_state(ret_entry, state);
        return r;
    }
    r = history_list_positions(history, place->generation, place->detail, task, &entries);
    for (size_t i = 0; i < entries.n && r == 0; i++)
        if (entries.items[i].is_folder && strcmp(entries.items[i].text, name) == 0) {
            r = tree_entry_set_folder(ret_entry, PLACE_POSITIONS, place);
            return r < 0 ? r
                         : place_set_path(&ret_entry->place.detail, place->detail ? place->detail : "", name);
        }
    return r < 0 ? r : -ENOENT;
}

static int folders_positions_list(struct catalog *catalog, const struct place *place, struct task *task,
                                  struct names *names)
{
    _cleanup_(names_finish) struct names entries = {0};
    struct history *history;
    int r = catalog_find(catalog, place->name, task, &history);

    if (r == 0)
        r = history_list_positions(history, place->generation, place->detail, task, &entries);
    for (size_t i = 0; i < entries.n && r == 0; i++) {
        const struct name *entry = &entries.items[i];
        r = entry->is_folder ? names_add(names, entry->text, true)
                             : folder_add_file(names, entry->text, place->name, entry->inode);
    }
    return r;
}

const struct folder_kind points_folder = {points_lookup, points_list};
const struct folder_kind points_day_folder = {points_day_lookup, points_list};
const struct folder_kind points_hour_folder = {points_hour_lookup, points_hour_list};
const struct folder_kind positions_folder = {folders_positions_lookup, folders_positions_list};
