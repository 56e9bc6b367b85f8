#include <dirent.h>
#include <errno.h>
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

#include "litemount/config.h"
#include "litemount/task.h"

static const char *no_environment(const char *name)
{
    return NULL;
}

static const char *some_environment(const char *name)
{
    return strcmp(name, "BUCKET") == 0 ? "from-environment" : NULL;
}

static const struct config_options options = {.getenv = no_environment};

static struct config *parse(const char *text)
{
    struct task task;
    struct config *config = NULL;

    task_init(&task, NULL);
    int r = config_parse("test.yml", text, strlen(text), &options, &task, &config);
    if (r < 0)
        fail_msg("%s\n%s", task_reason(&task, r), text);
    return config;
}

/* A configuration of one database with one replica, whose keys and the root's are given as flow mappings. */
static struct config *parse_replica(const char *root, const char *keys)
{
    char text[1024];
    snprintf(text, sizeof text, "%s\ndbs: [{path: /db, replica: {%s}}]\n", root, keys);
    return parse(text);
}

static void assert_text(const char *actual, const char *expected)
{
    if (expected)
        assert_non_null(actual);
    else
        assert_null(actual);
    if (expected)
        assert_string_equal(actual, expected);
}

static void reads_v03_and_v05(void **state)
{
    static const char *const texts[] = {
        "dbs:\n  - path: /data/a.db\n    replicas:\n      - path: /backup/a\n",
        "dbs:\n  - path: /data/a.db\n    replica:\n      type: file\n      path: /backup/a\n",
        "\xef\xbb\xbf"
        "dbs:\r\n  - path: /data/a.db\r\n    replica:\r\n      url: file:///backup/a\r\n",
        "dbs: [{path: sqlite:///data/a.db, replica: {path: \"/backup//x/../a/\"}}]",
        "dbs: [{path: 'sqlite3:///data/a.db', replica: {url: 'FILE:///backup/a?x=y'}}]",
        "dbs:\n- path: |\n    /data/a.db\n  replica:\n    path: >\n      /backup/a\n",
        "dbs:\n- path:\t/data/a.db\t# a tab\n  replica: {path: /backup/a}\n---\nnot: [looked, at\n",
        "default: &default {path: /backup/a}\ndbs: [{path: /data/a.db, replica: *default}]",
        "default: &default {path: /backup/a}\ndbs: [{path: /data/a.db, replica: {<<: *default}}]",
        "dbs: [{path: /data/a.db, monitor-interval: [odd], meta-path: {x: y}, restore: !x 1,\n"
        "  replica: {path: /backup/a, sync-interval: {}, retention: never, part-size: [], unknown: 1}}]\n"
        "logging: 7\nlevels: what\nsnapshot: []\naddr: {}\nexec: [x]\n",
        "dbs: [{path: /data/a.db, replica: {path: /backup/a, type: ~, url: null, name: ''}}]",
        "dbs: [{path: /nowhere, path: /data/a.db, replica: {path: /backup/a}}]",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        print_message("%s\n", texts[i]);
        struct config *config = parse(texts[i]);
        assert_int_equal(config->n_databases, 1);
        const struct database_config *database = config->databases;
        assert_string_equal(database->path, "/data/a.db");
        assert_false(database->is_folder || database->is_source || database->recursive);
        assert_int_equal(database->n_replicas, 1);
        assert_int_equal(database->replicas->type, REPLICA_FILE);
        assert_string_equal(database->replicas->path, "/backup/a");
        assert_null(database->replicas->name);
        config_close(config);
    }
}

static void keeps_every_database_and_replica(void **state)
{
    struct config *config = parse("dbs:\n"
                                  "  - path: /a.db\n"
                                  "    replicas:\n"
                                  "      - {name: near, path: /near}\n"
                                  "      - {name: far, url: s3://bucket/a}\n"
                                  "  - dir: /tenants/\n"
                                  "    pattern: '*.db'\n"
                                  "    recursive: yes\n"
                                  "    watch: true\n"
                                  "    replica: {path: /backup/tenants}\n");
    assert_int_equal(config->n_databases, 2);
    assert_int_equal(config->databases[0].n_replicas, 2);
    assert_string_equal(config->databases[0].replicas[0].name, "near");
    assert_string_equal(config->databases[0].replicas[1].name, "far");
    assert_int_equal(config->databases[0].replicas[1].type, REPLICA_S3);
    assert_string_equal(config->databases[1].path, "/tenants");
    assert_string_equal(config->databases[1].pattern, "*.db");
    assert_true(config->databases[1].is_folder);
    assert_true(config->databases[1].recursive);
    assert_false(config->databases[1].is_source);
    config_close(config);
}

