/* A YAML document as the configuration reads it: mappings whose keys are asked for by name.
 *
 * Reads scalars as Litestream's YAML library does (gopkg.in/yaml.v2), and complains with file, line and key.
 * Knows nothing of what the keys mean. Nothing here is thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yaml.h>

struct task;

/* Lives on its owner's stack; `name` and `task` are borrowed. */
struct document {
    const char *name; /* of the file, for messages */
    struct task *task;
    yaml_document_t yaml;
    uint64_t steps; /* pairs and items looked at so far: bounds what aliases can multiply to */
};

/* A mapping in a document; a plain value that borrows from it. */
struct mapping {
    struct document *document;
    const yaml_node_t *node; /* NULL: a mapping without keys */
    char place[64];          /* where it stands, as the front of a key: "dbs[0].replica." */
};

struct optional_bool {
    bool set, value;
};

/* Parses the first document of a YAML text. Returns 0, or -EINVAL or -ENOMEM with a reason. */
int document_parse(const char *name, const char *text, size_t length, struct task *task,
                   struct document *ret_document);

/* Frees the document and wipes its scalars: there are secrets among them. */
void document_finish(struct document *document);

/* The mapping at the document's top; one without keys if the document is empty. 0 or -EINVAL. */
int document_root(struct document *document, struct mapping *ret_root);

/* Whether the document is too large once its aliases are followed: then reading it is -EINVAL. */
bool document_is_too_large(const struct document *document);

/* The key's text, which the caller frees; NULL if it is missing, null or empty. Numbers and booleans are
 * taken as they are written, newlines at the end (of a block scalar) are dropped. 0, -EINVAL, -ENOMEM. */
int mapping_string(const struct mapping *mapping, const char *key, char **ret_text);

/* The key as a boolean; not set if it is missing or null. 0 or -EINVAL. */
int mapping_bool(const struct mapping *mapping, const char *key, struct optional_bool *ret_value);

/* The mapping below `key`, one without keys if it is missing or null. 0 or -EINVAL. */
int mapping_child(const struct mapping *mapping, const char *key, struct mapping *ret_child);

/* How many items the sequence below `key` has, 0 if it is missing or null. 0 or -EINVAL. */
int mapping_count(const struct mapping *mapping, const char *key, size_t *ret_count);

/* Item `index`, below mapping_count, of the sequence below `key`: as a mapping, or as text (which may be
 * empty and may have several lines; the caller frees it). 0, -EINVAL, -ENOMEM. */
int mapping_item(const struct mapping *mapping, const char *key, size_t index, struct mapping *ret_item);
int mapping_item_text(const struct mapping *mapping, const char *key, size_t index, char **ret_text);

/* Fails the document's task with "FILE:LINE: PLACE.KEY: sentence" and returns -code. `key` may be NULL: the
 * mapping itself is wrong. */
int mapping_fail(const struct mapping *mapping, const char *key, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
