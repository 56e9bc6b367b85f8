#include "formats.h"

#include "v03/v03_generation.h"
#include "v05/v05_generation.h"

const struct format *const formats[N_FORMATS] = {&v03_format, &v05_format};
