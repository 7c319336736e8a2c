/* Loads a module and gets its token ready.
 *
 *	token [-pin PIN] [-init] [-parameters STRING] [-slot ID] MODULE
 *
 * -init initialises the token first, with PIN for user and SO alike. -parameters
 * is handed to C_Initialize in pReserved. Without -slot it is the first slot with
 * a token; without -pin nobody logs in. */
#include "token.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

CK_FUNCTION_LIST *p11;
CK_SLOT_ID slot;
CK_SESSION_HANDLE owner;
CK_BBOOL logged_in;

struct options {
	char *module, *pin, *parameters, *slot;
	int init;
};

static int read_options(int count, char **arguments, struct options *o)
{
	for (int i = 1; i < count; i++) {
		char *word = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
		if (strcmp(word, "-init") == 0)
			o->init = 1;
		else if (strcmp(word, "-pin") == 0)
			o->pin = value, i++;
		else if (strcmp(word, "-parameters") == 0)
			o->parameters = value, i++;
		else if (strcmp(word, "-slot") == 0)
			o->slot = value, i++;
		else
			o->module = word;
	}
	return o->module && (o->pin || !o->init) ? 0 : failure("usage: token [-pin PIN] [-init] [-parameters STRING] [-slot ID] MODULE", 0);
}

static int load(const char *path)
{
	CK_RV (*get)(CK_FUNCTION_LIST **);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		fprintf(stderr, "driver: %s\n", dlerror());
		return failure("dlopen", 0);
	}
	*(void **)&get = dlsym(library, "C_GetFunctionList");
	if (!get || get(&p11) != CKR_OK)
		return failure("C_GetFunctionList", 0);
	return 0;
}

static int choose_slot(const char *given)
{
	CK_SLOT_ID slots[64];
	CK_ULONG count = LENGTH(slots);
	if (given) {
		slot = strtoul(given, NULL, 0);
		return 0;
	}
	CALL(C_GetSlotList, CK_TRUE, slots, &count);
	if (!count)
		return failure("C_GetSlotList: no token", 0);
	slot = slots[0];
	return 0;
}

static int init_token(char *pin)
{
	CK_SESSION_HANDLE session;
	CK_UTF8CHAR label[32];
	CK_ULONG size = strlen(pin);
	memset(label, ' ', sizeof label);
	memcpy(label, "bench", 5);
	CALL(C_InitToken, slot, (CK_UTF8CHAR *)pin, size, label);
	CALL(C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	CALL(C_Login, session, CKU_SO, (CK_UTF8CHAR *)pin, size);
	CALL(C_InitPIN, session, (CK_UTF8CHAR *)pin, size);
	CALL(C_CloseSession, session);
	return 0;
}

int token_open(int count, char **arguments)
{
	struct options o = {0};
	CK_C_INITIALIZE_ARGS settings = {.flags = CKF_OS_LOCKING_OK};
	if (read_options(count, arguments, &o) != 0 || load(o.module) != 0)
		return -1;
	settings.pReserved = o.parameters;
	CALL(C_Initialize, &settings);
	if (choose_slot(o.slot) != 0 || (o.init && init_token(o.pin) != 0))
		return -1;
	CALL(C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &owner);
	if (o.pin) {
		CALL(C_Login, owner, CKU_USER, (CK_UTF8CHAR *)o.pin, strlen(o.pin));
		logged_in = CK_TRUE;
	}
	return 0;
}

void token_close(void)
{
	p11->C_Finalize(NULL);
}
