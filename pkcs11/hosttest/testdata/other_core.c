/* other_core.c: a core as another build of Coffer would have it. */
#include "../../front/core.h"

static void warm(void) {}

static const coffer_core core = {.abi = COFFER_CORE_ABI, .build = "0123456789abcdef", .warm = warm};

const coffer_core *coffer_core_entry(void) { return &core; }
