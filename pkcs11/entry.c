/* entry.c: the core's one exported symbol and the table behind it. */
#include "_cgo_export.h"

#include "deferral.h"
#include "front/core.h"
#include "front/own.h"
#include "unsupported.h"

/* A member is NULL if the front answers it alone or Coffer does not have it. */
#define ENTRY_00(name) JOINED(STARTED_, IS_LISTED(DEFERRED, name))(name)
#define STARTED_0(name) coffer_##name
#define STARTED_1(name) coffer_deferring_##name
#define ENTRY_01(name) NULL
#define ENTRY_10(name) NULL
#define ENTRY(name) JOINED(JOINED(ENTRY_, IS_LISTED(ALONE, name)), IS_LISTED(UNSUPPORTED, name))(name)

static const coffer_core core = {
    .abi = COFFER_CORE_ABI,
    .build = COFFER_BUILD_ID,
    .warm = coffer_warm,
    .initialize = (CK_RV(*)(const coffer_settings *))coffer_initialize,
#define FN(name, since, parameters, arguments) .name = ENTRY(name),
#include "front/functions.h"
#undef FN
};

const coffer_core *coffer_core_entry(void) { return &core; }
