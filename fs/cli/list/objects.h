/* What `snapshots`, `wal` and `ltx` have in common: one database's objects of one kind, a row each. */
#pragma once

#include "litemount/listed.h"
#include "output/output.h"
#include "target.h"

struct objects {
    struct common_flags common;
    bool json;
    const char *generation; /* only of this one; NULL: all */

    enum object_kind kind;
    const struct column *columns;
    size_t n_columns;

    /* Whether it is shown; NULL: each is. */
    bool (*is_wanted)(const struct objects *objects, const struct listed_object *object);
    void (*add_row)(struct output *output, const struct listed_object *object);
};

/* A command's work, whose context is the struct above: prints the objects of the one operand. */
int objects_list(void *context, char **operands, int n_operands, struct task *task);
