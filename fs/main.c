#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/verbs.h"
#include "litemount/cleanup.h"

/* What is opened first must not become standard output or standard error, and be written to. */
static int main_open_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd < 0 ? -1 : close(fd);
}

/* Everybody can see a command line, and a URL may hold a password: it is taken from there. What is read is a
 * copy, so that the rest stays there as it was typed. One block, for the caller to free; NULL: no memory. */
static char **main_copy_arguments(int argc, char **argv)
{
    size_t size = ((size_t)argc + 1) * sizeof *argv;

    for (int i = 0; i < argc; i++)
        size += strlen(argv[i]) + 1;
    char **copies = malloc(size);
    char *text = copies ? (char *)(copies + argc + 1) : NULL;
    for (int i = 0; copies && i < argc; i++) {
        copies[i] = text;
        text = stpcpy(text, argv[i]) + 1;
    }
    if (copies)
        copies[argc] = NULL;
    return copies;
}

static void main_hide_urls(char **argv)
{
    for (; *argv; argv++) {
        char *secret = strstr(*argv, "://");
        if (secret)
            memset(secret + strlen("://"), '.', strlen(secret) - strlen("://"));
    }
}

static int main_run(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && verbs[i]; i++)
        if (strcmp(argv[1], verbs[i]->name) == 0)
            return command_run(verbs[i], argc - 1, argv + 1);
    return mount_main(argc, argv);
}

int main(int argc, char **argv)
{
    _cleanup_free_ char **arguments = main_copy_arguments(argc, argv);

    if (!arguments || main_open_standard_files() < 0)
        return 1;
    main_hide_urls(argv);
    return main_run(argc, arguments);
}
