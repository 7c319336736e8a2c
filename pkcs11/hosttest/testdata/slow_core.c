/* slow_core.c: a core in C, to test the front alone: C_SeedRandom is a store
 * transaction of ulSeedLen milliseconds, and says through pSeed that it has begun. */
#include <stdatomic.h>
#include <time.h>

#include "../../front/core.h"

static coffer_settings settings;

static void warm(void) {}

static CK_RV initialize(const coffer_settings *given) {
  settings = *given;
  return CKR_OK;
}

static CK_RV finalize(CK_VOID_PTR reserved) {
  (void)reserved;
  return CKR_OK;
}

static CK_RV transact(CK_SESSION_HANDLE session, CK_BYTE_PTR begun, CK_ULONG ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  (void)session;
  settings.transaction_enter();
  atomic_store((_Atomic CK_BYTE *)begun, 1);
  nanosleep(&t, NULL);
  settings.transaction_leave();
  return CKR_OK;
}

static const coffer_core core = {
    .abi = COFFER_CORE_ABI,
    .build = COFFER_BUILD_ID,
    .warm = warm,
    .initialize = initialize,
    .C_Finalize = finalize,
    .C_SeedRandom = transact,
};

const coffer_core *coffer_core_entry(void) { return &core; }
