/* Verifying one database, and saying what came of it. */
#pragma once

#include <stdio.h>

#include "litemount/verification.h"

/* What is asked of every database. Plain value; borrowed. */
struct verify_options {
    int64_t time;       /* INSTANT_MAX: the latest state */
    int64_t newer_than; /* the newest restore point may be so old: nanoseconds; 0: any age */
    bool quick;         /* quick_check in place of integrity_check */
};

/* What came of one database. Zero-initialise, finish with verify_report_finish. */
struct verify_report {
    char *name, *path;         /* as struct target has them; owned */
    struct verification found; /* the state's problems and notes are behind the objects' */
    bool has_state;            /* one was opened: */
    int64_t time;              /* its point */
    char *generation, *position, *replica;
    char *warning;            /* what is no problem, and yet to be told; NULL: nothing; owned */
    struct names passed_over; /* replicas that the state does not come from, and why: sentences */
};

void verify_report_finish(struct verify_report *report);

/* As if the state had not been opened yet: of what was found the first `n_problems` and `n_notes` stay. */
void verify_report_forget_state(struct verify_report *report, size_t n_problems, size_t n_notes);

/* Adds a problem. 0 or -ENOMEM. */
int verify_report_add(struct verify_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds a note. 0 or -ENOMEM. */
int verify_report_note(struct verify_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* verify_database.c: reads the backup, opens the state and asks SQLite about it. 0, whatever was found;
 * -ECANCELED or -ENOMEM. */
int verify_database(struct history *history, const struct verify_options *options, struct task *task,
                    struct verify_report *report);

/* verify_report.c: a line, or one a problem; warnings go to the log. */
void verify_report_print(const struct verify_report *report, FILE *file);
void verify_report_print_json(const struct verify_report *report, FILE *file);
