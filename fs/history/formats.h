/* The formats that a replica may hold, side by side. */
#pragma once

#include "generation/format.h"

#define N_FORMATS 2

extern const struct format *const formats[N_FORMATS];
