/* Logins that the AWS library finds for itself. */
#pragma once

struct config_options;
struct replica_config;

/* Sets access-key-id, secret-access-key and session-token where a shared file has the pair. Where the library
 * would go on to ask for an instance's or a container's role nothing is set: requests are anonymous. 0 or
 * -ENOMEM. */
int s3_login_find(const struct config_options *options, struct replica_config *replica);
