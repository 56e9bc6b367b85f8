/* One replica: its kind, its path, its identities, and its kind's settings. */
#include <errno.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "parts.h"
#include "path.h"
#include "secret.h"
#include "settings.h"

/* One entry of `identities` may be a whole identity file: comments, and an identity a line. */
static int replica_add_identities(const struct mapping *age, char *text, struct replica_config *replica)
{
    char *rest;
    for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        if (*line == '\0' || *line == '#')
            continue;
        if (strncmp(line, "AGE-SECRET-KEY-1", 16) != 0)
            return mapping_fail(age, "identities", EINVAL, "each is an AGE-SECRET-KEY-1... text");
        char **grown = reallocarray(replica->identities, replica->n_identities + 1, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        replica->identities = grown;
        grown[replica->n_identities] = strndup(line, strcspn(line, " \t"));
        if (!grown[replica->n_identities])
            return -ENOMEM;
        replica->n_identities++;
    }
    return 0;
}

static int replica_read_identities(const struct settings *settings, struct replica_config *replica)
{
    const struct mapping *sources[] = {settings->own, settings->root};

    for (size_t i = 0; i < 2 && replica->n_identities == 0; i++) {
        struct mapping age;
        size_t count = 0;
        int r = mapping_child(sources[i], "age", &age);
        if (r >= 0)
            r = mapping_count(&age, "identities", &count);
        for (size_t item = 0; r >= 0 && item < count; item++) {
            _cleanup_free_ char *text = NULL;
            r = mapping_item_text(&age, "identities", item, &text);
            size_t length = text ? strlen(text) : 0;
            if (r >= 0)
                r = replica_add_identities(&age, text, replica);
            if (text)
                explicit_bzero(text,
                               length); /* not by secret_free: replica_add_identities cuts the text up */
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* The replica's own `path`, else its URL's; NULL if it has neither. */
static int replica_find_path(const struct settings *settings, char **ret_path)
{
    int r = mapping_string(settings->own, "path", ret_path);
    if (r >= 0 && *ret_path && is_url(*ret_path))
        return mapping_fail(settings->own, "path", EINVAL, "is a URL; write it as `url`");
    if (r < 0 || *ret_path || !settings->url)
        return r;
    *ret_path = strdup(settings->url->path);
    return *ret_path ? 0 : -ENOMEM;
}

static int replica_set_folder(const struct settings *settings, const char *path,
                              struct replica_config *replica)
{
    if (!path)
        return mapping_fail(settings->own, "path", EINVAL, "missing: a file replica needs its folder");
    int r = path_expand(path, settings->options, &replica->path);
    if (r == -ENOENT)
        return mapping_fail(settings->own, "path", EINVAL, "the home or current folder is not known");
    return r;
}

/* A prefix of keys is the written path without the slashes and dots that v0.3's path.Join takes away. */
static int replica_set_prefix(enum path_form form, const char *path, struct replica_config *replica)
{
    _cleanup_free_ char *clean = path_clean(path);

    if (form == PATH_RAW_PREFIX && !(replica->raw_path = strdup(path)))
        return -ENOMEM;
    if (!clean)
        return -ENOMEM;
    if (form == PATH_VERBATIM)
        replica->path = strdup(path);
    else
        replica->path = strdup(strcmp(clean, ".") == 0 ? "" : clean + strspn(clean, "/"));
    return replica->path ? 0 : -ENOMEM;
}

static int replica_read_path(const struct settings *settings, struct replica_config *replica)
{
    _cleanup_free_ char *path = NULL;
    enum path_form form = settings->kind->path;

    int r = replica_find_path(settings, &path);
    if (r < 0)
        return r;
    return form == PATH_FOLDER ? replica_set_folder(settings, path, replica)
                               : replica_set_prefix(form, path ? path : "", replica);
}

/* A URL's scheme has precedence over `type`, and without either it is a file replica. */
static int replica_read_type(const struct settings *settings, enum replica_type *ret_type)
{
    _cleanup_free_ char *word = NULL;
    const char *scheme = settings->url ? settings->url->scheme : NULL;

    int r = mapping_string(settings->own, "type", &word);
    if (r < 0)
        return r;
    *ret_type = scheme ? type_of_scheme(scheme) : word ? type_of_word(word) : REPLICA_FILE;
    if (*ret_type != REPLICA_UNKNOWN)
        return 0;
    return mapping_fail(settings->own, scheme ? "url" : "type", EINVAL, "unknown replica type \"%s\"",
                        scheme ? scheme : word);
}

/* `settings` is whole but for the kind. */
static int replica_read_settings(struct settings *settings, struct replica_config *replica)
{
    int r = replica_read_type(settings, &replica->type);
    if (r < 0)
        return r;
    settings->kind = kind_of_type(replica->type);
    r = settings_refuse_contradictions(settings);
    if (r >= 0)
        r = replica_read_identities(settings, replica);
    if (r >= 0)
        r = settings_read(settings, replica);
    if (r >= 0 && settings->kind->resolve)
        r = settings->kind->resolve(settings, replica);
    if (r >= 0)
        r = settings_check(settings, replica);
    return r < 0 ? r : replica_read_path(settings, replica);
}

int replica_config_read(const struct mapping *own, const struct mapping *root,
                        const struct config_options *options, const char *url_text,
                        struct replica_config *ret_replica)
{
    struct settings settings = {.own = own, .root = root, .options = options};
    _cleanup_(replica_url_finish) struct replica_url url = {0};
    _cleanup_secret_ char *own_url = NULL;
    const char *problem = "";

    ret_replica->type = REPLICA_UNKNOWN;
    int r = mapping_string(own, "name", &ret_replica->name);
    if (r >= 0 && !url_text)
        r = mapping_string(own, "url", &own_url);
    if (r < 0)
        return r;
    if (!url_text)
        url_text = own_url;
    r = url_text ? replica_url_parse(url_text, &url, &problem) : 0;
    if (r == -EINVAL)
        return mapping_fail(own, "url", EINVAL, "%s", problem);
    settings.url = url_text ? &url : NULL;
    return r < 0 ? r : replica_read_settings(&settings, ret_replica);
}
