/* forget_session.c: as forget.c, for keys that live no longer than a session: whatever makes
 * them, uses them and ends them. */
#include "host.h"
#include "search.h"

#include <pthread.h>

static CK_SESSION_HANDLE session;
static CK_BYTE buffer[4096];

static CK_ULONG read_value(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, CK_BYTE *out, CK_ULONG room) {
  CK_ATTRIBUTE a = {type, out, room};
  OK(p11->C_GetAttributeValue(session, key, &a, 1));
  return a.ulValueLen;
}

/* What every secret key here may do. */
static CK_ULONG secret_class = CKO_SECRET_KEY;
#define MAY(type) {type, &yes, sizeof yes}
#define USES                                                                                                           \
  MAY(CKA_ENCRYPT), MAY(CKA_DECRYPT), MAY(CKA_SIGN), MAY(CKA_VERIFY), MAY(CKA_DERIVE), MAY(CKA_EXTRACTABLE),           \
      {CKA_SENSITIVE, &no, sizeof no}

/* Makes a key of random bytes, of which none stay here. */
static CK_OBJECT_HANDLE make(const char *name, CK_ULONG type, CK_ULONG length) {
  CK_BYTE value[64];
  CK_OBJECT_HANDLE key;
  OK(p11->C_GenerateRandom(session, value, length));
  CK_ATTRIBUTE all[] = {{CKA_CLASS, &secret_class, sizeof secret_class},
                        {CKA_KEY_TYPE, &type, sizeof type},
                        {CKA_VALUE, value, length},
                        USES};
  OK(p11->C_CreateObject(session, all, COUNT(all), &key));
  remember(name, value, length, 0);
  explicit_bzero(value, sizeof value);
  return key;
}

/* Remembers a key that was made in the library. */
static CK_OBJECT_HANDLE learn(const char *name, CK_OBJECT_HANDLE key) {
  CK_BYTE value[64];
  remember(name, value, read_value(key, CKA_VALUE, value, sizeof value), 0);
  explicit_bzero(value, sizeof value);
  return key;
}

static void crypt_parts(CK_MECHANISM_TYPE type, void *parameter, CK_ULONG size, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism = {type, parameter, size};
  static CK_BYTE data[512], out[600];
  CK_ULONG length = sizeof out;
  OK(p11->C_EncryptInit(session, &mechanism, key));
  OK(p11->C_Encrypt(session, data, sizeof data, out, &length));
  OK(p11->C_DecryptInit(session, &mechanism, key));
  OK(p11->C_Decrypt(session, out, length, out, &length));
  OK(p11->C_EncryptInit(session, &mechanism, key));
  length = sizeof out;
  OK(p11->C_EncryptUpdate(session, data, 100, out, &length));
  length = sizeof out;
  OK(p11->C_EncryptUpdate(session, data, 28, out, &length)); /* and is ended by what ends the key */
}

static void digest_key(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism = {type, NULL, 0};
  CK_ULONG length = sizeof buffer;
  OK(p11->C_DigestInit(session, &mechanism));
  OK(p11->C_DigestKey(session, key));
  OK(p11->C_DigestFinal(session, buffer, &length));
}

static void sign_with(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism = {type, NULL, 0};
  CK_ULONG length = sizeof buffer;
  static CK_BYTE data[32];
  CK_SESSION_HANDLE own = open_session();
  OK(p11->C_SignInit(own, &mechanism, key));
  OK(p11->C_Sign(own, data, sizeof data, buffer, &length));
  OK(p11->C_CloseSession(own));
}

static CK_OBJECT_HANDLE derive(CK_OBJECT_HANDLE base) {
  CK_MECHANISM mechanism = {CKM_SHA256_KEY_DERIVATION, NULL, 0};
  CK_ULONG type = CKK_GENERIC_SECRET, length = 32;
  CK_ATTRIBUTE all[] = {{CKA_CLASS, &secret_class, sizeof secret_class},
                        {CKA_KEY_TYPE, &type, sizeof type},
                        {CKA_VALUE_LEN, &length, sizeof length},
                        USES};
  CK_OBJECT_HANDLE key;
  OK(p11->C_DeriveKey(session, &mechanism, base, all, COUNT(all), &key));
  return learn("derived key", key);
}

