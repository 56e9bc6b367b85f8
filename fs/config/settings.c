#include "settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "litemount/cleanup.h"
#include "secret.h"

typedef int setting_source(const struct settings *, const struct setting *, char **);

static int setting_copy(const char *value, char **ret_value)
{
    *ret_value = value ? strdup(value) : NULL;
    return value && !*ret_value ? -ENOMEM : 0;
}

static int setting_copy_bool(struct optional_bool value, char **ret_value)
{
    return setting_copy(!value.set ? NULL : value.value ? "true" : "false", ret_value);
}

/* A sequence's texts, one a line. */
static int setting_read_list(const struct mapping *place, const char *key, char **ret_value)
{
    _cleanup_secret_ char *joined = NULL;
    size_t count, length = 0;

    int r = mapping_count(place, key, &count);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        _cleanup_secret_ char *text = NULL;
        r = mapping_item_text(place, key, i, &text);
        if (r < 0)
            return r;
        size_t added = strlen(text);
        char *grown = realloc(joined, length + added + 2);
        if (!grown)
            return -ENOMEM;
        joined = grown;
        if (length > 0)
            joined[length++] = '\n';
        memcpy(joined + length, text, added + 1);
        length += added;
    }
    if (r >= 0)
        *ret_value = steal_pointer(joined);
    return r;
}

static int setting_read_key(const struct mapping *place, const struct setting *setting, char **ret_value)
{
    struct optional_bool value;

    if (setting->flags & SETTING_LIST)
        return setting_read_list(place, setting->name, ret_value);
    if (!(setting->flags & SETTING_BOOLEAN))
        return mapping_string(place, setting->name, ret_value);
    int r = mapping_bool(place, setting->name, &value);
    return r < 0 ? r : setting_copy_bool(value, ret_value);
}

int setting_from_keys(const struct settings *settings, const struct setting *setting, char **ret_value)
{
    *ret_value = NULL;
    if (setting->flags & SETTING_NO_KEY || (settings->url && setting->flags & SETTING_URL_SAYS))
        return 0;
    int r = setting_read_key(settings->own, setting, ret_value);
    return r < 0 || *ret_value || setting->flags & SETTING_OWN_KEY
               ? r
               : setting_read_key(settings->root, setting, ret_value);
}

int setting_from_query(const struct settings *settings, const struct setting *setting, char **ret_value)
{
    struct optional_bool value;

    *ret_value = NULL;
    if (!settings->url || !setting->query[0])
        return 0;
    if (!(setting->flags & SETTING_BOOLEAN))
        return replica_url_query(settings->url, setting->query, ret_value);
    int r = replica_url_query_bool(settings->url, setting->query, &value);
    return r < 0 ? r : setting_copy_bool(value, ret_value);
}

int setting_from_environment(const struct settings *settings, const struct setting *setting, char **ret_value)
{
    const char *value = NULL;
    for (const char *const *name = setting->environment; *name && !value; name++)
        value = environment_get(settings->options, *name);
    return setting_copy(value, ret_value);
}

/* A part of the URL that is the setting's whole value. */
static int setting_from_part(const struct settings *settings, const struct setting *setting, char **ret_value)
{
    const struct replica_kind *kind = settings->kind;
    const struct replica_url *url = settings->url;
    const struct {
        const char *name, *value;
    } parts[] = {
        {kind->url.user, url ? url->user : NULL},
        {kind->url.password, url ? url->password : NULL},
        {kind->url.host, url ? url->host : NULL},
        {kind->url.path, url ? url->path : NULL},
    };
    const char *value = NULL;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].name && parts[i].value && *parts[i].value && strcmp(parts[i].name, setting->name) == 0)
            value = parts[i].value;
    return setting_copy(value, ret_value);
}

static int setting_from_default(const struct settings *settings, const struct setting *setting,
                                char **ret_value)
{
    return setting_copy(setting->fallback, ret_value);
}

/* The first of the sources that has it. */
static int settings_read_one(const struct settings *settings, const struct setting *setting,
                             struct replica_config *replica)
{
    static setting_source *const sources[] = {setting_from_keys, setting_from_query, setting_from_part,
                                              setting_from_environment, setting_from_default};
    _cleanup_secret_ char *value = NULL;
    int r = 0;

    for (size_t i = 0; r >= 0 && !value && i < sizeof sources / sizeof *sources; i++)
        r = sources[i](settings, setting, &value);
    return r < 0 ? r : replica_set(replica, setting->name, value);
}

