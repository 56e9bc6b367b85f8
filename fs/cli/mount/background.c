#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "litemount/cleanup.h"
#include "litemount/log.h"

/* Leaves with 0 once the child is ready, else with the child's own status. */
static void background_wait_for_child(int fd, pid_t child)
{
    char byte;
    int status;
    ssize_t n;

    do
        n = read(fd, &byte, 1);
    while (n < 0 && errno == EINTR);
    if (n == 1)
        _exit(0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int background_start(int *ret_ready_fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    _cleanup_close_ int read_end = fds[0], write_end = fds[1];
    pid_t parent = getpid(), child = fork();
    if (child < 0)
        return -errno;
    if (child > 0) {
        close(steal_fd(&write_end));
        background_wait_for_child(read_end, child);
    }
    setsid();
    /* Whoever ends the one that waits wants no mount any more. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
    *ret_ready_fd = steal_fd(&write_end);
    return 0;
}

void background_ready(int ready_fd)
{
    _cleanup_close_ int fd = ready_fd, null = open("/dev/null", O_RDWR | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, 0);
    log_use_syslog();
    if (chdir("/") < 0)
        log_warning("cannot leave the folder that the mount was begun in, which stays in use: %m");
    for (int i = 0; i < 3 && null >= 0; i++)
        dup2(null, i);
    if (write(fd, "", 1) < 0)
        log_warning("whoever began this mount is gone; it goes on without");
}