static CK_OBJECT_HANDLE rewrap(CK_OBJECT_HANDLE key) {
  CK_MECHANISM generate = {CKM_AES_KEY_GEN, NULL, 0}, wrap = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
  CK_ULONG type = CKK_AES, size = 32, length = sizeof buffer;
  CK_ATTRIBUTE of_wrapping[] = {{CKA_VALUE_LEN, &size, sizeof size}, MAY(CKA_WRAP), MAY(CKA_UNWRAP)};
  CK_ATTRIBUTE all[] = {{CKA_CLASS, &secret_class, sizeof secret_class},
                        {CKA_KEY_TYPE, &type, sizeof type},
                        MAY(CKA_ENCRYPT),
                        MAY(CKA_DECRYPT)};
  CK_OBJECT_HANDLE wrapping, unwrapped;
  OK(p11->C_GenerateKey(session, &generate, of_wrapping, COUNT(of_wrapping), &wrapping));
  OK(p11->C_WrapKey(session, &wrap, wrapping, key, buffer, &length));
  OK(p11->C_UnwrapKey(session, &wrap, wrapping, buffer, length, all, COUNT(all), &unwrapped));
  OK(p11->C_DestroyObject(session, wrapping));
  return unwrapped;
}

static CK_OBJECT_HANDLE copy(CK_OBJECT_HANDLE key) {
  CK_OBJECT_HANDLE twin;
  OK(p11->C_CopyObject(session, key, NULL, 0, &twin));
  return twin;
}

static void use_secrets(void) {
  CK_BYTE iv[16] = {1};
  CK_GCM_PARAMS gcm = {.pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
  CK_OBJECT_HANDLE unused = make("AES key that is not used", CKK_AES, 32);
  OK(p11->C_DestroyObject(session, unused));
  CK_OBJECT_HANDLE aes = make("AES key", CKK_AES, 32);
  crypt_parts(CKM_AES_GCM, &gcm, sizeof gcm, aes);
  OK(p11->C_SessionCancel(session, CKF_ENCRYPT));
  crypt_parts(CKM_AES_GCM, &gcm, sizeof gcm, rewrap(copy(aes)));
  OK(p11->C_SessionCancel(session, CKF_ENCRYPT));
  OK(p11->C_DestroyObject(session, aes));
  CK_OBJECT_HANDLE generic = make("HMAC key", CKK_GENERIC_SECRET, 48);
  sign_with(CKM_SHA256_HMAC, generic);
  sign_with(CKM_SHA256_HMAC, derive(generic));
  CK_OBJECT_HANDLE digested = make("digested key", CKK_GENERIC_SECRET, 40);
  digest_key(CKM_SHA256, digested);
  digest_key(CKM_SHA512, digested);
  digest_key(CKM_SHA3_256, digested);
  CK_OBJECT_HANDLE xts = make("XTS key", CKK_AES_XTS, 64);
  crypt_parts(CKM_AES_XTS, iv, sizeof iv, xts);
}

/* RSA. The private half is readable, so that it may be learnt. */
enum { BITS = 2048, HALF = BITS / 16, THREADS = 8 };

static struct {
  CK_ATTRIBUTE_TYPE type;
  const char *name;
  CK_BYTE value[2 * HALF];
} parts_of_rsa[] = {{CKA_PRIME_1, "RSA p", {0}},
                    {CKA_PRIME_2, "RSA q", {0}},
                    {CKA_EXPONENT_1, "RSA dp", {0}},
                    {CKA_EXPONENT_2, "RSA dq", {0}},
                    {CKA_PRIVATE_EXPONENT, "RSA d", {0}},
                    {CKA_COEFFICIENT, "RSA qinv", {0}}};

static CK_OBJECT_HANDLE generate_readable(void) {
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
  CK_ULONG bits = BITS;
  CK_ATTRIBUTE of_public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, MAY(CKA_VERIFY)};
  CK_ATTRIBUTE of_private[] = {MAY(CKA_SIGN), MAY(CKA_EXTRACTABLE), {CKA_SENSITIVE, &no, sizeof no}};
  CK_OBJECT_HANDLE public, private;
  OK(p11->C_GenerateKeyPair(session, &mechanism, of_public, COUNT(of_public), of_private, COUNT(of_private), &public,
                            &private));
  return private;
}

