/* Which store a replica stands in: what two replicas have to have in common to share it. */
#include <errno.h>
#include <string.h>

#include "kind.h"

static int store_copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

int replica_config_copy_store(const struct replica_config *from, struct replica_config *ret_copy)
{
    struct replica_config copy = {.type = from->type};

    int r = store_copy_text(from->problem, &copy.problem);
    if (r >= 0)
        r = store_copy_text(from->path, &copy.path);
    for (size_t i = 0; r >= 0 && i < from->n_settings; i++)
        r = replica_set(&copy, from->settings[i].name, from->settings[i].value);
    if (r < 0)
        replica_config_finish(&copy);
    else
        *ret_copy = copy;
    return r;
}

static bool store_same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool replica_config_same_store(const struct replica_config *a, const struct replica_config *b)
{
    const struct replica_kind *kind = kind_of_type(a->type);

    if (a->type != b->type || !store_same_text(a->problem, b->problem))
        return false;
    if (a->problem)
        return true;
    if (kind->path == PATH_FOLDER && !store_same_text(a->path, b->path))
        return false;
    for (size_t i = 0; i < kind->n_settings; i++) {
        const char *name = kind->settings[i].name;
        if (!store_same_text(replica_setting(a, name), replica_setting(b, name)))
            return false;
    }
    return true;
}
