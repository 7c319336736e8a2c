/* async.c: a host that forks while calls go on in the background. */
#include "host.h"

static CK_UTF8CHAR generate_name[] = "C_GenerateKeyPair", sign_name[] = "C_Sign";

static CK_SESSION_HANDLE open_async(void) {
  CK_SESSION_HANDLE session;
  OK(p11->C_OpenSession(find_slot(false), CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION, NULL, NULL,
                        &session));
  return session;
}

/* A pair of token keys, so that the work in the background ends in the store. */
static void generate_later(CK_SESSION_HANDLE session) {
  static CK_ULONG bits = 2048;
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
  CK_ATTRIBUTE of_public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_TOKEN, &yes, sizeof yes}};
  CK_ATTRIBUTE of_private[] = {{CKA_SIGN, &yes, sizeof yes}, {CKA_TOKEN, &yes, sizeof yes}};
  CK_OBJECT_HANDLE public, private;
  EXPECT(CKR_PENDING, p11->C_GenerateKeyPair(session, &mechanism, of_public, COUNT(of_public), of_private,
                                             COUNT(of_private), &public, &private));
}

static void sign_later(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE private, CK_BYTE signature[256]) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  CK_ULONG length = 256;
  OK(p11->C_SignInit(session, &mechanism, private));
  EXPECT(CKR_PENDING, p11->C_Sign(session, (CK_BYTE_PTR) "data", 4, signature, &length));
}

static CK_ASYNC_DATA complete(CK_SESSION_HANDLE session, CK_UTF8CHAR *function) {
  CK_ASYNC_DATA result = {0};
  CK_RV rv;
  while ((rv = p11->C_AsyncComplete(session, function, &result)) == CKR_PENDING)
    sleep_us(500);
  OK(rv);
  return result;
}

static void destroy(CK_SESSION_HANDLE session, CK_ASYNC_DATA keys) {
  OK(p11->C_DestroyObject(session, keys.hObject));
  OK(p11->C_DestroyObject(session, keys.hAdditionalObject));
}

static CK_SESSION_HANDLE parents;

/* The parent's pending call is nobody's in the child, which has calls of its own. */
static void pending_of_its_own(CK_SESSION_HANDLE unused) {
  (void)unused;
  CK_ASYNC_DATA result = {0};
  CK_SESSION_HANDLE session = open_async();
  EXPECT(CKR_OPERATION_NOT_INITIALIZED, p11->C_AsyncComplete(session, generate_name, &result));
  generate_later(session);
  destroy(session, complete(session, generate_name));
  store_and_destroy(session);
}

static pid_t fork_refused(void) {
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CK_ASYNC_DATA result = {0};
    EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_AsyncComplete(parents, generate_name, &result));
    live_as_child(pending_of_its_own);
    _exit(0);
  }
  return child;
}

static void start(void) {
  OK(p11->C_Initialize(NULL));
  log_in();
  parents = open_async();
}

/* At another moment of the generation, and of the signature, each time. */
static void pending(int count) {
  start();
  for (int i = 0; i < count; i++) {
    CK_BYTE signature[256];
    generate_later(parents);
    sleep_us(i * 7919 % 120000);
    pid_t first = fork_refused();
    CK_ASYNC_DATA keys = complete(parents, generate_name);
    sign_later(parents, keys.hAdditionalObject, signature);
    pid_t second = fork_child(work_lightly);
    CHECK(complete(parents, sign_name).ulValue == sizeof signature);
    destroy(parents, keys);
    await(first);
    await(second);
  }
}

static CK_ULONG saved_id;

static void *save(void *unused) {
  (void)unused;
  OK(p11->C_AsyncGetID(parents, generate_name, &saved_id));
  return NULL;
}

static void join(CK_SESSION_HANDLE unused) {
  (void)unused;
  CK_SESSION_HANDLE session = open_async();
  OK(p11->C_AsyncJoin(session, generate_name, saved_id, NULL, 0));
  destroy(session, complete(session, generate_name));
}

/* One thread waits in C_AsyncGetID while another one forks. What was saved a child
 * may join. */
static void saved(int count) {
  start();
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    generate_later(parents);
    CHECK(pthread_create(&thread, NULL, save, NULL) == 0);
    sleep_us(i * 7919 % 120000);
    pid_t child = fork_child(work_lightly);
    pthread_join(thread, NULL);
    await(child);
    await(fork_child(join));
    EXPECT(CKR_SAVED_STATE_INVALID, p11->C_AsyncJoin(parents, generate_name, saved_id, NULL, 0));
  }
}

/* A child that is gone, in whatever way, while its own call is pending. */
static void ends(int count) {
  start();
  for (int i = 0; i < count; i++) {
    generate_later(parents);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      OK(p11->C_Initialize(NULL));
      log_in();
      CK_SESSION_HANDLE own = open_async();
      generate_later(own);
      if (i % 3 == 0)
        OK(p11->C_CloseSession(own));
      if (i % 3 == 1)
        OK(p11->C_Finalize(NULL));
      i % 2 ? _exit(0) : exit(0);
    }
    await(child);
    destroy(parents, complete(parents, generate_name));
  }
}

static const struct part parts[] = {{"pending", pending}, {"saved", saved}, {"ends", ends}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
