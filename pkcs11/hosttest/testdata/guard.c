/* guard.c: fork() and store transactions, on slow_core.c. */
#include "host.h"

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static _Atomic CK_BYTE begun;

static void *transact(void *ms) {
  OK(p11->C_SeedRandom(0, (CK_BYTE_PTR)&begun, (CK_ULONG)ms));
  return NULL;
}

/* The child is served at once, whatever the parent was at. */
static void child_works(void) {
  long start = now_ms();
  OK(p11->C_Initialize(NULL));
  transact((void *)1);
  CHECK(now_ms() - start < 2000, "%ld ms", now_ms() - start);
  _exit(0);
}

/* How long a fork takes that meets a transaction of so many milliseconds. */
static long fork_during(long ms) {
  pthread_t thread;
  atomic_store(&begun, 0);
  CHECK(pthread_create(&thread, NULL, transact, (void *)ms) == 0);
  while (!atomic_load(&begun))
    sleep_us(100);
  long start = now_ms();
  pid_t child = fork();
  long took = now_ms() - start;
  if (child == 0)
    child_works();
  await(child);
  pthread_join(thread, NULL);
  return took;
}

static void waits(int unused) {
  (void)unused;
  OK(p11->C_Initialize(NULL));
  long took = fork_during(300);
  CHECK(took >= 250 && took < 2000, "%ld ms", took);
}

/* A transaction may itself wait for something: the fork does not, for ever. */
static void waits_no_longer(int unused) {
  (void)unused;
  OK(p11->C_Initialize(NULL));
  long took = fork_during(5000);
  CHECK(took >= 2500 && took < 4500, "%ld ms", took);
  transact((void *)1);
}

static atomic_bool stop;

static void *transact_on(void *unused) {
  (void)unused;
  while (!atomic_load(&stop))
    transact((void *)1);
  return NULL;
}

/* One transaction after the other, in four threads, keeps no fork waiting: the
 * next ones stand back. */
static void stand_back(int count) {
  pthread_t threads[4];
  OK(p11->C_Initialize(NULL));
  for (size_t i = 0; i < COUNT(threads); i++)
    CHECK(pthread_create(&threads[i], NULL, transact_on, NULL) == 0);
  for (int i = 0; i < count; i++) {
    long start = now_ms();
    pid_t child = fork();
    CHECK(now_ms() - start < 2000, "%ld ms", now_ms() - start);
    if (child == 0)
      child_works();
    await(child);
  }
  atomic_store(&stop, true);
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_join(threads[i], NULL);
}

static const struct part parts[] = {
    {"waits", waits},
    {"bound", waits_no_longer},
    {"back", stand_back},
};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
