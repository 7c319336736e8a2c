/* handlers.c: handlers of the host's without SA_ONSTACK that interrupt calls. They
 * run on the stack that they find, a goroutine's where Go is under way. */
#include <setjmp.h>
#include <sys/mman.h>

#include "host.h"

/* What DESIGN.md promises a handler, less what the kernel saves below it. */
#define ROOM (48 << 10)
#define WORKERS 4

static atomic_bool stop;
static atomic_int caught, in_go, recovered;
static char *nothing; /* a page that cannot be read */

/* How much of the thread's own stack is where. */
static _Thread_local char *own_low, *own_high;

static void learn_stack(void) {
  pthread_attr_t attributes;
  void *low;
  size_t size;
  CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
  CHECK(pthread_attr_getstack(&attributes, &low, &size) == 0);
  pthread_attr_destroy(&attributes);
  own_low = low;
  own_high = own_low + size;
}

static void count_call(void) {
  char here;
  atomic_fetch_add(&caught, 1);
  if (own_low && (&here < own_low || &here >= own_high))
    atomic_fetch_add(&in_go, 1);
}

/* Writes to all of the room. Were it not there, this would be another
 * goroutine's stack or the heap. */
static void fill(int s) {
  volatile char frame[ROOM];
  memset((void *)frame, s, sizeof frame);
  count_call();
}

static _Thread_local sigjmp_buf back;

static void recover(int s) { siglongjmp(back, s); }

/* As profilers do it: reads what may not be there, and has a handler for that. */
static void probe(int s) {
  (void)s;
  int error = errno;
  if (sigsetjmp(back, 1) == 0)
    *(volatile char *)nothing;
  else
    atomic_fetch_add(&recovered, 1);
  count_call();
  errno = error;
}

static void handle(int s, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  CHECK(sigaction(s, &action, NULL) == 0, "%d", s);
}

/* All sorts of calls: short and long, with much memory and with none, on the store
 * and on deep stacks. */
static void sign_once(CK_SESSION_HANDLE session) {
  CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0}, generation = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
  CK_BYTE p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}, digest[32] = {1}, signature[64];
  CK_ATTRIBUTE public[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_VERIFY, &yes, sizeof yes}};
  CK_ATTRIBUTE private[] = {{CKA_SIGN, &yes, sizeof yes}};
  CK_OBJECT_HANDLE verifies, signs;
  CK_ULONG length = sizeof signature;
  OK(p11->C_GenerateKeyPair(session, &generation, public, COUNT(public), private, COUNT(private), &verifies, &signs));
  OK(p11->C_SignInit(session, &mechanism, signs));
  OK(p11->C_Sign(session, digest, sizeof digest, signature, &length));
  OK(p11->C_VerifyInit(session, &mechanism, verifies));
  OK(p11->C_Verify(session, digest, sizeof digest, signature, length));
  OK(p11->C_DestroyObject(session, signs));
  OK(p11->C_DestroyObject(session, verifies));
}

static void come_and_go(CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info;
  CK_SESSION_HANDLE other;
  for (int i = 0; i < 200; i++) {
    OK(p11->C_GetSessionInfo(session, &info));
    OK(p11->C_OpenSession(info.slotID, CKF_SERIAL_SESSION, NULL, NULL, &other));
    OK(p11->C_CloseSession(other));
  }
}

static void generate_and_sign(CK_SESSION_HANDLE session) {
  CK_OBJECT_HANDLE public, private;
  CK_BYTE data[32] = {2};
  generate_rsa(session, &public, &private);
  sign_and_verify(session, public, private, data, sizeof data);
  OK(p11->C_DestroyObject(session, private));
  OK(p11->C_DestroyObject(session, public));
}

static void (*const kinds[])(CK_SESSION_HANDLE) = {work_lightly, sign_once,   come_and_go,
                                                   store_and_destroy, come_and_go, generate_and_sign};

/* A timer that rings on the calling thread alone. */
static timer_t start_timer(int s, long every_ns) {
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = s};
  event._sigev_un._tid = gettid();
  struct itimerspec often = {{0, every_ns}, {0, every_ns}};
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0, "%s", strerror(errno));
  CHECK(timer_settime(timer, 0, &often, NULL) == 0);
  return timer;
}

static int signal_of_threads;

static void *be_interrupted(void *first) {
  learn_stack();
  timer_t timer = start_timer(signal_of_threads, 200000);
  CK_SESSION_HANDLE session = open_session();
  for (size_t i = (size_t)first; !atomic_load(&stop); i++)
    kinds[i % COUNT(kinds)](session);
  timer_delete(timer);
  return NULL;
}

