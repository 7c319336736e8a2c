/* state.c: the page that a child does not inherit. */
#include <sys/mman.h>

#include "front.h"

/* Where no page can be had, or the kernel cannot wipe it (before 4.14), the state
 * is cleared by the fork handler alone; clone() without it is then not noticed. */
static coffer_state unwiped;

coffer_state *coffer_here = &unwiped;

_Static_assert(sizeof(coffer_state) <= 4096, "the state fits a page");

__attribute__((constructor)) static void map_state(void) {
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return;
  madvise(page, 4096, MADV_WIPEONFORK);
  coffer_here = page;
}
