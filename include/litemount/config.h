/* The configuration: which databases there are, and where each one's replicas stand.
 *
 * Read from the user's own litestream.yml, unchanged, or from a replica URL or a folder in its place. Follows
 * Litestream v0.3 and v0.5; keys that matter only to a writer are ignored. Knows nothing of what a backup
 * looks like inside, and sends nothing. Source: github.com/benbjohnson/litestream, cmd/litestream/main.go and
 * s3/replica_client.go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct task;

enum replica_type {
    REPLICA_FILE,
    REPLICA_S3,
    REPLICA_GS,
    REPLICA_ABS,
    REPLICA_SFTP,
    REPLICA_WEBDAV,
    REPLICA_NATS,
    REPLICA_OSS,
    REPLICA_UNKNOWN
};

/* "file", "s3", ...: the type as Litestream's configuration names it, "unknown" if it names no other. */
const char *replica_type_name(enum replica_type type);

/* One setting's value; a boolean's is "true" or "false". */
struct replica_setting {
    const char *name; /* a constant: its key in a configuration, such as "endpoint" */
    char *value;      /* owned; NULL: not set */
};

/* One replica's settings, resolved: defaults, URL parts, environment and the kind's own rules are already
 * worked in. Strings are owned; NULL where not set. */
struct replica_config {
    enum replica_type type;
    char *name;    /* the replica's `name`, else NULL */
    char *problem; /* why its settings can't be used, with file, line and key: what is below means nothing.
                      NULL: they can */
    /* file: absolute folder. Others: key prefix without leading or trailing '/', "" for the store's root, or
     * as it stands where it may be below a login's folder. */
    char *path;
    /* What v0.5 puts before "/0000/..." in its keys, for kinds whose keys begin with the path as it
     * stands: "" for none, "." for a URL that ends with its host. Others: NULL. */
    char *raw_path;
    struct replica_setting *settings; /* of the kind: see replica_setting */
    size_t n_settings;

    /* age */
    char **identities; /* literal "AGE-SECRET-KEY-1..." texts */
    size_t n_identities;
};

/* The value of the kind's setting of that name, which is its key in a configuration. Borrowed; NULL: it is
 * not set. Which ones a kind has, and what their values look like, tells its row: fs/config/kinds.c, s3.c. */
const char *replica_setting(const struct replica_config *replica, const char *name);
bool replica_setting_is_on(const struct replica_config *replica, const char *name); /* a boolean's "true" */

/* Sets it to a copy of `value`, which may be NULL; `name` is a constant and borrowed. 0 or -ENOMEM. */
int replica_set(struct replica_config *replica, const char *name, const char *value);

/* Whether both name the same store with the same rights. */
bool replica_config_same_store(const struct replica_config *a, const struct replica_config *b);

/* Copies what names a store and the rights to it: type, problem, path and settings. The caller finishes the
 * copy. 0 or -ENOMEM. */
int replica_config_copy_store(const struct replica_config *from, struct replica_config *ret_copy);
void replica_config_finish(struct replica_config *replica); /* wipes secrets */

struct database_config {
    char *path;       /* absolute, as the application knows it; for a folder of databases the folder */
    bool has_no_path; /* the entry names none: `path` is its place, "dbs[1]" */
    bool is_folder;   /* `dir:`, or a URL or folder that may hold several backups: databases are found by
                         listing */
    char *pattern;    /* is_folder: what fnmatch(3) must find a database's file name to match; NULL: any */
    bool recursive;   /* is_folder: databases may lie in folders below */
    bool is_source;   /* came from a URL or folder on the command line, not from a config: named by its place
                         there */
    bool is_v03;      /* its replicas are written as v0.3 has them, a list: `replicas:` */
    struct replica_config *replicas;
    size_t n_replicas;
};

struct config {
    struct database_config *databases;
    size_t n_databases;
};

struct config_options {
    bool no_expand_environment;              /* -no-expand-env */
    const char *(*getenv)(const char *name); /* NULL: getenv */
};

/* Reads `source`: a replica URL ("s3://bucket/path"), a folder, or a litestream.yml. Returns 0 and a
 * configuration of at least one database with at least one replica, which the caller closes; or -ENOENT,
 * -EACCES, -EINVAL, -ENOMEM with a reason that names file, line and key. Databases and replicas whose
 * settings can't be used (no bucket) are kept with that problem, which is an error only if there are no
 * others; types that this program can't read are kept, for whoever opens them to warn about. */
int config_load(const char *source, const struct config_options *options, struct task *task,
                struct config **ret_config);
void config_close(struct config *config); /* NULL is fine; wipes secrets */

/* For _cleanup_(). */
static inline void close_config(struct config **config)
{
    config_close(*config);
}

/* The same from a configuration's text; `name` is for messages. */
int config_parse(const char *name, const char *text, size_t length, const struct config_options *options,
                 struct task *task, struct config **ret_config);

/* A source as it may be shown: of a URL without user, password and query, where secrets can stand. The caller
 * frees it; NULL: no memory. */
char *config_shown_source(const char *source);

/* The same for the table of mounts, where mount(8) looks for what fstab says to know it as mounted: with its
 * query if that holds no secret. The caller frees it; NULL: no memory. */
char *config_filesystem_name(const char *source);

/* Leaves each database only its replica of that name (one without a name is called by its type, as Litestream
 * has it), and the databases out that have none. 0, or -ENOENT with a reason if none is left. */
int config_keep_replica(struct config *config, const char *name, struct task *task);

/* The file that is read when none is named: $LITESTREAM_CONFIG, else /etc/litestream.yml. */
const char *config_default_path(const struct config_options *options);

/* The absolute path that a typed database path stands for, by the rules of a configuration's paths:
 * sqlite://,
 * `~`, the current folder. The caller frees it. 0, -ENOMEM, or -ENOENT (no such folder). */
int config_expand_path(const char *path, char **ret_path);
