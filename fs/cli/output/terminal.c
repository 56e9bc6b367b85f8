#include "terminal.h"

#include <sys/ioctl.h>

#define WIDTH_DEFAULT 80

unsigned terminal_width(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : WIDTH_DEFAULT;
}
