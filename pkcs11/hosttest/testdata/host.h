/* host.h: what the test programs share: a small PKCS #11 application. Each program
 * ends with 0, or with a line on standard error that says what was not as it
 * should be. COFFER_TEST_MODULE names the library, COFFER_HOME the partitions. */
#ifndef COFFER_TEST_HOST_H
#define COFFER_TEST_HOST_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../front/pkcs11.h"

#define SO_PIN "87654321"
#define USER_PIN "12345678"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ends the program (a child: that child) with one line, unless the condition
 * holds. _exit, since the handlers of exit() are not a forked child's. */
#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition))                                                                                                  \
      fail(__FILE__, __LINE__, #condition, " " __VA_ARGS__);                                                           \
  } while (0)

__attribute__((noreturn, format(printf, 4, 5))) static inline void fail(const char *file, int line,
                                                                         const char *condition, const char *format,
                                                                         ...) {
  char why[512];
  va_list values;
  va_start(values, format);
  vsnprintf(why, sizeof why, format, values);
  va_end(values);
  dprintf(2, "%s:%d: %s:%s\n", file, line, condition, why);
  _exit(1);
}

#define EXPECT(want, call)                                                                                             \
  do {                                                                                                                 \
    CK_RV got_ = (call);                                                                                               \
    if (got_ != (want))                                                                                                \
      fail(__FILE__, __LINE__, #call, " gave 0x%lx, not 0x%lx", got_, (CK_RV)(want));                                  \
  } while (0)

#define OK(call) EXPECT(CKR_OK, call)

static CK_FUNCTION_LIST_3_2 *p11;
static void *module;

static inline void load_module(void) {
  const char *path = getenv("COFFER_TEST_MODULE");
  CHECK(path, "COFFER_TEST_MODULE is not set");
  module = dlopen(path, RTLD_NOW);
  CHECK(module, "%s", dlerror());
  CK_RV (*get)(CK_UTF8CHAR_PTR, CK_VERSION_PTR, CK_INTERFACE_PTR_PTR, CK_FLAGS) = dlsym(module, "C_GetInterface");
  CHECK(get, "%s", dlerror());
  CK_INTERFACE *interface;
  OK(get(NULL, NULL, &interface, CKF_INTERFACE_FORK_SAFE));
  p11 = interface->pFunctionList;
}

static inline int number(int argc, char **argv, int at, int otherwise) {
  return argc > at ? atoi(argv[at]) : otherwise;
}

static inline CK_SLOT_ID find_slot(bool last) {
  CK_SLOT_ID slots[64];
  CK_ULONG count = COUNT(slots);
  OK(p11->C_GetSlotList(CK_FALSE, slots, &count));
  CHECK(count > 0, "no slot");
  return slots[last ? count - 1 : 0];
}

static inline CK_SESSION_HANDLE open_session(void) {
  CK_SESSION_HANDLE session;
  OK(p11->C_OpenSession(find_slot(false), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
  return session;
}

static inline CK_SESSION_HANDLE log_in(void) {
  CK_SESSION_HANDLE session = open_session();
  OK(p11->C_Login(session, CKU_USER, (CK_UTF8CHAR_PTR)USER_PIN, strlen(USER_PIN)));
  return session;
}

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static inline void generate_rsa(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private) {
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
  CK_ULONG bits = 2048;
  CK_BYTE exponent[] = {1, 0, 1};
  CK_ATTRIBUTE of_public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits},
                              {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
                              {CKA_VERIFY, &yes, sizeof yes},
                              {CKA_TOKEN, &no, sizeof no}};
  CK_ATTRIBUTE of_private[] = {{CKA_SIGN, &yes, sizeof yes}, {CKA_TOKEN, &no, sizeof no}};
  OK(p11->C_GenerateKeyPair(session, &mechanism, of_public, COUNT(of_public), of_private, COUNT(of_private), public,
                            private));
}

static inline void digest_mib(CK_SESSION_HANDLE session, int mib, CK_BYTE out[32]) {
  static CK_BYTE block[1 << 20];
  CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
  CK_ULONG length = 32;
  OK(p11->C_DigestInit(session, &mechanism));
  for (int i = 0; i < mib; i++)
    OK(p11->C_DigestUpdate(session, block, sizeof block));
  OK(p11->C_DigestFinal(session, out, &length));
}

static inline void sign_and_verify(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE public, CK_OBJECT_HANDLE private,
                                   CK_BYTE *data, CK_ULONG length) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  CK_BYTE signature[256];
  CK_ULONG size = sizeof signature;
  OK(p11->C_SignInit(session, &mechanism, private));
  OK(p11->C_Sign(session, data, length, signature, &size));
  OK(p11->C_VerifyInit(session, &mechanism, public));
  OK(p11->C_Verify(session, data, length, signature, size));
}

/* The work of the bar: much memory, many collections, real computation. A Go
 * runtime that fork() has killed gets through trivial calls, but not through this. */
static inline void work_hard(CK_SESSION_HANDLE session) {
  CK_OBJECT_HANDLE public, private;
  CK_BYTE digest[32];
  generate_rsa(session, &public, &private);
  digest_mib(session, 64, digest);
  sign_and_verify(session, public, private, digest, sizeof digest);
}

/* Less of the same, for the tests that fork very often. */
static inline void work_lightly(CK_SESSION_HANDLE session) {
  CK_BYTE digest[32], random[4096];
  digest_mib(session, 2, digest);
  OK(p11->C_GenerateRandom(session, random, sizeof random));
}

/* A store transaction that creates, and one that destroys. */
static inline void store_and_destroy(CK_SESSION_HANDLE session) {
  CK_ULONG class = CKO_DATA;
  char label[] = "a record";
  CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                               {CKA_TOKEN, &yes, sizeof yes},
                               {CKA_LABEL, label, sizeof label - 1},
                               {CKA_VALUE, label, sizeof label - 1}};
  CK_OBJECT_HANDLE object;
  OK(p11->C_CreateObject(session, attributes, COUNT(attributes), &object));
  OK(p11->C_DestroyObject(session, object));
}

/* What a forked child does: it is refused first, then served by a core of its own. */
static inline void live_as_child(void (*work)(CK_SESSION_HANDLE)) {
  CK_INFO info;
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_GetInfo(&info));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
  OK(p11->C_Initialize(NULL));
  work(log_in());
  OK(p11->C_Finalize(NULL));
}

static inline pid_t fork_child(void (*work)(CK_SESSION_HANDLE)) {
  pid_t child = fork();
  CHECK(child >= 0, "%s", strerror(errno));
  if (child == 0) {
    live_as_child(work);
    _exit(0);
  }
  return child;
}

static inline void await(pid_t child) {
  int status = -1;
  pid_t got;
  do
    got = waitpid(child, &status, 0);
  while (got < 0 && errno == EINTR);
  CHECK(got == child && WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: status 0x%x", (int)child, status);
}

static inline void sleep_us(long us) {
  struct timespec t = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&t, NULL);
}

/* The part of a program that its first argument names. */
struct part {
  const char *name;
  void (*run)(int count);
};

static inline int run_part(int argc, char **argv, const struct part *parts, size_t count) {
  CHECK(argc > 1, "which part?");
  load_module();
  for (size_t i = 0; i < count; i++) {
    if (strcmp(parts[i].name, argv[1]) == 0) {
      parts[i].run(number(argc, argv, 2, 1));
      return 0;
    }
  }
  CHECK(false, "no part %s", argv[1]);
}

#endif
