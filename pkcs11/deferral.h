/* deferral.h: the notes by which this shell may answer an Init without entering Go.
 * slots/deferral.go has the other side, and DEFERRAL.md the whole of it. */
#ifndef COFFER_DEFERRAL_H
#define COFFER_DEFERRAL_H

#include <stdatomic.h>
#include <stdint.h>

#include "front/core.h"
#include "front/listed.h"

/* The Inits that are answered here where they may be. */
#define DEFERRED_C_DigestInit LISTED

CK_RV coffer_deferring_C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism);

/* As slots.Deferrals, which deferral.go compares. */
#define COFFER_DEFERRAL_ROWS 1024
#define COFFER_DEFERRAL_OFFERED 1
#define COFFER_DEFERRAL_TAKEN 2
#define COFFER_DEFERRAL_STEP 4

/* As slots.DigestOperation. */
#define COFFER_DIGEST 4

typedef struct coffer_deferral {
  _Alignas(64) _Atomic uint64_t state;
  _Atomic uint64_t session, kind, mechanism, key;
  /* Where Go has last read a mechanism of the row's. */
  _Atomic uint64_t pointer;
} coffer_deferral;

extern coffer_deferral coffer_deferrals[COFFER_DEFERRAL_ROWS];

#endif
