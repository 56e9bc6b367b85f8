/* Opening below a folder: what the kernel opens, and the same names, wherever links lead. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "file_store.h"
#include "litemount/cleanup.h"

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

static int refusal; /* the errno of a kernel without openat2, or of a filter; 0: this kernel */

long __wrap_syscall(long number, ...)
{
    va_list arguments;

    if (refusal) {
        errno = refusal;
        return -1;
    }
    va_start(arguments, number);
    long a = va_arg(arguments, long), b = va_arg(arguments, long), c = va_arg(arguments, long),
         d = va_arg(arguments, long);
    va_end(arguments);
    return __real_syscall(number, a, b, c, d);
}

static void opens_what_the_kernel_opens(int folder)
{
    static const char *const paths[] = {
        ".",
        "a",
        "a/",
        "a//b",
        "a/b/file",
        "link",
        "link/file",
        "far/b/",
        "far/b/file",
        "file",
        "round",
        "round/x",
        "nothing",
        "a/x/file",
        "a/b/up/b/file",
        "chain",
        "dangling",
        "proc/self",
        "proc/self/status",
        "a/b/file/x",
        "no/file",
    };
    static const int flags[] = {O_RDONLY, O_PATH, O_RDONLY | O_DIRECTORY,
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW};

    for (size_t i = 0; i < sizeof paths / sizeof *paths * (sizeof flags / sizeof *flags); i++) {
        const char *path = paths[i / (sizeof flags / sizeof *flags)];
        int how = flags[i % (sizeof flags / sizeof *flags)];
        _cleanup_close_ int right = openat(folder, path, how | O_CLOEXEC);
        int error = right < 0 ? -errno : 0;
        _cleanup_close_ int fd = file_open_below(folder, path, how);
        struct stat one, other;
        if (error != (fd < 0 ? fd : 0))
            fail_msg("%s, flags %#o: %d, not %d", path, (unsigned)how, fd, error);
        if (error < 0)
            continue;
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fstat(right, &one) | fstat(fd, &other), 0);
        assert_true(one.st_dev == other.st_dev && one.st_ino == other.st_ino);
    }
}

static void looks_at_each_name(void **state)
{
    static const int refusals[] = {0, ENOSYS, EPERM};
    char folder[] = "/tmp/litemount-below-XXXXXX", command[1024];

    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command,
             "cd %s && mkdir -p a/b no && echo 1 >a/b/file && ln -s a/b link && ln -s %s/a far && ln -s "
             "a/b/../b/./file file && "
             "ln -s round round && ln -s .. a/b/up && ln -s link/file chain && ln -s nowhere dangling && ln "
             "-s /proc proc",
             folder, folder);
    assert_int_equal(system(command), 0);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        refusal = refusals[i];
        opens_what_the_kernel_opens(fd);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(looks_at_each_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
