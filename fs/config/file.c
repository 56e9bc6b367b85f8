/* Folders on this machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kind.h"
#include "litemount/cleanup.h"
#include "path.h"
#include "url.h"

/* Litestream takes a file URL's path in its encoded form for the folder's name: one that is already validly
 * encoded stays as it is, any other is encoded in full. */
static int file_encode_path(const char *path, size_t length, char **ret_path)
{
    static const char hex[] = "0123456789ABCDEF";
    _cleanup_free_ char *decoded = NULL;
    size_t n = 0, valid = 0;

    while (valid < length && (is_word_character(path[valid]) || strchr("-.~!$&'()*+,;=:@[]%/#", path[valid])))
        valid++;
    int r = percent_decode(path, length, false, &decoded);
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
        if (is_word_character((char)*c) || strchr("-.~$&+,/:;=@#", *c)) {
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
static int file_parse_url(const char *rest, size_t length, struct replica_url *url, const char **ret_problem)
{
    _cleanup_free_ char *encoded = NULL, *rooted = NULL;

    int r = file_encode_path(rest, length, &encoded);
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

const struct replica_kind file_kind = {
    .types = {"file"},
    .schemes = {"file"},
    .path = PATH_FOLDER,
    .special = "",
    .parse_special = file_parse_url,
};
