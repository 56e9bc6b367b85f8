/* Walks an XML document that came from outside. Private to fs/replica; its .c file alone knows expat. */
#pragma once

#include <stddef.h>

/* Called at the end of each element. `path` names it and those around it ("ListBucketResult/Contents/Key"),
 * `text` is the text behind its last inner element: all of it, if it has none. Returns 0, or a negative errno
 * that ends the walk. */
typedef int xml_element(void *context, const char *path, const char *text);

/* Returns 0, -ENOMEM, what `element` returned, or -EBADMSG: not well-formed, cut, a document type (and with
 * it every entity but XML's own five), nested deeper or with more text in an element than any answer has. */
int xml_walk(const void *bytes, size_t length, xml_element *element, void *context);
