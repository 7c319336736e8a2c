/* null.c: every function with NULL, bad handles and absurd lengths. calls.h is
 * made by the test from functions.h: TRY(name, arguments) for every function and
 * every way to leave something out. The name of the function in the hand is on
 * standard output, for whoever looks at a crash. */
#include "host.h"

/* Valid where a pointer is wanted; all zeroes. */
static CK_BYTE scratch[1 << 16];
static CK_SESSION_HANDLE session;
static CK_SLOT_ID slot;
static bool initialized;
static int tried;

static const char *const own[] = {"C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"};
static const char *const unsupported[] = {
#include "unsupported_names.h"
};

static bool in(const char *name, const char *const *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(list[i], name) == 0)
      return true;
  return false;
}

static void judge(const char *name, const char *arguments, CK_RV rv) {
  tried++;
  if (!initialized && !in(name, own, COUNT(own)))
    CHECK(rv == CKR_CRYPTOKI_NOT_INITIALIZED, "%s%s gave 0x%lx", name, arguments, rv);
  if (initialized && in(name, unsupported, COUNT(unsupported)))
    CHECK(rv == CKR_FUNCTION_NOT_SUPPORTED, "%s%s gave 0x%lx", name, arguments, rv);
  CHECK(rv != CKR_GENERAL_ERROR && rv != CKR_FUNCTION_FAILED, "%s%s gave 0x%lx", name, arguments, rv);
}

#define TRY(name, arguments)                                                                                           \
  do {                                                                                                                 \
    printf("%s%s\n", #name, #arguments);                                                                               \
    judge(#name, #arguments, p11->name arguments);                                                                     \
    memset(scratch, 0, sizeof scratch);                                                                                \
    if (initialized)                                                                                                   \
      keep_session();                                                                                                  \
  } while (0)

/* A call may have closed the session, rightly; the next one shall have another. */
static void keep_session(void) {
  CK_SESSION_INFO info;
  if (p11->C_GetSessionInfo(session, &info) != CKR_OK)
    OK(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
}

static void try_all(void) {
#include "calls.h"
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  load_module();
  try_all();
  OK(p11->C_Initialize(NULL));
  initialized = true;
  slot = find_slot(false);
  session = open_session();
  try_all();
  session = log_in();
  try_all();
  OK(p11->C_Finalize(NULL));
  CHECK(tried > 1000, "only %d calls", tried);
  return 0;
}
