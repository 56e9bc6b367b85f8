#include "verbs.h"

const struct verb *const verbs[] = {
    &verb_databases, &verb_generations, &verb_snapshots, &verb_wal, &verb_ltx,
    &verb_points,    &verb_restore,     &verb_verify,    NULL,
};