/* Threads that come and go, so that first and last calls are interrupted too. */
static void *be_brief(void *unused) {
  learn_stack();
  timer_t timer = start_timer(signal_of_threads, 100000);
  CK_SESSION_HANDLE session = open_session();
  OK(p11->C_CloseSession(session));
  timer_delete(timer);
  return unused;
}

static void interrupt(int s, int seconds) {
  pthread_t workers[WORKERS], brief;
  signal_of_threads = s;
  OK(p11->C_Initialize(NULL));
  log_in();
  for (size_t i = 0; i < WORKERS; i++)
    pthread_create(&workers[i], NULL, be_interrupted, (void *)i);
  for (time_t until = time(NULL) + seconds; time(NULL) < until;) {
    pthread_create(&brief, NULL, be_brief, NULL);
    pthread_join(brief, NULL);
  }
  atomic_store(&stop, true);
  for (size_t i = 0; i < WORKERS; i++)
    pthread_join(workers[i], NULL);
  CHECK(atomic_load(&caught) > 10 * seconds, "%d signals", atomic_load(&caught));
  printf("%d signals, %d of them in Go\n", atomic_load(&caught), atomic_load(&in_go));
}

static bool direct(void) {
  const char *choice = getenv("COFFER_SIGNALS");
  return !choice || strcmp(choice, "direct") == 0;
}

/* A test of nothing unless handlers did interrupt Go. */
static void check_where(void) {
  if (direct())
    CHECK(atomic_load(&in_go) > 50, "%d of %d signals in Go", atomic_load(&in_go), atomic_load(&caught));
  else
    CHECK(atomic_load(&in_go) == 0, "%d of %d signals in Go", atomic_load(&in_go), atomic_load(&caught));
}

static void deep(int seconds) {
  handle(SIGUSR1, fill, SA_RESTART);
  interrupt(SIGUSR1, seconds);
  check_where();
}

/* System calls of the store come back with EINTR. */
static void unrestarted(int seconds) {
  handle(SIGUSR1, fill, 0);
  interrupt(SIGUSR1, seconds);
  check_where();
}

static void faulty(int seconds) {
  nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  handle(SIGSEGV, recover, 0);
  handle(SIGPROF, probe, SA_RESTART);
  interrupt(SIGPROF, seconds);
  check_where();
  CHECK(atomic_load(&recovered) == atomic_load(&caught), "%d of %d", atomic_load(&recovered), atomic_load(&caught));
}

/* Go runtimes have a use for SIGURG: each of the host's arrives all the same. */
static void urgent(int count) {
  pthread_t worker;
  handle(SIGURG, fill, SA_RESTART);
  handle(SIGUSR1, fill, SA_RESTART);
  signal_of_threads = SIGUSR1;
  OK(p11->C_Initialize(NULL));
  log_in();
  handle(SIGUSR1, SIG_IGN, 0);
  pthread_create(&worker, NULL, be_interrupted, (void *)0);
  for (int i = 0; i < count; i++) {
    int before = atomic_load(&caught);
    pthread_kill(worker, SIGURG);
    while (atomic_load(&caught) == before)
      sleep_us(20);
  }
  atomic_store(&stop, true);
  pthread_join(worker, NULL);
  check_where();
}

/* The end of a thread: its destructors call in again, before and after the
 * runtime's own, and under fire. */
static pthread_key_t keys[2];

static void call_again(void *again) {
  CK_SESSION_HANDLE session = open_session();
  OK(p11->C_CloseSession(session));
  (void)again;
}

static void *end_with_calls(void *unused) {
  learn_stack();
  start_timer(SIGUSR1, 50000);
  for (size_t i = 0; i < COUNT(keys); i++)
    pthread_setspecific(keys[i], keys);
  return be_brief(unused);
}

static void ends(int count) {
  pthread_t thread;
  handle(SIGUSR1, fill, SA_RESTART);
  signal_of_threads = SIGUSR1;
  pthread_key_create(&keys[0], call_again);
  OK(p11->C_Initialize(NULL));
  pthread_key_create(&keys[1], call_again);
  for (int i = 0; i < count; i++) {
    CHECK(pthread_create(&thread, NULL, end_with_calls, NULL) == 0);
    pthread_join(thread, NULL);
  }
}

static const struct part parts[] = {{"deep", deep},     {"unrestarted", unrestarted}, {"faulty", faulty},
                                    {"urgent", urgent}, {"ends", ends}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
