#include "url.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "litemount/cleanup.h"
#include "path.h"

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The length of the scheme with its "://", 0 if there is none. */
static size_t scheme_length(const char *text)
{
    size_t n = 0;
    while (is_plain(text[n]))
        n++;
    return n > 0 && strncmp(text + n, "://", 3) == 0 ? n + 3 : 0;
}

bool is_url(const char *text)
{
    return scheme_length(text) > 0;
}

void replica_url_finish(struct replica_url *url)
{
    free(url->scheme);
    free(url->host);
    free(url->path);
    free(url->query);
    *url = (struct replica_url){0};
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Decodes `length` bytes of %XX, and of '+' as a space where `is_query`. 0, -EINVAL, -ENOMEM. */
static int decode(const char *text, size_t length, bool is_query, char **ret_text)
{
    _cleanup_free_ char *decoded = malloc(length + 1);
    size_t n = 0;

    if (!decoded)
        return -ENOMEM;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '+' && is_query)
            c = ' ';
        if (c == '%') {
            int high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0 || high * 16 + low == 0)
                return -EINVAL;
            c = (char)(high * 16 + low);
            i += 2;
        }
        decoded[n++] = c;
    }
    decoded[n] = '\0';
    *ret_text = steal_pointer(decoded);
    return 0;
}

/* Litestream takes a file URL's path in its encoded form for the folder's name: one that is already validly
 * encoded stays as it is, any other is encoded in full. */
static int encode_file_path(const char *path, size_t length, char **ret_path)
{
    static const char hex[] = "0123456789ABCDEF";
    _cleanup_free_ char *decoded = NULL;
    size_t n = 0, valid = 0;

    while (valid < length && (is_plain(path[valid]) || strchr("-.~!$&'()*+,;=:@[]%/#", path[valid])))
        valid++;
    int r = decode(path, length, false, &decoded);
    if (r < 0)
        return r;
    if (valid == length) {
        *ret_path = strndup(path, length);
        return *ret_path ? 0 : -ENOMEM;
    }
    char *encoded = malloc(3 * strlen(decoded) + 1);
    if (!encoded)
        return -ENOMEM;
    for (const unsigned char *c = (unsigned char *)decoded; *c; c++) {
        if (is_plain((char)*c) || strchr("-.~$&+,/:;=@#", *c)) {
            encoded[n++] = (char)*c;
        } else {
            encoded[n++] = '%';
            encoded[n++] = hex[*c >> 4];
            encoded[n++] = hex[*c & 15];
        }
    }
    encoded[n] = '\0';
    *ret_path = encoded;
    return 0;
}

/* `rest` is what follows "file://" up to the query: a path, or (two slashes too few) a host and a path. */
static int parse_file(const char *rest, size_t length, struct replica_url *url)
{
    _cleanup_free_ char *encoded = NULL, *rooted = NULL;

    int r = encode_file_path(rest, length, &encoded);
    if (r < 0)
        return r;
    if (*encoded && asprintf(&rooted, "/%s", encoded) < 0) {
        rooted = NULL;
        return -ENOMEM;
    }
    url->host = strdup("");
    url->path = path_clean(rooted ? rooted : "");
    return url->host && url->path ? 0 : -ENOMEM;
}

/* Litestream hands an access point's whole ARN on as the bucket; the key behind it is not decoded. */
static int parse_access_point(const char *rest, size_t length, struct replica_url *url,
                              const char **ret_problem)
{
    static const char marker[] = ":accesspoint/";
    _cleanup_free_ char *text = strndup(rest, length), *key = NULL;

    if (!text)
        return -ENOMEM;
    const char *name = strcasestr(text, marker);
    name = name ? name + strlen(marker) : "";
    if (!*name || *name == '/') {
        *ret_problem = "an access point is written s3://arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME/PATH";
        return -EINVAL;
    }
    size_t host_length = (size_t)(name - text) + strcspn(name, "/");
    if (asprintf(&key, "/%s", text + host_length) < 0) {
        key = NULL;
        return -ENOMEM;
    }
    _cleanup_free_ char *clean = path_clean(key);
    url->host = strndup(text, host_length);
    url->path = clean ? strdup(clean + 1) : NULL;
    return url->host && url->path ? 0 : -ENOMEM;
}

