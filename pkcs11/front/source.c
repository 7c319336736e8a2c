/* source.c: where copies of the core come from. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "front.h"

#define CORE_FILE "libcoffer-core.so"
/* The same again in a file of its own: the first copy that a child loads. All
 * workers of a server then share its pages. */
#define FORK_FILE "libcoffer-core-fork.so"

static const coffer_core *open_library(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    coffer_debug("cannot load the core library: %s; it belongs beside libcoffer-pkcs11.so", dlerror());
    return NULL;
  }
  const coffer_core *(*entry)(void) = (const coffer_core *(*)(void))dlsym(library, "coffer_core_entry");
  if (!entry)
    coffer_debug("%s is not a core library of Coffer", path);
  return entry ? entry() : NULL;
}

static bool core_path(char path[PATH_MAX], const char *file) {
  if (!coffer_folder)
    return false;
  int length = snprintf(path, PATH_MAX, "%s%s", coffer_folder, file);
  return length > 0 && length < PATH_MAX;
}

static const coffer_core *open_beside(const char *file) {
  char path[PATH_MAX];
  return core_path(path, file) ? open_library(path) : NULL;
}

static const coffer_core *open_installed(unsigned generation) {
  (void)generation;
  return open_beside(CORE_FILE);
}

static const coffer_core *open_second_file(unsigned generation) {
  (void)generation;
  return open_beside(FORK_FILE);
}

/* copy_core writes the installed core to the file that to is open on. */
static bool copy_core(int to) {
  char path[PATH_MAX];
  struct stat info;
  int from = core_path(path, CORE_FILE) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (from < 0)
    return false;
  bool done = fstat(from, &info) == 0;
  for (off_t at = 0; done && at < info.st_size;)
    done = sendfile(to, from, &at, info.st_size - at) > 0;
  close(from);
  return done;
}

/* The loader compares names first, and a descriptor's number comes again: one
 * more "./" for each generation makes a name that was never used. */
static const coffer_core *open_descriptor(int fd, unsigned generation) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "/proc/self/");
  for (unsigned i = 0; i < generation; i++)
    length += snprintf(path + length, sizeof path - length, "./");
  snprintf(path + length, sizeof path - length, "fd/%d", fd);
  return open_library(path);
}

static const coffer_core *open_memory(unsigned generation) {
  int fd = memfd_create("libcoffer-core", MFD_CLOEXEC);
  if (fd < 0)
    return NULL;
  const coffer_core *core = copy_core(fd) ? open_descriptor(fd, generation) : NULL;
  close(fd);
  return core;
}

static const coffer_core *open_temporary_in(const char *folder) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/libcoffer-core-XXXXXX", folder);
  if (length < 0 || length >= (int)sizeof path)
    return NULL;
  int fd = mkostemp(path, O_CLOEXEC);
  if (fd < 0)
    return NULL;
  bool whole = copy_core(fd);
  close(fd);
  const coffer_core *core = whole ? open_library(path) : NULL;
  unlink(path);
  return core;
}

/* For a host without /proc. A folder may be read-only or forbid code. */
static const coffer_core *open_temporary(unsigned generation) {
  (void)generation;
  const char *folders[] = {secure_getenv("TMPDIR"), "/tmp", "/var/tmp", "/dev/shm"};
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    const coffer_core *core = folders[i] ? open_temporary_in(folders[i]) : NULL;
    if (core)
      return core;
  }
  return NULL;
}

typedef const coffer_core *(*opener)(unsigned generation);

static const opener first[] = {open_installed};
static const opener later[] = {open_second_file, open_memory, open_temporary};

const coffer_core *coffer_open_copy(unsigned generation, unsigned way, bool *more) {
  const opener *ways = generation == 0 ? first : later;
  unsigned count = generation == 0 ? sizeof first / sizeof first[0] : sizeof later / sizeof later[0];
  *more = way + 1 < count;
  return way < count ? ways[way](generation) : NULL;
}
