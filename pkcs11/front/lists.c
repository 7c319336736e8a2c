/* lists.c: the function lists of 2.40, 3.0, 3.1 and 3.2 and the interfaces that name
 * them (PKCS #11 3.2, sections 5.4 and 6.3 ff.). All of it may be called before
 * C_Initialize. */
#include <string.h>

#include "front.h"

/* IN_list_since is the member of a list for a function first found in since. */
#define MEMBER(name) .name = name,
#define IN_2_40_2_40(name) MEMBER(name)
#define IN_2_40_3_0(name)
#define IN_2_40_3_2(name)
#define IN_3_0_2_40(name) MEMBER(name)
#define IN_3_0_3_0(name) MEMBER(name)
#define IN_3_0_3_2(name)
#define IN_3_2_2_40(name) MEMBER(name)
#define IN_3_2_3_0(name) MEMBER(name)
#define IN_3_2_3_2(name) MEMBER(name)

static CK_FUNCTION_LIST list_2_40 = {
    .version = {2, 40},
#define FN(name, since, parameters, arguments) IN_2_40_##since(name)
#include "functions.h"
#undef FN
};

static CK_FUNCTION_LIST_3_0 list_3_0 = {
    .version = {3, 0},
#define FN(name, since, parameters, arguments) IN_3_0_##since(name)
#include "functions.h"
#undef FN
};

/* 3.1 has no functions of its own. */
static CK_FUNCTION_LIST_3_0 list_3_1 = {
    .version = {3, 1},
#define FN(name, since, parameters, arguments) IN_3_0_##since(name)
#include "functions.h"
#undef FN
};

static CK_FUNCTION_LIST_3_2 list_3_2 = {
    .version = {3, 2},
#define FN(name, since, parameters, arguments) IN_3_2_##since(name)
#include "functions.h"
#undef FN
};

static CK_UTF8CHAR standard[] = "PKCS 11";

/* The first one is the answer where the caller has no wish: each later list
 * begins with the whole of the earlier one, so that the newest suits everybody. */
static CK_INTERFACE interfaces[] = {
    {standard, &list_3_2, CKF_INTERFACE_FORK_SAFE},
    {standard, &list_3_1, CKF_INTERFACE_FORK_SAFE},
    {standard, &list_3_0, CKF_INTERFACE_FORK_SAFE},
    {standard, &list_2_40, CKF_INTERFACE_FORK_SAFE},
};

#define INTERFACES (sizeof interfaces / sizeof interfaces[0])

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ppFunctionList) {
  if (!ppFunctionList)
    return CKR_ARGUMENTS_BAD;
  *ppFunctionList = &list_2_40;
  return CKR_OK;
}

CK_RV C_GetInterfaceList(CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount) {
  if (!pulCount)
    return CKR_ARGUMENTS_BAD;
  CK_ULONG room = *pulCount;
  *pulCount = INTERFACES;
  if (!pInterfacesList)
    return CKR_OK;
  if (room < INTERFACES)
    return CKR_BUFFER_TOO_SMALL;
  memcpy(pInterfacesList, interfaces, sizeof interfaces);
  return CKR_OK;
}

static bool suits(const CK_INTERFACE *interface, const CK_UTF8CHAR *name, const CK_VERSION *version, CK_FLAGS flags) {
  /* Every list begins with its version. */
  const CK_VERSION *has = interface->pFunctionList;
  if (name && strcmp((const char *)name, (const char *)interface->pInterfaceName) != 0)
    return false;
  if (version && (version->major != has->major || version->minor != has->minor))
    return false;
  return (flags & ~interface->flags) == 0;
}

CK_RV C_GetInterface(CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion, CK_INTERFACE_PTR_PTR ppInterface,
                     CK_FLAGS flags) {
  if (!ppInterface)
    return CKR_ARGUMENTS_BAD;
  for (CK_ULONG i = 0; i < INTERFACES; i++) {
    if (suits(&interfaces[i], pInterfaceName, pVersion, flags)) {
      *ppInterface = &interfaces[i];
      return CKR_OK;
    }
  }
  *ppInterface = NULL;
  return CKR_ARGUMENTS_BAD;
}
