#include "xml.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <expat.h>

#include "litemount/array.h"
#include "litemount/cleanup.h"

#define PATH_SIZE 256 /* bytes of the names of all open elements, with their slashes and a NUL */
#define TEXT_MAX 8192 /* bytes of an element's text: a key with every byte written %XX, or a token */

struct walker {
    XML_Parser parser;
    char path[PATH_SIZE]; /* the open elements */
    struct buffer text;
    int failure; /* the first one, 0: none yet */
    xml_element *element;
    void *context;
};

static void xml_walker_finish(struct walker *walker)
{
    if (walker->parser)
        XML_ParserFree(walker->parser);
    buffer_finish(&walker->text);
}

/* Keeps the first failure and stops. expat may still call once or twice: those calls find the failure. */
static void xml_fail(struct walker *walker, int failure)
{
    if (walker->failure == 0)
        walker->failure = failure;
    XML_StopParser(walker->parser, XML_FALSE);
}

static void xml_start_element(void *context, const char *name, const char **attributes)
{
    struct walker *walker = context;
    size_t length = strlen(walker->path), more = strlen(name);

    walker->text.size = 0;
    if (walker->failure)
        return;
    if (length + 1 + more >= PATH_SIZE) {
        xml_fail(walker, -EBADMSG);
        return;
    }
    if (length)
        walker->path[length++] = '/';
    memcpy(walker->path + length, name, more + 1);
}

static void xml_end_element(void *context, const char *name)
{
    struct walker *walker = context;
    if (walker->failure)
        return;
    int r = buffer_append(&walker->text, "", 1);
    if (r == 0)
        r = walker->element(walker->context, walker->path, (const char *)walker->text.data);
    if (r < 0)
        xml_fail(walker, r);
    walker->text.size = 0;
    size_t length = strlen(walker->path) - strlen(name);
    walker->path[length ? length - 1 : 0] = '\0';
}

static void xml_take_text(void *context, const char *bytes, int length)
{
    struct walker *walker = context;
    if (walker->failure)
        return;
    if ((size_t)length > TEXT_MAX - walker->text.size)
        xml_fail(walker, -EBADMSG);
    else if (buffer_append(&walker->text, bytes, (size_t)length) < 0)
        xml_fail(walker, -ENOMEM);
}

/* Only a document type can declare entities, so without one none can grow. */
static void xml_refuse_document_type(void *context, const char *name, const char *system_id,
                                     const char *public_id, int has_internal_subset)
{
    xml_fail(context, -EBADMSG);
}

int xml_walk(const void *bytes, size_t length, xml_element *element, void *context)
{
    _cleanup_(xml_walker_finish) struct walker walker = {.element = element, .context = context};

    if (length > INT_MAX)
        return -EBADMSG;
    walker.parser = XML_ParserCreate(NULL);
    if (!walker.parser)
        return -ENOMEM;
    XML_SetUserData(walker.parser, &walker);
    XML_SetElementHandler(walker.parser, xml_start_element, xml_end_element);
    XML_SetCharacterDataHandler(walker.parser, xml_take_text);
    XML_SetStartDoctypeDeclHandler(walker.parser, xml_refuse_document_type);
    enum XML_Status status = XML_Parse(walker.parser, bytes, (int)length, 1);
    if (walker.failure)
        return walker.failure;
    if (status == XML_STATUS_OK)
        return 0;
    return XML_GetErrorCode(walker.parser) == XML_ERROR_NO_MEMORY ? -ENOMEM : -EBADMSG;
}
