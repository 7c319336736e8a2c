/* signals.c: the host's signals after a core was loaded, and while it is used. */
#include <dirent.h>
#include <sys/time.h>

#include "host.h"

/* Signals that the Go runtime has handlers for: it turns faults in Go code into
 * errors, SIGPIPE of its own writes too, and passes on all others. */
static const int taken[] = {SIGSEGV, SIGBUS, SIGFPE, SIGPIPE};

static bool is_taken(int s) {
  for (size_t i = 0; i < COUNT(taken); i++)
    if (taken[i] == s)
      return true;
  return false;
}

static void count_none(int s) { (void)s; }

static void mask_now(sigset_t *mask) { pthread_sigmask(SIG_SETMASK, NULL, mask); }

static void same_mask(const sigset_t *a, const sigset_t *b, const char *where) {
  for (int s = 1; s < NSIG; s++)
    CHECK(sigismember(a, s) == sigismember(b, s), "%s: signal %d", where, s);
}

static void *call_and_compare(void *unused) {
  (void)unused;
  sigset_t before, after;
  mask_now(&before);
  work_lightly(open_session());
  mask_now(&after);
  same_mask(&before, &after, "thread");
  return NULL;
}

/* Handlers and masks, of the main thread and of others, before and after. */
static void unchanged(int unused) {
  (void)unused;
  struct sigaction mine = {.sa_handler = count_none}, before[NSIG], after;
  sigset_t mask, now;
  int own[] = {SIGCHLD, SIGURG, SIGALRM, SIGUSR1, SIGTERM, SIGRTMIN, SIGRTMIN + 3};
  for (size_t i = 0; i < COUNT(own); i++)
    sigaction(own[i], &mine, NULL);
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGPROF);
  sigaddset(&mask, SIGRTMIN);
  sigaddset(&mask, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  for (int s = 1; s < NSIG; s++)
    sigaction(s, NULL, &before[s]);

  OK(p11->C_Initialize(NULL));
  work_hard(log_in());

  for (int s = 1; s < NSIG; s++) {
    if (is_taken(s) || sigaction(s, NULL, &after) != 0)
      continue;
    CHECK(after.sa_handler == before[s].sa_handler && after.sa_flags == before[s].sa_flags, "signal %d", s);
  }
  mask_now(&now);
  same_mask(&mask, &now, "main");
  pthread_t thread;
  pthread_create(&thread, NULL, call_and_compare, NULL);
  pthread_join(thread, NULL);
}

/* SigBlk of a thread: bit s - 1 stands for signal s. */
static unsigned long blocked_in(const char *thread) {
  char path[300], line[256];
  unsigned long blocked = 0;
  snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
  FILE *status = fopen(path, "r");
  CHECK(status, "%s", path);
  while (fgets(line, sizeof line, status))
    sscanf(line, "SigBlk: %lx", &blocked);
  fclose(status);
  return blocked;
}

/* Many threads in Go at once: the runtime starts more of its own from them. */
static void work_side_by_side(void) {
  pthread_t threads[8];
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_create(&threads[i], NULL, call_and_compare, NULL);
  for (size_t i = 0; i < COUNT(threads); i++)
    pthread_join(threads[i], NULL);
}

/* All threads but this one are the runtime's, and take nothing. */
static void deaf_threads(int unused) {
  (void)unused;
  const int hosts[] = {SIGHUP,    SIGINT,  SIGQUIT,   SIGUSR1,  SIGUSR2, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD,
                       SIGVTALRM, SIGPROF, SIGWINCH,  SIGIO,    SIGURG,  SIGCONT, SIGTSTP, SIGRTMIN,  SIGRTMAX};
  int threads = 0;
  char self[32];
  OK(p11->C_Initialize(NULL));
  work_hard(log_in());
  work_side_by_side();
  snprintf(self, sizeof self, "%d", (int)gettid());
  DIR *tasks = opendir("/proc/self/task");
  CHECK(tasks);
  for (struct dirent *task; (task = readdir(tasks));) {
    if (task->d_name[0] == '.' || strcmp(task->d_name, self) == 0)
      continue;
    threads++;
    for (size_t i = 0; i < COUNT(hosts); i++)
      CHECK(blocked_in(task->d_name) >> (hosts[i] - 1) & 1, "signal %d, thread %s", hosts[i], task->d_name);
  }
  closedir(tasks);
  CHECK(threads > 2, "%d threads", threads);
}

