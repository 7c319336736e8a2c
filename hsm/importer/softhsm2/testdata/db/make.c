/* Puts into the first token of a PKCS #11 module what pkcs11-tool has no options for.
   Usage: make MODULE PIN */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define CRYPTOKI_COMPAT
#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;

static void must(const char *what, CK_RV rv)
{
	if (rv != CKR_OK) {
		fprintf(stderr, "%s: 0x%lx\n", what, rv);
		exit(1);
	}
}

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY, data = CKO_DATA;
static CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET, des3 = CKK_DES3;
static CK_ULONG size32 = 32;
static CK_DATE start = {{'2','0','2','0'}, {'0','2'}, {'2','9'}}, end = {{'2','9','9','9'}, {'1','2'}, {'3','1'}};
static CK_BYTE zeros_to_31[32], odd_parity[24];

#define ATTR(type, v) {type, &(v), sizeof(v)}
#define TEXT(type, s) {type, s, sizeof(s) - 1}
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static CK_OBJECT_HANDLE create(const char *what, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_OBJECT_HANDLE h;
	must(what, p11->C_CreateObject(session, t, n, &h));
	return h;
}
#define CREATE(what, ...) ({ CK_ATTRIBUTE t[] = {__VA_ARGS__}; create(what, t, COUNT(t)); })

static void secrets(void)
{
	CK_MECHANISM_TYPE allowed[] = {CKM_AES_GCM, CKM_AES_CBC, CKM_AES_ECB}; /* they come back sorted */
	CREATE("dated", ATTR(CKA_CLASS, secret_key), ATTR(CKA_KEY_TYPE, aes), ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, yes),
		TEXT(CKA_LABEL, "dated"), TEXT(CKA_ID, "\x21"), ATTR(CKA_ENCRYPT, yes), ATTR(CKA_DECRYPT, yes), ATTR(CKA_SENSITIVE, yes),
		ATTR(CKA_EXTRACTABLE, no), ATTR(CKA_START_DATE, start), ATTR(CKA_END_DATE, end),
		ATTR(CKA_ALLOWED_MECHANISMS, allowed), ATTR(CKA_VALUE, zeros_to_31));
	CREATE("open", ATTR(CKA_CLASS, secret_key), ATTR(CKA_KEY_TYPE, aes), ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, no),
		TEXT(CKA_LABEL, "Schl\xc3\xbcssel"), TEXT(CKA_ID, ""), ATTR(CKA_ENCRYPT, yes), ATTR(CKA_SENSITIVE, no),
		ATTR(CKA_EXTRACTABLE, yes), ATTR(CKA_MODIFIABLE, no), ATTR(CKA_VALUE, zeros_to_31));
	CREATE("mac", ATTR(CKA_CLASS, secret_key), ATTR(CKA_KEY_TYPE, generic), ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, yes),
		TEXT(CKA_LABEL, "mac"), TEXT(CKA_ID, "\x23"), ATTR(CKA_SIGN, yes), ATTR(CKA_VERIFY, yes), ATTR(CKA_ENCRYPT, no), ATTR(CKA_DECRYPT, no),
		ATTR(CKA_SENSITIVE, yes), ATTR(CKA_EXTRACTABLE, no), ATTR(CKA_VALUE, zeros_to_31));
	CREATE("des3", ATTR(CKA_CLASS, secret_key), ATTR(CKA_KEY_TYPE, des3), ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, yes),
		TEXT(CKA_LABEL, "des3"), TEXT(CKA_ID, "\x24"), ATTR(CKA_DECRYPT, yes), ATTR(CKA_ENCRYPT, yes), ATTR(CKA_SENSITIVE, yes),
		ATTR(CKA_EXTRACTABLE, no), ATTR(CKA_VALUE, odd_parity));
}

