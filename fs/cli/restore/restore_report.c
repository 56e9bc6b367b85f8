#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/listed.h"
#include "litemount/log.h"
#include "output/output.h"
#include "restore.h"

/* Both begin with what the report tells of both formats; what is for JSON alone has the names of Litestream
 * 0.5's own report, for the scripts that read it. */
static const struct column done_columns[] = {
    {.name = "db_path"},
    {.name = "replica"},
    {.name = "generation"},
    {.name = "position"},
    {.name = "time"},
    {.name = "size", .is_number = true},
    {.name = "duration_ms", .is_number = true},
    {.name = "integrity_check"},
    {.name = "txid", .is_extra = true},
};

static const struct column planned_columns[] = {
    {.name = "db_path"},
    {.name = "replica"},
    {.name = "generation"},
    {.name = "position"},
    {.name = "time"},
    {.name = "size", .is_number = true},
    {.name = "source_size", .is_number = true},
    {.name = "source", .is_extra = true},
    {.name = "target_path", .is_extra = true},
    {.name = "min_txid", .is_extra = true},
    {.name = "max_txid", .is_extra = true},
    {.name = "files", .is_extra = true, .is_number = true}, /* JSON in itself */
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

void restore_report_init(struct output *report, const struct restore_options *options)
{
    if (options->dry_run)
        output_init(report, planned_columns, COUNT(planned_columns), options->json);
    else
        output_init(report, done_columns, COUNT(done_columns), options->json);
}

static bool report_is_ltx(const struct state *state)
{
    return strcmp(state_generation(state), LTX_GENERATION) == 0;
}

static void report_add_txid(struct output *report, uint64_t txid)
{
    if (txid)
        output_add(report, "%016" PRIx64, txid);
    else
        output_add(report, "%s", "");
}

/* An object as a JSON one. v0.3 has neither levels nor TXIDs. */
static void report_print_file(const struct listed_object *object, bool is_snapshot, FILE *file)
{
    char time[INSTANT_TEXT_SIZE];

    output_format_time(object->created, time);
    if (object->max_txid)
        fprintf(file,
                "{\n      \"level\": %u,\n      \"name\": \"%016" PRIx64 "-%016" PRIx64 ".ltx\",\n"
                "      \"min_txid\": \"%016" PRIx64 "\",\n      \"max_txid\": \"%016" PRIx64 "\",\n",
                object->level, object->min_txid, object->max_txid, object->min_txid, object->max_txid);
    else if (is_snapshot)
        fprintf(file, "{\n      \"name\": \"%08" PRIx32 ".snapshot.lz4\",\n", object->index);
    else
        fprintf(file, "{\n      \"name\": \"%08" PRIx32 "_%08" PRIx64 ".wal.lz4\",\n", object->index,
                object->offset);
    fprintf(file, "      \"size\": %" PRIu64 ",\n      \"timestamp\": \"%s\"\n    }", object->size, time);
}

/* The objects as a JSON array. The caller frees it; NULL: no memory. */
static char *report_format_files(const struct listed_objects *objects)
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);

    if (!file)
        return NULL;
    fputs("[", file);
    for (size_t i = 0; i < objects->n; i++) {
        fputs(i ? ",\n    " : "\n    ", file);
        report_print_file(&objects->items[i], i == 0, file);
    }
    fputs(objects->n ? "\n  ]" : "]", file);
    if (fclose(file) == 0)
        return text;
    free(text);
    return NULL;
}

static void report_add_plan(struct output *report, const char *path, const struct state *state)
{
    _cleanup_(listed_objects_finish) struct listed_objects objects = {0};
    int r = state_list_objects(state, &objects);
    _cleanup_free_ char *files = r == 0 ? report_format_files(&objects) : NULL;

    if (!files || objects.n == 0) {
        report->error = -ENOMEM;
        return;
    }
    output_add(report, "%s", state_replica(state));
    output_add(report, "%s", path);
    report_add_txid(report, objects.items[0].min_txid);
    report_add_txid(report, objects.items[objects.n - 1].max_txid);
    output_add(report, "%s", files);
}

void restore_report_add(struct output *report, const struct restore_options *options, const char *name,
                        const char *path, struct state *state, int64_t duration)
{
    char time[INSTANT_TEXT_SIZE];

    instant_format(state_time(state), time);
    if (!options->dry_run)
        log_info("%s: restored to %s as of %s, generation %s, position %s: %.1f MB in %.1f s", name, path,
                 time, state_generation(state), state_position(state), (double)state_size(state) / 1e6,
                 (double)duration / INSTANT_SECOND);
    output_add(report, "%s", path);
    output_add(report, "%s", state_replica(state));
    output_add(report, "%s", state_generation(state));
    output_add(report, "%s", state_position(state));
    output_add(report, "%s", time);
    output_add(report, "%" PRIu64, state_size(state));
    if (options->dry_run) {
        output_add(report, "%" PRIu64, state_source_size(state));
        report_add_plan(report, path, state);
        return;
    }
    output_add(report, "%" PRId64, duration / INSTANT_MILLISECOND);
    output_add(report, "%s", restore_checks[options->integrity_check]);
    output_add(report, "%s", report_is_ltx(state) ? state_position(state) : "");
}

int restore_report_print(const struct output *report, const struct restore_options *options)
{
    if (!options->json && (!options->dry_run || report->n_cells == 0))
        return 0; /* the log has told it already */
    return options->all ? output_print(report, stdout) : output_print_object(report, stdout);
}
