/* Every row of the table of kinds, by what it says of itself: a new row is tested without a line here. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../fs/config/settings.h"
#include "litemount/array.h"
#include "litemount/config.h"
#include "litemount/task.h"

#define TEXT_SIZE 4096

/* The one variable of a case beside those of a login that it is a part of. */
static const char *variable;
static char variable_value[256];
static const struct replica_kind *kind_at_hand;
static const struct setting *setting_at_hand;

static void write_value(const struct setting *setting, char value[static 256])
{
    if (setting->flags & SETTING_BOOLEAN)
        strcpy(value, "true");
    else if (strcmp(setting->name, "sse-customer-key") == 0) /* no other value passes */
        strcpy(value, "UzNDUkVUUzNDUkVUUzNDUkVUUzNDUkVUUzNDUkVUUzM=");
    else
        snprintf(value, 256, "https://%s.%s", setting->name,
                 setting->flags & SETTING_SECRET ? "S3CRET" : "example");
}

static bool is_login(const struct setting *setting)
{
    return setting->flags & (SETTING_LOGIN | SETTING_WITH_LOGIN);
}

static const char *test_environment(const char *name)
{
    if (!variable)
        return NULL;
    if (strcmp(name, variable) == 0)
        return variable_value;
    for (size_t i = 0; i < kind_at_hand->n_settings; i++) {
        const struct setting *setting = &kind_at_hand->settings[i];
        if (setting != setting_at_hand && setting->flags & SETTING_LOGIN && setting->environment[0] &&
            strcmp(name, setting->environment[0]) == 0)
            return "its other half";
    }
    return NULL;
}

static const struct config_options options = {.getenv = test_environment};

/* Calls `check` for each setting of each kind. */
static void for_each_setting(void (*check)(const struct replica_kind *kind, const struct setting *setting))
{
    for (enum replica_type type = 0; type < REPLICA_UNKNOWN; type++) {
        kind_at_hand = kind_of_type(type);
        for (size_t i = 0; i < kind_at_hand->n_settings; i++) {
            setting_at_hand = &kind_at_hand->settings[i];
            print_message("%s: %s\n", kind_at_hand->types[0], setting_at_hand->name);
            check(kind_at_hand, setting_at_hand);
        }
    }
}

