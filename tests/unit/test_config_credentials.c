#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "litemount/config.h"
#include "litemount/task.h"

/* The environment of the case at hand: NAME=VALUE texts up to a NULL. tests/data/config/home is a home folder
 * with the AWS command line's two files. */
static const char *const *variables;
static char home[4096];

static const char *case_environment(const char *name)
{
    size_t length = strlen(name);
    if (strcmp(name, "HOME") == 0)
        return home;
    for (size_t i = 0; variables && variables[i]; i++)
        if (strncmp(variables[i], name, length) == 0 && variables[i][length] == '=')
            return variables[i] + length + 1;
    return NULL;
}

static const struct config_options options = {.getenv = case_environment};

static struct config *parse(const char *root, const char *keys)
{
    struct config *config = NULL;
    struct task task;
    char text[1024];

    snprintf(text, sizeof text, "%s\ndbs: [{path: /db, replica: {type: s3, bucket: b, %s}}]\n", root, keys);
    task_init(&task, NULL);
    int r = config_parse("test.yml", text, strlen(text), &options, &task, &config);
    if (r < 0)
        fail_msg("%s\n%s", task_reason(&task, r), text);
    return config;
}

static void assert_text(const char *actual, const char *expected)
{
    assert_string_equal(actual ? actual : "(none)", expected ? expected : "(none)");
}

