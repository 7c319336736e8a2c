/* forkguard.c: what has to happen around fork(). That the child knows of no core
 * is the work of state.c; here is the rest.
 *
 * - No fork in the middle of a load: the child would inherit the loader's lock.
 * - No fork in the middle of a store transaction: the child would inherit the
 *   descriptor with the file lock, and hold it when the parent has let go.
 * - The forking thread may be bound to the dead runtime by a thread-specific key,
 *   whose destructor would hang when the thread ends. */
#include <time.h>

#include "front.h"

/* How long a fork waits for open transactions. One may itself wait for another
 * process's lock; then the fork goes ahead rather than hang. */
#define FORK_PATIENCE_MS 3000

/* The cores' thread-specific keys, of this process and its ancestors. */
static bool core_keys[PTHREAD_KEYS_MAX];

void coffer_note_thread_keys(coffer_thread_keys *before) {
  for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++)
    before->set[key] = pthread_getspecific(key) != NULL;
}

void coffer_claim_thread_keys(const coffer_thread_keys *before) {
  for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++)
    if (!before->set[key] && pthread_getspecific(key))
      core_keys[key] = true;
}

static void pause_briefly(void) {
  struct timespec tenth_of_ms = {.tv_nsec = 100000};
  nanosleep(&tenth_of_ms, NULL);
}

/* The store's threads wait here while a fork is under way. Counted before the
 * second look, so that either the fork sees the count or this thread the fork. */
void coffer_transaction_enter(void) {
  for (;;) {
    while (atomic_load(&coffer_here->forking))
      pause_briefly();
    atomic_fetch_add(&coffer_here->transactions, 1);
    if (!atomic_load(&coffer_here->forking))
      return;
    atomic_fetch_sub(&coffer_here->transactions, 1);
  }
}

void coffer_transaction_leave(void) { atomic_fetch_sub(&coffer_here->transactions, 1); }

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void before_fork(void) {
  pthread_mutex_lock(&coffer_here->loading);
  atomic_store(&coffer_here->forking, true);
  int64_t until = now_ms() + FORK_PATIENCE_MS;
  while (atomic_load(&coffer_here->transactions) && now_ms() < until)
    pause_briefly();
}

static void after_fork_in_parent(void) {
  atomic_store(&coffer_here->forking, false);
  pthread_mutex_unlock(&coffer_here->loading);
}

static void after_fork_in_child(void) {
  *coffer_here = (coffer_state){0};
  for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++)
    if (core_keys[key])
      pthread_setspecific(key, NULL);
  coffer_return_dispositions();
}

/* Registered as the library is loaded, not at C_Initialize: a fork between the
 * registration and a note that it is done would leave a child with two or none. */
__attribute__((constructor)) static void guard_fork(void) {
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