/* A sound entry is not blocked by what is wrong with others. */
static void keeps_what_is_wrong_with_an_entry(void **state)
{
    static const struct {
        const char *entry, *path;
        enum replica_type type;
        const char *problem;
    } cases[] = {
        {"{path: /b.db, replicas: [{type: s3}]}", "/b.db", REPLICA_S3,
         "test.yml:4: dbs[1].replicas[0].bucket: an s3"},
        {"{path: /b.db, replica: {}}", "/b.db", REPLICA_FILE, "dbs[1].replica.path: missing"},
        {"{path: /b.db, replica: {type: tape}}", "/b.db", REPLICA_UNKNOWN, "unknown replica type \"tape\""},
        {"{path: /b.db, replica: {url: 's3:/b/x'}}", "/b.db", REPLICA_UNKNOWN, "a replica URL begins with"},
        {"{path: /b.db, replica: [x]}", "/b.db", REPLICA_UNKNOWN, "dbs[1].replica: "},
        {"{dir: /b, replica: {path: /x}}", "dbs[1]", REPLICA_UNKNOWN, "dbs[1].pattern: missing"},
        {"{replica: {path: /x}}", "dbs[1]", REPLICA_UNKNOWN, "dbs[1].path: missing"},
        {"text", "dbs[1]", REPLICA_UNKNOWN, "dbs[1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "dbs:\n  - path: /a.db\n    replica: {path: /a}\n  - %s\n",
                 cases[i].entry);
        struct config *config = parse(text);
        assert_int_equal(config->n_databases, 2);
        assert_null(config->databases[0].replicas->problem);
        const struct database_config *database = &config->databases[1];
        assert_string_equal(database->path, cases[i].path);
        assert_int_equal(database->has_no_path, *cases[i].path != '/');
        assert_int_equal(database->n_replicas, 1);
        assert_int_equal(database->replicas->type, cases[i].type);
        assert_non_null(strstr(database->replicas->problem, cases[i].problem));
        config_close(config);
    }
}

