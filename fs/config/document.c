/* Lookups follow gopkg.in/yaml.v2, with which Litestream reads its configuration into structs one pair after
 * the other: of a key given twice the last counts, and a merge key (`<<`) counts where it stands, so that it
 * overrides what is written before it. In a sequence of merged mappings the first has precedence. */
#include "document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "litemount/cleanup.h"
#include "litemount/task.h"
#include "secret.h"

/* More than 1 MiB of text needs for what people write, and less than a second's work. */
#define STEPS_MAX (UINT64_C(1) << 23)
/* An item can cost its reader memory, a pair cannot. */
#define STEPS_PER_ITEM 300
#define MERGE_DEPTH_MAX 32
#define DEPTH_MAX 100
#define ANCHORS_MAX 1000

/* The line that libyaml's reader stopped in; it tells a byte offset only. */
static size_t document_line_at(const char *text, size_t length, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < offset && i < length; i++)
        line += text[i] == '\n';
    return line;
}

static int document_parser_fail(const yaml_parser_t *parser, const char *name, const char *text,
                                size_t length, struct task *task)
{
    size_t line = parser->problem_mark.line + 1;

    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    if (parser->error == YAML_READER_ERROR)
        line = document_line_at(text, length, parser->problem_offset);
    return task_fail(task, EINVAL, "%s:%zu: not valid YAML: %s", name, line, parser->problem);
}

/* Walks through the first document once, since libyaml's time grows with the square of the depth and of the
 * number of anchors. */
static int document_check_limits(const char *name, const char *text, size_t length, struct task *task)
{
    _cleanup_(yaml_parser_delete) yaml_parser_t parser;
    unsigned depth = 0, anchors = 0;

    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    for (bool ended = false; !ended;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event))
            return document_parser_fail(&parser, name, text, length, task);
        bool is_mapping = event.type == YAML_MAPPING_START_EVENT;
        bool is_sequence = event.type == YAML_SEQUENCE_START_EVENT;
        depth += is_mapping || is_sequence;
        depth -= event.type == YAML_MAPPING_END_EVENT || event.type == YAML_SEQUENCE_END_EVENT;
        anchors += (is_mapping && event.data.mapping_start.anchor) ||
                   (is_sequence && event.data.sequence_start.anchor) ||
                   (event.type == YAML_SCALAR_EVENT && event.data.scalar.anchor);
        ended = event.type == YAML_DOCUMENT_END_EVENT || event.type == YAML_STREAM_END_EVENT;
        size_t line = event.start_mark.line + 1;
        yaml_event_delete(&event);
        if (depth > DEPTH_MAX || anchors > ANCHORS_MAX)
            return task_fail(task, EINVAL, "%s:%zu: more than %d %s", name, line,
                             depth > DEPTH_MAX ? DEPTH_MAX : ANCHORS_MAX,
                             depth > DEPTH_MAX ? "levels deep" : "anchors");
    }
    return 0;
}

int document_parse(const char *name, const char *text, size_t length, struct task *task,
                   struct document *ret_document)
{
    _cleanup_(yaml_parser_delete) yaml_parser_t parser = {0};
    struct document document = {.name = name, .task = task};

    int r = document_check_limits(name, text, length, task);
    if (r < 0)
        return r;
    if (!yaml_parser_initialize(&parser))
        return -ENOMEM;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    if (!yaml_parser_load(&parser, &document.yaml))
        return document_parser_fail(&parser, name, text, length, task);
    *ret_document = document;
    return 0;
}

void document_finish(struct document *document)
{
    for (yaml_node_t *node = document->yaml.nodes.start; node < document->yaml.nodes.top; node++)
        if (node->type == YAML_SCALAR_NODE)
            explicit_bzero(node->data.scalar.value, node->data.scalar.length);
    yaml_document_delete(&document->yaml);
}

static const yaml_node_t *document_node_at(const struct mapping *mapping, int index)
{
    return yaml_document_get_node(&mapping->document->yaml, index);
}

static bool document_scalar_is(const yaml_node_t *node, const char *text)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == strlen(text) &&
           memcmp(node->data.scalar.value, text, node->data.scalar.length) == 0;
}

/* Whether an unquoted scalar is one of the words of a list that ends with NULL. */
static bool document_scalar_is_word(const yaml_node_t *node, const char *const *words)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    for (; *words; words++)
        if (document_scalar_is(node, *words))
            return true;
    return false;
}

static bool document_node_is_null(const yaml_node_t *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return document_scalar_is_word(node, words);
}

static bool document_node_is_merge_key(const yaml_node_t *node)
{
    static const char *const words[] = {"<<", NULL};
    return document_scalar_is_word(node, words);
}

