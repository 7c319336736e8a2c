/* Loads a module and gets its token ready.
 *
 *	token [-pin PIN | -ask] [-init] [-parameters STRING] [-slot ID | -token LABEL] MODULE
 *
 * -init initialises the token first, with PIN for user and SO alike. -parameters
 * is handed to C_Initialize in pReserved. Without -slot and -token it is the first slot
 * with a token. Without -pin nobody logs in; with -ask a line tells whether the token
 * wants a login, and the PIN is the first line of the input, where no list of
 * processes shows it. */
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
	char *module, *pin, *parameters, *slot, *token;
	int init, ask;
};

static int read_options(int count, char **arguments, struct options *o)
{
	const struct {
		const char *word;
		char **value;
		int *set;
	} known[] = {
		{"-pin", &o->pin, NULL}, {"-parameters", &o->parameters, NULL}, {"-slot", &o->slot, NULL},
		{"-token", &o->token, NULL}, {"-init", NULL, &o->init}, {"-ask", NULL, &o->ask},
	};
	for (int i = 1; i < count; i++) {
		size_t k = 0;
		while (k < LENGTH(known) && strcmp(arguments[i], known[k].word) != 0)
			k++;
		if (k == LENGTH(known))
			o->module = arguments[i];
		else if (known[k].set)
			*known[k].set = 1;
		else if (i + 1 < count)
			*known[k].value = arguments[++i];
	}
	return o->module && (o->pin || !o->init) ? 0 : failure("usage: token [OPTIONS] MODULE", 0);
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

/* called says whether a slot's token has a label, which blanks fill up. */
static int called(CK_SLOT_ID id, const char *label)
{
	CK_TOKEN_INFO info;
	size_t size = strlen(label);
	if (p11->C_GetTokenInfo(id, &info) != CKR_OK || size > sizeof info.label || memcmp(info.label, label, size) != 0)
		return 0;
	while (size < sizeof info.label && info.label[size] == ' ')
		size++;
	return size == sizeof info.label;
}

static int choose_slot(const char *given, const char *label)
{
	CK_SLOT_ID slots[256];
	CK_ULONG count = LENGTH(slots);
	if (given) {
		slot = strtoul(given, NULL, 0);
		return 0;
	}
	CALL(C_GetSlotList, CK_TRUE, slots, &count);
	for (CK_ULONG i = 0; i < count; i++) {
		if (!label || called(slots[i], label)) {
			slot = slots[i];
			return 0;
		}
	}
	return failure("no such token", 0);
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

static int log_in(const char *pin, size_t size)
{
	CALL(C_Login, owner, CKU_USER, (CK_UTF8CHAR *)pin, size);
	logged_in = CK_TRUE;
	return 0;
}

/* ask_pin tells whether there must be a login, and logs in with the line that comes;
 * an empty one is nobody. */
static int ask_pin(void)
{
	CK_TOKEN_INFO info;
	char pin[1024] = "";
	CALL(C_GetTokenInfo, slot, &info);
	printf("{\"row\":\"token\",\"login\":%s}\n", info.flags & CKF_LOGIN_REQUIRED ? "true" : "false");
	fflush(stdout);
	if (!fgets(pin, sizeof pin, stdin))
		return failure("no PIN came", 0);
	pin[strcspn(pin, "\n")] = 0;
	int failed = pin[0] ? log_in(pin, strlen(pin)) : 0;
	explicit_bzero(pin, sizeof pin);
	return failed;
}

int token_open(int count, char **arguments)
{
	struct options o = {0};
	CK_C_INITIALIZE_ARGS settings = {.flags = CKF_OS_LOCKING_OK};
	if (read_options(count, arguments, &o) != 0 || load(o.module) != 0)
		return -1;
	settings.pReserved = o.parameters;
	CALL(C_Initialize, &settings);
	if (choose_slot(o.slot, o.token) != 0 || (o.init && init_token(o.pin) != 0))
		return -1;
	CALL(C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &owner);
	if (o.ask)
		return ask_pin();
	return o.pin ? log_in(o.pin, strlen(o.pin)) : 0;
}

void token_close(void)
{
	p11->C_Finalize(NULL);
}
