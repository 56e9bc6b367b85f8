#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "litemount/cleanup.h"
#include "litemount/instant.h"
#include "litemount/log.h"
#include "litemount/printable.h"
#include "output/output.h"
#include "verify.h"

#define MOST_SHOWN 10 /* problems of one database */

void verify_report_forget_state(struct verify_report *report, size_t n_problems, size_t n_notes)
{
    names_cut(&report->found.problems, n_problems);
    names_cut(&report->found.notes, n_notes);
    report->has_state = false;
    free(steal_pointer(report->generation));
    free(steal_pointer(report->position));
    free(steal_pointer(report->replica));
    free(steal_pointer(report->warning));
}

void verify_report_finish(struct verify_report *report)
{
    verify_report_forget_state(report, 0, 0);
    verification_finish(&report->found);
    free(report->name);
    free(report->path);
    names_finish(&report->passed_over);
}

int verify_report_add(struct verify_report *report, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int r = names_add_text(&report->found.problems, format, arguments);
    va_end(arguments);
    return r;
}

int verify_report_note(struct verify_report *report, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int r = names_add_text(&report->found.notes, format, arguments);
    va_end(arguments);
    return r;
}

/* Bytes as people write them. */
static void verify_report_print_size(uint64_t bytes, FILE *file)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes / 1000;
    size_t unit = 0;

    if (bytes < 1000) {
        fprintf(file, "%" PRIu64 " B", bytes);
        return;
    }
    for (; size >= 999.95 && unit + 1 < sizeof units / sizeof *units; unit++)
        size /= 1000;
    fprintf(file, "%.1f %s", size, units[unit]);
}

/* A problem may hold a database's own words. */
static void verify_report_print_problem(const struct verify_report *report, const char *text, FILE *file)
{
    _cleanup_free_ char *line = NULL;

    if (asprintf(&line, "FAILED  %s: %s", report->name, text) < 0) {
        line = NULL;
        return;
    }
    printable_make(line);
    fprintf(file, "%s\n", line);
}

void verify_report_print(const struct verify_report *report, FILE *file)
{
    const struct names *problems = &report->found.problems;
    char time[INSTANT_TEXT_SIZE];

    for (size_t i = 0; i < report->passed_over.n; i++)
        log_warning("%s: %s", report->name, report->passed_over.items[i].text);
    for (size_t i = 0; i < problems->n && i < MOST_SHOWN; i++)
        verify_report_print_problem(report, problems->items[i].text, file);
    if (problems->n > MOST_SHOWN)
        fprintf(file, "FAILED  %s: and %zu more problems; -json shows all\n", report->name,
                problems->n - MOST_SHOWN);
    for (size_t i = 0; i < report->found.notes.n; i++)
        fprintf(file, "note    %s: %s\n", report->name, report->found.notes.items[i].text);
    if (problems->n)
        return;
    instant_format(report->time, time);
    if (report->warning)
        log_warning("%s: as of %s, in generation %s: %s", report->name, time, report->generation,
                    report->warning);
    fprintf(file, "ok      %s  %s  %" PRIu64 " objects, ", report->name, time, report->found.objects);
    verify_report_print_size(report->found.bytes, file);
    fprintf(file, "%s%s\n", report->passed_over.n ? ", newest in " : "",
            report->passed_over.n ? report->replica : "");
}

static void verify_report_print_text(const char *name, const char *text, FILE *file)
{
    fprintf(file, ",\n    \"%s\": ", name);
    if (text)
        json_print_string(text, file);
    else
        fputs("null", file);
}

static void verify_report_print_texts(const char *name, const struct names *texts, FILE *file)
{
    fprintf(file, ",\n    \"%s\": [", name);
    for (size_t i = 0; i < texts->n; i++) {
        fputs(i ? ",\n      " : "\n      ", file);
        json_print_string(texts->items[i].text, file);
    }
    fputs(texts->n ? "\n    ]" : "]", file);
}

void verify_report_print_json(const struct verify_report *report, FILE *file)
{
    const struct names *problems = &report->found.problems;
    char time[INSTANT_TEXT_SIZE];

    fputs("  {\n    \"name\": ", file);
    json_print_string(report->name, file);
    verify_report_print_text("path", report->path, file);
    fprintf(file, ",\n    \"ok\": %s", problems->n ? "false" : "true");
    if (report->has_state)
        instant_format(report->time, time);
    verify_report_print_text("time", report->has_state ? time : NULL, file);
    verify_report_print_text("generation", report->generation, file);
    verify_report_print_text("position", report->position, file);
    verify_report_print_text("replica", report->replica, file);
    verify_report_print_text("warning", report->warning, file);
    verify_report_print_texts("notes", &report->found.notes, file);
    fprintf(file, ",\n    \"objects\": %" PRIu64 ",\n    \"bytes\": %" PRIu64, report->found.objects,
            report->found.bytes);
    verify_report_print_texts("problems", problems, file);
    verify_report_print_texts("passed_over", &report->passed_over, file);
    fputs("\n  }", file);
}
