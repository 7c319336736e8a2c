/* initialize.c: the arguments of C_Initialize and C_Finalize, and the interfaces,
 * which may be asked for at any time. */
#include "host.h"

static CK_RV create(CK_VOID_PTR_PTR mutex) {
  *mutex = NULL;
  return CKR_OK;
}

static CK_RV use(CK_VOID_PTR mutex) {
  (void)mutex;
  return CKR_OK;
}

static void start_and_stop(CK_C_INITIALIZE_ARGS *args) {
  OK(p11->C_Initialize(args));
  EXPECT(CKR_CRYPTOKI_ALREADY_INITIALIZED, p11->C_Initialize(args));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_Finalize(args ? (void *)args : (void *)&args));
  OK(p11->C_Finalize(NULL));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
}

static void arguments(int unused) {
  (void)unused;
  CK_C_INITIALIZE_ARGS none = {0};
  CK_C_INITIALIZE_ARGS system = {.flags = CKF_OS_LOCKING_OK};
  CK_C_INITIALIZE_ARGS either = {create, use, use, use, CKF_OS_LOCKING_OK, NULL};
  CK_C_INITIALIZE_ARGS named = {.flags = CKF_OS_LOCKING_OK, .pReserved = ""};
  CK_C_INITIALIZE_ARGS callbacks = {create, use, use, use, 0, NULL};
  CK_C_INITIALIZE_ARGS some = {create, NULL, use, use, CKF_OS_LOCKING_OK, NULL};
  CK_C_INITIALIZE_ARGS threadless = {.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS};
  CK_C_INITIALIZE_ARGS gnutls = {.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS};
  EXPECT(CKR_CANT_LOCK, p11->C_Initialize(&callbacks));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_Initialize(&some));
  EXPECT(CKR_NEED_TO_CREATE_THREADS, p11->C_Initialize(&threadless));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
  start_and_stop(NULL);
  start_and_stop(&none);
  start_and_stop(&system);
  start_and_stop(&either);
  start_and_stop(&gnutls);
  start_and_stop(&named);
}

/* What comes of C_Initialize where it cannot succeed: the code is the argument. */
static void refused(int code) {
  EXPECT((CK_RV)code, p11->C_Initialize(NULL));
  EXPECT((CK_RV)code, p11->C_Initialize(NULL));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_Finalize(NULL));
}

/* Loaded by a relative name, then away: the core is found all the same, by the
 * process and by its children. */
static void elsewhere(int unused) {
  (void)unused;
  CHECK(chdir("/") == 0);
  OK(p11->C_Initialize(NULL));
  work_lightly(log_in());
  for (int i = 0; i < 3; i++)
    await(fork_child(work_lightly));
}

static int cores_mapped(void) {
  char line[4096];
  int cores = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  CHECK(maps);
  while (fgets(line, sizeof line, maps))
    cores += strstr(line, " r-xp ") && strstr(line, "libcoffer-core");
  fclose(maps);
  return cores;
}

static int threads(void) {
  char line[256];
  int count = 0;
  FILE *status = fopen("/proc/self/status", "r");
  CHECK(status);
  while (fgets(line, sizeof line, status))
    sscanf(line, "Threads: %d", &count);
  fclose(status);
  return count;
}

/* A host that only looks at the module starts no Go, and one that goes to the
 * background first starts it once. */
static void idle(int unused) {
  (void)unused;
  CK_INFO info;
  CK_ULONG count;
  struct sigaction action;
  OK(p11->C_GetInterfaceList(NULL, &count));
  EXPECT(CKR_CRYPTOKI_NOT_INITIALIZED, p11->C_GetInfo(&info));
  CHECK(cores_mapped() == 0 && threads() == 1, "%d cores, %d threads", cores_mapped(), threads());
  for (int s = 1; s < NSIG; s++) /* what is ignored was so before, as SIGHUP under nohup */
    CHECK(sigaction(s, NULL, &action) != 0 || action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN,
          "signal %d", s);
  pid_t child = fork();
  if (child == 0) {
    OK(p11->C_Initialize(NULL));
    CHECK(cores_mapped() == 1, "%d cores", cores_mapped());
    _exit(0);
  }
  await(child);
}

/* Every function of a list is there: the list is an array of them. */
static void check_list(const CK_VERSION *list, CK_BYTE major, CK_BYTE minor, size_t size) {
  CHECK(list->major == major && list->minor == minor, "version %d.%d", list->major, list->minor);
  void *const *functions = (void *const *)list + 1;
  for (size_t i = 0; i < size / sizeof(void *) - 1; i++)
    CHECK(functions[i], "function %zu of list %d.%d", i, major, minor);
}

static CK_RV ask(const char *name, CK_BYTE major, CK_BYTE minor, CK_FLAGS flags, CK_INTERFACE_PTR_PTR interface) {
  CK_VERSION version = {major, minor};
  return p11->C_GetInterface((CK_UTF8CHAR_PTR)name, major ? &version : NULL, interface, flags);
}

static void interfaces(int unused) {
  (void)unused;
  CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR) = dlsym(module, "C_GetFunctionList");
  CK_FUNCTION_LIST_PTR list;
  CK_INTERFACE *one, all[8];
  CK_ULONG count = 0;
  OK(get(&list));
  EXPECT(CKR_ARGUMENTS_BAD, get(NULL));
  check_list(&list->version, 2, 40, sizeof *list);
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GetInterfaceList(NULL, NULL));
  OK(p11->C_GetInterfaceList(NULL, &count));
  CHECK(count == 4, "%lu interfaces", count);
  count = 3;
  EXPECT(CKR_BUFFER_TOO_SMALL, p11->C_GetInterfaceList(all, &count));
  CHECK(count == 4);
  OK(p11->C_GetInterfaceList(all, &count));
  for (CK_ULONG i = 0; i < count; i++) {
    CHECK(strcmp((char *)all[i].pInterfaceName, "PKCS 11") == 0);
    CHECK(all[i].flags == CKF_INTERFACE_FORK_SAFE);
  }
  OK(ask("PKCS 11", 2, 40, 0, &one));
  CHECK(one->pFunctionList == list);
  OK(ask("PKCS 11", 3, 0, CKF_INTERFACE_FORK_SAFE, &one));
  check_list(one->pFunctionList, 3, 0, sizeof(CK_FUNCTION_LIST_3_0));
  OK(ask("PKCS 11", 3, 1, 0, &one));
  check_list(one->pFunctionList, 3, 1, sizeof(CK_FUNCTION_LIST_3_0));
  OK(ask(NULL, 3, 2, 0, &one));
  check_list(one->pFunctionList, 3, 2, sizeof(CK_FUNCTION_LIST_3_2));
  OK(ask("PKCS 11", 0, 0, 0, &one));
  CHECK(one->pFunctionList == p11, "the newest list is the one for a caller without a wish");
  EXPECT(CKR_ARGUMENTS_BAD, ask("Vendor", 0, 0, 0, &one));
  EXPECT(CKR_ARGUMENTS_BAD, ask("PKCS 11", 4, 0, 0, &one));
  EXPECT(CKR_ARGUMENTS_BAD, ask("PKCS 11", 3, 2, 0x80, &one));
  EXPECT(CKR_ARGUMENTS_BAD, p11->C_GetInterface(NULL, NULL, NULL, 0));
}

static const struct part parts[] = {
    {"arguments", arguments},
    {"refused", refused},
    {"elsewhere", elsewhere},
    {"interfaces", interfaces},
    {"idle", idle},
};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
