/* Where access keys come from, first one wins (Litestream's order, then that of the AWS library below it):
 *
 *   the replica's own keys, else the configuration's root: both key and secret, or neither counts
 *   LITESTREAM_* where AWS_* is not set, and AWS_SESSION_TOKEN
 *   the profile's section in the shared credentials file, then in the shared configuration file
 *
 * Where the library would go on to ask for an instance's or a container's role, requests are anonymous. The
 * shared files are described in "Configuration and credential file settings" of the AWS CLI's user guide. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "litemount/cleanup.h"
#include "path.h"
#include "secret.h"
#include "settings.h"

#define SHARED_FILE_MAX ((size_t)1 << 20)

/* Owns its strings. */
struct keys {
    char *id, *secret, *token;
};

static void keys_finish(struct keys *keys)
{
    secret_free(keys->id);
    secret_free(keys->secret);
    secret_free(keys->token);
    *keys = (struct keys){0};
}

static bool keys_complete(const struct keys *keys)
{
    return keys->id && keys->secret;
}

static int keys_from_settings(const struct settings *settings, struct keys *keys)
{
    int r = settings_string(settings, "access-key-id", &keys->id);
    if (r >= 0)
        r = settings_string(settings, "secret-access-key", &keys->secret);
    if (r >= 0)
        r = settings_string(settings, "session-token", &keys->token);
    return r;
}

/* The first variable of a list, which ends with NULL, that is set to something. 0 or -ENOMEM. */
static int from_variables(const struct config_options *options, const char *const *names, char **ret_value)
{
    const char *value = NULL;
    for (; *names && !value; names++)
        value = environment_get(options, *names);
    if (!value)
        return 0;
    *ret_value = strdup(value);
    return *ret_value ? 0 : -ENOMEM;
}

static int keys_from_environment(const struct settings *settings, struct keys *keys)
{
    static const char *const ids[] = {"AWS_ACCESS_KEY_ID", "LITESTREAM_ACCESS_KEY_ID", "AWS_ACCESS_KEY",
                                      NULL};
    static const char *const secrets[] = {"AWS_SECRET_ACCESS_KEY", "LITESTREAM_SECRET_ACCESS_KEY",
                                          "AWS_SECRET_KEY", NULL};
    static const char *const tokens[] = {"AWS_SESSION_TOKEN", NULL};

    int r = from_variables(settings->options, ids, &keys->id);
    if (r >= 0)
        r = from_variables(settings->options, secrets, &keys->secret);
    if (r >= 0)
        r = from_variables(settings->options, tokens, &keys->token);
    return r;
}

static char *trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t n = strlen(text); n > 0 && strchr(" \t\r", text[n - 1]); n--)
        text[n - 1] = '\0';
    return text;
}

/* Whether "[default]" or "[profile NAME]" is the profile's section; only the configuration file has the word.
 */
static bool is_section(char *line, const char *profile)
{
    char *end = strchr(line, ']');
    if (!end)
        return false;
    *end = '\0';
    char *name = trim(line + 1);
    if (strncmp(name, "profile", 7) == 0 && (name[7] == ' ' || name[7] == '\t'))
        name = trim(name + 7);
    return strcmp(name, profile) == 0;
}

/* A comment behind a value begins with white space. */
static void cut_comment(char *value)
{
    for (char *c = value; *c; c++)
        if ((*c == ' ' || *c == '\t') && (c[1] == '#' || c[1] == ';'))
            *c = '\0';
}

static int take_setting(char *line, struct keys *keys)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return 0;
    *equals = '\0';
    char *name = trim(line), *value = equals + 1, **slot = NULL;
    cut_comment(value);
    value = trim(value);
    if (strcasecmp(name, "aws_access_key_id") == 0)
        slot = &keys->id;
    else if (strcasecmp(name, "aws_secret_access_key") == 0)
        slot = &keys->secret;
    else if (strcasecmp(name, "aws_session_token") == 0)
        slot = &keys->token;
    if (!slot || !*value)
        return 0;
    secret_free(*slot);
    *slot = strdup(value);
    return *slot ? 0 : -ENOMEM;
}

/* Takes the profile's keys out of a shared file's text, which is cut up on the way. */
static int keys_from_text(char *text, const char *profile, struct keys *keys)
{
    bool inside = false;
    int r = 0;

    for (char *line = text, *next; line && r >= 0; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line = trim(line);
        if (*line == '[')
            inside = is_section(line, profile);
        else if (inside && *line != '#' && *line != ';')
            r = take_setting(line, keys);
    }
    return r;
}

/* A shared file that is not there, or can't be read, has no keys. */
static int keys_from_file(const struct config_options *options, const char *variable, const char *name,
                          struct keys *keys)
{
    const char *profile = environment_get(options, "AWS_PROFILE"), *home = environment_get(options, "HOME");
    const char *chosen = environment_get(options, variable);
    _cleanup_free_ char *path = NULL, *text = NULL;
    size_t length;

    if (!chosen && !home)
        return 0;
    if (asprintf(&path, "%s%s%s", chosen ? chosen : home, chosen ? "" : "/.aws/", chosen ? "" : name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    int r = file_read(path, SHARED_FILE_MAX, &text, &length);
    if (r < 0)
        return r == -ENOMEM ? r : 0;
    if (!profile)
        profile = environment_get(options, "AWS_DEFAULT_PROFILE");
    r = keys_from_text(text, profile ? profile : "default", keys);
    explicit_bzero(text, length);
    return r;
}

static int keys_from_credentials(const struct settings *settings, struct keys *keys)
{
    return keys_from_file(settings->options, "AWS_SHARED_CREDENTIALS_FILE", "credentials", keys);
}

static int keys_from_configuration(const struct settings *settings, struct keys *keys)
{
    return keys_from_file(settings->options, "AWS_CONFIG_FILE", "config", keys);
}

/* Half a pair is dropped with its source. */
static int find_keys(const struct settings *settings, struct keys *keys)
{
    static int (*const sources[])(const struct settings *, struct keys *) = {
        keys_from_settings, keys_from_environment, keys_from_credentials, keys_from_configuration};
    int r = 0;

    for (size_t i = 0; r >= 0 && !keys_complete(keys) && i < sizeof sources / sizeof *sources; i++) {
        keys_finish(keys);
        r = sources[i](settings, keys);
    }
    return r;
}

/* A configuration that names half a pair wants keys: anonymous requests would only hide the mistake. */
static int refuse_half_pair(const struct settings *settings)
{
    _cleanup_(keys_finish) struct keys keys = {0};
    int r = keys_from_settings(settings, &keys);
    if (r >= 0 && keys.id && !keys.secret)
        return mapping_fail(settings->own, "access-key-id", EINVAL,
                            "there is no `secret-access-key` with it");
    if (r >= 0 && keys.secret && !keys.id)
        return mapping_fail(settings->own, "secret-access-key", EINVAL,
                            "there is no `access-key-id` with it");
    return r;
}

int credentials_find(const struct settings *settings, struct replica_config *replica)
{
    _cleanup_(keys_finish) struct keys keys = {0};

    int r = find_keys(settings, &keys);
    if (r < 0)
        return r;
    if (!keys_complete(&keys))
        return refuse_half_pair(settings);
    r = replica_set(replica, "access-key-id", keys.id);
    if (r >= 0)
        r = replica_set(replica, "secret-access-key", keys.secret);
    return r < 0 ? r : replica_set(replica, "session-token", keys.token);
}