static bool is_host(const char *host)
{
    const char *colon = strrchr(host, ':');
    if (strpbrk(host, "%\"<>\\^`{|} "))
        return false;
    return !colon || strchr(colon, ']') || colon[1 + strspn(colon + 1, "0123456789")] == '\0';
}

static int parse_authority(const char *rest, size_t length, struct replica_url *url, const char **ret_problem)
{
    size_t authority = strcspn(rest, "/");
    if (authority > length)
        authority = length;
    const char *at = memrchr(rest, '@', authority);
    const char *host = at ? at + 1 : rest;
    _cleanup_free_ char *path = NULL, *clean = NULL;

    url->host = strndup(host, (size_t)(rest + authority - host));
    if (!url->host)
        return -ENOMEM;
    if (!is_host(url->host)) {
        *ret_problem = "its host is not HOST or HOST:PORT";
        return -EINVAL;
    }
    int r = decode(rest + authority, length - authority, false, &path);
    if (r < 0)
        return r;
    if (strcmp(url->scheme, "sftp") == 0 || strncmp(url->scheme, "webdav", 6) == 0) {
        url->path = steal_pointer(path);
        return 0;
    }
    clean = path_clean(path);
    if (!clean)
        return -ENOMEM;
    url->path = strdup(*clean == '/' ? clean + 1 : clean);
    return url->path ? 0 : -ENOMEM;
}

static int parse_rest(const char *rest, struct replica_url *url, const char **ret_problem)
{
    bool is_file = strcmp(url->scheme, "file") == 0;
    bool is_access_point = strcmp(url->scheme, "s3") == 0 && strncasecmp(rest, "arn:", 4) == 0;
    size_t length =
        strcspn(rest, is_file || is_access_point ? "" : "#"); /* elsewhere a fragment is dropped */
    const char *query = memchr(rest, '?', length);

    url->query = query ? strndup(query + 1, length - (size_t)(query + 1 - rest)) : strdup("");
    if (!url->query)
        return -ENOMEM;
    if (query)
        length = (size_t)(query - rest);
    if (is_file)
        return parse_file(rest, length, url);
    if (is_access_point)
        return parse_access_point(rest, length, url, ret_problem);
    return parse_authority(rest, length, url, ret_problem);
}

int replica_url_parse(const char *text, struct replica_url *ret_url, const char **ret_problem)
{
    _cleanup_(replica_url_finish) struct replica_url url = {0};
    size_t scheme = scheme_length(text);

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
    int r = parse_rest(text + scheme, &url, ret_problem);
    if (r < 0)
        return r;
    *ret_url = url;
    url = (struct replica_url){0};
    return 0;
}

/* The first non-empty value of one name. */
static int find_query(const char *query, const char *name, char **ret_value)
{
    while (*query) {
        size_t length = strcspn(query, "&"), name_length = strcspn(query, "=&");
        _cleanup_free_ char *key = NULL, *value = NULL;
        size_t value_at = name_length < length ? name_length + 1 : length;
        /* As in net/url a pair with a bad escape or a semicolon does not count. */
        int r = memchr(query, ';', length) ? -EINVAL : decode(query, name_length, true, &key);
        if (r >= 0)
            r = decode(query + value_at, length - value_at, true, &value);
        if (r == -ENOMEM)
            return r;
        if (r >= 0 && *value && strcmp(key, name) == 0) {
            *ret_value = steal_pointer(value);
            return 0;
        }
        query += length + (query[length] == '&');
    }
    *ret_value = NULL;
    return 0;
}

int replica_url_query(const struct replica_url *url, const char *name, const char *other, char **ret_value)
{
    int r = find_query(url->query, name, ret_value);
    if (r < 0 || *ret_value || !other)
        return r;
    return find_query(url->query, other, ret_value);
}

int replica_url_query_bool(const struct replica_url *url, const char *name, const char *other,
                           struct optional_bool *ret_value)
{
    static const char *const yes[] = {"true", "1", "t", "yes"};
    _cleanup_free_ char *text = NULL;

    int r = replica_url_query(url, name, other, &text);
    if (r < 0)
        return r;
    *ret_value = (struct optional_bool){.set = text};
    for (size_t i = 0; text && i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(text, yes[i]) == 0)
            ret_value->value = true;
    return 0;
}
