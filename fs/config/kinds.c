/* The table of the kinds of stores, and the rows of those that need no more than a row. Facts are from
 * Litestream's cmd/litestream/main.go (NewReplicaFromConfig and below) and its replica clients. "gcs" is
 * v0.3's word. */
#include <string.h>

#include "kind.h"

#define SETTINGS(rows) .settings = rows, .n_settings = sizeof rows / sizeof *rows

static const struct setting gs_settings[] = {
    {.name = "bucket", .flags = SETTING_REQUIRED | SETTING_URL_SAYS},
    {.name = "application-credentials",
     .flags = SETTING_NO_KEY,
     .environment = {"GOOGLE_APPLICATION_CREDENTIALS"}},
    {.name = "emulator-host", .flags = SETTING_NO_KEY, .environment = {"STORAGE_EMULATOR_HOST"}},
};

static const struct setting abs_settings[] = {
    {.name = "bucket", .flags = SETTING_REQUIRED | SETTING_URL_SAYS},
    {.name = "account-name"},
    {.name = "account-key", .flags = SETTING_SECRET, .environment = {"LITESTREAM_AZURE_ACCOUNT_KEY"}},
    {.name = "sas-token", .flags = SETTING_SECRET, .environment = {"LITESTREAM_AZURE_SAS_TOKEN"}},
    {.name = "endpoint"},
};

static const struct setting sftp_settings[] = {
    {.name = "host", .flags = SETTING_REQUIRED | SETTING_URL_SAYS},
    {.name = "user", .flags = SETTING_REQUIRED},
    {.name = "password", .flags = SETTING_SECRET},
    {.name = "key-path"},
    {.name = "host-key", .flags = SETTING_OWN_KEY},
};

static const struct setting webdav_settings[] = {
    {.name = "webdav-url", .flags = SETTING_REQUIRED | SETTING_OWN_KEY | SETTING_URL_SAYS},
    {.name = "webdav-username", .flags = SETTING_OWN_KEY},
    {.name = "webdav-password", .flags = SETTING_SECRET | SETTING_OWN_KEY},
};

static const struct setting nats_settings[] = {
    {.name = "server", .flags = SETTING_NO_KEY, .fallback = "127.0.0.1:4222"},
    {.name = "bucket", .flags = SETTING_REQUIRED},
    {.name = "jwt", .flags = SETTING_SECRET},
    {.name = "seed", .flags = SETTING_SECRET},
    {.name = "creds"},
    {.name = "nkey", .flags = SETTING_SECRET},
    {.name = "username"},
    {.name = "password", .flags = SETTING_SECRET},
    {.name = "token", .flags = SETTING_SECRET},
    {.name = "tls", .flags = SETTING_BOOLEAN},
    {.name = "root-cas", .flags = SETTING_LIST},
    {.name = "client-cert"},
    {.name = "client-key"},
};

static const struct setting oss_settings[] = {
    {.name = "bucket", .flags = SETTING_REQUIRED | SETTING_URL_SAYS},
    {.name = "region"},
    {.name = "endpoint"},
    {.name = "access-key-id",
     .flags = SETTING_REQUIRED | SETTING_LOGIN,
     .environment = {"OSS_ACCESS_KEY_ID"}},
    {.name = "secret-access-key",
     .flags = SETTING_REQUIRED | SETTING_SECRET | SETTING_LOGIN,
     .environment = {"OSS_ACCESS_KEY_SECRET"}},
    {.name = "session-token",
     .flags = SETTING_SECRET | SETTING_WITH_LOGIN,
     .environment = {"OSS_SESSION_TOKEN"}},
};

static const struct replica_kind gs_kind = {
    .types = {"gs", "gcs"},
    .schemes = {"gs", "gcs"},
    SETTINGS(gs_settings),
    .url = {.host = "bucket"},
    .unread = true,
};

static const struct replica_kind abs_kind = {
    .types = {"abs"},
    .schemes = {"abs"},
    SETTINGS(abs_settings),
    .url = {.host = "bucket", .user = "account-name"},
    .unread = true,
};

static const struct replica_kind sftp_kind = {
    .types = {"sftp"},
    .schemes = {"sftp"},
    SETTINGS(sftp_settings),
    .url = {.host = "host", .user = "user", .password = "password"},
    .path = PATH_VERBATIM,
    .unread = true,
};

static const struct replica_kind webdav_kind = {
    .types = {"webdav"},
    .schemes = {"webdav", "webdavs"},
    SETTINGS(webdav_settings),
    .url = {.user = "webdav-username", .password = "webdav-password"},
    .path = PATH_VERBATIM,
    .unread = true,
};

static const struct replica_kind nats_kind = {
    .types = {"nats"},
    .schemes = {"nats"},
    SETTINGS(nats_settings),
    .url = {.host = "server", .path = "bucket"},
    .path_beside_url = true,
    .unread = true,
};

static const struct replica_kind oss_kind = {
    .types = {"oss"},
    .schemes = {"oss"},
    SETTINGS(oss_settings),
    .url = {.host = "bucket"},
    .path = PATH_RAW_PREFIX,
    .unread = true,
};

static const struct replica_kind *const kinds[] = {
    [REPLICA_FILE] = &file_kind, [REPLICA_S3] = &s3_kind,     [REPLICA_GS] = &gs_kind,
    [REPLICA_ABS] = &abs_kind,   [REPLICA_SFTP] = &sftp_kind, [REPLICA_WEBDAV] = &webdav_kind,
    [REPLICA_NATS] = &nats_kind, [REPLICA_OSS] = &oss_kind,
};

_Static_assert(sizeof kinds / sizeof *kinds == REPLICA_UNKNOWN, "each type has its row");

const struct replica_kind *kind_of_type(enum replica_type type)
{
    return type < REPLICA_UNKNOWN ? kinds[type] : NULL;
}

const char *replica_type_name(enum replica_type type)
{
    return type < REPLICA_UNKNOWN ? kinds[type]->types[0] : "unknown";
}

static bool kinds_are_called(const char *const *words, const char *word)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

enum replica_type type_of_word(const char *word)
{
    enum replica_type type = 0;
    while (type < REPLICA_UNKNOWN && !kinds_are_called(kinds[type]->types, word))
        type++;
    return type;
}

enum replica_type type_of_scheme(const char *scheme)
{
    enum replica_type type = 0;
    while (type < REPLICA_UNKNOWN && !kinds_are_called(kinds[type]->schemes, scheme))
        type++;
    return type;
}

const struct replica_kind *kind_of_scheme(const char *scheme)
{
    return kind_of_type(type_of_scheme(scheme));
}
