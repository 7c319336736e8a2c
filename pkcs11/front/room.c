/* room.c: is there address space for a Go runtime? */
#include <sys/mman.h>
#include <sys/resource.h>

#include "front.h"

/* What a core maps as it starts: 0.9 GB for Go, and up to 128 MB for each of its
 * threads for the allocator of the C library, which takes them first. Go ends the
 * process if it then gets too little: seen up to a limit of 1.6 GB. */
#define COFFER_ROOM (2048UL << 20)

bool coffer_has_room(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return true;
  void *trial = mmap(NULL, COFFER_ROOM, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (trial == MAP_FAILED)
    return false;
  munmap(trial, COFFER_ROOM);
  return true;
}
