/* no_core.c: a library that has nothing to do with Coffer. */
int nothing(void) { return 0; }
