/* What a verb's operand names: a database of the configuration, by its path or its name below the mount, or a
 * replica's URL. */
#pragma once

#include "arguments/arguments.h"
#include "backups.h"

struct catalog;
struct history;

/* How often a state is opened of which objects come damaged: see state_failure. */
#define STATE_ATTEMPTS 3

/* What every verb is told. */
struct common_options {
    const char *config;  /* NULL: the default */
    const char *replica; /* NULL: all */
    bool no_expand_environment, help;
};

/* The rows of it, where the verb's struct has it as `common`. */
#define COMMON_ROWS(type)                                                                                    \
    {ARGUMENT_IS(ARGUMENT_TEXT, type, common.config, "config", "FILE",                                       \
                 "the configuration ($LITESTREAM_CONFIG, /etc/litestream.yml)")},                            \
        {ARGUMENT_IS_SWITCH(type, common.no_expand_environment, "no-expand-env",                             \
                            "leave $VARIABLES in it as they are")},                                          \
        {ARGUMENT_IS(ARGUMENT_TEXT, type, common.replica, "replica", "NAME",                                 \
                     "only the replica of that name")},                                                      \
    {                                                                                                        \
        ARGUMENT_IS_SWITCH(type, common.help, "help", "show this"), .alias = "h", .kind = ARGUMENT_QUESTION  \
    }

/* Of a verb that prints JSON if its struct's `json` is set, and of one about the one database that `database`
 * names. */
#define JSON_ROW(type)                                                                                       \
    {                                                                                                        \
        ARGUMENT_IS_SWITCH(type, json, "json", "print JSON")                                                 \
    }
#define DATABASE_ROW(type)                                                                                   \
    {                                                                                                        \
        ARGUMENT_IS_OPERAND(type, database, "DATABASE|URL", "a database path or replica URL"),               \
            .required = true                                                                                 \
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

/* What the application calls the database, for the caller to free; NULL: the source is a URL or a folder. 0
 * or -ENOMEM. */
int target_find_path(const struct catalog *catalog, const char *name, char **ret_path);

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
