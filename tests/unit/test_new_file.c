/* A file that appears whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "litemount/task.h"
#include "restore/new_file.h"

static char folder[] = "/tmp/litemount-test-new-file-XXXXXX";

static int set_up(void **state)
{
    umask(022);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t temporaries(void)
{
    glob_t found;
    glob(path_of("*.litemount-new"), 0, NULL, &found);
    size_t n = found.gl_pathc;
    globfree(&found);
    return n;
}

static void begin(const char *name, struct new_file *file, struct task *task)
{
    task_init(task, NULL);
    assert_int_equal(new_file_begin(path_of(name), 4, task, file), 0);
    assert_int_equal(new_file_write(file, "text", 4, task), 0);
}

static void assert_holds(const char *name, const char *text)
{
    char found[16] = "";
    int fd = open(path_of(name), O_RDONLY);
    assert_int_equal(read(fd, found, sizeof found - 1), strlen(text));
    assert_string_equal(found, text);
    close(fd);
}

static void appears_when_it_is_placed(void **state)
{
    struct new_file file;
    struct stat info;
    struct task task;

    begin("a.db", &file, &task);
    assert_int_equal(access(path_of("a.db"), F_OK), -1);
    assert_int_equal(temporaries(), 1);
    assert_int_equal(new_file_place(&file, false, &task), 0);
    assert_int_equal(new_file_settle(&file, &task), 0);
    assert_int_equal(temporaries(), 0);
    assert_int_equal(stat(path_of("a.db"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    new_file_finish(&file);
    assert_holds("a.db", "text");
}

static void is_gone_when_it_is_not(void **state)
{
    struct new_file file;
    struct task task;

    begin("b.db", &file, &task);
    new_file_finish(&file);
    assert_int_equal(temporaries(), 0);
    assert_int_equal(access(path_of("b.db"), F_OK), -1);
}

static void replaces_only_when_told(void **state)
{
    struct new_file file;
    struct task task;

    close(open(path_of("c.db"), O_CREAT | O_WRONLY, 0600));
    begin("c.db", &file, &task);
    assert_int_equal(new_file_place(&file, false, &task), -EEXIST);
    assert_holds("c.db", "");
    assert_int_equal(new_file_place(&file, true, &task), 0);
    new_file_finish(&file);
    assert_holds("c.db", "text");
}

static void makes_the_folders_that_lead_there(void **state)
{
    struct new_file file;
    struct task task;

    begin("x/y/d.db", &file, &task);
    assert_int_equal(new_file_place(&file, false, &task), 0);
    new_file_finish(&file);
    assert_holds("x/y/d.db", "text");
    assert_int_equal(new_file_begin(path_of("x/y/d.db/e.db"), 0, &task, &file), -ENOTDIR);
    assert_non_null(strstr(task.reason, "x/y/d.db"));
}

/* In /sys nobody can make one, and that is the reason to give: not that it is not there. */
static void tells_why_a_folder_cannot_be_made(void **state)
{
    struct new_file file;
    struct task task;

    if (access("/sys", F_OK) < 0)
        skip();
    assert_int_equal(mkdir("/sys/none", 0777), -1);
    int error = errno;
    assert_int_not_equal(error, ENOENT);
    task_init(&task, NULL);
    assert_int_equal(new_file_begin("/sys/none/x.db", 0, &task, &file), -error);
    assert_non_null(strstr(task.reason, strerror(error)));
}

/* What others write is theirs; what nobody holds was left by a process that was killed. */
static void sweeps_what_is_abandoned(void **state)
{
    struct new_file first, second;
    struct task task;

    begin("f.db", &first, &task);
    close(open(path_of("f.db.aaaaaa.litemount-new"), O_CREAT | O_WRONLY, 0600));
    close(open(path_of("g.db.aaaaaa.litemount-new"), O_CREAT | O_WRONLY, 0600));
    assert_int_equal(temporaries(), 3);
    begin("f.db", &second, &task);
    assert_int_equal(temporaries(), 3);
    assert_int_equal(access(path_of("f.db.aaaaaa.litemount-new"), F_OK), -1);
    assert_int_equal(access(first.temporary, F_OK), 0);
    new_file_finish(&first);
    new_file_finish(&second);
    assert_int_equal(temporaries(), 1);
}

/* A link that another process made is its own until that one is gone. */
static void takes_over_a_link_once_its_maker_is_gone(void **state)
{
    struct new_file file, taken = {0};
    char path[256];
    struct task task;

    begin("d.db", &file, &task);
    snprintf(path, sizeof path, "%s", file.temporary);
    assert_int_equal(new_file_resume(path, &task, &taken), 0); /* no link leads to it yet */
    assert_int_equal(new_file_link(&file, &task), 0);
    assert_holds("d.db", "text");
    assert_int_equal(new_file_resume(path, &task, &taken), -EBUSY);
    new_file_finish(&file);
    assert_holds("d.db", "text"); /* the link's file stays */
    task_init(&task, NULL);
    assert_int_equal(new_file_resume(path_of("d.db"), &task, &taken), 0);
    assert_int_equal(new_file_resume(path, &task, &taken), 1);
    assert_int_equal(new_file_place(&taken, true, &task), 0);
    new_file_finish(&taken);
    assert_int_equal(access(path, F_OK), -1);
    assert_holds("d.db", "text");
}

/* A link of that form that leads elsewhere is somebody's own. */
static void takes_over_no_other_link(void **state)
{
    struct new_file file, taken;
    char path[256];
    struct task task;

    begin("e.db", &file, &task);
    snprintf(path, sizeof path, "%s", file.temporary);
    assert_int_equal(symlink("elsewhere", path_of("e.db")), 0);
    assert_int_equal(new_file_resume(path, &task, &taken), 0);
    assert_int_equal(unlink(path_of("e.db")), 0);
    new_file_finish(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appears_when_it_is_placed),
        cmocka_unit_test(is_gone_when_it_is_not),
        cmocka_unit_test(replaces_only_when_told),
        cmocka_unit_test(makes_the_folders_that_lead_there),
        cmocka_unit_test(tells_why_a_folder_cannot_be_made),
        cmocka_unit_test(sweeps_what_is_abandoned),
        cmocka_unit_test(takes_over_a_link_once_its_maker_is_gone),
        cmocka_unit_test(takes_over_no_other_link),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
