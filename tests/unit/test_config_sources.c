/* What a mount's SOURCE may be: a configuration, a URL, a folder. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/config.h"
#include "litemount/task.h"

static const char *no_environment(const char *name)
{
    return NULL;
}

static const char *some_environment(const char *name)
{
    return strcmp(name, "LITESTREAM_S3_ENDPOINT") == 0 ? "127.0.0.1:9000" : NULL;
}

static const struct config_options options = {.getenv = no_environment};

static void takes_urls_and_folders_as_sources(void **state)
{
    static const char *const folders[] = {"/usr", "/usr/", "file:///usr", "file:///usr/../usr/?x"};
    struct config *config;

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        print_message("%s\n", folders[i]);
        assert_int_equal(config_load(folders[i], &options, NULL, &config), 0);
        assert_true(config->databases->is_folder && config->databases->is_source);
        assert_string_equal(config->databases->path, "/usr");
        assert_int_equal(config->databases->replicas->type, REPLICA_FILE);
        assert_string_equal(config->databases->replicas->path, "/usr");
        config_close(config);
    }
    assert_int_equal(config_load("s3://user:pw@b/x/?region=r", &options, NULL, &config), 0);
    assert_true(config->databases->is_folder && config->databases->is_source && config->databases->recursive);
    assert_null(config->databases->pattern);
    assert_string_equal(config->databases->path, "s3://b/x/");
    assert_string_equal(replica_setting(config->databases->replicas, "bucket"), "b");
    assert_string_equal(config->databases->replicas->path, "x");
    assert_string_equal(replica_setting(config->databases->replicas, "region"), "r");
    assert_null(replica_setting(config->databases->replicas, "endpoint"));
    config_close(config);

    const struct config_options with_endpoint = {.getenv = some_environment};
    assert_int_equal(config_load("s3://b", &with_endpoint, NULL, &config), 0);
    assert_string_equal(replica_setting(config->databases->replicas, "endpoint"), "http://127.0.0.1:9000");
    assert_true(replica_setting_is_on(config->databases->replicas, "force-path-style"));
    config_close(config);
}

static void refuses_sources_that_are_not_there(void **state)
{
    static const struct {
        const char *source;
        int error;
        const char *reason;
    } cases[] = {
        {"/no/such/litestream.yml", -ENOENT, "/no/such/litestream.yml: No such file"},
        {"", -EINVAL, "the source is empty"},
        {"file:///no/such/folder", -ENOENT, "/no/such/folder: No such file"},
        {"s3://", -EINVAL, "needs a bucket"},
        {"tape://x", -EINVAL, "unknown replica type \"tape\""},
        {"sftp://user:S3CRET@host:port/x", -EINVAL, "sftp://host:port/x: its host is not"},
        {"/dev/zero", -EINVAL, "/dev/zero: larger than 1 MiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct task task;
        struct config *config = NULL;
        print_message("%s\n", cases[i].source);
        task_init(&task, NULL);
        assert_int_equal(config_load(cases[i].source, &options, &task, &config), cases[i].error);
        assert_non_null(strstr(task.reason, cases[i].reason));
        assert_null(strstr(task.reason, "S3CRET"));
    }
}

static void shows_no_secret(void **state)
{
    static const struct {
        const char *source, *name;
    } cases[] = {
        {"/a/b?c=d,e", "/a/b?c=d,e"},
        {"s3://b/x", "s3://b/x"},
        {"s3://b/x?", "s3://b/x?"},
        {"s3://b/x?region=eu-1&&", "s3://b/x"},
        {"s3://b/x?endpoint=http://[::1]:9000/&region=eu-1",
         "s3://b/x?endpoint=http://[::1]:9000/&region=eu-1"},
        {"s3://b?endpoint=http%3A%2f%2Fhost&skip-verify=1",
         "s3://b?endpoint=http%3A%2f%2Fhost&skip-verify=1"},
        {"s3://b/x?forcePathStyle&skipVerify=t&", "s3://b/x?forcePathStyle&skipVerify=t&"},
        {"s3://u:S3CRET@b/x?region=r", "s3://b/x"},
        {"s3://b/u@x?region=r", "s3://b/u@x?region=r"},
        {"s3://b/x?region=r#S3CRET", "s3://b/x"},
        {"s3://b/x#?region=r", "s3://b/x"},
        {"s3://b/x?region=r&key=S3CRET", "s3://b/x"},
        {"s3://b/x?regio=S3CRET", "s3://b/x"},
        {"s3://b/x?regions=S3CRET", "s3://b/x"},
        {"s3://b/x?region=r;key=S3CRET", "s3://b/x"},
        {"s3://b/x?endpoint=http://u:S3CRET@h", "s3://b/x"},
        {"s3://b/x?endpoint=http://u:S3CRET%40h", "s3://b/x"},
        {"s3://b/x?endpoint=http://h?key=S3CRET", "s3://b/x"},
        {"s3://b/x?endpoint=http://h%", "s3://b/x"},
        {"s3://b/x?%72egion=S3CRET", "s3://b/x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = config_filesystem_name(cases[i].source);
        assert_string_equal(name, cases[i].name);
        free(name);
    }
}

static void knows_the_default_path(void **state)
{
    assert_string_equal(config_default_path(&options), "/etc/litestream.yml");
    setenv("LITESTREAM_CONFIG", "/elsewhere.yml", 1);
    assert_string_equal(config_default_path(NULL), "/elsewhere.yml");
    unsetenv("LITESTREAM_CONFIG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_urls_and_folders_as_sources),
        cmocka_unit_test(refuses_sources_that_are_not_there),
        cmocka_unit_test(shows_no_secret),
        cmocka_unit_test(knows_the_default_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
