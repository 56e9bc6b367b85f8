/* A generation of Litestream v0.3, as history sees it. */
#pragma once

#include "generation/format.h"

extern const struct format v03_format;
