/* A kind of store as the configuration knows it: one row of a table (kinds.c).
 *
 * A row says by which words and schemes a replica is of the kind, which settings it has, and where each one
 * comes from. By it a configuration is read (replica.c, settings.c), shown without secrets (shown.c) and
 * compared (same_store.c). What a row can't say is done by its `resolve`, in the kind's own file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "litemount/config.h"

struct replica_url;
struct settings;

enum setting_flags {
    SETTING_REQUIRED = 1 << 0,
    SETTING_SECRET = 1 << 1, /* never shown */
    SETTING_BOOLEAN = 1 << 2,
    SETTING_LIST = 1 << 3,     /* of texts: its value has one a line */
    SETTING_OWN_KEY = 1 << 4,  /* the root's key is no default for it */
    SETTING_NO_KEY = 1 << 5,   /* no key at all: from a URL or the environment only */
    SETTING_URL_SAYS = 1 << 6, /* a URL says it: its key may not stand beside one, and the root's is unused */
    SETTING_LOGIN = 1 << 7,    /* counts only together with the kind's other ones: all from the same source */
    SETTING_WITH_LOGIN = 1 << 8, /* comes from where the login comes from, and may be missing there */
    SETTING_RESOLVED = 1 << 9,   /* by rules of the kind's own: `resolve` sets it */
};

/* Where a setting has several sources the first one counts: key, root's key, query, part of the URL,
 * environment, default. */
struct setting {
    const char *name; /* its key in a configuration */
    unsigned flags;
    const char *environment[4]; /* variables, the first that is set counts; up to a NULL */
    const char *query[3];       /* its names in a URL's query, likewise */
    const char *fallback;       /* NULL: not set */
};

enum path_form {
    PATH_PREFIX,     /* of keys; cleaned, without '/' at its ends */
    PATH_RAW_PREFIX, /* the same, but v0.5's keys begin with the path as it stands: raw_path */
    PATH_VERBATIM, /* not cleaned, also in a URL: absolute with a '/' in front, else below a login's folder */
    PATH_FOLDER,   /* on this machine; made absolute. The store is the folder itself */
};

struct replica_kind {
    const char *types[3];   /* words of `type`, up to a NULL; the first is the kind's name */
    const char *schemes[3]; /* likewise of its URLs */
    const struct setting *settings;
    size_t n_settings;
    struct {
        const char *user, *password, *host, *path; /* settings that these parts of a URL fill; NULL: none */
    } url;
    enum path_form path;
    bool path_beside_url; /* `path` may stand beside a URL */
    bool unread;          /* fs/replica can't read it: none of its settings is missed */

    /* What a URL of the kind goes on with where that is no HOST/PATH ("": always), and who reads it then:
     * `rest` is what follows "SCHEME://", `length` its bytes up to the query. 0, -ENOMEM, or -EINVAL with a
     * static text. NULL both: every URL has a host and a path. */
    const char *special;
    int (*parse_special)(const char *rest, size_t length, struct replica_url *url, const char **ret_problem);

    /* Sets what is SETTING_RESOLVED and works over the others, which are read already. 0, -ENOMEM, or -EINVAL
     * with a reason. NULL: there is nothing to do. */
    int (*resolve)(const struct settings *settings, struct replica_config *replica);
};

extern const struct replica_kind file_kind, s3_kind;

/* NULL: no kind. `type` is any value. */
const struct replica_kind *kind_of_type(enum replica_type type);
const struct replica_kind *kind_of_scheme(const char *scheme);
enum replica_type type_of_word(const char *word);     /* of `type`; REPLICA_UNKNOWN: none has it */
enum replica_type type_of_scheme(const char *scheme); /* in lower case; likewise */
