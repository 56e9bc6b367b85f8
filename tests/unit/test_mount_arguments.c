#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "litemount/cache.h"
#include "litemount/instant.h"
#include "litemount/task.h"
#include "mount/mount_arguments.h"

#define MOST_WORDS 10

/* Reads a command line, the program's name apart; words end at NULL. They stay as they are until the next. */
static int read_words(const char *const *words, struct task *task, struct mount_arguments *ret_arguments)
{
    static char line[MOST_WORDS][256];
    char *argv[MOST_WORDS + 2] = {(char *)"litemount"};
    int argc = 1;
    for (; argc <= MOST_WORDS && words[argc - 1]; argc++) {
        snprintf(line[argc - 1], sizeof *line, "%s", words[argc - 1]);
        argv[argc] = line[argc - 1];
    }
    task_init(task, NULL);
    return mount_arguments_read(argc, argv, task, ret_arguments);
}

static struct mount_arguments read_options(const char *options)
{
    const char *const words[MOST_WORDS] = {"/source", "/mnt", "-o", options};
    struct mount_arguments arguments = {0};
    struct task task;
    assert_int_equal(read_words(words, &task, &arguments), 0);
    return arguments;
}

static void has_the_defaults_that_help_tells(void **state)
{
    const char *const words[MOST_WORDS] = {"/source", "/mnt"};
    struct mount_arguments arguments = {0};
    struct task task;

    assert_int_equal(read_words(words, &task, &arguments), 0);
    assert_string_equal(arguments.source, "/source");
    assert_string_equal(arguments.mountpoint, "/mnt");
    assert_string_equal(arguments.options.source, arguments.source);
    assert_ptr_equal(arguments.options.mountpoint, arguments.mountpoint);
    assert_false(arguments.foreground || arguments.debug || arguments.help);
    assert_false(arguments.no_expand_environment);
    assert_null(arguments.cache_folder);
    assert_true(arguments.cache_size == CACHE_SIZE_DEFAULT);
    assert_true(arguments.options.refresh == 10 * INSTANT_SECOND);
    assert_int_equal(arguments.options.uid, getuid());
    assert_int_equal(arguments.options.gid, getgid());
    assert_false(arguments.options.has_umask || arguments.options.allow_other ||
                 arguments.options.allow_root || arguments.options.debug);
    mount_arguments_finish(&arguments);
}

