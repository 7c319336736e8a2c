/* debug.c: one line for a person who asked for it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "front.h"

void coffer_debug(const char *format, ...) {
  const char *wanted = getenv("COFFER_DEBUG");
  if (!wanted || !*wanted)
    return;
  char line[1024];
  va_list values;
  va_start(values, format);
  vsnprintf(line, sizeof line, format, values);
  va_end(values);
  dprintf(2, "coffer: %s\n", line);
}
