/* What a verb's operand names: a database of the configuration, by its path or its name below the mount, or a
 * replica's URL. */
#pragma once

#include "arguments/arguments.h"
#include "backups.h"

struct history;

/* How often a state is opened of which objects come damaged: see state_failure. */
#define STATE_ATTEMPTS 3

/* What every verb is told. */
struct common_options {
    const char *config;  /* NULL: the default */
    const char *replica; /* NULL: all */
    bool no_expand_environment, help;
};

/* The rows of it, where `options` is the verb's struct, and has it as `common`. */
#define COMMON_ROWS(options)                                                                                 \
    {.name = "config",                                                                                       \
     .kind = ARGUMENT_TEXT,                                                                                  \
     .offset = offsetof(struct options, common.config),                                                      \
     .word = "FILE",                                                                                         \
     .help = "the configuration ($LITESTREAM_CONFIG, /etc/litestream.yml)"},                                 \
        {.name = "no-expand-env",                                                                            \
         .offset = offsetof(struct options, common.no_expand_environment),                                   \
         .help = "leave $VARIABLES in it as they are"},                                                      \
        {.name = "replica",                                                                                  \
         .kind = ARGUMENT_TEXT,                                                                              \
         .offset = offsetof(struct options, common.replica),                                                 \
         .word = "NAME",                                                                                     \
         .help = "only the replica of that name"},                                                           \
    {                                                                                                        \
        .name = "help", .alias = "h", .kind = ARGUMENT_QUESTION,                                             \
        .offset = offsetof(struct options, common.help), .help = "show this"                                 \
    }

/* A row for rows: what is listed is printed as JSON, where the verb's struct has it as `json`. */
#define JSON_ROW(options)                                                                                    \
    {                                                                                                        \
        .name = "json", .offset = offsetof(struct options, json), .help = "print JSON"                       \
    }

/* The one database that a verb is about, where the verb's struct has it as `database`. */
#define DATABASE_ROW(options)                                                                                \
    {                                                                                                        \
        .kind = ARGUMENT_TEXT, .offset = offsetof(struct options, database), .word = "DATABASE|URL",         \
        .help = "a database path or replica URL", .required = true                                           \
    }

/* One database, and all that it stands on. */
struct target {
    struct backups backups;
    char *name;              /* as the mount shows it; owned */
    char *path;              /* as the application knows it; NULL: the source is a URL or a folder; owned */
    struct history *history; /* borrowed from the backups */
};

/* Whether it is a source of its own, a URL or a folder, and no database of a configuration. */
bool target_is_source(const char *operand);

/* Opens what the operand leads to: the URL itself, else the configuration; NULL: the configuration. 0, or a
 * negative errno with a reason (-EINVAL: both a URL and -config; -ENODATA: the URL is of a folder that does
 * not exist). The caller finishes it either way. */
int target_open_backups(const struct common_options *common, const char *operand, struct task *task,
                        struct backups *backups);

/* Opens them, and finds the one database that the operand names. As above; -ENODATA: the URL leads to no
 * backup. */
int target_open(const struct common_options *common, const char *operand, struct task *task,
                struct target *target);
void target_finish(struct target *target);

/* Whether there is a generation of that name. 0; -ENODATA with a reason that tells what there is instead; or
 * another negative errno with a reason. */
int target_check_generation(struct history *history, const char *generation, struct task *task);

/* Warns, and says why, if nothing was listed and there is nothing that can be brought back. */
void target_warn_of_nothing(const struct target *target, size_t n_listed, struct task *task);
