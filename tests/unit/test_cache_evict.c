/* What is not removed to make room: what somebody writes to, and what came under a name meanwhile. */
#include "test_cache.h"

#include <fcntl.h>
#include <sys/file.h>

enum { PIECE = 4096, LIMIT = 8 << 20 };

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

static char found[4096]; /* the image file of the walk under way */
static bool replaces_it; /* the next who locks it exclusively finds that another stands in its place */

static int find_image_file(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    if (strstr(path, ".img"))
        snprintf(found, sizeof found, "%s", path);
    return 0;
}

static void replace_if_it_is(int fd)
{
    struct stat locked, named;

    if (fstat(fd, &locked) < 0 || stat(found, &named) < 0 || locked.st_ino != named.st_ino)
        return;
    replaces_it = false;
    assert_int_equal(unlink(found), 0);
    int other = open(found, O_CREAT | O_EXCL | O_WRONLY, 0600);
    assert_true(other >= 0);
    close(other);
}

int __wrap_flock(int fd, int operation)
{
    if (replaces_it && (operation & LOCK_EX))
        replace_if_it_is(fd);
    return __real_flock(fd, operation);
}

/* An image that is older than all others, and the path of its file. */
static void leave_an_old_one(const char *folder)
{
    static struct source source = {.size = 1 << 20, .piece = PIECE, .block = 65536};
    struct cache *cache = open_cache(folder, LIMIT);
    struct cache_image *image = open_image(cache, &source, "old");

    assert_read(image, &source, 0, source.size);
    cache_image_close(image);
    cache_close(cache);
    found[0] = '\0';
    nftw(folder, find_image_file, 16, FTW_PHYS);
    assert_true(found[0]);
}

static void fill(const char *folder)
{
    static struct source source = {.size = 1 << 20, .piece = PIECE, .block = 65536};
    struct cache *cache = open_cache(folder, LIMIT);
    char name[20];

    for (int i = 0; i < 9; i++) {
        snprintf(name, sizeof name, "image %d", i);
        struct cache_image *image = open_image(cache, &source, name);
        assert_read(image, &source, 0, source.size);
        cache_image_close(image);
    }
    cache_close(cache);
}

static void removes_what_is_oldest(void **state)
{
    leave_an_old_one(*state);
    fill(*state);
    assert_int_equal(access(found, F_OK), -1);
}

static void leaves_what_somebody_writes_to(void **state)
{
    leave_an_old_one(*state);
    int fd = open(found, O_RDWR);
    assert_int_equal(__real_flock(fd, LOCK_SH), 0);
    fill(*state);
    assert_int_equal(access(found, F_OK), 0);
    close(fd);
}

static void leaves_what_took_its_place(void **state)
{
    leave_an_old_one(*state);
    replaces_it = true;
    fill(*state);
    assert_false(replaces_it);
    assert_int_equal(access(found, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(removes_what_is_oldest),
        folder_test(leaves_what_somebody_writes_to),
        folder_test(leaves_what_took_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
