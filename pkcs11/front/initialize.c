/* initialize.c: C_Initialize and C_Finalize (PKCS #11 3.2, section 5.4). */
#include <stdlib.h>

#include "front.h"

/* Coffer locks with what the system has, and its runtime has threads of its own. It
 * accepts callbacks for locking only where it may do without them. GnuTLS sets
 * both flags in every program: a host that lets a library lock with the system's
 * means has the system's threads, and Coffer's take none of its signals, so only
 * the other flag alone is refused. */
static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *args) {
  int callbacks = !!args->CreateMutex + !!args->DestroyMutex + !!args->LockMutex + !!args->UnlockMutex;
  if (callbacks != 0 && callbacks != 4)
    return CKR_ARGUMENTS_BAD;
  if (args->flags & CKF_OS_LOCKING_OK)
    return CKR_OK;
  if (args->flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS)
    return CKR_NEED_TO_CREATE_THREADS;
  return callbacks ? CKR_CANT_LOCK : CKR_OK;
}

/* The environment of a set-uid program belongs to somebody else: secure_getenv. */
static CK_RV start_core(const coffer_core *core, const char *parameters) {
  coffer_settings settings = {
      .home = secure_getenv("COFFER_HOME"),
      .config = secure_getenv("COFFER_CONF"),
      .user_home = secure_getenv("HOME"),
      .data_home = secure_getenv("XDG_DATA_HOME"),
      .network_fs = secure_getenv("COFFER_NETWORK_FS"),
      .runtime_dir = secure_getenv("XDG_RUNTIME_DIR"),
      .credentials = secure_getenv("CREDENTIALS_DIRECTORY"),
      .parameters = parameters,
      .transaction_enter = coffer_transaction_enter,
      .transaction_leave = coffer_transaction_leave,
  };
  return core->initialize(&settings);
}

static CK_RV initialize(const char *parameters) {
  if (coffer_serving())
    return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  CK_RV rv = CKR_OK;
  const coffer_core *core = coffer_load(&rv);
  if (!core)
    return rv;
  sigset_t before;
  coffer_hold(&before);
  rv = start_core(core, parameters);
  coffer_release(&before);
  if (rv == CKR_OK)
    atomic_store_explicit(&coffer_here->serving, core, memory_order_release);
  return rv;
}

CK_RV C_Initialize(CK_VOID_PTR pInitArgs) {
  const CK_C_INITIALIZE_ARGS *args = pInitArgs;
  CK_RV rv = args ? check_arguments(args) : CKR_OK;
  if (rv != CKR_OK)
    return rv;
  pthread_mutex_lock(&coffer_here->lifecycle);
  rv = initialize(args ? args->pReserved : NULL);
  pthread_mutex_unlock(&coffer_here->lifecycle);
  return rv;
}

/* The core stays loaded, so that a call that overtakes C_Finalize finds code; the
 * core answers it with CKR_CRYPTOKI_NOT_INITIALIZED. */
static CK_RV finalize(void) {
  const coffer_core *core = coffer_serving();
  if (!core)
    return CKR_CRYPTOKI_NOT_INITIALIZED;
  atomic_store_explicit(&coffer_here->serving, NULL, memory_order_release);
  atomic_fetch_add(&coffer_here->finalized, 1);
  sigset_t before;
  coffer_hold(&before);
  CK_RV rv = core->C_Finalize(NULL);
  coffer_release(&before);
  return rv;
}

CK_RV C_Finalize(CK_VOID_PTR pReserved) {
  if (pReserved)
    return CKR_ARGUMENTS_BAD;
  pthread_mutex_lock(&coffer_here->lifecycle);
  CK_RV rv = finalize();
  pthread_mutex_unlock(&coffer_here->lifecycle);
  return rv;
}
