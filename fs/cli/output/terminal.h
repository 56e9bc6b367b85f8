/* The terminal that somebody may be looking at. */
#pragma once

/* Its columns; 80 if it does not tell. */
unsigned terminal_width(int fd);
