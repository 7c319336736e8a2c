/* fork.c: a host that forks without exec, in every way that hosts do. */
#include <sched.h>
#include <sys/syscall.h>

#include "host.h"

#define THREADS 12

static CK_SESSION_HANDLE start(void) {
  OK(p11->C_Initialize(NULL));
  return log_in();
}

/* Children one after the other, one in four of them at hard work; the parent uses its
 * own core in between. */
static void in_a_row(int count) {
  CK_SESSION_HANDLE session = start();
  for (int i = 0; i < count; i++) {
    await(fork_child(i % 4 ? work_lightly : work_hard));
    work_lightly(session);
  }
}

static void at_once(int count) {
  start();
  pid_t *children = calloc(count, sizeof *children);
  for (int i = 0; i < count; i++)
    children[i] = fork_child(work_hard);
  for (int i = 0; i < count; i++)
    await(children[i]);
}

static atomic_bool stop;

/* One thread in four also writes to the store, so that forks meet transactions. */
static void *be_busy(void *index) {
  CK_SESSION_HANDLE session = open_session();
  while (!atomic_load(&stop)) {
    work_lightly(session);
    if ((size_t)index % 4 == 0)
      store_and_destroy(session);
  }
  return NULL;
}

static void write_and_work(CK_SESSION_HANDLE session) {
  store_and_destroy(session);
  work_lightly(session);
}

static void from_busy_parent(int count) {
  pthread_t threads[THREADS];
  start();
  for (size_t i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, be_busy, (void *)i) == 0);
  for (int i = 0; i < count; i++)
    await(fork_child(i % 4 ? write_and_work : work_hard));
  atomic_store(&stop, true);
  for (size_t i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

/* Each child forks the next one: every generation has its core, or (silent) only
 * the last one has. */
static void nest(int depth, bool silent) {
  if (depth == 0)
    return;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (!silent || depth == 1)
      live_as_child(work_lightly);
    nest(depth - 1, silent);
    _exit(0);
  }
  await(child);
}

static void nested(int depth) {
  start();
  await(fork_child(work_hard));
  nest(depth, false);
  nest(depth, true);
}

static void *fork_some(void *count) {
  CK_SESSION_HANDLE session = open_session();
  for (size_t i = 0; i < (size_t)count; i++) {
    await(fork_child(work_lightly));
    work_lightly(session);
  }
  return NULL;
}

static void from_threads(int count) {
  pthread_t threads[6];
  start();
  for (size_t i = 0; i < COUNT(threads); i++)
    CHECK(pthread_create(&threads[i], NULL, fork_some, (void *)(size_t)count) == 0);
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_join(threads[i], NULL);
}

/* A child that never calls C_Initialize and leaves by its thread's end: no
 * destructor of the dead runtime may run. */
static void *fork_and_end(void *count) {
  CK_SESSION_HANDLE session = open_session();
  for (size_t i = 0; i < (size_t)count; i++) {
    work_lightly(session);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      if (i % 3 == 0)
        _exit(0);
      if (i % 3 == 1)
        exit(0);
      pthread_exit(NULL);
    }
    await(child);
  }
  return NULL;
}

static void end_by_thread(int count) {
  pthread_t threads[4];
  start();
  for (size_t i = 0; i < COUNT(threads); i++)
    CHECK(pthread_create(&threads[i], NULL, fork_and_end, (void *)(size_t)count) == 0);
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_join(threads[i], NULL);
}

static void *initialize(void *unused) {
  (void)unused;
  OK(p11->C_Initialize(NULL));
  return NULL;
}

/* Each time in a fresh process, at another moment of the load. */
static void during_load(int count) {
  for (int i = 0; i < count; i++) {
    pid_t fresh = fork();
    CHECK(fresh >= 0);
    if (fresh == 0) {
      pthread_t loading;
      CHECK(pthread_create(&loading, NULL, initialize, NULL) == 0);
      sleep_us(i * 37 % 4000);
      pid_t child = fork_child(work_lightly);
      pthread_join(loading, NULL);
      work_lightly(log_in());
      await(child);
      _exit(0);
    }
    await(fresh);
  }
}

/* clone() past the C library: no fork handler runs. Only the zeroed page tells. */
static void by_clone(int count) {
  CK_SESSION_HANDLE session = start();
  for (int i = 0; i < count; i++) {
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK(child >= 0);
    if (child == 0) {
      live_as_child(work_lightly);
      _exit(0);
    }
    await(child);
    work_lightly(session);
  }
}

/* The way of a server: load, go to the background (fork twice, chdir), then start. */
static void as_daemon(int count) {
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      setsid();
      CHECK(chdir("/") == 0);
      nest(1, true);
      OK(p11->C_Initialize(NULL));
      work_lightly(log_in());
      await(fork_child(work_lightly));
      _exit(0);
    }
    await(child);
  }
}

/* A child that is killed in the middle of anything leaves the others whole. */
static void killed(int count) {
  CK_SESSION_HANDLE session = start();
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      OK(p11->C_Initialize(NULL));
      CK_SESSION_HANDLE own = log_in();
      for (;;)
        store_and_destroy(own);
    }
    sleep_us(200000 + i * 7919 % 50000);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    store_and_destroy(session);
  }
}

static const struct part parts[] = {
    {"row", in_a_row},          {"once", at_once},         {"busy", from_busy_parent}, {"nested", nested},
    {"threads", from_threads},  {"ends", end_by_thread},   {"load", during_load},      {"clone", by_clone},
    {"daemon", as_daemon},      {"killed", killed},
};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
