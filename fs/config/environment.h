/* The environment, and variables in a configuration's text. */
#pragma once

#include <stddef.h>

struct config_options;

/* Bytes of a configuration, before and after its variables are expanded. */
#define CONFIG_SIZE_MAX ((size_t)1 << 20)

/* The variable's value; NULL if it is unset or empty. Borrowed from the environment. */
const char *environment_get(const struct config_options *options, const char *name);

/* Expands $NAME and ${NAME} over a whole text as Go's os.ExpandEnv does. The caller frees and wipes the
 * result, which has a NUL behind it. 0, -ENOMEM, or -E2BIG if it would be longer than CONFIG_SIZE_MAX. */
int environment_expand(const char *text, size_t length, const struct config_options *options, char **ret_text,
                       size_t *ret_length);

/* Warns of each value of a configuration's text that begins with a variable that is not set or empty; `name`
 * is the configuration's. */
void environment_warn_of_unset(const char *name, const char *text, size_t length,
                               const struct config_options *options);
