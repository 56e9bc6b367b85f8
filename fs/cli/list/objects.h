/* What `snapshots`, `wal` and `ltx` have in common: one database's objects of one kind, a row each. */
#pragma once

#include "litemount/listed.h"
#include "output/output.h"
#include "target.h"

/* What each of the verbs is told. */
struct objects_options {
    struct common_options common;
    const char *database, *generation; /* NULL: of all generations */
    unsigned level;                    /* of LTX files */
    bool json;
};

/* What a verb lists. */
struct object_listing {
    enum object_kind kind;
    const struct column *columns;
    size_t n_columns;

    /* Whether it is shown; NULL: each is. */
    bool (*is_wanted)(const struct objects_options *options, const struct listed_object *object);
    void (*add_row)(struct output *output, const struct listed_object *object);
};

#define GENERATION_ROW(type)                                                                                 \
    {                                                                                                        \
        ARGUMENT_IS(ARGUMENT_TEXT, type, generation, "generation", "NAME", "only of that generation"),       \
            .or_empty = true                                                                                 \
    }

/* Prints the objects of the database. 0, or a negative errno with a reason. */
int objects_list(const struct object_listing *listing, const struct objects_options *options,
                 struct task *task);
