/* Text from outside (a server's answer, a key, a file's name, a database's schema) on its way to a person. */
#pragma once

/* Replaces each control character by '?', in place: a terminal would obey it. Those are C0 (a line's end
 * too), DEL, and C1, in UTF-8 or as a byte of its own. */
void printable_make(char *text);
