#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-version") == 0)) {
        printf("litemount %s\n", LITEMOUNT_VERSION);
        return 0;
    }
    return verb_mount(argc, argv);
}
