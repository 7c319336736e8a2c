/* deferral.c: Inits that the library answers without entering Go. What the application
 * sees is what it sees of any other. */
#include <sys/mman.h>

#include "host.h"

static CK_BYTE message[64];

/* An Init, which may be answered in C, and its message. */
static void digest(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ULONG want) {
  CK_BYTE out[64];
  CK_ULONG size = sizeof out;
  OK(p11->C_DigestInit(session, mechanism));
  OK(p11->C_Digest(session, message, sizeof message, out, &size));
  CHECK(size == want, "%lu bytes", size);
}

/* The next Init with the mechanism is one that C answers. */
static void prime(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism) {
  digest(session, mechanism, 32);
  digest(session, mechanism, 32);
}

/* A mechanism is read anew each time, and one that cannot be read is an error. */
static void mechanisms(int count) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
  for (int i = 0; i < count; i++) {
    prime(session, &mechanism);
    mechanism.mechanism = CKM_SHA512;
    digest(session, &mechanism, 64);
    mechanism.mechanism = CKM_SHA256;
    prime(session, &mechanism);
    mechanism.pParameter = message, mechanism.ulParameterLen = 1;
    EXPECT(CKR_MECHANISM_PARAM_INVALID, p11->C_DigestInit(session, &mechanism));
    mechanism.pParameter = NULL, mechanism.ulParameterLen = 0;
    prime(session, &mechanism);
    void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(CKR_GENERAL_ERROR, p11->C_DigestInit(session, nowhere));
    munmap(nowhere, 4096);
    prime(session, &mechanism);
    OK(p11->C_DigestInit(session, &mechanism));
    EXPECT(CKR_OPERATION_ACTIVE, p11->C_DigestInit(session, &mechanism));
    OK(p11->C_DigestInit(session, NULL));
    EXPECT(CKR_SESSION_HANDLE_INVALID, p11->C_DigestInit(session + 1, &mechanism));
  }
}

/* A message that cannot be read ends the operation. */
static void messages(int count) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
  CK_BYTE out[32];
  CK_ULONG size = sizeof out;
  void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < count; i++) {
    prime(session, &mechanism);
    OK(p11->C_DigestInit(session, &mechanism));
    EXPECT(CKR_GENERAL_ERROR, p11->C_Digest(session, nowhere, 64, out, &size));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Digest(session, message, sizeof message, out, &size));
    prime(session, &mechanism);
    OK(p11->C_DigestInit(session, &mechanism));
    EXPECT(CKR_GENERAL_ERROR, p11->C_Digest(session, message, sizeof message, nowhere, &size));
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Digest(session, message, sizeof message, out, &size));
  }
}

static CK_OBJECT_HANDLE hmac_key(CK_SESSION_HANDLE session, CK_BYTE fill) {
  CK_ULONG class = CKO_SECRET_KEY, type = CKK_GENERIC_SECRET;
  CK_BYTE value[32];
  memset(value, fill, sizeof value);
  CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_KEY_TYPE, &type, sizeof type},
                               {CKA_TOKEN, &no, sizeof no},
                               {CKA_SIGN, &yes, sizeof yes},
                               {CKA_VALUE, value, sizeof value}};
  CK_OBJECT_HANDLE key;
  OK(p11->C_CreateObject(session, attributes, COUNT(attributes), &key));
  return key;
}

static void sign(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, CK_BYTE out[32]) {
  CK_ULONG size = 32;
  OK(p11->C_SignInit(session, mechanism, key));
  OK(p11->C_Sign(session, message, sizeof message, out, &size));
  CHECK(size == 32);
}