static void learn_rsa(CK_OBJECT_HANDLE key) {
  for (size_t i = 0; i < COUNT(parts_of_rsa); i++) {
    CK_BYTE *value = parts_of_rsa[i].value;
    CK_ULONG wide = parts_of_rsa[i].type == CKA_PRIVATE_EXPONENT ? 2 * HALF : HALF;
    CK_ULONG length = read_value(key, parts_of_rsa[i].type, buffer, sizeof buffer);
    memset(value, 0, wide);
    memcpy(value + wide - length, buffer, length);
    explicit_bzero(buffer, length);
    remember(parts_of_rsa[i].name, value, wide, 0);
    remember_digits(parts_of_rsa[i].name, value, wide);
  }
  for (int window = 4; window <= 5; window++)
    remember_windows("windows of RSA dp and dq", parts_of_rsa[2].value, parts_of_rsa[3].value, HALF, window);
  for (size_t i = 0; i < COUNT(parts_of_rsa); i++)
    explicit_bzero(parts_of_rsa[i].value, sizeof parts_of_rsa[i].value);
}

static void *sign_often(void *key) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  CK_BYTE data[32] = {0}, out[512];
  CK_SESSION_HANDLE own = open_session();
  for (int i = 0; i < 50; i++) {
    CK_ULONG length = sizeof out;
    OK(p11->C_SignInit(own, &mechanism, *(CK_OBJECT_HANDLE *)key));
    OK(p11->C_Sign(own, data, sizeof data, out, &length));
  }
  OK(p11->C_CloseSession(own));
  return NULL;
}

static void use_rsa(void) {
  pthread_t threads[THREADS];
  CK_OBJECT_HANDLE key = generate_readable();
  learn_rsa(key);
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&threads[i], NULL, sign_often, &key) == 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

/* Each key that is left ends in another way. */
enum { LOGOUT = 1, FINALIZE, CLOSE, DESTROY };

static void destroy_all(void) {
  CK_OBJECT_HANDLE found[64];
  CK_ULONG count;
  CK_ATTRIBUTE of_session[] = {{CKA_TOKEN, &no, sizeof no}, {CKA_PRIVATE, &yes, sizeof yes}};
  OK(p11->C_FindObjectsInit(session, of_session, COUNT(of_session)));
  OK(p11->C_FindObjects(session, found, COUNT(found), &count));
  OK(p11->C_FindObjectsFinal(session));
  CHECK(count > 0, "no keys");
  while (count > 0)
    OK(p11->C_DestroyObject(session, found[--count]));
}

static void end(int how) {
  switch (how) {
  case CLOSE:
    OK(p11->C_CloseSession(session));
    session = open_session(); /* the last one is gone: nobody is logged in */
    return;
  case DESTROY:
  case LOGOUT:
    if (how == DESTROY)
      destroy_all();
    OK(p11->C_Logout(session));
    return;
  case FINALIZE:
    OK(p11->C_Finalize(NULL));
  }
}

static void forget(int how) {
  OK(p11->C_Initialize(NULL));
  session = log_in();
  use_secrets();
  use_rsa();
  CHECK(search_memory() > 0, "the search finds no key while they are in use: it is blind");
  dprintf(2, "those were in use; what is left:\n");
  end(how);
  size_t found = search_memory();
  CHECK(found == 0, "%zu fragments of keys are still in memory", found);
}

static const struct part parts[] = {{"forget", forget}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