/* wrapping generates a key whose templates hold a boolean, a number, bytes and dates. */
static void wrapping(void)
{
	CK_ATTRIBUTE wrap[] = {ATTR(CKA_KEY_TYPE, aes), ATTR(CKA_EXTRACTABLE, yes)};
	CK_ATTRIBUTE unwrap[] = {ATTR(CKA_SENSITIVE, yes), ATTR(CKA_KEY_TYPE, aes), TEXT(CKA_LABEL, "unwrapped")};
	CK_ATTRIBUTE t[] = {ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, yes), TEXT(CKA_LABEL, "wrapper"), TEXT(CKA_ID, "\x25"),
		ATTR(CKA_WRAP, yes), ATTR(CKA_UNWRAP, yes), ATTR(CKA_ENCRYPT, no), ATTR(CKA_DECRYPT, no), ATTR(CKA_SENSITIVE, yes),
		ATTR(CKA_EXTRACTABLE, no), ATTR(CKA_VALUE_LEN, size32), ATTR(CKA_WRAP_TEMPLATE, wrap), ATTR(CKA_UNWRAP_TEMPLATE, unwrap)};
	CK_MECHANISM generate = {CKM_AES_KEY_GEN, NULL, 0};
	CK_OBJECT_HANDLE h;
	must("wrapper", p11->C_GenerateKey(session, &generate, t, COUNT(t), &h));
}

/* records writes data objects, of which it changes one, copies one and destroys one. */
static void records(void)
{
	CK_BYTE long_label[300], oid[] = {0x06, 3, 0x2a, 3, 4};
	CK_OBJECT_HANDLE h, copy;
	CK_ATTRIBUTE renamed[] = {TEXT(CKA_LABEL, "second name")};
	CK_ATTRIBUTE copied[] = {TEXT(CKA_LABEL, "copy")};

	memset(long_label, 'l', sizeof(long_label));
	CREATE("long", ATTR(CKA_CLASS, data), ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, no), ATTR(CKA_LABEL, long_label),
		TEXT(CKA_APPLICATION, "app"), ATTR(CKA_OBJECT_ID, oid), TEXT(CKA_VALUE, ""));
	h = CREATE("first name", ATTR(CKA_CLASS, data), ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, yes), TEXT(CKA_LABEL, "first name"),
		TEXT(CKA_VALUE, "a value of more than one block"));
	must("copy", p11->C_CopyObject(session, h, copied, COUNT(copied), &copy));
	must("change", p11->C_SetAttributeValue(session, h, renamed, COUNT(renamed)));
	h = CREATE("gone", ATTR(CKA_CLASS, data), ATTR(CKA_TOKEN, yes), ATTR(CKA_PRIVATE, yes), TEXT(CKA_LABEL, "gone"), TEXT(CKA_VALUE, "gone"));
	must("destroy", p11->C_DestroyObject(session, h));
}

int main(int argc, char **argv)
{
	CK_C_GetFunctionList list;
	CK_SLOT_ID slots[8];
	CK_ULONG n = COUNT(slots);
	void *so;

	if (argc != 3 || !(so = dlopen(argv[1], RTLD_NOW)) || !(list = (CK_C_GetFunctionList)dlsym(so, "C_GetFunctionList")))
		return fprintf(stderr, "usage: make MODULE PIN\n"), 2;
	for (n = 0; n < sizeof(zeros_to_31); n++)
		zeros_to_31[n] = n;
	for (n = 0; n < sizeof(odd_parity); n++)
		odd_parity[n] = "\x01\x23\x45\x67\x89\xab\xcd\xef\x23\x45\x67\x89\xab\xcd\xef\x01\x45\x67\x89\xab\xcd\xef\x01\x23"[n];
	must("list", list(&p11));
	must("initialize", p11->C_Initialize(NULL));
	n = COUNT(slots);
	must("slots", p11->C_GetSlotList(CK_TRUE, slots, &n));
	must("session", p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
	must("login", p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)argv[2], strlen(argv[2])));
	secrets();
	wrapping();
	records();
	must("finalize", p11->C_Finalize(NULL));
	return 0;
}