static bool setting_is_login(const struct setting *setting)
{
    return setting->flags & (SETTING_LOGIN | SETTING_WITH_LOGIN);
}

bool settings_have_login(const struct settings *settings, const struct replica_config *replica)
{
    for (size_t i = 0; i < settings->kind->n_settings; i++) {
        const struct setting *setting = &settings->kind->settings[i];
        if (setting->flags & SETTING_LOGIN && !replica_setting(replica, setting->name))
            return false;
    }
    return true;
}

/* Half a login is dropped with its source. */
static int settings_read_login(const struct settings *settings, setting_source *source,
                               struct replica_config *replica)
{
    for (size_t i = 0; i < settings->kind->n_settings; i++) {
        const struct setting *setting = &settings->kind->settings[i];
        _cleanup_secret_ char *value = NULL;
        int r = setting_is_login(setting) ? source(settings, setting, &value) : 0;
        if (r >= 0 && setting_is_login(setting))
            r = replica_set(replica, setting->name, value);
        if (r < 0)
            return r;
    }
    bool whole = settings_have_login(settings, replica);
    for (size_t i = 0; !whole && i < settings->kind->n_settings; i++)
        if (setting_is_login(&settings->kind->settings[i]))
            replica_set(replica, settings->kind->settings[i].name, NULL);
    return 0;
}

int settings_read(const struct settings *settings, struct replica_config *replica)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < settings->kind->n_settings; i++) {
        const struct setting *setting = &settings->kind->settings[i];
        if (!setting_is_login(setting) && !(setting->flags & SETTING_RESOLVED))
            r = settings_read_one(settings, setting, replica);
    }
    if (r >= 0)
        r = settings_read_login(settings, setting_from_keys, replica);
    if (r >= 0 && !settings_have_login(settings, replica))
        r = settings_read_login(settings, setting_from_environment, replica);
    return r;
}

static int settings_refuse_beside_url(const struct settings *settings, const char *key)
{
    _cleanup_secret_ char *value = NULL;

    int r = mapping_string(settings->own, key, &value);
    if (r < 0 || !value)
        return r;
    return mapping_fail(settings->own, key, EINVAL, "the %s replica has a `url` too; one of both must go",
                        settings->kind->types[0]);
}

int settings_refuse_contradictions(const struct settings *settings)
{
    const struct replica_kind *kind = settings->kind;

    int r = settings->url && !kind->path_beside_url ? settings_refuse_beside_url(settings, "path") : 0;
    for (size_t i = 0; r >= 0 && settings->url && i < kind->n_settings; i++)
        if (kind->settings[i].flags & SETTING_URL_SAYS)
            r = settings_refuse_beside_url(settings, kind->settings[i].name);
    return r;
}

/* A configuration that names half a login wants one: going on without would only hide the mistake. */
static int settings_refuse_half_login(const struct settings *settings)
{
    const char *named = NULL, *missing = NULL;

    for (size_t i = 0; i < settings->kind->n_settings; i++) {
        const struct setting *setting = &settings->kind->settings[i];
        _cleanup_secret_ char *value = NULL;
        int r = setting->flags & SETTING_LOGIN ? setting_from_keys(settings, setting, &value) : 0;
        if (r < 0)
            return r;
        if (value)
            named = setting->name;
        else if (setting->flags & SETTING_LOGIN)
            missing = setting->name;
    }
    if (!named || !missing)
        return 0;
    return mapping_fail(settings->own, named, EINVAL, "there is no `%s` with it", missing);
}

/* "a" or "an", as the word is spoken: "s3" and "sftp" are spelt, and "user" begins with a consonant. */
static const char *settings_article(const char *word)
{
    return strchr("aeio", word[0]) || (word[0] == 's' && !strchr("aeiouh", word[1])) ? "an" : "a";
}

int settings_check(const struct settings *settings, const struct replica_config *replica)
{
    const struct replica_kind *kind = settings->kind;

    if (kind->unread)
        return 0;
    int r = settings_have_login(settings, replica) ? 0 : settings_refuse_half_login(settings);
    for (size_t i = 0; r >= 0 && i < kind->n_settings; i++) {
        const struct setting *setting = &kind->settings[i];
        const char *key = setting->flags & SETTING_URL_SAYS && settings->url ? "url" : setting->name;
        if (setting->flags & SETTING_REQUIRED && !replica_setting(replica, setting->name))
            r = mapping_fail(settings->own, key, EINVAL, "%s %s replica needs %s %s",
                             settings_article(kind->types[0]), kind->types[0],
                             settings_article(setting->name), setting->name);
    }
    return r;
}
