/* location.c: where this library is. */
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "front.h"

static char folder[PATH_MAX];

const char *coffer_folder;

/* Asked as the library is loaded: a daemon goes to "/" later, and a relative name
 * would then lead elsewhere. */
__attribute__((constructor)) static void find_folder(void) {
  Dl_info self;
  if (!dladdr(&coffer_folder, &self) || !realpath(self.dli_fname, folder))
    return;
  char *slash = strrchr(folder, '/');
  if (!slash)
    return;
  slash[1] = '\0';
  coffer_folder = folder;
}
