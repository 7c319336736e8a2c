/* resident.h: how much of the process is in memory. */
#ifndef COFFER_TEST_RESIDENT_H
#define COFFER_TEST_RESIDENT_H

#include "host.h"

/* What the kernel counts page by page; VmRSS of /proc/self/status may be behind. */
static inline long resident_kib(void) {
  char line[256];
  long kib = 0;
  FILE *rollup = fopen("/proc/self/smaps_rollup", "r");
  CHECK(rollup);
  while (fgets(line, sizeof line, rollup))
    sscanf(line, "Rss: %ld", &kib);
  fclose(rollup);
  CHECK(kib > 0);
  return kib;
}

static inline void at_most(int mib) {
  long kib = resident_kib();
  CHECK(kib <= mib * 1024L, "%ld KiB resident, not %d MiB", kib, mib);
}

#endif