static int document_fail_at(const struct mapping *mapping, const yaml_node_t *node, const char *key, int code,
                            const char *format, va_list arguments)
{
    char sentence[256];
    size_t place = strlen(mapping->place);

    vsnprintf(sentence, sizeof sentence, format, arguments);
    if (!key && place > 0)
        place--; /* the point before a key */
    if (!node)   /* a URL on the command line, or an empty file: there is no place to name */
        return task_fail(mapping->document->task, code, "%s: %s", mapping->document->name, sentence);
    return task_fail(mapping->document->task, code, "%s:%zu: %.*s%s%s%s", mapping->document->name,
                     node->start_mark.line + 1, (int)place, mapping->place, key ? key : "",
                     key || place > 0 ? ": " : "", sentence);
}

static int __attribute__((format(printf, 4, 5)))
document_node_fail(const struct mapping *mapping, const yaml_node_t *node, const char *key,
                   const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int r = document_fail_at(mapping, node, key, EINVAL, format, arguments);
    va_end(arguments);
    return r;
}

bool document_is_too_large(const struct document *document)
{
    return document->steps > STEPS_MAX;
}

static int document_charge(const struct mapping *mapping, uint64_t steps)
{
    mapping->document->steps += steps;
    if (document_is_too_large(mapping->document))
        return document_node_fail(mapping, mapping->node, NULL, "too large once its aliases are followed");
    return 0;
}

static int document_mapping_find_in(const struct mapping *mapping, const yaml_node_t *node, const char *key,
                                    unsigned depth, const yaml_node_t **ret_value);

