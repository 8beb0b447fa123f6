#include "kinds.h"

#define KIND_NAME(kind, name) name,
const char *const kind_names[KINDS_COUNT] = {KINDS(KIND_NAME)};
