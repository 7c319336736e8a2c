/* signals.c: the host's signals stay the host's.
 *
 * A signal delivered to a thread of the Go runtime would not wake the host's own
 * thread: those threads inherit the mask of the load, in which all is blocked. The
 * first call of a thread lets the runtime set that thread's mask and remember the
 * one it found, for the thread's end: that call has a mask around it. Calls after
 * it have none; a handler that interrupts one finds room on the goroutine's stack.
 * DESIGN.md says why that is enough. */
#include <stdlib.h>
#include <string.h>

#include "front.h"

/* Signals that the processor raises for the thread itself; they cannot wait. */
static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};

static sigset_t during_load, during_call;

__attribute__((constructor)) static void fill_masks(void) {
  sigfillset(&during_load);
  for (size_t i = 0; i < sizeof synchronous / sizeof synchronous[0]; i++)
    sigdelset(&during_load, synchronous[i]);
  during_call = during_load;
  /* Go turns the SIGPIPE of its own writes into an error, but only if it is
   * delivered: one that waited would kill the host when the call returns. */
  sigdelset(&during_call, SIGPIPE);
}

void coffer_hold_all(sigset_t *before) { pthread_sigmask(SIG_BLOCK, &during_load, before); }

void coffer_hold(sigset_t *before) { pthread_sigmask(SIG_BLOCK, &during_call, before); }

void coffer_release(const sigset_t *before) { pthread_sigmask(SIG_SETMASK, before, NULL); }

_Thread_local const coffer_core *coffer_thread_core;

/* For a host whose handlers ask for more than there is: see DESIGN.md. */
static bool always_hold;

/* A misspelt value is taken for the careful choice. */
void coffer_read_signals(void) {
  const char *wanted = secure_getenv("COFFER_SIGNALS");
  always_hold = wanted && *wanted && strcmp(wanted, "direct") != 0;
}

/* Not every call enters Go (DEFERRAL.md), but the first to do so must be held. */
void coffer_note_thread(const coffer_core *core) {
  if (always_hold)
    return;
  core->warm();
  coffer_thread_core = core;
}

/* What the core in this process, or in the one it was forked from, has replaced. */
static struct replaced {
  bool is;
  struct sigaction host, core;
} replaced[NSIG];

void coffer_note_dispositions(coffer_dispositions *before) {
  for (int s = 1; s < NSIG; s++)
    before->known[s] = sigaction(s, NULL, &before->action[s]) == 0;
}

/* sa_handler and sa_sigaction share their place. */
static bool same_handler(const struct sigaction *a, const struct sigaction *b) {
  return a->sa_sigaction == b->sa_sigaction;
}

void coffer_settle_dispositions(const coffer_dispositions *before) {
  struct sigaction now;
  for (int s = 1; s < NSIG; s++) {
    if (!before->known[s] || sigaction(s, NULL, &now) != 0)
      continue;
    const struct sigaction *host = &before->action[s];
    if (same_handler(host, &now) ? now.sa_flags != host->sa_flags : s == SIGURG)
      /* Go has added SA_ONSTACK, which the host may have no stack for; and it has
       * taken SIGURG, for a preemption that is switched off: it would swallow the
       * host's. */
      sigaction(s, host, NULL);
    else if (!same_handler(host, &now))
      replaced[s] = (struct replaced){true, *host, now};
  }
}

void coffer_return_dispositions(void) {
  struct sigaction now;
  for (int s = 1; s < NSIG; s++) {
    if (replaced[s].is && sigaction(s, NULL, &now) == 0 && same_handler(&now, &replaced[s].core))
      sigaction(s, &replaced[s].host, NULL);
    replaced[s].is = false;
  }
}
