/* reload.c: hosts that load, start, stop and unload the module again and again. */
#include "host.h"

/* dlclose leaves the library where it is, and a second load finds it whole. */
static void unload(int count) {
  for (int i = 0; i < count; i++) {
    OK(p11->C_Initialize(NULL));
    work_lightly(open_session());
    OK(p11->C_Finalize(NULL));
    CHECK(dlclose(module) == 0, "%s", dlerror());
    load_module();
  }
}

/* Unloaded without C_Finalize: still initialised when it is loaded again. */
static void forget(int count) {
  OK(p11->C_Initialize(NULL));
  for (int i = 0; i < count; i++) {
    dlclose(module);
    load_module();
    EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(NULL));
  }
}

static atomic_bool stop;

/* Calls while another thread finalises: served, or refused, but nothing else. */
static void *call(void *unused) {
  CK_INFO info;
  CK_ULONG count;
  (void)unused;
  while (!atomic_load(&stop)) {
    CK_RV rv = p11->C_GetInfo(&info);
    CHECK(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED, "C_GetInfo gave 0x%lx", rv);
    rv = p11->C_GetSlotList(CK_FALSE, NULL, &count);
    CHECK(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED, "C_GetSlotList gave 0x%lx", rv);
  }
  return NULL;
}

static void *start_and_stop(void *count) {
  for (size_t i = 0; i < (size_t)count; i++) {
    CK_RV rv = p11->C_Initialize(NULL);
    CHECK(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED, "C_Initialize gave 0x%lx", rv);
    rv = p11->C_Finalize(NULL);
    CHECK(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED, "C_Finalize gave 0x%lx", rv);
  }
  return NULL;
}

static void race(int count) {
  pthread_t callers[3], starters[3];
  for (size_t i = 0; i < COUNT(callers); i++)
    CHECK(pthread_create(&callers[i], NULL, call, NULL) == 0);
  for (size_t i = 0; i < COUNT(starters); i++)
    CHECK(pthread_create(&starters[i], NULL, start_and_stop, (void *)(size_t)count) == 0);
  for (size_t i = 0; i < COUNT(starters); i++)
    pthread_join(starters[i], NULL);
  atomic_store(&stop, true);
  for (size_t i = 0; i < COUNT(callers); i++)
    pthread_join(callers[i], NULL);
}

/* Threads that come, call once and go. */
static void *call_once(void *unused) {
  CK_INFO info;
  (void)unused;
  OK(p11->C_GetInfo(&info));
  return NULL;
}

static void short_threads(int count) {
  OK(p11->C_Initialize(NULL));
  for (int i = 0; i < count; i++) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, call_once, NULL) == 0);
    pthread_join(thread, NULL);
  }
}

static const struct part parts[] = {
    {"unload", unload},
    {"forget", forget},
    {"race", race},
    {"threads", short_threads},
};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
