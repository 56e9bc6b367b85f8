/* The profile's section in the shared credentials file, else in the shared configuration file, which the AWS
 * library asks where neither a configuration nor the environment has a login. The files are described in
 * "Configuration and credential file settings" of the AWS CLI's user guide. */
#include "s3_login.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "environment.h"
#include "litemount/cleanup.h"
#include "litemount/config.h"
#include "path.h"
#include "secret.h"

#define SHARED_FILE_MAX ((size_t)1 << 20)

/* Owns its strings. */
struct keys {
    char *id, *secret, *token;
};

static void s3_keys_finish(struct keys *keys)
{
    secret_free(keys->id);
    secret_free(keys->secret);
    secret_free(keys->token);
    *keys = (struct keys){0};
}

static char *login_trim(char *text)
{
    text += strspn(text, " \t\r");
    for (size_t n = strlen(text); n > 0 && strchr(" \t\r", text[n - 1]); n--)
        text[n - 1] = '\0';
    return text;
}

/* Whether "[default]" or "[profile NAME]" is the profile's section; only the configuration file has the word.
 */
static bool login_is_section(char *line, const char *profile)
{
    char *end = strchr(line, ']');
    if (!end)
        return false;
    *end = '\0';
    char *name = login_trim(line + 1);
    if (strncmp(name, "profile", 7) == 0 && (name[7] == ' ' || name[7] == '\t'))
        name = login_trim(name + 7);
    return strcmp(name, profile) == 0;
}

/* A comment behind a value begins with white space. */
static void login_cut_comment(char *value)
{
    for (char *c = value; *c; c++)
        if ((*c == ' ' || *c == '\t') && (c[1] == '#' || c[1] == ';'))
            *c = '\0';
}

static int login_take_setting(char *line, struct keys *keys)
{
    char *equals = strchr(line, '=');
    if (!equals)
        return 0;
    *equals = '\0';
    char *name = login_trim(line), *value = equals + 1, **slot = NULL;
    login_cut_comment(value);
    value = login_trim(value);
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
static int s3_keys_from_text(char *text, const char *profile, struct keys *keys)
{
    bool inside = false;
    int r = 0;

    for (char *line = text, *next; line && r >= 0; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        line = login_trim(line);
        if (*line == '[')
            inside = login_is_section(line, profile);
        else if (inside && *line != '#' && *line != ';')
            r = login_take_setting(line, keys);
    }
    return r;
}

/* A shared file that is not there, or can't be read, has no keys. */
static int s3_keys_from_file(const struct config_options *options, const char *variable, const char *name,
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
    r = s3_keys_from_text(text, profile ? profile : "default", keys);
    explicit_bzero(text, length);
    return r;
}

int s3_login_find(const struct config_options *options, struct replica_config *replica)
{
    static const char *const files[][2] = {{"AWS_SHARED_CREDENTIALS_FILE", "credentials"},
                                           {"AWS_CONFIG_FILE", "config"}};
    _cleanup_(s3_keys_finish) struct keys keys = {0};
    int r = 0;

    for (size_t i = 0; r >= 0 && !(keys.id && keys.secret) && i < sizeof files / sizeof *files; i++) {
        s3_keys_finish(&keys); /* half a pair is dropped with its file */
        r = s3_keys_from_file(options, files[i][0], files[i][1], &keys);
    }
    if (r < 0 || !keys.id || !keys.secret)
        return r;
    r = replica_set(replica, "access-key-id", keys.id);
    if (r >= 0)
        r = replica_set(replica, "secret-access-key", keys.secret);
    return r < 0 ? r : replica_set(replica, "session-token", keys.token);
}
