#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/verbs.h"

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
 * copy, so that the rest stays there as it was typed. */
static int main_hide_urls(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *secret = strstr(argv[i], "://");
        argv[i] = strdup(argv[i]);
        if (!argv[i])
            return -1;
        if (secret)
            memset(secret + strlen("://"), '.', strlen(secret) - strlen("://"));
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (main_open_standard_files() < 0 || main_hide_urls(argc, argv) < 0)
        return 1;
    for (size_t i = 0; argc > 1 && verbs[i]; i++)
        if (strcmp(argv[1], verbs[i]->name) == 0)
            return command_run(verbs[i], argc - 1, argv + 1);
    return mount_main(argc, argv);
}
