#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *endpoint_skip_scheme(const char *endpoint)
{
    if (strncasecmp(endpoint, "http://", 7) == 0)
        return endpoint + 7;
    return strncasecmp(endpoint, "https://", 8) == 0 ? endpoint + 8 : endpoint;
}

static bool endpoint_ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcasecmp(text + length - strlen(end), end) == 0;
}

bool endpoint_is_local(const char *endpoint)
{
    const char *start = endpoint_skip_scheme(endpoint);
    char host[256];
    struct in_addr address;
    size_t length = strcspn(start, ":/");

    if (length >= sizeof host)
        return false;
    memcpy(host, start, length);
    host[length] = '\0';
    if (inet_pton(AF_INET, host, &address) == 1) {
        uint32_t number = ntohl(address.s_addr);
        return number >> 24 == 10 || number >> 24 == 127 || number >> 20 == 0xac1 || number >> 16 == 0xc0a8;
    }
    return strcasecmp(host, "localhost") == 0 || endpoint_ends_with(host, ".local") ||
           endpoint_ends_with(host, ".localhost");
}

int endpoint_with_scheme(const char *endpoint, const char *scheme, char **ret_endpoint)
{
    const char *rest = endpoint_skip_scheme(endpoint);
    size_t length = strlen(rest);

    if (rest != endpoint)
        scheme = rest - endpoint == sizeof "http://" - 1 ? "http" : "https";
    if (length && rest[length - 1] == '/')
        length--;
    if (asprintf(ret_endpoint, "%s://%.*s", scheme, (int)length, rest) >= 0)
        return 0;
    *ret_endpoint = NULL;
    return -ENOMEM;
}
