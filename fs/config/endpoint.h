/* Endpoints: the host of a store's server, with or without a scheme. */
#pragma once

#include <stdbool.h>

/* Whether the endpoint is on this machine or in a private network. */
bool endpoint_is_local(const char *endpoint);

/* The endpoint with its scheme, in lower case, else with `scheme` put in front; without a '/' at its end. The
 * caller frees it. 0 or -ENOMEM. */
int endpoint_with_scheme(const char *endpoint, const char *scheme, char **ret_endpoint);