/* In a child without C_Initialize every disposition is the host's again. */
static void given_back(int unused) {
  (void)unused;
  OK(p11->C_Initialize(NULL));
  work_lightly(open_session());
  pid_t child = fork();
  if (child == 0) {
    struct sigaction now;
    for (size_t i = 0; i < COUNT(taken); i++) {
      sigaction(taken[i], NULL, &now);
      CHECK(now.sa_handler == SIG_DFL, "signal %d", taken[i]);
    }
    _exit(0);
  }
  await(child);
}

/* An ordinary death by a signal stays one, and says nothing of Go. */
static void dies(int s) {
  pid_t child = fork();
  if (child == 0) {
    OK(p11->C_Initialize(NULL));
    work_lightly(open_session());
    if (s == SIGSEGV)
      *(volatile int *)16 = 1;
    int ends[2];
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    CHECK(write(ends[1], "x", 1) < 0);
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == s, "status 0x%x", status);
}

static atomic_int caught;
static pthread_t main_thread;
static atomic_bool foreign;

static void note(int s) {
  (void)s;
  if (!pthread_equal(pthread_self(), main_thread))
    atomic_store(&foreign, true);
  atomic_fetch_add(&caught, 1);
}

static atomic_bool stop;

static void *be_busy(void *unused) {
  (void)unused;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  CK_SESSION_HANDLE session = open_session();
  while (!atomic_load(&stop))
    work_lightly(session);
  return NULL;
}

/* The loop of a server's master: SIGCHLD blocked, sigsuspend, look. Were one
 * delivered to a thread of the runtime, the master would sleep for good. */
static void no_lost_child(int count) {
  struct sigaction action = {.sa_handler = note};
  sigset_t blocked, open;
  main_thread = pthread_self();
  sigaction(SIGCHLD, &action, NULL);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  pthread_sigmask(SIG_BLOCK, &blocked, &open);
  OK(p11->C_Initialize(NULL));
  work_lightly(open_session());
  pthread_t busy;
  pthread_create(&busy, NULL, be_busy, NULL);
  for (int i = 0; i < count; i++) {
    int before = atomic_load(&caught);
    pid_t child = fork();
    if (child == 0)
      _exit(0);
    while (atomic_load(&caught) == before)
      sigsuspend(&open);
    await(child);
  }
  atomic_store(&stop, true);
  pthread_join(busy, NULL);
  CHECK(!atomic_load(&foreign), "SIGCHLD on a thread that is not the host's main one");
}

static void ring(int s) {
  /* More than a goroutine's stack has room for. */
  volatile char frame[16384];
  memset((void *)frame, s, sizeof frame);
  atomic_fetch_add(&caught, 1);
}

/* SIGALRM a thousand times a second, its handler without SA_ONSTACK: set before
 * the load (count even) or after it. */
static void alarms(int seconds) {
  struct sigaction action = {.sa_handler = ring, .sa_flags = SA_RESTART};
  struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
  if (seconds % 2 == 0)
    sigaction(SIGALRM, &action, NULL);
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_session();
  sigaction(SIGALRM, &action, NULL);
  pthread_t busy;
  pthread_create(&busy, NULL, be_busy, NULL);
  setitimer(ITIMER_REAL, &often, NULL);
  for (time_t until = time(NULL) + seconds; time(NULL) < until;)
    work_lightly(session);
  setitimer(ITIMER_REAL, &never, NULL);
  atomic_store(&stop, true);
  pthread_join(busy, NULL);
  CHECK(atomic_load(&caught) > 10, "%d alarms", atomic_load(&caught));
}

static const struct part parts[] = {
    {"unchanged", unchanged}, {"deaf", deaf_threads},   {"back", given_back},
    {"dies", dies},           {"child", no_lost_child}, {"alarms", alarms},
};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
