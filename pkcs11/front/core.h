/* core.h: what the front (plain C, always loaded) and the core (Go, loaded at the
 * first C_Initialize) know of each other. Both sides include this file. */
#ifndef COFFER_CORE_H
#define COFFER_CORE_H

#include <stdint.h>

#include "pkcs11.h"

/* Raised whenever anything below changes; the front refuses another core. */
#define COFFER_CORE_ABI 2

/* COFFER_BUILD, set by the Makefile, is a digest of this file and of those that it
 * includes, so that it changes with the boundary even if the number above was
 * forgotten. COFFER_BUILD_ID is the same as a string. */
#ifndef COFFER_BUILD
#define COFFER_BUILD unknown
#endif
#define COFFER_QUOTED_AS_IS(token) #token
#define COFFER_QUOTED(token) COFFER_QUOTED_AS_IS(token)
#define COFFER_BUILD_ID COFFER_QUOTED(COFFER_BUILD)

/* What the front hands to the core at C_Initialize. Strings are the front's,
 * valid during the call only; NULL where there is nothing. The environment is
 * read in C because the Go runtime keeps pointers into the block that
 * setproctitle() overwrites. */
typedef struct coffer_settings {
  const char *home;        /* COFFER_HOME */
  const char *config;      /* COFFER_CONF */
  const char *user_home;   /* HOME */
  const char *data_home;   /* XDG_DATA_HOME */
  const char *network_fs;  /* COFFER_NETWORK_FS */
  const char *runtime_dir; /* XDG_RUNTIME_DIR */
  const char *credentials; /* CREDENTIALS_DIRECTORY */
  const char *parameters;  /* pReserved of CK_C_INITIALIZE_ARGS, if it is a string */
  /* Called by the core around every store transaction: fork() waits in between,
   * since a child inherits the file lock. Enter before the file is opened that
   * will be locked: a child with its descriptor keeps the lock if this process is
   * killed. A fork waits for some seconds at most, and enter for as long. */
  void (*transaction_enter)(void);
  void (*transaction_leave)(void);
} coffer_settings;

/* The core's table. A NULL function is one that Coffer does not have yet; the
 * front answers CKR_FUNCTION_NOT_SUPPORTED for it. C_Initialize, the interface
 * functions and C_GetFunctionList are the front's own and not in use here. */
typedef struct coffer_core {
  uint32_t abi;      /* COFFER_CORE_ABI */
  const char *build; /* COFFER_BUILD_ID, the same in front and core */
  void (*warm)(void); /* a Go no-op: returns once the runtime is up */
  CK_RV (*initialize)(const coffer_settings *settings);
#define FN(name, since, parameters, arguments) CK_RV(*name) parameters;
#include "functions.h"
#undef FN
} coffer_core;

/* The one symbol that the core exports. Plain C, returns a static table and
 * starts nothing, so that asking is always safe. */
extern const coffer_core *coffer_core_entry(void);

#endif
