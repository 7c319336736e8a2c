/* approved.c: the same operations whatever does them, and the indicator after each. */
#include "host.h"

/* No operation has met a validation where none is in the token. */
static void not_validated(CK_SESSION_HANDLE session) {
  CK_FLAGS flags = 99;
  OK(p11->C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &flags));
  CHECK(flags == 0, "%lx", flags);
}

static void no_validation_object(CK_SESSION_HANDLE session) {
  CK_ULONG class = CKO_VALIDATION;
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  CK_OBJECT_HANDLE found;
  CK_ULONG count = 99;
  OK(p11->C_FindObjectsInit(session, &wanted, 1));
  OK(p11->C_FindObjects(session, &found, 1, &count));
  OK(p11->C_FindObjectsFinal(session));
  CHECK(count == 0);
}

static CK_OBJECT_HANDLE aes_key(CK_SESSION_HANDLE session) {
  CK_ULONG class = CKO_SECRET_KEY;
  CK_ULONG type = CKK_AES;
  CK_BYTE value[32] = {0};
  CK_ATTRIBUTE key[] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
                        {CKA_VALUE, value, sizeof value}, {CKA_ENCRYPT, &yes, sizeof yes},
                        {CKA_TOKEN, &no, sizeof no}};
  CK_OBJECT_HANDLE handle;
  OK(p11->C_CreateObject(session, key, COUNT(key), &handle));
  return handle;
}

/* The start of AES-256 of zeros under a key of zeros, by ECB and in the counter mode. */
static const CK_BYTE zeros_encrypted[] = {0xdc, 0x95, 0xc0, 0x78};

static void encrypts(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism) {
  static CK_BYTE plain[4096], sealed[4096];
  CK_ULONG length = sizeof sealed;
  OK(p11->C_EncryptInit(session, &mechanism, key));
  OK(p11->C_Encrypt(session, plain, sizeof plain, sealed, &length));
  CHECK(memcmp(sealed, zeros_encrypted, sizeof zeros_encrypted) == 0);
  not_validated(session);
}

static void signs(CK_SESSION_HANDLE session) {
  CK_OBJECT_HANDLE public, private;
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  CK_BYTE data[] = "data", signature[256];
  CK_ULONG length = sizeof signature;
  generate_rsa(session, &public, &private);
  OK(p11->C_SignInit(session, &mechanism, private));
  OK(p11->C_Sign(session, data, sizeof data, signature, &length));
  not_validated(session);
  OK(p11->C_VerifyInit(session, &mechanism, public));
  OK(p11->C_Verify(session, data, sizeof data, signature, length));
  not_validated(session);
}

int main(void) {
  load_module();
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = log_in();
  no_validation_object(session);
  CK_OBJECT_HANDLE key = aes_key(session);
  CK_AES_CTR_PARAMS counter = {128, {0}};
  encrypts(session, key, (CK_MECHANISM){CKM_AES_ECB, NULL, 0});
  encrypts(session, key, (CK_MECHANISM){CKM_AES_CTR, &counter, sizeof counter});
  signs(session);
  OK(p11->C_Finalize(NULL));
  return 0;
}
