/* How a cryptographic row uses its key. */
#ifndef TOKEN_USE_H
#define TOKEN_USE_H

#include "token.h"

enum parameter { NO_PARAMETER, IV, GCM, CTR };

struct use {
	struct key *key;
	CK_MECHANISM_TYPE mechanism;
	enum parameter parameter;
	/* Bytes of input, or of random; PAYLOAD as in struct row. */
	CK_ULONG size;
};

#endif