/* An Init is answered for the key that it names, as that key is now. */
static void keys(int count) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = log_in(), other = open_session();
  CK_MECHANISM mechanism = {CKM_SHA256_HMAC, NULL, 0};
  CK_ATTRIBUTE forbid = {CKA_SIGN, &no, sizeof no};
  CK_BYTE first[32], second[32], again[32];
  for (int i = 0; i < count; i++) {
    CK_OBJECT_HANDLE one = hmac_key(session, 1), two = hmac_key(session, 2);
    sign(session, &mechanism, one, first);
    sign(session, &mechanism, one, again);
    CHECK(memcmp(first, again, 32) == 0);
    sign(session, &mechanism, two, second);
    CHECK(memcmp(first, second, 32) != 0);
    sign(session, &mechanism, two, again);
    CHECK(memcmp(second, again, 32) == 0);
    EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(session, &mechanism, 0));
    sign(session, &mechanism, two, again);
    OK(p11->C_DestroyObject(other, two));
    EXPECT(CKR_KEY_HANDLE_INVALID, p11->C_SignInit(session, &mechanism, two));
    sign(session, &mechanism, one, again);
    OK(p11->C_SetAttributeValue(other, one, &forbid, 1));
    EXPECT(CKR_KEY_FUNCTION_NOT_PERMITTED, p11->C_SignInit(session, &mechanism, one));
    OK(p11->C_DestroyObject(session, one));
  }
}

/* Between Init and message the process forks, or starts the library anew. */
static void interrupted(int count) {
  OK(p11->C_Initialize(NULL));
  CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
  CK_BYTE out[32];
  CK_ULONG size = sizeof out;
  for (int i = 0; i < count; i++) {
    CK_SESSION_HANDLE session = open_session();
    prime(session, &mechanism);
    OK(p11->C_DigestInit(session, &mechanism));
    pid_t child = fork();
    if (child == 0) {
      EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Digest(session, message, sizeof message, out, &size));
      EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_DigestInit(session, &mechanism));
      OK(p11->C_Initialize(NULL));
      prime(open_session(), &mechanism);
      _exit(0);
    }
    await(child);
    OK(p11->C_Digest(session, message, sizeof message, out, &size));
    OK(p11->C_DigestInit(session, &mechanism));
    OK(p11->C_Finalize(NULL));
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_DigestInit(session, &mechanism));
    OK(p11->C_Initialize(NULL));
    session = open_session();
    EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_Digest(session, message, sizeof message, out, &size));
    prime(session, &mechanism);
  }
}

static CK_SESSION_HANDLE shared;
static CK_MECHANISM shared_mechanism = {CKM_SHA256, NULL, 0};

/* Go unblocks these in a thread that enters it for the first time. */
static void *first_call(void *unused) {
  (void)unused;
  sigset_t mask, after;
  sigemptyset(&mask);
  for (int s = 1; s < 32; s++)
    if (s != SIGKILL && s != SIGSTOP)
      sigaddset(&mask, s);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  CK_BYTE out[32];
  CK_ULONG size = sizeof out;
  OK(p11->C_DigestInit(shared, &shared_mechanism));
  OK(p11->C_Digest(shared, message, sizeof message, out, &size));
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int s = 1; s < 32; s++)
    CHECK(sigismember(&mask, s) == sigismember(&after, s), "signal %d", s);
  return NULL;
}

/* The first call of a thread may be one that C answers: its mask stays its own. */
static void threads(int count) {
  OK(p11->C_Initialize(NULL));
  shared = open_session();
  for (int i = 0; i < count; i++) {
    prime(shared, &shared_mechanism);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, first_call, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
  }
}

static double cpu(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Nanoseconds of one message. Mechanisms in turns are never where the last one was. */
static double cost(CK_SESSION_HANDLE session, CK_MECHANISM *first, CK_MECHANISM *second) {
  enum { MESSAGES = 20000 };
  double start = cpu();
  for (int i = 0; i < MESSAGES; i++)
    digest(session, i % 2 ? second : first, 32);
  return (cpu() - start) / MESSAGES * 1e9;
}

/* The best of each, in turns, with more rounds while others may have disturbed them. */
static void faster(int rounds) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  CK_MECHANISM one = {CKM_SHA256, NULL, 0}, other = one;
  double answered = 1e9, entered = 1e9;
  for (int i = 0; i < rounds || (i < 20 * rounds && answered > 0.9 * entered); i++) {
    double took = cost(session, &one, &one);
    answered = took < answered ? took : answered;
    took = cost(session, &one, &other);
    entered = took < entered ? took : entered;
  }
  printf("a digest of 64 bytes takes %.0f ns, and %.0f ns if the Init enters Go\n", answered, entered);
  CHECK(answered <= 0.9 * entered);
}

static const struct part parts[] = {
    {"mechanisms", mechanisms}, {"messages", messages}, {"keys", keys},
    {"threads", threads},       {"interrupted", interrupted}, {"faster", faster}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
