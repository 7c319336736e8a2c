/* unsupported.h: the functions that Coffer does not have yet, and the only list of
 * them. Each answers CKR_FUNCTION_NOT_SUPPORTED. To add one, export coffer_<name>
 * from the core and take its line out. */
#ifndef COFFER_UNSUPPORTED_H
#define COFFER_UNSUPPORTED_H

#include "front/listed.h"

/* None at present: all functions of 3.2 are there. */

#endif