/* Settings that are no more than a way to another one. */
static bool is_consumed(const struct setting *setting)
{
    static const char *const names[] = {"sse-customer-key-path", "sse-customer-algorithm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(setting->name, names[i]) == 0)
            return true;
    return false;
}

static void add(struct buffer *text, const char *format, ...)
{
    char part[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    assert_int_equal(buffer_append(text, part, strlen(part)), 0);
}

/* The keys that a replica can't do without, and the setting's login, but not the setting itself. */
static void add_needed(struct buffer *text, const struct replica_kind *kind, const struct setting *setting,
                       bool has_url)
{
    for (size_t i = 0; i < kind->n_settings; i++) {
        const struct setting *other = &kind->settings[i];
        bool is_needed = other->flags & SETTING_REQUIRED && !(has_url && other->flags & SETTING_URL_SAYS);
        bool is_half = is_login(setting) && other->flags & SETTING_LOGIN;
        if (other != setting && (is_needed || is_half) && !(variable && is_login(other)))
            add(text, ", %s: other", other->name);
    }
    if (kind->path == PATH_FOLDER)
        add(text, ", path: /folder");
}

static struct config *parse(struct buffer *text)
{
    struct config *config = NULL;
    struct task task;

    task_init(&task, NULL);
    int r = config_parse("test.yml", (const char *)text->data, text->size, &options, &task, &config);
    if (r < 0)
        fail_msg("%.*s\n%s", (int)text->size, text->data, task_reason(&task, r));
    buffer_finish(text);
    return config;
}

/* The setting's key, in the replica or at the root; `value` NULL: not at all. A sound database stands before
 * the replica, which is the last. */
static struct config *parse_key(const struct replica_kind *kind, const struct setting *setting,
                                const char *value, bool at_root)
{
    struct buffer text = {0};
    const char *form = setting->flags & SETTING_LIST ? "%s: [\"%s\", other]" : "%s: %s";
    char key[512];

    snprintf(key, sizeof key, form, setting->name, value);
    if (value && at_root)
        add(&text, "%s\n", key);
    add(&text, "dbs:\n- {path: /a.db, replica: {path: /a}}\n- {path: /b.db, replica: {type: %s",
        kind->types[0]);
    add_needed(&text, kind, setting, false);
    if (value && !at_root)
        add(&text, ", %s", key);
    add(&text, "}}\n");
    return parse(&text);
}

/* A replica that is named by `url`. */
static struct config *parse_url(const struct replica_kind *kind, const struct setting *setting,
                                const char *url)
{
    struct buffer text = {0};

    add(&text, "dbs: [{path: /a.db, replica: {path: /a}}, {path: /b.db, replica: {url: '%s'", url);
    add_needed(&text, kind, setting, true);
    add(&text, "}}]\n");
    return parse(&text);
}

static const struct replica_config *replica_of(const struct config *config)
{
    return config->databases[config->n_databases - 1].replicas;
}

static void assert_value(struct config *config, const struct setting *setting, const char *expected)
{
    const char *value = replica_setting(replica_of(config), setting->name);
    char list[300];

    if (replica_of(config)->problem)
        fail_msg("%s", replica_of(config)->problem);
    snprintf(list, sizeof list, "%s\nother", expected);
    assert_non_null(value);
    assert_string_equal(value, setting->flags & SETTING_LIST ? list : expected);
    assert_int_equal(replica_setting_is_on(replica_of(config), setting->name), strcmp(expected, "true") == 0);
    config_close(config);
}

static void check_key(const struct replica_kind *kind, const struct setting *setting)
{
    char value[256];

    write_value(setting, value);
    if (setting->flags & SETTING_NO_KEY || is_consumed(setting)) {
        struct config *config = parse_key(kind, setting, value, true);
        const char *result = replica_setting(replica_of(config), setting->name);
        assert_true(!result || strcmp(result, value) != 0 || replica_of(config)->problem);
        config_close(config);
        return;
    }
    assert_value(parse_key(kind, setting, value, false), setting, value);
    if (!(setting->flags & SETTING_OWN_KEY)) {
        assert_value(parse_key(kind, setting, value, true), setting, value);
        return;
    }
    struct config *config = parse_key(kind, setting, value, true);
    assert_null(replica_setting(replica_of(config), setting->name));
    config_close(config);
}

static void reads_each_key(void **state)
{
    for_each_setting(check_key);
}

static void check_url(const struct replica_kind *kind, const struct setting *setting)
{
    const struct {
        const char *name, *value;
    } parts[] = {
        {kind->url.user, "the user"},
        {kind->url.password, "the:password"},
        {kind->url.host, "host:1"},
        {kind->url.path, "the/path"},
    };
    char value[256], url[512];

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].name && strcmp(parts[i].name, setting->name) == 0) {
            snprintf(url, sizeof url, "%s://the%%20user:the%%3apassword@host:1/the/path", kind->schemes[0]);
            assert_value(parse_url(kind, setting, url), setting, parts[i].value);
        }
    write_value(setting, value);
    for (const char *const *name = setting->query; *name; name++) {
        snprintf(url, sizeof url, "%s://host/path?%s=%s", kind->schemes[0], *name, value);
        assert_value(parse_url(kind, setting, url), setting, value);
        char *shown = config_filesystem_name(url);
        assert_string_equal(shown, url);
        free(shown);
    }
}

static void reads_each_part_of_a_url(void **state)
{
    for_each_setting(check_url);
}

/* A variable that counts only for a URL on the command line is tried with one. */
static void check_variables(const struct replica_kind *kind, const struct setting *setting)
{
    struct config *config;
    char url[64];

    write_value(setting, variable_value);
    snprintf(url, sizeof url, "%s://host/path", kind->schemes[0]);
    for (const char *const *name = setting->environment; *name; name++) {
        variable = *name;
        if (setting->flags & SETTING_RESOLVED)
            assert_int_equal(config_load(url, &options, NULL, &config), 0);
        else
            config = parse_url(kind, setting, url);
        assert_value(config, setting, variable_value);
    }
    variable = NULL;
}

static void reads_each_variable(void **state)
{
    for_each_setting(check_variables);
}

static void check_default(const struct replica_kind *kind, const struct setting *setting)
{
    struct config *config = parse_key(kind, setting, NULL, false);
    const struct replica_config *replica = replica_of(config);

    if (setting->flags & (SETTING_LOGIN | SETTING_REQUIRED) && !kind->unread) {
        assert_non_null(replica->problem);
        assert_non_null(strstr(replica->problem, setting->name));
    } else if (!(setting->flags & SETTING_RESOLVED)) {
        const char *value = replica_setting(replica, setting->name);
        assert_null(replica->problem);
        assert_string_equal(value ? value : "(none)", setting->fallback ? setting->fallback : "(none)");
    }
    config_close(config);
}

