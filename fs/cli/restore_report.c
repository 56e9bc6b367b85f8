#include <inttypes.h>

#include "litemount/history.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "output.h"
#include "restore.h"

static const struct column done_columns[] = {
    {.name = "db_path"},
    {.name = "replica"},
    {.name = "generation"},
    {.name = "position"},
    {.name = "time"},
    {.name = "size", .is_number = true},
    {.name = "duration_ms", .is_number = true},
    {.name = "integrity_check"},
};

static const struct column planned_columns[] = {
    {.name = "db_path"},
    {.name = "replica"},
    {.name = "generation"},
    {.name = "position"},
    {.name = "time"},
    {.name = "size", .is_number = true},
    {.name = "source_size", .is_number = true},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

void restore_report_init(struct output *report, const struct restore_options *options)
{
    if (options->dry_run)
        output_init(report, planned_columns, COUNT(planned_columns), options->json);
    else
        output_init(report, done_columns, COUNT(done_columns), options->json);
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
    } else {
        output_add(report, "%" PRId64, duration / INSTANT_MILLISECOND);
        output_add(report, "%s", options->integrity_check);
    }
}

int restore_report_print(const struct output *report, const struct restore_options *options)
{
    if (!options->json && (!options->dry_run || report->n_cells == 0))
        return 0; /* the log has told it already */
    return options->all ? output_print(report, stdout) : output_print_object(report, stdout);
}
