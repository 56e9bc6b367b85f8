/* A folder's objects while they are read. The store's reads go through here, to change the file amid one. */
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

#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "litemount/replica.h"
#include "litemount/task.h"

#define SIZE (3u << 20) /* bytes of the object: several reads */

ssize_t __real_pread(int fd, void *bytes, size_t length, off_t offset);
ssize_t __real_pread64(int fd, void *bytes, size_t length, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t length, off_t offset);
ssize_t __wrap_pread64(int fd, void *bytes, size_t length, off_t offset);

static void (*amid)(const char *path); /* done once, behind the first of the store's reads */
static char path[64];

static void change(void)
{
    void (*once)(const char *) = amid;
    amid = NULL;
    if (once)
        once(path);
}

ssize_t __wrap_pread(int fd, void *bytes, size_t length, off_t offset)
{
    ssize_t n = __real_pread(fd, bytes, length, offset);
    change();
    return n;
}

ssize_t __wrap_pread64(int fd, void *bytes, size_t length, off_t offset)
{
    ssize_t n = __real_pread64(fd, bytes, length, offset);
    change();
    return n;
}

static void write_over(const char *name)
{
    _cleanup_close_ int fd = open(name, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "other", 5, SIZE / 2), 5);
    assert_int_equal(futimens(fd, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 2}}), 0);
}

static void append(const char *name)
{
    assert_int_equal(truncate(name, SIZE + 1), 0);
    assert_int_equal(utimensat(AT_FDCWD, name, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}, 0), 0);
}

static void cut(const char *name)
{
    assert_int_equal(truncate(name, SIZE / 2), 0);
}

static void replace(const char *name)
{
    char other[80];
    snprintf(other, sizeof other, "%s.new", name);
    int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(close(fd), 0);
    assert_int_equal(rename(other, name), 0);
}

static int read_amid(void (*what)(const char *), struct task *task)
{
    char folder[] = "/tmp/file-store-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/a", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, SIZE), 0);
    assert_int_equal(futimens(fd, (struct timespec[2]){{.tv_sec = 1}, {.tv_sec = 1}}), 0);
    close(fd);

    const struct replica_config config = {.type = REPLICA_FILE, .path = folder};
    char key[] = "a", version[] = "1000000000-3145728"; /* its mtime and SIZE */
    const struct object object = {.key = key, .version = version, .size = SIZE};
    _cleanup_free_ uint8_t *bytes = malloc(SIZE);
    struct stores *stores;
    struct replica *replica;
    assert_int_equal(stores_open(NULL, task, &stores), 0);
    assert_int_equal(replica_open(stores, &config, task, &replica), 0);
    amid = what;
    int r = replica_read(replica, &object, 0, SIZE, bytes, task);
    assert_null(amid);
    replica_close(replica);
    stores_close(stores);
    unlink(path);
    rmdir(folder);
    return r;
}

static void nothing(const char *name)
{
}

static void tells_that_a_file_changed_while_it_was_read(void **state)
{
    static const struct {
        void (*what)(const char *);
        int result;
        const char *says;
    } cases[] = {
        {nothing, 0, ""},
        {write_over, -ESTALE, "changed while it was read"},
        {append, -ESTALE, "changed while it was read"},
        {cut, -ESTALE, "became shorter while it was read"},
        {replace, 0, ""}, /* the one that was opened is still whole */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task task;
        task_init(&task, NULL);
        assert_int_equal(read_amid(cases[i].what, &task), cases[i].result);
        assert_non_null(strstr(task_reason(&task, 0), cases[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_that_a_file_changed_while_it_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
