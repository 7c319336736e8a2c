/* forward.c: one forwarder for each function of the standard that is not the
 * front's own. Without C_Initialize, or in a child that has not called it yet, Go
 * is never entered. */
#include "front.h"
#include "own.h"

#define FORWARD(name, parameters, arguments)                                                                           \
  CK_RV name parameters {                                                                                              \
    const coffer_core *core = coffer_serving();                                                                        \
    if (!core)                                                                                                         \
      return CKR_CRYPTOKI_NOT_INITIALIZED;                                                                             \
    if (!core->name)                                                                                                   \
      return CKR_FUNCTION_NOT_SUPPORTED;                                                                               \
    if (coffer_knows_thread(core))                                                                                     \
      return core->name arguments;                                                                                     \
    sigset_t before;                                                                                                   \
    coffer_hold(&before);                                                                                              \
    CK_RV rv = core->name arguments;                                                                                   \
    coffer_note_thread(core);                                                                                          \
    coffer_release(&before);                                                                                           \
    return rv;                                                                                                         \
  }

#define UNLESS_OWN_0(name, parameters, arguments) FORWARD(name, parameters, arguments)
#define UNLESS_OWN_1(name, parameters, arguments)
#define FN(name, since, parameters, arguments)                                                                         \
  JOINED(UNLESS_OWN_, IS_LISTED(OWN, name))(name, parameters, arguments)
#include "functions.h"
#undef FN
