#include "url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "kind.h"
#include "litemount/cleanup.h"
#include "path.h"
#include "secret.h"

/* The length of the scheme with its "://", 0 if there is none. */
static size_t url_scheme_length(const char *text)
{
    size_t n = 0;
    while (is_word_character(text[n]))
        n++;
    return n > 0 && strncmp(text + n, "://", 3) == 0 ? n + 3 : 0;
}

bool is_url(const char *text)
{
    return url_scheme_length(text) > 0;
}

static bool url_is_host(const char *host)
{
    const char *colon = strrchr(host, ':');
    if (strpbrk(host, "%\"<>\\^`{|} "))
        return false;
    return !colon || strchr(colon, ']') || colon[1 + strspn(colon + 1, "0123456789")] == '\0';
}

/* USER[:PASSWORD], of a kind whose URLs may have them. */
static int url_parse_user(const char *text, size_t length, const struct replica_kind *kind,
                          struct replica_url *url)
{
    const char *colon = memchr(text, ':', length);
    size_t user = colon ? (size_t)(colon - text) : length;
    int r = 0;

    if (kind && kind->url.user)
        r = percent_decode(text, user, false, &url->user);
    if (r >= 0 && kind && kind->url.password && colon)
        r = percent_decode(colon + 1, length - user - 1, false, &url->password);
    return r;
}

static int url_parse_path(const char *text, size_t length, const struct replica_kind *kind,
                          struct replica_url *url)
{
    _cleanup_free_ char *path = NULL, *clean = NULL;

    int r = percent_decode(text, length, false, &path);
    if (r < 0)
        return r;
    if (kind && kind->path == PATH_VERBATIM) {
        url->path = steal_pointer(path);
        return 0;
    }
    clean = path_clean(path);
    if (!clean)
        return -ENOMEM;
    url->path = strdup(*clean == '/' ? clean + 1 : clean);
    return url->path ? 0 : -ENOMEM;
}

static int url_parse_authority(const char *rest, size_t length, const struct replica_kind *kind,
                               struct replica_url *url, const char **ret_problem)
{
    size_t authority = strcspn(rest, "/");
    if (authority > length)
        authority = length;
    const char *at = memrchr(rest, '@', authority);
    const char *host = at ? at + 1 : rest;

    url->host = strndup(host, (size_t)(rest + authority - host));
    if (!url->host)
        return -ENOMEM;
    if (!url_is_host(url->host)) {
        *ret_problem = "its host is not HOST or HOST:PORT";
        return -EINVAL;
    }
    int r = at ? url_parse_user(rest, (size_t)(at - rest), kind, url) : 0;
    return r < 0 ? r : url_parse_path(rest + authority, length - authority, kind, url);
}

static int url_parse_rest(const char *rest, struct replica_url *url, const char **ret_problem)
{
    const struct replica_kind *kind = kind_of_scheme(url->scheme);
    bool is_special = kind && kind->special && strncasecmp(rest, kind->special, strlen(kind->special)) == 0;
    size_t length = strcspn(rest, is_special ? "" : "#"); /* elsewhere a fragment is dropped */
    const char *query = memchr(rest, '?', length);

    url->query = query ? strndup(query + 1, length - (size_t)(query + 1 - rest)) : strdup("");
    if (!url->query)
        return -ENOMEM;
    if (query)
        length = (size_t)(query - rest);
    return is_special ? kind->parse_special(rest, length, url, ret_problem)
                      : url_parse_authority(rest, length, kind, url, ret_problem);
}

int replica_url_parse(const char *text, struct replica_url *ret_url, const char **ret_problem)
{
    _cleanup_(replica_url_finish) struct replica_url url = {0};
    size_t scheme = url_scheme_length(text);

    *ret_problem = "not every % is followed by two hex digits";
    if (scheme == 0) {
        *ret_problem = "a replica URL begins with its type, as s3:// or file://";
        return -EINVAL;
    }
    url.scheme = strndup(text, scheme - 3);
    if (!url.scheme)
        return -ENOMEM;
    for (char *c = url.scheme; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    int r = url_parse_rest(text + scheme, &url, ret_problem);
    if (r < 0)
        return r;
    *ret_url = url;
    url = (struct replica_url){0};
    return 0;
}
