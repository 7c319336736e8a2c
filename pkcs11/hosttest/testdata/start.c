/* start.c: what the library costs a host that has many keys in its token and has
 * not used any: processor time to start, and memory. */
#include "host.h"
#include "resident.h"

static long cpu_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

/* Prints what C_Initialize took, in microseconds of all the process's threads. */
static void start(int ignored) {
  (void)ignored;
  long before = cpu_us();
  OK(p11->C_Initialize(NULL));
  printf("%ld\n", cpu_us() - before);
}

static void count_keys(CK_SESSION_HANDLE session, CK_ULONG want) {
  static CK_OBJECT_HANDLE found[100000];
  CK_ULONG class = CKO_SECRET_KEY, count;
  CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
  OK(p11->C_FindObjectsInit(session, &template, 1));
  OK(p11->C_FindObjects(session, found, COUNT(found), &count));
  OK(p11->C_FindObjectsFinal(session));
  CHECK(count == want, "%lu keys, not %lu", count, want);
}

/* A host that has started, then logged in and seen its keys, stays small. */
static void rest(int keys) {
  OK(p11->C_Initialize(NULL));
  at_most(40);
  CK_SESSION_HANDLE session = log_in();
  at_most(40);
  count_keys(session, keys);
  at_most(40);
}

static const struct part parts[] = {{"start", start}, {"rest", rest}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
