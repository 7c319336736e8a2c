/* loader.c: a core for this process.
 *
 * A Go runtime does not survive fork(): of its threads only the forking one is
 * there, and its locks may be held. A child therefore leaves the inherited core
 * alone and loads another copy, whose runtime starts afresh. Copies are never
 * unloaded: Go code cannot be. */
#include <string.h>

#include "front.h"

/* Each copy needs 8 bytes of the static TLS that the C library keeps for
 * libraries loaded late; it ends before this number is reached. */
#define MAX_COPIES 512

/* The copies loaded in this line of processes, here and in its ancestors: unlike
 * coffer_here, this is inherited. */
static const coffer_core *copies[MAX_COPIES];
static unsigned generation;

/* The system's loader hands out a library again if it takes it for one that it
 * has: the same name, or another name of the same file. */
static bool is_used(const coffer_core *core) {
  for (unsigned i = 0; i < generation; i++)
    if (copies[i] == core)
      return true;
  return false;
}

static bool matches(const coffer_core *core) {
  if (core->abi == COFFER_CORE_ABI && strcmp(core->build, COFFER_BUILD_ID) == 0)
    return true;
  coffer_debug("%slibcoffer-core.so is of another version (build %s, not %s); install both libraries together",
               coffer_folder, core->abi == COFFER_CORE_ABI ? core->build : "unknown", COFFER_BUILD_ID);
  return false;
}

static const coffer_core *open_unused(void) {
  bool more = generation < MAX_COPIES;
  for (unsigned way = 0; more; way++) {
    const coffer_core *core = coffer_open_copy(generation, way, &more);
    if (core && !is_used(core) && matches(core))
      return core;
  }
  return NULL;
}

/* The first call waits until the Go runtime is up; it also binds this thread to
 * it, by a thread-specific key. All threads that the runtime starts inherit a
 * mask with every signal of the host's blocked. */
static const coffer_core *load_quietly(void) {
  static coffer_dispositions dispositions;
  static coffer_thread_keys keys;
  coffer_return_dispositions();
  coffer_note_dispositions(&dispositions);
  const coffer_core *core = open_unused();
  if (!core)
    return NULL;
  copies[generation++] = core;
  coffer_note_thread_keys(&keys);
  core->warm();
  coffer_claim_thread_keys(&keys);
  coffer_settle_dispositions(&dispositions);
  return core;
}

const coffer_core *coffer_load(CK_RV *rv) {
  if (coffer_here->core)
    return coffer_here->core;
  if (!coffer_has_room()) {
    coffer_debug("the limit on address space (ulimit -v) leaves too little for the core library");
    *rv = CKR_HOST_MEMORY;
    return NULL;
  }
  coffer_read_signals();
  sigset_t before;
  coffer_hold_all(&before);
  pthread_mutex_lock(&coffer_here->loading);
  coffer_here->core = load_quietly();
  pthread_mutex_unlock(&coffer_here->loading);
  coffer_release(&before);
  if (!coffer_here->core)
    *rv = CKR_LIBRARY_LOAD_FAILED;
  return coffer_here->core;
}