static void names_what_is_missing(void **state)
{
    for_each_setting(check_default);
}

static void says_what_is_missing_as_it_is_spoken(void **state)
{
    static const struct {
        const char *kind, *setting, *reason;
    } cases[] = {
        {"s3", "bucket", "test.yml: an s3 replica needs a bucket"},
        {"sftp", "user", "test.yml: an sftp replica needs a user"},
        {"gs", "access-key-id", "test.yml: a gs replica needs an access-key-id"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct setting setting = {.name = cases[i].setting, .flags = SETTING_REQUIRED};
        const struct replica_kind kind = {.types = {cases[i].kind}, .settings = &setting, .n_settings = 1};
        const struct replica_config replica = {0};
        struct task task;
        struct document document = {.name = "test.yml", .task = &task};
        const struct mapping keys = {.document = &document};
        const struct settings settings = {.own = &keys, .root = &keys, .kind = &kind, .options = &options};

        task_init(&task, NULL);
        assert_int_equal(settings_check(&settings, &replica), -EINVAL);
        assert_string_equal(task_reason(&task, EINVAL), cases[i].reason);
    }
}

static void check_secret(const struct replica_kind *kind, const struct setting *setting)
{
    static const char *const wrong[] = {"[S3CRET, S3CRET]", "{S3CRET: S3CRET}", "\"S3CRET\\u0001S3CRET\""};
    char source[256];

    if (!(setting->flags & SETTING_SECRET))
        return;
    assert_null(setting->query[0]); /* a URL's query is shown */
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct config *config = parse_key(kind, setting, wrong[i], false);
        assert_non_null(replica_of(config)->problem);
        assert_non_null(strstr(replica_of(config)->problem, setting->name));
        assert_null(strstr(replica_of(config)->problem, "S3CRET"));
        config_close(config);
    }
    snprintf(source, sizeof source, "%s://S3CRET:S3CRET@host/path?%s=S3CRET", kind->schemes[0],
             setting->name);
    char *shown = config_shown_source(source), *name = config_filesystem_name(source);
    assert_null(strstr(shown, "S3CRET"));
    assert_null(strstr(name, "S3CRET"));
    free(shown);
    free(name);
}

static void shows_no_secret(void **state)
{
    for_each_setting(check_secret);
}

static void check_store(const struct replica_kind *kind, const struct setting *setting)
{
    struct replica_config replica = {.type = type_of_word(kind->types[0])}, other = {0};

    assert_int_equal(replica_set(&replica, setting->name, "one"), 0);
    assert_int_equal(replica_config_copy_store(&replica, &other), 0);
    assert_true(replica_config_same_store(&replica, &other));
    assert_int_equal(replica_set(&other, setting->name, "another"), 0);
    assert_false(replica_config_same_store(&replica, &other));
    assert_int_equal(replica_set(&other, setting->name, NULL), 0);
    assert_null(replica_setting(&other, setting->name));
    assert_false(replica_config_same_store(&replica, &other));
    assert_int_equal(replica_set(&replica, setting->name, NULL), 0);
    assert_true(replica_config_same_store(&replica, &other));
    replica_config_finish(&replica);
    replica_config_finish(&other);
}

static void compares_stores_by_every_setting(void **state)
{
    for_each_setting(check_store);
}

static void knows_each_word_once(void **state)
{
    for (enum replica_type type = 0; type < REPLICA_UNKNOWN; type++) {
        const struct replica_kind *kind = kind_of_type(type);
        assert_string_equal(replica_type_name(type), kind->types[0]);
        for (const char *const *word = kind->types; *word; word++)
            assert_int_equal(type_of_word(*word), type);
        for (const char *const *scheme = kind->schemes; *scheme; scheme++) {
            assert_int_equal(type_of_scheme(*scheme), type);
            assert_ptr_equal(kind_of_scheme(*scheme), kind);
        }
    }
    assert_int_equal(type_of_word("webdavs"), REPLICA_UNKNOWN);
    assert_null(kind_of_scheme("tape"));
    assert_string_equal(replica_type_name(REPLICA_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_key),       cmocka_unit_test(reads_each_part_of_a_url),
        cmocka_unit_test(reads_each_variable),  cmocka_unit_test(names_what_is_missing),
        cmocka_unit_test(shows_no_secret),      cmocka_unit_test(compares_stores_by_every_setting),
        cmocka_unit_test(knows_each_word_once), cmocka_unit_test(says_what_is_missing_as_it_is_spoken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
