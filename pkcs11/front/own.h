/* own.h: the functions that the front does more for than forward (OWN), and those
 * of them that the core has no part in (ALONE). */
#ifndef COFFER_OWN_H
#define COFFER_OWN_H

#include "listed.h"

#define OWN_C_Initialize LISTED
#define OWN_C_Finalize LISTED
#define OWN_C_GetFunctionList LISTED
#define OWN_C_GetInterfaceList LISTED
#define OWN_C_GetInterface LISTED
#define OWN_C_WaitForSlotEvent LISTED

#define ALONE_C_Initialize LISTED
#define ALONE_C_GetFunctionList LISTED
#define ALONE_C_GetInterfaceList LISTED
#define ALONE_C_GetInterface LISTED

#endif
