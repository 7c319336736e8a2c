/* front.h: what the files of the front share. The front is the library that the
 * host loads: C only, without threads, handlers or work at exit. It holds the
 * function tables and forwards to the core, which it loads at C_Initialize. */
#ifndef COFFER_FRONT_H
#define COFFER_FRONT_H

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Everything is hidden but the functions of the standard. */
#pragma GCC visibility push(default)
#include "pkcs11.h"
#pragma GCC visibility pop

#include "core.h"

/* state.c: what must not survive fork(). It lies in a page that the kernel gives
 * to a child as zeroes, so that zero has to mean: not initialised, no core, no
 * lock held. This needs no handler and holds for clone() and _Fork() too. */
typedef struct coffer_state {
  /* The core between C_Initialize and C_Finalize, NULL otherwise. */
  _Atomic(const coffer_core *) serving;
  /* The core that runs in this process. It stays after C_Finalize. */
  const coffer_core *core;
  /* How often C_Finalize has been called: see event.c. */
  atomic_uint finalized;
  /* C_Initialize and C_Finalize, one at a time. */
  pthread_mutex_t lifecycle;
  /* Held while a core is loaded, and across fork(): see forkguard.c. */
  pthread_mutex_t loading;
  /* Store transactions in progress, and whether a fork() waits for their end. */
  atomic_uint transactions;
  atomic_bool forking;
} coffer_state;

extern coffer_state *coffer_here;

/* coffer_serving is the core that calls go to, or NULL. */
static inline const coffer_core *coffer_serving(void) {
  return atomic_load_explicit(&coffer_here->serving, memory_order_acquire);
}

/* location.c: the folder that this library was loaded from, with its real name
 * and a slash at its end; NULL if it is not known. */
extern const char *coffer_folder;

/* loader.c: returns the core of this process, loaded now if there is none.
 * NULL if that failed; *rv then says why. Called under lifecycle. */
const coffer_core *coffer_load(CK_RV *rv);

/* source.c: opens copy number generation (0 is the first in this line of
 * processes) by way number way. Returns its entry table, or NULL if this way
 * does not work; *more is false after the last way. */
const coffer_core *coffer_open_copy(unsigned generation, unsigned way, bool *more);

/* room.c: whether the process may still map what the Go runtime reserves. */
bool coffer_has_room(void);

/* signals.c */

/* coffer_hold_all blocks every asynchronous signal and coffer_hold those that may
 * wait during a call; each saves the mask that was, for coffer_release. The first
 * call of a thread is held, and every one that starts or stops the core. */
void coffer_hold_all(sigset_t *before);
void coffer_hold(sigset_t *before);
void coffer_release(const sigset_t *before);

/* The core that the calling thread has made a call to, and whose calls need no
 * mask from then on. In static thread-local storage, where reading it is one
 * instruction; of that little a core takes as much itself. */
extern _Thread_local const coffer_core *coffer_thread_core __attribute__((tls_model("initial-exec")));

static inline bool coffer_knows_thread(const coffer_core *core) { return coffer_thread_core == core; }

/* coffer_note_thread sees to it that the calling thread has entered Go, and remembers
 * that, unless the user wants a mask around each call (see DESIGN.md). Signals are held. */
void coffer_note_thread(const coffer_core *core);

/* coffer_read_signals reads what the user wants, COFFER_SIGNALS. */
void coffer_read_signals(void);

/* The dispositions of all signals, to be compared after a load. */
typedef struct coffer_dispositions {
  struct sigaction action[NSIG];
  bool known[NSIG];
} coffer_dispositions;

void coffer_note_dispositions(coffer_dispositions *before);
/* coffer_settle_dispositions undoes what loading a core did to the host's own
 * handlers and remembers those that the core has replaced. */
void coffer_settle_dispositions(const coffer_dispositions *before);
/* coffer_return_dispositions gives the host back what a core that died with a
 * fork() had replaced. */
void coffer_return_dispositions(void);

/* forkguard.c */

/* The thread-specific keys that are set in the calling thread. */
typedef struct coffer_thread_keys {
  bool set[PTHREAD_KEYS_MAX];
} coffer_thread_keys;

void coffer_note_thread_keys(coffer_thread_keys *before);
/* coffer_claim_thread_keys remembers the keys set since: they are the core's. */
void coffer_claim_thread_keys(const coffer_thread_keys *before);
/* The two functions of coffer_settings: a fork() waits between them. */
void coffer_transaction_enter(void);
void coffer_transaction_leave(void);

/* debug.c: says on standard error why something failed, if COFFER_DEBUG is set;
 * a library is silent otherwise. */
void coffer_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
