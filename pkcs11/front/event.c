/* event.c: C_WaitForSlotEvent (PKCS #11 3.2, section 5.5). The core only tells what
 * there is; the wait is here, where the host's signals are let through. */
#include <time.h>

#include "front.h"

static const struct timespec pause_between = {.tv_nsec = 200 * 1000 * 1000};

/* A wait ends when C_Finalize is called, even if C_Initialize follows at once. */
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR pSlot, CK_VOID_PTR pReserved) {
  unsigned finalized = atomic_load(&coffer_here->finalized);
  for (;;) {
    const coffer_core *core = coffer_serving();
    if (!core || finalized != atomic_load(&coffer_here->finalized))
      return CKR_CRYPTOKI_NOT_INITIALIZED;
    sigset_t before;
    coffer_hold(&before);
    CK_RV rv = core->C_WaitForSlotEvent(flags, pSlot, pReserved);
    coffer_release(&before);
    if (rv != CKR_NO_EVENT || flags & CKF_DONT_BLOCK)
      return rv;
    nanosleep(&pause_between, NULL);
  }
}
