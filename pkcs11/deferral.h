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
#define DEFERRED_C_SignInit LISTED

CK_RV coffer_deferring_C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism);
CK_RV coffer_deferring_C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey);

/* As slots.Deferrals, which deferral.go compares. */
#define COFFER_DEFERRAL_ROWS 1024
#define COFFER_DEFERRAL_OFFERED 1
#define COFFER_DEFERRAL_TAKEN 2
#define COFFER_DEFERRAL_STEP 4

/* As slots.DigestOperation and its like. */
#define COFFER_DIGEST 4
#define COFFER_SIGN 5

typedef struct coffer_deferral {
  _Alignas(64) _Atomic uint64_t state;
  _Atomic uint64_t session, kind, mechanism, key, epoch;
  /* Where Go has last read a mechanism of the row's. */
  _Atomic uint64_t pointer;
} coffer_deferral;

typedef struct coffer_deferral_table {
  _Alignas(64) _Atomic uint64_t epoch;
  coffer_deferral notes[COFFER_DEFERRAL_ROWS];
} coffer_deferral_table;

extern coffer_deferral_table coffer_deferrals;

#endif
