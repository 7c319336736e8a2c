/* event.c: C_WaitForSlotEvent that blocks: what ends it, and what reaches the host
 * meanwhile. */
#include "host.h"

static CK_SLOT_ID got;
static CK_RV answer;
static atomic_int handled;

static void *wait_for_event(void *unused) {
  answer = p11->C_WaitForSlotEvent(0, &got, NULL);
  return unused;
}

static pthread_t start(void) {
  pthread_t thread;
  OK(p11->C_Initialize(NULL));
  CHECK(pthread_create(&thread, NULL, wait_for_event, NULL) == 0);
  sleep_us(300 * 1000);
  return thread;
}

/* Another process makes a token. */
static void token(int unused) {
  (void)unused;
  pthread_t thread = start();
  pid_t child = fork();
  if (child == 0) {
    CK_UTF8CHAR label[32];
    memset(label, ' ', sizeof label);
    OK(p11->C_Initialize(NULL));
    OK(p11->C_InitToken(find_slot(true), (CK_UTF8CHAR_PTR) "officer", 7, label));
    OK(p11->C_Finalize(NULL));
    _exit(0);
  }
  await(child);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(answer == CKR_OK, "0x%lx", answer);
  CK_TOKEN_INFO info;
  OK(p11->C_GetTokenInfo(got, &info));
  CHECK(info.flags & CKF_TOKEN_INITIALIZED, "slot %lu", got);
  OK(p11->C_Finalize(NULL));
}

/* C_Finalize ends the wait, even if C_Initialize follows at once. */
static void finalize(int again) {
  pthread_t thread = start();
  OK(p11->C_Finalize(NULL));
  if (again > 1)
    OK(p11->C_Initialize(NULL));
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(answer == CKR_CRYPTOKI_NOT_INITIALIZED, "0x%lx", answer);
  if (again > 1)
    OK(p11->C_Finalize(NULL));
}

static void handle(int unused) {
  (void)unused;
  handled++;
}

/* A signal for the thread that waits is handled long before the wait ends. */
static void signals(int count) {
  struct sigaction action = {.sa_handler = handle};
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  pthread_t thread = start();
  for (int i = 1; i <= count; i++) {
    CHECK(pthread_kill(thread, SIGUSR1) == 0);
    for (int tries = 0; handled < i && tries < 1000; tries++)
      sleep_us(1000);
    CHECK(handled == i, "%d of %d signals", handled, i);
  }
  OK(p11->C_Finalize(NULL));
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(answer == CKR_CRYPTOKI_NOT_INITIALIZED, "0x%lx", answer);
}

static const struct part parts[] = {
    {"token", token},
    {"finalize", finalize},
    {"signals", signals},
};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
