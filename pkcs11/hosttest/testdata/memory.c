/* memory.c: how much of the process is resident. */
#include "host.h"
#include "resident.h"

/* A host that has logged in and does nothing more. */
static void idle(int mib) {
  OK(p11->C_Initialize(NULL));
  log_in();
  at_most(mib);
}

/* A host that leaves the collector much to do. */
static void busy(int mib) {
  CK_SESSION_HANDLE session;
  OK(p11->C_Initialize(NULL));
  CK_SLOT_ID slot = find_slot(false);
  for (int i = 0; i < 400000; i++) {
    OK(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    OK(p11->C_CloseSession(session));
  }
  at_most(mib);
}

static const struct part parts[] = {{"idle", idle}, {"busy", busy}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
