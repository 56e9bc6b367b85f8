/* When a backup can be brought back to, drawn for a terminal. Knows points and a width, and nothing else. */
#pragma once

#include "litemount/listed.h"

/* Draws the points, which are in order of time: an hour a line, or if they span more than three days a day a
 * line, all times UTC. From 40 columns on no line is longer than `width`. The caller frees the text. 0 or
 * -ENOMEM. */
int timeline_draw(const struct listed_points *points, unsigned width, char **ret_text);
