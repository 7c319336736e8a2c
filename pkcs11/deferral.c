/* deferral.c: Inits that are answered in C.
 *
 * This is a memo and decides nothing: Go has said that an Init would now be answered
 * CKR_OK, and takes that back as soon as it might be otherwise. */
#include "deferral.h"

#include <stdbool.h>

#include "_cgo_export.h"

coffer_deferral_table coffer_deferrals;

/* The low half of a session's handle is its row in the table of sessions. */
static coffer_deferral *note_of(CK_SESSION_HANDLE session) {
  uint32_t row = (uint32_t)session;
  return row < COFFER_DEFERRAL_ROWS ? &coffer_deferrals.notes[row] : NULL;
}

/* A mechanism is read only where Go has read one before: a fault here would be the
 * host's end, and there it is an error. */
static bool is_offered(coffer_deferral *note, CK_SESSION_HANDLE session, uint64_t kind, const CK_MECHANISM *mechanism,
                       CK_OBJECT_HANDLE key, uint64_t epoch) {
#define NOTED(member) atomic_load_explicit(&note->member, memory_order_relaxed)
  return NOTED(session) == session && NOTED(kind) == kind && NOTED(pointer) == (uintptr_t)mechanism &&
         NOTED(key) == key && (!key || NOTED(epoch) == epoch) && NOTED(mechanism) == mechanism->mechanism && mechanism->ulParameterLen == 0;
#undef NOTED
}

/* take takes the offer of just this Init, if there is one. Go may withdraw it meanwhile,
 * and make another one: the state is then no more what it was. Keys may be about to
 * change: either who changes them sees afterwards that the offer is taken, or this sees
 * another epoch and puts the offer back, unless it has been settled since. */
static bool take(CK_SESSION_HANDLE session, uint64_t kind, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
  coffer_deferral *note = note_of(session);
  if (!note || !mechanism)
    return false;
  uint64_t state = atomic_load_explicit(&note->state, memory_order_acquire);
  uint64_t taken = state - COFFER_DEFERRAL_OFFERED + COFFER_DEFERRAL_TAKEN;
  uint64_t epoch = atomic_load(&coffer_deferrals.epoch);
  if (state % COFFER_DEFERRAL_STEP != COFFER_DEFERRAL_OFFERED || !is_offered(note, session, kind, mechanism, key, epoch) ||
      !atomic_compare_exchange_strong(&note->state, &state, taken))
    return false;
  return !key || atomic_load(&coffer_deferrals.epoch) == epoch || !atomic_compare_exchange_strong(&note->state, &taken, state);
}

/* answered returns what Go has answered to an Init and remembers the mechanism's place. */
static CK_RV answered(CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism, CK_RV rv) {
  coffer_deferral *note = note_of(session);
  if (note && rv == CKR_OK)
    atomic_store_explicit(&note->pointer, (uintptr_t)mechanism, memory_order_relaxed);
  return rv;
}

CK_RV coffer_deferring_C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism) {
  if (take(hSession, COFFER_DIGEST, pMechanism, 0))
    return CKR_OK;
  return answered(hSession, pMechanism, coffer_C_DigestInit(hSession, pMechanism));
}

CK_RV coffer_deferring_C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey) {
  if (take(hSession, COFFER_SIGN, pMechanism, hKey))
    return CKR_OK;
  return answered(hSession, pMechanism, coffer_C_SignInit(hSession, pMechanism, hKey));
}
