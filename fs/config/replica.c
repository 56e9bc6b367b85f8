#include <errno.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "path.h"
#include "secret.h"
#include "settings.h"

struct replica_kind {
    const char *name; /* as `type`, and as a URL's scheme */
    enum replica_type type;
    const char *rival; /* the key that contradicts a URL, beside `path` */
};

/* The first of a type is its name. "gcs" is v0.3's, "webdavs" occurs in URLs only. */
static const struct replica_kind kinds[] = {
    {"file", REPLICA_FILE, NULL},
    {"s3", REPLICA_S3, "bucket"},
    {"gs", REPLICA_GS, "bucket"},
    {"gcs", REPLICA_GS, "bucket"},
    {"abs", REPLICA_ABS, "bucket"},
    {"sftp", REPLICA_SFTP, "host"},
    {"webdav", REPLICA_WEBDAV, "webdav-url"},
    {"webdavs", REPLICA_WEBDAV, "webdav-url"},
    {"nats", REPLICA_NATS, NULL},
    {"oss", REPLICA_OSS, "bucket"},
};

const char *replica_type_name(enum replica_type type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].type == type)
            return kinds[i].name;
    return "unknown";
}

static const struct replica_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

int settings_string(const struct settings *settings, const char *key, char **ret_text)
{
    int r = mapping_string(settings->own, key, ret_text);
    return r < 0 || *ret_text ? r : mapping_string(settings->root, key, ret_text);
}

/* One entry of `identities` may be a whole identity file: comments, and an identity a line. */
static int add_identities(const struct mapping *age, char *text, struct replica_config *replica)
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

static int read_identities(const struct settings *settings, struct replica_config *replica)
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
                r = add_identities(&age, text, replica);
            if (text)
                explicit_bzero(text, length); /* not by secret_free: add_identities cuts the text up */
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int settings_path(const struct settings *settings, char **ret_path)
{
    int r = mapping_string(settings->own, "path", ret_path);
    if (r >= 0 && *ret_path && is_url(*ret_path))
        return mapping_fail(settings->own, "path", EINVAL, "is a URL; write it as `url`");
    return r;
}

/* A file replica's folder. */
static int read_folder(const struct settings *settings, const struct replica_url *url,
                       struct replica_config *replica)
{
    _cleanup_free_ char *path = NULL;

    int r = settings_path(settings, &path);
    if (r < 0)
        return r;
    if (!url && !path)
        return mapping_fail(settings->own, "path", EINVAL, "missing: a file replica needs its folder");
    r = path_expand(url ? url->path : path, settings->options, &replica->path);
    if (r == -ENOENT)
        return mapping_fail(settings->own, "path", EINVAL, "the home or current folder is not known");
    return r;
}

/* Of a kind of store that can't be read yet just the path. */
static int read_other(const struct settings *settings, const struct replica_url *url,
                      struct replica_config *replica)
{
    int r = settings_path(settings, &replica->path);
    if (r >= 0 && !replica->path) {
        replica->path = strdup(url ? url->path : "");
        r = replica->path ? 0 : -ENOMEM;
    }
    return r;
}

/* What Litestream calls a contradiction: a URL, and beside it a key that says what the URL says. */
static int refuse_rivals(const struct settings *settings, const struct replica_kind *kind)
{
    const char *keys[] = {kind->type == REPLICA_NATS ? NULL : "path", kind->rival};

    for (size_t i = 0; i < 2; i++) {
        _cleanup_free_ char *value = NULL;
        int r = keys[i] ? mapping_string(settings->own, keys[i], &value) : 0;
        if (r >= 0 && value)
            r = mapping_fail(settings->own, keys[i], EINVAL,
                             "the %s replica has a `url` too; one of both must go", kind->name);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A URL's scheme has precedence over `type`, and without either it is a file replica. */
static int read_kind(const struct settings *settings, const struct replica_url *url,
                     const struct replica_kind **ret_kind)
{
    _cleanup_free_ char *type = NULL;

    int r = mapping_string(settings->own, "type", &type);
    if (r < 0)
        return r;
    *ret_kind = find_kind(url ? url->scheme : type ? type : "file");
    if (*ret_kind && (url || strcmp((*ret_kind)->name, "webdavs") != 0))
        return 0;
    return mapping_fail(settings->own, url ? "url" : "type", EINVAL, "unknown replica type \"%s\"",
                        url ? url->scheme : type);
}

static int read_all(const struct settings *settings, const struct replica_url *url,
                    struct replica_config *replica)
{
    const struct replica_kind *kind;

    int r = read_kind(settings, url, &kind);
    if (r < 0)
        return r;
    replica->type = kind->type;
    if (url)
        r = refuse_rivals(settings, kind);
    if (r >= 0)
        r = read_identities(settings, replica);
    if (r < 0)
        return r;
    if (kind->type == REPLICA_FILE)
        return read_folder(settings, url, replica);
    return kind->type == REPLICA_S3 ? s3_config_read(settings, url, replica)
                                    : read_other(settings, url, replica);
}

int replica_config_read(const struct settings *settings, const char *url_text,
                        struct replica_config *ret_replica)
{
    _cleanup_(replica_url_finish) struct replica_url url = {0};
    _cleanup_secret_ char *own_url = NULL;
    const char *problem = "";

    ret_replica->type = REPLICA_UNKNOWN;
    int r = mapping_string(settings->own, "name", &ret_replica->name);
    if (r >= 0 && !url_text)
        r = mapping_string(settings->own, "url", &own_url);
    if (r < 0)
        return r;
    if (!url_text)
        url_text = own_url;
    r = url_text ? replica_url_parse(url_text, &url, &problem) : 0;
    if (r == -EINVAL)
        return mapping_fail(settings->own, "url", EINVAL, "%s", problem);
    return r < 0 ? r : read_all(settings, url_text ? &url : NULL, ret_replica);
}