static void takes_flags_anywhere_with_one_dash_or_two(void **state)
{
    static const struct {
        const char *words[MOST_WORDS];
        bool foreground, debug, no_expand, allow_other;
    } cases[] = {
        {{"/source", "/mnt", "-f"}, true, false, false, false},
        {{"-f", "/source", "/mnt"}, true, false, false, false},
        {{"/source", "--f", "/mnt"}, true, false, false, false},
        {{"/source", "/mnt", "-d"}, false, true, false, false},
        {{"-no-expand-env", "/source", "/mnt"}, false, false, true, false},
        {{"--no-expand-env", "/source", "/mnt"}, false, false, true, false},
        {{"/source", "/mnt", "-o", "allow_other"}, false, false, false, true},
        {{"-o", "allow_other", "/source", "/mnt"}, false, false, false, true},
        {{"/source", "/mnt", "-oallow_other,debug"}, false, true, false, true},
        {{"/source", "/mnt", "-o", "allow_other", "-o", "debug", "-f"}, true, true, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mount_arguments arguments = {0};
        struct task task;
        assert_int_equal(read_words(cases[i].words, &task, &arguments), 0);
        assert_string_equal(arguments.source, "/source");
        assert_string_equal(arguments.mountpoint, "/mnt");
        assert_int_equal(arguments.foreground, cases[i].foreground);
        assert_int_equal(arguments.debug, cases[i].debug);
        assert_int_equal(arguments.options.debug, cases[i].debug);
        assert_int_equal(arguments.no_expand_environment, cases[i].no_expand);
        assert_int_equal(arguments.options.allow_other, cases[i].allow_other);
        mount_arguments_finish(&arguments);
    }
}

static void wants_no_operands_for_help(void **state)
{
    static const char *const words[][MOST_WORDS] = {{"-h"}, {"-help"}, {"--help"}, {"/source", "--help"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct mount_arguments arguments = {0};
        struct task task;
        assert_int_equal(read_words(words[i], &task, &arguments), 1);
        assert_true(arguments.help);
        mount_arguments_finish(&arguments);
    }
}

static void reads_sizes_in_powers_of_1024(void **state)
{
    static const struct {
        const char *option;
        uint64_t size;
    } cases[] = {
        {"cache-size=1", 1},
        {"cache-size=4096", 4096},
        {"cache-size=3K", 3 << 10},
        {"cache-size=3k", 3 << 10},
        {"cache-size=500M", UINT64_C(500) << 20},
        {"cache-size=20G", UINT64_C(20) << 30},
        {"cache-size=2t", UINT64_C(2) << 40},
        {"cache-size=18446744073709551615", UINT64_MAX},
        {"cache-size=16777215T", UINT64_C(16777215) << 40},
        {"cache-size=1K,cache-size=2K", 2 << 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mount_arguments arguments = read_options(cases[i].option);
        assert_true(arguments.cache_size == cases[i].size);
        mount_arguments_finish(&arguments);
    }
}

static void reads_owners_modes_and_times(void **state)
{
    struct mount_arguments arguments =
        read_options("uid=0,gid=4294967294,umask=0027,refresh=0,allow_root,cache=/var/cache/x");
    assert_int_equal(arguments.options.uid, 0);
    assert_int_equal(arguments.options.gid, UINT32_MAX - 1);
    assert_true(arguments.options.has_umask);
    assert_int_equal(arguments.options.umask, 027);
    assert_int_equal(arguments.options.refresh, 0);
    assert_true(arguments.options.allow_root);
    assert_string_equal(arguments.cache_folder, "/var/cache/x");
    mount_arguments_finish(&arguments);

    arguments = read_options("umask=0,refresh=9223372036");
    assert_true(arguments.options.has_umask);
    assert_int_equal(arguments.options.umask, 0);
    assert_true(arguments.options.refresh == INT64_C(9223372036) * INSTANT_SECOND);
    mount_arguments_finish(&arguments);
}

static void passes_over_the_words_of_fstab(void **state)
{
    static const char *const options[] = {
        "",
        ",,",
        "ro",
        "rw,nosuid,nodev,noexec,relatime",
        "defaults,noauto,user,_netdev,nofail",
        "x-systemd.automount,x-systemd.idle-timeout=60,x-gvfs-hide",
        "comment=backups",
        "default_permissions,nonempty",
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        struct mount_arguments arguments = read_options(options[i]);
        assert_true(arguments.cache_size == CACHE_SIZE_DEFAULT);
        assert_false(arguments.options.allow_other);
        mount_arguments_finish(&arguments);
    }
}

/* In the background the program's folder is another one. */
static void makes_paths_absolute_but_not_urls(void **state)
{
    static const struct {
        const char *source, *expected; /* NULL: below the current folder */
    } cases[] = {
        {"/etc/litestream.yml", "/etc/litestream.yml"}, {"litestream.yml", NULL},   {"./x", NULL},
        {"s3://bucket/path", "s3://bucket/path"},       {"file:///x", "file:///x"},
    };
    char *here = getcwd(NULL, 0), expected[4096];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const words[MOST_WORDS] = {cases[i].source, "mnt", "-o", "cache=some/folder"};
        struct mount_arguments arguments = {0};
        struct task task;
        assert_int_equal(read_words(words, &task, &arguments), 0);
        snprintf(expected, sizeof expected, "%s/%s", here, cases[i].source);
        assert_string_equal(arguments.source, cases[i].expected ? cases[i].expected : expected);
        snprintf(expected, sizeof expected, "%s/mnt", here);
        assert_string_equal(arguments.mountpoint, expected);
        snprintf(expected, sizeof expected, "%s/some/folder", here);
        assert_string_equal(arguments.cache_folder, expected);
        mount_arguments_finish(&arguments);
    }
    free(here);
}

/* Each is refused, with a sentence that holds `wrong`. */
static void refuses_wrong_usage(void **state)
{
    static const struct {
        const char *words[MOST_WORDS], *wrong;
    } cases[] = {
        {{NULL}, "mount point"},
        {{"/source"}, "mount point"},
        {{"-f"}, "mount point"},
        {{"/source", "/mnt", "/more"}, "/more"},
        {{"/source", "/mnt", "-x"}, "-x"},
        {{"/source", "/mnt", "--foreground"}, "--foreground"},
        {{"/source", "/mnt", "-o"}, "-o"},
        {{"/source", "/mnt", "-o", "wrong"}, "wrong"},
        {{"/source", "/mnt", "-o", "ro=1"}, "ro"},
        {{"/source", "/mnt", "-o", "allow_other=1"}, "allow_other"},
        {{"/source", "/mnt", "-o", "debug=yes"}, "debug"},
        {{"/source", "/mnt", "-o", "refresh"}, "refresh"},
        {{"/source", "/mnt", "-o", "refresh="}, "refresh"},
        {{"/source", "/mnt", "-o", "refresh=-1"}, "refresh"},
        {{"/source", "/mnt", "-o", "refresh=1s"}, "refresh"},
        {{"/source", "/mnt", "-o", "refresh= 1"}, "refresh"},
        {{"/source", "/mnt", "-o", "refresh=9223372037"}, "refresh"},
        {{"/source", "/mnt", "-o", "refresh=99999999999999999999"}, "refresh"},
        {{"/source", "/mnt", "-o", "cache="}, "cache"},
        {{"/source", "/mnt", "-o", "replica="}, "replica"},
        {{"/source", "/mnt", "-o", "cache-size="}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=0"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=0G"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=G"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=1GB"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=1P"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=1.5G"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=-1"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=16777216T"}, "cache-size"},
        {{"/source", "/mnt", "-o", "cache-size=18446744073709551616"}, "cache-size"},
        {{"/source", "/mnt", "-o", "uid=root"}, "uid"},
        {{"/source", "/mnt", "-o", "uid=-1"}, "uid"},
        {{"/source", "/mnt", "-o", "uid=4294967295"}, "uid"}, /* to the kernel: nobody */
        {{"/source", "/mnt", "-o", "gid=4294967296"}, "gid"},
        {{"/source", "/mnt", "-o", "umask="}, "umask"},
        {{"/source", "/mnt", "-o", "umask=8"}, "umask"},
        {{"/source", "/mnt", "-o", "umask=00222"}, "umask"},
        {{"/source", "/mnt", "-o", "umask=-22"}, "umask"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mount_arguments arguments = {0};
        struct task task;
        assert_int_equal(read_words(cases[i].words, &task, &arguments), -EINVAL);
        assert_non_null(strstr(task_reason(&task, EINVAL), cases[i].wrong));
        assert_null(arguments.source);
    }
}

/* What others see in /proc/mounts. */
static void shows_no_secret(void **state)
{
    static const struct {
        const char *source, *shown;
    } cases[] = {
        {"sftp://me:hunter2@host/backups?key=x", "sftp://host/backups"},
        {"s3://bucket/path", "s3://bucket/path"},
        {"s3://bucket.host:9000/a@b", "s3://bucket.host:9000/a@b"},
        {"webdav://me:p@ss@host", "webdav://host"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const words[MOST_WORDS] = {cases[i].source, "/mnt"};
        struct mount_arguments arguments = {0};
        struct task task;
        assert_int_equal(read_words(words, &task, &arguments), 0);
        assert_string_equal(arguments.options.source, cases[i].shown);
        assert_string_equal(arguments.source, cases[i].source);
        mount_arguments_finish(&arguments);
    }
}

/* A unit is one of four letters. */
static void refuses_every_other_unit(void **state)
{
    for (int letter = 1; letter < 256; letter++) {
        char option[32];
        const char *const words[MOST_WORDS] = {"/source", "/mnt", "-o", option};
        struct mount_arguments arguments = {0};
        struct task task;
        if (strchr("KMGTkmgt,0123456789", letter))
            continue;
        snprintf(option, sizeof option, "cache-size=20%c", letter);
        assert_int_equal(read_words(words, &task, &arguments), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_no_secret),
        cmocka_unit_test(has_the_defaults_that_help_tells),
        cmocka_unit_test(takes_flags_anywhere_with_one_dash_or_two),
        cmocka_unit_test(wants_no_operands_for_help),
        cmocka_unit_test(reads_sizes_in_powers_of_1024),
        cmocka_unit_test(reads_owners_modes_and_times),
        cmocka_unit_test(passes_over_the_words_of_fstab),
        cmocka_unit_test(makes_paths_absolute_but_not_urls),
        cmocka_unit_test(refuses_wrong_usage),
        cmocka_unit_test(refuses_every_other_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