/* Checked against v0.3.13: which bucket it asks for with `<<` before and after the key, and with two keys. */
static void follows_the_order_of_merge_keys(void **state)
{
    static const struct {
        const char *keys, *bucket;
    } cases[] = {
        {"<<: *a, bucket: own", "own"},
        {"bucket: own, <<: *a", "a"},
        {"bucket: one, bucket: two", "two"},
        {"<<: [*a, *b]", "a"},
        {"<<: [*b, *a]", "b"},
        {"<<: *b, <<: *a", "a"},
        {"<<: *nested", "b"},
        {"bucket: own, '<<': *a", "own"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char keys[128];
        print_message("%s\n", cases[i].keys);
        snprintf(keys, sizeof keys, "type: s3, %s", cases[i].keys);
        struct config *config =
            parse_replica("a: &a {bucket: a}\nb: &b {bucket: b}\nnested: &nested {<<: *b}", keys);
        assert_string_equal(replica_setting(config->databases->replicas, "bucket"), cases[i].bucket);
        config_close(config);
    }
}

static void resolves_s3_settings(void **state)
{
    static const struct {
        const char *root, *keys;
        const char *bucket, *path, *raw_path, *region, *endpoint;
        bool path_style, skip_verify;
    } cases[] = {
        {"", "type: s3, bucket: b", "b", "", "", NULL, NULL, false, false},
        {"", "type: s3, bucket: 123, path: 0x1F", "123", "0x1F", "0x1F", NULL, NULL, false, false},
        {"", "type: s3, bucket: true, path: /lead//db/", "true", "lead/db", "/lead//db/", NULL, NULL, false,
         false},
        {"", "url: s3://b", "b", "", ".", NULL, NULL, false, false},
        {"", "url: s3://b/", "b", "", "", NULL, NULL, false, false},
        {"", "url: s3://b/x//y/", "b", "x/y", "x/y", NULL, NULL, false, false},
        {"", "type: file, url: s3://b/x", "b", "x", "x", NULL, NULL, false, false},
        {"", "type: s3, bucket: b, region: r, endpoint: https://e:1", "b", "", "", "r", "https://e:1", true,
         false},
        {"", "type: s3, bucket: b, endpoint: HTTPS://e/", "b", "", "", NULL, "https://e", true, false},
        {"", "type: s3, bucket: b, endpoint: 'Http://e:9000/'", "b", "", "", NULL, "http://e:9000", true,
         false},
        {"", "url: 's3://b/x?endpoint=localhost:9000/'", "b", "x", "x", NULL, "http://localhost:9000", true,
         false},
        {"", "type: s3, bucket: b, endpoint: e, force-path-style: off", "b", "", "", NULL, "https://e", false,
         false},
        {"", "type: s3, bucket: b, endpoint: 'localhost:9000'", "b", "", "", NULL, "https://localhost:9000",
         true, false},
        {"", "type: s3, bucket: b, endpoint: 'http://localhost:9000', skip-verify: On", "b", "", "", NULL,
         "http://localhost:9000", true, true},
        {"", "type: s3, bucket: b, force-path-style: y", "b", "", "", NULL, NULL, true, false},
        {"", "url: s3://b.nyc3.digitaloceanspaces.com/x", "b", "x", "x", "nyc3",
         "https://nyc3.digitaloceanspaces.com", true, false},
        {"", "url: s3://b.nyc3.digitaloceanspaces.com/x, region: r, endpoint: http://e", "b", "x", "x", "r",
         "http://e", true, false},
        {"", "url: 's3://b/x?endpoint=minio.lan:9000&region=r'", "b", "x", "x", "r", "https://minio.lan:9000",
         true, false},
        {"", "url: 's3://b/x?endpoint=192.168.1.2:9000'", "b", "x", "x", NULL, "http://192.168.1.2:9000",
         true, false},
        {"", "url: 's3://b/x?endpoint=http%3A%2F%2Fe&forcePathStyle=false&skipVerify=true'", "b", "x", "x",
         NULL, "http://e", false, true},
        {"", "url: 's3://b/x?force-path-style=1&skip-verify=yes'", "b", "x", "x", NULL, NULL, true, true},
        {"", "url: 's3://b/x?skipVerify=false', skip-verify: true", "b", "x", "x", NULL, NULL, false, false},
        {"", "url: 's3://arn:aws:s3:eu-west-1:12:accesspoint/n/x/'", "arn:aws:s3:eu-west-1:12:accesspoint/n",
         "x", "x", "eu-west-1", NULL, false, false},
        {"", "url: 's3://arn:aws:s3::12:accesspoint/m.mrap'", "arn:aws:s3::12:accesspoint/m.mrap", "", "",
         NULL, NULL, false, false},
        {"bucket: b\nregion: r\nendpoint: http://e\nskip-verify: true", "type: s3, path: x", "b", "x", "x",
         "r", "http://e", true, true},
        {"bucket: b\nregion: r\nforce-path-style: true", "type: s3, bucket: own, region: ''", "own", "", "",
         "r", NULL, true, false},
        {"bucket: unused\npath: unused\ntype: unused\nurl: unused", "url: s3://b/x", "b", "x", "x", NULL,
         NULL, false, false},
        {"force-path-style: true", "type: s3, bucket: b, force-path-style: false", "b", "", "", NULL, NULL,
         false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n%s\n", cases[i].root, cases[i].keys);
        struct config *config = parse_replica(cases[i].root, cases[i].keys);
        const struct replica_config *replica = config->databases->replicas;
        assert_int_equal(replica->type, REPLICA_S3);
        assert_text(replica_setting(replica, "bucket"), cases[i].bucket);
        assert_text(replica->path, cases[i].path);
        assert_text(replica->raw_path, cases[i].raw_path);
        assert_text(replica_setting(replica, "region"), cases[i].region);
        assert_text(replica_setting(replica, "endpoint"), cases[i].endpoint);
        assert_int_equal(replica_setting_is_on(replica, "force-path-style"), cases[i].path_style);
        assert_int_equal(replica_setting_is_on(replica, "skip-verify"), cases[i].skip_verify);
        assert_null(replica_setting(replica, "access-key-id"));
        config_close(config);
    }
}

static void keeps_kinds_that_it_cannot_read(void **state)
{
    static const struct {
        const char *keys, *type, *path;
    } cases[] = {
        {"url: gs://b/x/", "gs", "x"},
        {"url: gcs://b/x", "gs", "x"},
        {"type: gcs, bucket: b, path: x", "gs", "x"},
        {"url: abs://account@b/x", "abs", "x"},
        {"type: abs", "abs", ""},
        {"url: sftp://u:p@h:22/x", "sftp", "/x"},
        {"type: sftp, host: h, user: u, path: /x", "sftp", "/x"},
        {"url: webdavs://h/x", "webdav", "/x"},
        {"type: webdav, webdav-url: 'https://h', path: /x", "webdav", "/x"},
        {"url: nats://h/b, bucket: b, path: x", "nats", "x"},
        {"url: oss://b.oss-cn-hangzhou.aliyuncs.com/x", "oss", "x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s\n", cases[i].keys);
        struct config *config = parse_replica("", cases[i].keys);
        assert_string_equal(replica_type_name(config->databases->replicas->type), cases[i].type);
        assert_string_equal(config->databases->replicas->path, cases[i].path);
        config_close(config);
    }
}

static void keeps_age_identities(void **state)
{
    struct config *config = parse_replica(
        "age: {identities: [AGE-SECRET-KEY-1ROOT]}",
        "path: /r, age: {identities: [AGE-SECRET-KEY-1A, \"# made\\nAGE-SECRET-KEY-1B\\r\\n\\n\"],"
        " recipients: [age1x]}");
    const struct replica_config *replica = config->databases->replicas;
    assert_int_equal(replica->n_identities, 2);
    assert_string_equal(replica->identities[0], "AGE-SECRET-KEY-1A");
    assert_string_equal(replica->identities[1], "AGE-SECRET-KEY-1B");
    config_close(config);

    config = parse_replica("age: {identities: [AGE-SECRET-KEY-1ROOT]}", "path: /r");
    assert_int_equal(config->databases->replicas->n_identities, 1);
    assert_string_equal(config->databases->replicas->identities[0], "AGE-SECRET-KEY-1ROOT");
    config_close(config);
}

static void expands_variables_unless_told_not_to(void **state)
{
    static const char text[] = "dbs: [{path: /db, replica: {type: s3, bucket: \"$BUCKET\"}}] # ${UNSET}";
    const struct config_options both[] = {{.getenv = some_environment},
                                          {.getenv = some_environment, .no_expand_environment = true}};
    static const char *const buckets[] = {"from-environment", "$BUCKET"};

    for (size_t i = 0; i < 2; i++) {
        struct config *config;
        assert_int_equal(config_parse("test.yml", text, strlen(text), &both[i], NULL, &config), 0);
        assert_string_equal(replica_setting(config->databases->replicas, "bucket"), buckets[i]);
        config_close(config);
    }
}

static void makes_paths_absolute(void **state)
{
    char *here = getcwd(NULL, 0), expected[4096];
    struct config *config = parse("dbs: [{path: a/../b.db, replica: {path: ./backup}}]");

    snprintf(expected, sizeof expected, "%s/b.db", here);
    assert_string_equal(config->databases->path, expected);
    snprintf(expected, sizeof expected, "%s/backup", here);
    assert_string_equal(config->databases->replicas->path, expected);
    config_close(config);
    free(here);

    config = parse("dbs: [{path: ~/b.db, replica: {path: '~'}}]");
    const char *home = config->databases->replicas->path;
    assert_int_equal(home[0], '/');
    snprintf(expected, sizeof expected, "%s%sb.db", home, home[1] ? "/" : "");
    assert_string_equal(config->databases->path, expected);
    config_close(config);
}

/* Each file's first line ends with what the reason must contain; none may show what is S3CRET. */
static void refuses_bad_configurations(void **state)
{
    const char *folder = getenv("TEST_REFUSED");
    char path[4096], line[256];
    struct dirent *entry;
    unsigned files = 0;

    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/config", folder);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        struct task task;
        struct config *config = NULL;
        if (entry->d_name[0] == '.')
            continue;
        print_message("%s\n", entry->d_name);
        snprintf(path, sizeof path, "%s/config/%s", folder, entry->d_name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(line, sizeof line, file));
        fclose(file);
        line[strcspn(line, "\n")] = '\0';
        task_init(&task, NULL);
        assert_int_equal(config_load(path, &options, &task, &config), -EINVAL);
        print_message("    %s\n", task.reason);
        assert_memory_equal(task.reason, path, strlen(path));
        assert_non_null(strstr(task.reason, line + strlen("# refused: ")));
        assert_null(strstr(task.reason, "S3CRET"));
        files++;
    }
    closedir(directory);
    assert_true(files > 50);
}

static void refuses_what_is_too_long(void **state)
{
    size_t length = (1 << 20) + 1;
    char *text = malloc(length);
    struct config *config;
    struct task task;

    memset(text, '\n', length);
    task_init(&task, NULL);
    assert_int_equal(config_parse("long.yml", text, length, &options, &task, &config), -EINVAL);
    assert_non_null(strstr(task.reason, "long.yml: "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_v03_and_v05),
        cmocka_unit_test(keeps_every_database_and_replica),
        cmocka_unit_test(keeps_what_is_wrong_with_an_entry),
        cmocka_unit_test(follows_the_order_of_merge_keys),
        cmocka_unit_test(resolves_s3_settings),
        cmocka_unit_test(keeps_kinds_that_it_cannot_read),
        cmocka_unit_test(keeps_age_identities),
        cmocka_unit_test(expands_variables_unless_told_not_to),
        cmocka_unit_test(makes_paths_absolute),
        cmocka_unit_test(refuses_bad_configurations),
        cmocka_unit_test(refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