/* Looks into what a merge key names: a mapping, or a sequence of them. */
static int document_mapping_find_merged(const struct mapping *mapping, const yaml_node_t *merged,
                                        const char *key, unsigned depth, const yaml_node_t **ret_value)
{
    if (merged->type == YAML_MAPPING_NODE)
        return document_mapping_find_in(mapping, merged, key, depth + 1, ret_value);
    if (merged->type != YAML_SEQUENCE_NODE)
        return document_node_fail(mapping, merged, "<<", "needs a mapping, or a sequence of mappings");
    const yaml_node_item_t *item = merged->data.sequence.items.start;
    for (*ret_value = NULL; item < merged->data.sequence.items.top && !*ret_value; item++) {
        const yaml_node_t *node = document_node_at(mapping, *item);
        if (node->type != YAML_MAPPING_NODE)
            return document_node_fail(mapping, node, "<<", "needs a mapping, or a sequence of mappings");
        int r = document_mapping_find_in(mapping, node, key, depth + 1, ret_value);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Backwards, since the last pair counts. Sets *ret_value to NULL if the key is not there. */
static int document_mapping_find_in(const struct mapping *mapping, const yaml_node_t *node, const char *key,
                                    unsigned depth, const yaml_node_t **ret_value)
{
    const yaml_node_pair_t *pair = node->data.mapping.pairs.top;

    *ret_value = NULL;
    if (depth > MERGE_DEPTH_MAX)
        return document_node_fail(mapping, node, "<<", "merges are nested more than %d deep",
                                  MERGE_DEPTH_MAX);
    while (pair > node->data.mapping.pairs.start) {
        pair--;
        const yaml_node_t *name = document_node_at(mapping, pair->key),
                          *value = document_node_at(mapping, pair->value);
        int r = document_charge(mapping, 1);
        if (r < 0)
            return r;
        if (document_node_is_merge_key(name)) {
            r = document_mapping_find_merged(mapping, value, key, depth, ret_value);
            if (r < 0 || *ret_value)
                return r;
        } else if (document_scalar_is(name, key)) {
            *ret_value = value;
            return 0;
        }
    }
    return 0;
}

/* The key's node; NULL if it is missing or null. */
static int document_mapping_find(const struct mapping *mapping, const char *key,
                                 const yaml_node_t **ret_value)
{
    *ret_value = NULL;
    if (!mapping->node)
        return 0;
    int r = document_mapping_find_in(mapping, mapping->node, key, 0, ret_value);
    if (r >= 0 && *ret_value && document_node_is_null(*ret_value))
        *ret_value = NULL;
    return r;
}

int mapping_fail(const struct mapping *mapping, const char *key, int code, const char *format, ...)
{
    const yaml_node_t *node = NULL;
    va_list arguments;

    if (key && document_mapping_find(mapping, key, &node) < 0)
        return -EINVAL;
    va_start(arguments, format);
    int r = document_fail_at(mapping, node ? node : mapping->node, key, code, format, arguments);
    va_end(arguments);
    return r;
}

int document_root(struct document *document, struct mapping *ret_root)
{
    struct mapping root = {.document = document, .node = yaml_document_get_root_node(&document->yaml)};
    if (root.node && document_node_is_null(root.node))
        root.node = NULL;
    if (root.node && root.node->type != YAML_MAPPING_NODE)
        return document_node_fail(&root, root.node, NULL,
                                  "a configuration is a mapping that begins with `dbs:`");
    *ret_root = root;
    return 0;
}

static int document_scalar_copy(const struct mapping *mapping, const yaml_node_t *node, const char *key,
                                char **ret_text)
{
    if (node->type != YAML_SCALAR_NODE)
        return document_node_fail(mapping, node, key, "must be a single value");
    if (memchr(node->data.scalar.value, '\0', node->data.scalar.length))
        return document_node_fail(mapping, node, key, "holds a NUL character");
    char *text = strdup((const char *)node->data.scalar.value);
    if (!text)
        return -ENOMEM;
    *ret_text = text;
    return 0;
}

int mapping_string(const struct mapping *mapping, const char *key, char **ret_text)
{
    const yaml_node_t *node;
    _cleanup_secret_ char *text = NULL;

    int r = document_mapping_find(mapping, key, &node);
    if (r < 0)
        return r;
    if (node) {
        r = document_scalar_copy(mapping, node, key, &text);
        if (r < 0)
            return r;
        for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
            text[n - 1] = '\0';
        for (const char *c = text; *c; c++)
            if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
                return document_node_fail(mapping, node, key, "holds a control character");
    }
    *ret_text = text && *text ? steal_pointer(text) : NULL;
    return 0;
}

int mapping_bool(const struct mapping *mapping, const char *key, struct optional_bool *ret_value)
{
    static const char *const yes[] = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                      "True", "TRUE", "on",  "On",  "ON",  NULL};
    static const char *const no[] = {"n",     "N",     "no",  "No",  "NO",  "false",
                                     "False", "FALSE", "off", "Off", "OFF", NULL};
    const yaml_node_t *node;

    int r = document_mapping_find(mapping, key, &node);
    if (r < 0)
        return r;
    bool value = node && document_scalar_is_word(node, yes);
    if (node && !value && !document_scalar_is_word(node, no))
        return document_node_fail(mapping, node, key, "must be true or false, without quotes");
    *ret_value = (struct optional_bool){.set = node, .value = value};
    return 0;
}

int mapping_child(const struct mapping *mapping, const char *key, struct mapping *ret_child)
{
    struct mapping child = {.document = mapping->document};

    int r = document_mapping_find(mapping, key, &child.node);
    if (r < 0)
        return r;
    if (child.node && child.node->type != YAML_MAPPING_NODE)
        return document_node_fail(mapping, child.node, key, "must be a mapping");
    snprintf(child.place, sizeof child.place, "%.*s%.24s.", 36, mapping->place, key);
    *ret_child = child;
    return 0;
}

static int document_mapping_find_sequence(const struct mapping *mapping, const char *key,
                                          const yaml_node_t **ret_node)
{
    int r = document_mapping_find(mapping, key, ret_node);
    if (r < 0)
        return r;
    if (*ret_node && (*ret_node)->type != YAML_SEQUENCE_NODE)
        return document_node_fail(mapping, *ret_node, key, "must be a list");
    return 0;
}

int mapping_count(const struct mapping *mapping, const char *key, size_t *ret_count)
{
    const yaml_node_t *node;
    int r = document_mapping_find_sequence(mapping, key, &node);
    if (r < 0)
        return r;
    *ret_count = node ? (size_t)(node->data.sequence.items.top - node->data.sequence.items.start) : 0;
    return 0;
}

static int document_mapping_find_item(const struct mapping *mapping, const char *key, size_t index,
                                      const yaml_node_t **ret_node)
{
    const yaml_node_t *sequence;
    int r = document_mapping_find_sequence(mapping, key, &sequence);
    if (r < 0)
        return r;
    r = document_charge(mapping, STEPS_PER_ITEM);
    if (r < 0)
        return r;
    *ret_node = document_node_at(mapping, sequence->data.sequence.items.start[index]);
    return 0;
}

int mapping_item(const struct mapping *mapping, const char *key, size_t index, struct mapping *ret_item)
{
    struct mapping item = {.document = mapping->document};

    int r = document_mapping_find_item(mapping, key, index, &item.node);
    if (r < 0)
        return r;
    snprintf(item.place, sizeof item.place, "%.*s%.12s[%zu].", 24, mapping->place, key, index);
    if (item.node->type != YAML_MAPPING_NODE)
        return document_node_fail(&item, item.node, NULL, "must be a mapping");
    *ret_item = item;
    return 0;
}

int mapping_item_text(const struct mapping *mapping, const char *key, size_t index, char **ret_text)
{
    const yaml_node_t *node;
    int r = document_mapping_find_item(mapping, key, index, &node);
    return r < 0 ? r : document_scalar_copy(mapping, node, key, ret_text);
}
