#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"databases", verb_databases},
    {"generations", verb_generations},
    {"ltx", verb_ltx},
    {"points", verb_points},
    {"restore", verb_restore},
    {"snapshots", verb_snapshots},
    {"verify", verb_verify},
    {"wal", verb_wal},
};

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-version") == 0)) {
        printf("litemount %s\n", LITEMOUNT_VERSION);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    return verb_mount(argc, argv);
}