static void asks_source_after_source(void **state)
{
    static const char own[] = "access-key-id: own, secret-access-key: own-secret";
    static const char root[] = "access-key-id: root\nsecret-access-key: root-secret";
    static const struct {
        const char *root, *keys, *variables[6];
        const char *id, *secret, *token;
    } cases[] = {
        {root,
         own,
         {"AWS_ACCESS_KEY_ID=env", "AWS_SECRET_ACCESS_KEY=env-secret", "AWS_SESSION_TOKEN=t"},
         "own",
         "own-secret",
         NULL},
        {root,
         "access-key-id: ''",
         {"AWS_ACCESS_KEY_ID=env", "AWS_SECRET_ACCESS_KEY=env-secret"},
         "root",
         "root-secret",
         NULL},
        {root, "access-key-id: own", {NULL}, "own", "root-secret", NULL},
        {"",
         "access-key-id: own, secret-access-key: own-secret, session-token: own-token",
         {NULL},
         "own",
         "own-secret",
         "own-token"},
        {"",
         "region: r",
         {"AWS_ACCESS_KEY_ID=env", "AWS_SECRET_ACCESS_KEY=env-secret", "AWS_SESSION_TOKEN=t"},
         "env",
         "env-secret",
         "t"},
        {"",
         "region: r",
         {"LITESTREAM_ACCESS_KEY_ID=ls", "LITESTREAM_SECRET_ACCESS_KEY=ls-secret"},
         "ls",
         "ls-secret",
         NULL},
        {"",
         "region: r",
         {"LITESTREAM_ACCESS_KEY_ID=ls", "LITESTREAM_SECRET_ACCESS_KEY=ls-secret", "AWS_ACCESS_KEY_ID=env",
          "AWS_SECRET_ACCESS_KEY=env-secret"},
         "env",
         "env-secret",
         NULL},
        {"",
         "access-key-id: half",
         {"AWS_ACCESS_KEY_ID=env", "AWS_SECRET_ACCESS_KEY=env-secret"},
         "env",
         "env-secret",
         NULL},
        {"",
         "access-key-id: half",
         {"AWS_SECRET_ACCESS_KEY=other-half"},
         "default-id",
         "default-secret/+=",
         NULL},
        {"", "region: r", {"AWS_SESSION_TOKEN=alone"}, "default-id", "default-secret/+=", NULL},
        {"", "region: r", {"AWS_ACCESS_KEY_ID=half"}, "default-id", "default-secret/+=", NULL},
        {"", "region: r", {NULL}, "default-id", "default-secret/+=", NULL},
        {"", "region: r", {"AWS_PROFILE=work"}, "work-id", "work-secret", "work-token"},
        {"", "region: r", {"AWS_DEFAULT_PROFILE=work"}, "work-id", "work-secret", "work-token"},
        {"", "region: r", {"AWS_PROFILE=only-in-config"}, "config-id", "config-secret", NULL},
        {"", "region: r", {"AWS_PROFILE=half"}, NULL, NULL, NULL},
        {"", "region: r", {"AWS_PROFILE=missing"}, NULL, NULL, NULL},
        {"",
         "region: r",
         {"AWS_SHARED_CREDENTIALS_FILE=/no/such/file"},
         "config-default",
         "config-secret",
         NULL},
        {"",
         "region: r",
         {"AWS_SHARED_CREDENTIALS_FILE=/no/such/file", "AWS_CONFIG_FILE=/no/such/file"},
         NULL,
         NULL,
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s %s %s\n", cases[i].root, cases[i].keys, cases[i].variables[0]);
        variables = cases[i].variables;
        struct config *config = parse(cases[i].root, cases[i].keys);
        const struct replica_config *replica = config->databases->replicas;
        assert_text(replica_setting(replica, "access-key-id"), cases[i].id);
        assert_text(replica_setting(replica, "secret-access-key"), cases[i].secret);
        assert_text(replica_setting(replica, "session-token"), cases[i].token);
        config_close(config);
    }
}

static void reads_customer_keys(void **state)
{
    static const char key[] = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    static const char *const forms[] = {
        "sse-customer-key: 'MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE='",
        "sse-customer-key: \"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\\n\"",
        "sse-customer-algorithm: AES256, sse-customer-key-path: %s/customer.key",
        "sse-customer-key: overridden, sse-customer-key-path: %s/customer.key",
    };
    variables = NULL;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char keys[8192];
        snprintf(keys, sizeof keys, forms[i], home);
        struct config *config = parse("", keys);
        assert_text(replica_setting(config->databases->replicas, "sse-customer-key"), key);
        config_close(config);
    }
    struct config *config =
        parse("sse-customer-key: MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "region: r");
    assert_text(replica_setting(config->databases->replicas, "sse-customer-key"), key);
    config_close(config);
}

/* The example that the project shows. */
static void loads_the_example(void **state)
{
    static const char *const environment[] = {"B2_KEY_ID=b2",
                                              "B2_APPLICATION_KEY=b2-secret",
                                              "MINIO_ACCESS_KEY_ID=minio",
                                              "MINIO_SECRET_ACCESS_KEY=minio-secret",
                                              "AWS_ACCESS_KEY_ID=env",
                                              "AWS_SECRET_ACCESS_KEY=env-secret",
                                              NULL};
    static const struct {
        const char *bucket, *path, *region, *endpoint, *id;
    } expected[] = {
        {NULL, "/srv/backups/production.sqlite3", NULL, NULL, NULL},
        {"example-backups", "app/production_queue.sqlite3", "eu-central-1", NULL, "env"},
        {"example-backups", "app/production_cache.sqlite3", "us-west-004",
         "https://s3.us-west-004.backblazeb2.com", "b2"},
        {"example-backups", "app/production_cable.sqlite3", "nyc3", "https://nyc3.digitaloceanspaces.com",
         "env"},
        {"example-backups", "tenants", NULL, "http://minio.example.net:9000", "minio"},
    };
    const char *data = getenv("TEST_DATA");
    struct config *config = NULL;
    struct task task;
    char path[4096];

    assert_non_null(data);
    variables = environment;
    snprintf(path, sizeof path, "%s/../../examples/litestream.yml", data);
    task_init(&task, NULL);
    int r = config_load(path, &options, &task, &config);
    if (r < 0)
        fail_msg("%s", task_reason(&task, r));
    assert_int_equal(config->n_databases, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < config->n_databases; i++) {
        const struct replica_config *replica = config->databases[i].replicas;
        assert_text(replica_setting(replica, "bucket"), expected[i].bucket);
        assert_text(replica->path, expected[i].path);
        assert_text(replica_setting(replica, "region"), expected[i].region);
        assert_text(replica_setting(replica, "endpoint"), expected[i].endpoint);
        assert_text(replica_setting(replica, "access-key-id"), expected[i].id);
    }
    assert_int_equal(config->databases[3].n_replicas, 2);
    assert_true(config->databases[4].is_folder && config->databases[4].recursive);
    config_close(config);
}

int main(void)
{
    const char *data = getenv("TEST_DATA");
    snprintf(home, sizeof home, "%s/config/home", data ? data : "tests/data");

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_source_after_source),
        cmocka_unit_test(reads_customer_keys),
        cmocka_unit_test(loads_the_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
