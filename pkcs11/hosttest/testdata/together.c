/* together.c: threads that wait for each other's RSA operations, since there are more
 * of them than processors: with forks, with signals, and with C_Finalize meanwhile. */
#include "host.h"

#define THREADS 9

static CK_SLOT_ID slot;
static CK_OBJECT_HANDLE public, private;
static atomic_bool stop;

static void make_keys(CK_SESSION_HANDLE session) { generate_rsa(session, &public, &private); }

static CK_SESSION_HANDLE start(void) {
  OK(p11->C_Initialize(NULL));
  slot = find_slot(false);
  CK_SESSION_HANDLE session = log_in();
  make_keys(session);
  return session;
}

static void sign_once(CK_SESSION_HANDLE session, int i) {
  CK_BYTE data[] = {i, i >> 8, session};
  sign_and_verify(session, public, private, data, sizeof data);
}

/* What each thread signs is another text, so that a signature which another thread
 * has asked for is noticed. */
static void *keep_signing(void *unused) {
  (void)unused;
  CK_SESSION_HANDLE session = open_session();
  for (int i = 0; !atomic_load(&stop); i++)
    sign_once(session, i);
  return NULL;
}

static void start_threads(pthread_t threads[THREADS], void *(*work)(void *)) {
  atomic_store(&stop, false);
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, work, NULL) == 0);
}

static void join_threads(pthread_t threads[THREADS]) {
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
}

/* The child does the same with a core of its own. */
static void sign_together(CK_SESSION_HANDLE session) {
  pthread_t threads[THREADS];
  make_keys(session);
  start_threads(threads, keep_signing);
  sleep_us(20000);
  atomic_store(&stop, true);
  join_threads(threads);
}

static void forks(int count) {
  pthread_t threads[THREADS];
  start();
  start_threads(threads, keep_signing);
  for (int i = 0; i < count; i++) {
    sleep_us(i * 7919 % 5000);
    await(fork_child(i % 2 ? sign_together : work_lightly));
  }
  atomic_store(&stop, true);
  join_threads(threads);
}

/* Whoever is in a call when the library goes has its signature or an error, and goes. */
static void *sign_to_the_end(void *unused) {
  (void)unused;
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  CK_BYTE signature[256];
  CK_SESSION_HANDLE session;
  CK_RV rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
  while (rv == CKR_OK) {
    CK_ULONG length = sizeof signature;
    rv = p11->C_SignInit(session, &mechanism, private);
    if (rv == CKR_OK)
      rv = p11->C_Sign(session, (CK_BYTE_PTR) "data", 4, signature, &length);
  }
  CHECK(atomic_load(&stop), "0x%lx before the end", rv);
  return NULL;
}

static void finalize(int count) {
  pthread_t threads[THREADS];
  for (int i = 0; i < count; i++) {
    start();
    start_threads(threads, sign_to_the_end);
    sleep_us(10000 + i * 7919 % 5000);
    atomic_store(&stop, true);
    OK(p11->C_Finalize(NULL));
    join_threads(threads);
  }
}

static void ignore(int signal) { (void)signal; }

/* A handler that has the system end what a thread waits in. */
static void alarms(int count) {
  pthread_t threads[THREADS];
  struct sigaction action = {.sa_handler = ignore};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  start();
  start_threads(threads, keep_signing);
  for (int i = 0; i < count; i++) {
    CHECK(pthread_kill(threads[i % THREADS], SIGUSR1) == 0);
    sleep_us(50);
  }
  atomic_store(&stop, true);
  join_threads(threads);
}

static const struct part parts[] = {{"forks", forks}, {"finalize", finalize}, {"alarms", alarms}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
