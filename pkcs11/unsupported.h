/* unsupported.h: the functions that Coffer does not have yet, and the only list of
 * them. Each answers CKR_FUNCTION_NOT_SUPPORTED. To add one, export coffer_<name>
 * from the core and take its line out. */
#ifndef COFFER_UNSUPPORTED_H
#define COFFER_UNSUPPORTED_H

#include "front/listed.h"

/* Operation state. */
#define UNSUPPORTED_C_GetOperationState LISTED
#define UNSUPPORTED_C_SetOperationState LISTED

/* Named users. */
#define UNSUPPORTED_C_LoginUser LISTED

/* Message-based functions. */
#define UNSUPPORTED_C_MessageEncryptInit LISTED
#define UNSUPPORTED_C_EncryptMessage LISTED
#define UNSUPPORTED_C_EncryptMessageBegin LISTED
#define UNSUPPORTED_C_EncryptMessageNext LISTED
#define UNSUPPORTED_C_MessageEncryptFinal LISTED
#define UNSUPPORTED_C_MessageDecryptInit LISTED
#define UNSUPPORTED_C_DecryptMessage LISTED
#define UNSUPPORTED_C_DecryptMessageBegin LISTED
#define UNSUPPORTED_C_DecryptMessageNext LISTED
#define UNSUPPORTED_C_MessageDecryptFinal LISTED
#define UNSUPPORTED_C_MessageSignInit LISTED
#define UNSUPPORTED_C_SignMessage LISTED
#define UNSUPPORTED_C_SignMessageBegin LISTED
#define UNSUPPORTED_C_SignMessageNext LISTED
#define UNSUPPORTED_C_MessageSignFinal LISTED
#define UNSUPPORTED_C_MessageVerifyInit LISTED
#define UNSUPPORTED_C_VerifyMessage LISTED
#define UNSUPPORTED_C_VerifyMessageBegin LISTED
#define UNSUPPORTED_C_VerifyMessageNext LISTED
#define UNSUPPORTED_C_MessageVerifyFinal LISTED

/* New in 3.2. */
#define UNSUPPORTED_C_EncapsulateKey LISTED
#define UNSUPPORTED_C_DecapsulateKey LISTED
#define UNSUPPORTED_C_AsyncComplete LISTED
#define UNSUPPORTED_C_AsyncGetID LISTED
#define UNSUPPORTED_C_AsyncJoin LISTED

#endif
