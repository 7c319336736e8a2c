/* forget.c: searches the memory of this process, and a core file of it, for keys that
 * the library has used, before and after logout. */
#include "host.h"
#include "search.h"

/* Keys. Each is made readable, read, remembered, and used as a sensitive key of the
 * token: imported, or wrapped and unwrapped by the library. */
static CK_SESSION_HANDLE session;
static CK_BYTE buffer[4096];

static CK_ULONG read_value(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type, CK_BYTE *out, CK_ULONG room) {
  CK_ATTRIBUTE a = {type, out, room};
  OK(p11->C_GetAttributeValue(session, key, &a, 1));
  return a.ulValueLen;
}

static CK_OBJECT_HANDLE import(CK_ULONG class, CK_ULONG type, CK_ATTRIBUTE *more, size_t count) {
  CK_ATTRIBUTE all[24] = {{CKA_CLASS, &class, sizeof class},
                          {CKA_KEY_TYPE, &type, sizeof type},
                          {CKA_TOKEN, &yes, sizeof yes},
                          {CKA_PRIVATE, &yes, sizeof yes},
                          {CKA_SENSITIVE, &yes, sizeof yes}};
  CK_OBJECT_HANDLE key;
  memcpy(all + 5, more, count * sizeof *more);
  OK(p11->C_CreateObject(session, all, 5 + count, &key));
  return key;
}

static void run_signature(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism = {type, NULL, 0};
  CK_BYTE data[32] = "what is signed";
  CK_ULONG length = sizeof buffer;
  OK(p11->C_SignInit(session, &mechanism, key));
  OK(p11->C_Sign(session, data, sizeof data, buffer, &length));
}

static void run_cipher(CK_MECHANISM_TYPE type, void *parameter, CK_ULONG size, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism = {type, parameter, size};
  static CK_BYTE data[1024], out[1200];
  CK_ULONG length = sizeof out, rest = sizeof out;
  OK(p11->C_EncryptInit(session, &mechanism, key));
  OK(p11->C_Encrypt(session, data, sizeof data, out, &length));
  OK(p11->C_DecryptInit(session, &mechanism, key));
  OK(p11->C_Decrypt(session, out, length, out, &rest));
  length = sizeof out;
  OK(p11->C_EncryptInit(session, &mechanism, key));
  OK(p11->C_EncryptUpdate(session, data, 512, out, &length));
  length = sizeof out;
  OK(p11->C_EncryptFinal(session, out, &length));
}

static void use_aes(void) {
  CK_BYTE value[32], iv[16] = {1};
  OK(p11->C_GenerateRandom(session, value, sizeof value));
  CK_ATTRIBUTE more[] = {{CKA_VALUE, value, sizeof value},
                         {CKA_ENCRYPT, &yes, sizeof yes},
                         {CKA_DECRYPT, &yes, sizeof yes},
                         {CKA_SIGN, &yes, sizeof yes}};
  CK_OBJECT_HANDLE key = import(CKO_SECRET_KEY, CKK_AES, more, COUNT(more));
  remember("AES key", value, sizeof value, 0);
  explicit_bzero(value, sizeof value);
  CK_GCM_PARAMS gcm = {.pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
  CK_AES_CTR_PARAMS ctr = {.ulCounterBits = 128};
  CK_CCM_PARAMS ccm = {.ulDataLen = 1024, .pNonce = iv, .ulNonceLen = 12, .ulMACLen = 16};
  run_cipher(CKM_AES_GCM, &gcm, sizeof gcm, key);
  run_cipher(CKM_AES_CTR, &ctr, sizeof ctr, key);
  run_cipher(CKM_AES_CBC_PAD, iv, sizeof iv, key);
  run_cipher(CKM_AES_ECB, NULL, 0, key);
  CK_MECHANISM mechanism = {CKM_AES_CCM, &ccm, sizeof ccm};
  CK_ULONG length = sizeof buffer;
  static CK_BYTE data[1024];
  OK(p11->C_EncryptInit(session, &mechanism, key));
  OK(p11->C_Encrypt(session, data, sizeof data, buffer, &length));
  run_signature(CKM_AES_CMAC, key);
}

static void use_hmac(void) {
  CK_BYTE value[48];
  OK(p11->C_GenerateRandom(session, value, sizeof value));
  CK_ATTRIBUTE more[] = {{CKA_VALUE, value, sizeof value}, {CKA_SIGN, &yes, sizeof yes}};
  CK_OBJECT_HANDLE key = import(CKO_SECRET_KEY, CKK_GENERIC_SECRET, more, COUNT(more));
  remember("HMAC key", value, sizeof value, 0);
  remember("HMAC key, inner", value, sizeof value, 0x36);
  remember("HMAC key, outer", value, sizeof value, 0x5c);
  explicit_bzero(value, sizeof value);
  run_signature(CKM_SHA256_HMAC, key);
  run_signature(CKM_SHA512_HMAC, key);
  run_signature(CKM_SHA3_256_HMAC, key);
}

static CK_OBJECT_HANDLE generate_readable(CK_MECHANISM_TYPE type, CK_ATTRIBUTE *of_public, CK_ULONG count) {
  CK_MECHANISM mechanism = {type, NULL, 0};
  CK_ATTRIBUTE of_private[] = {
      {CKA_SENSITIVE, &no, sizeof no}, {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_TOKEN, &no, sizeof no}};
  CK_OBJECT_HANDLE public, private;
  OK(p11->C_GenerateKeyPair(session, &mechanism, of_public, count, of_private, COUNT(of_private), &public, &private));
  return private;
}

static void use_rsa(void) {
  static struct {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    CK_BYTE value[512];
  } parts[] = {{CKA_MODULUS, NULL, {0}},
               {CKA_PUBLIC_EXPONENT, NULL, {0}},
               {CKA_PRIVATE_EXPONENT, "RSA d", {0}},
               {CKA_PRIME_1, "RSA p", {0}},
               {CKA_PRIME_2, "RSA q", {0}},
               {CKA_EXPONENT_1, "RSA dp", {0}},
               {CKA_EXPONENT_2, "RSA dq", {0}},
               {CKA_COEFFICIENT, "RSA qinv", {0}}};
  CK_ULONG bits = 2048;
  CK_ATTRIBUTE of_public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}};
  CK_OBJECT_HANDLE made = generate_readable(CKM_RSA_PKCS_KEY_PAIR_GEN, of_public, 1);
  CK_ATTRIBUTE more[COUNT(parts) + 2] = {{CKA_SIGN, &yes, sizeof yes}, {CKA_DECRYPT, &yes, sizeof yes}};
  for (size_t i = 0; i < COUNT(parts); i++) {
    CK_ULONG length = read_value(made, parts[i].type, parts[i].value, sizeof parts[i].value);
    more[2 + i] = (CK_ATTRIBUTE){parts[i].type, parts[i].value, length};
  }
  OK(p11->C_DestroyObject(session, made));
  CK_OBJECT_HANDLE key = import(CKO_PRIVATE_KEY, CKK_RSA, more, COUNT(more));
  for (size_t i = 0; i < COUNT(parts); i++) {
    if (parts[i].name)
      remember(parts[i].name, parts[i].value, more[2 + i].ulValueLen, 0);
    explicit_bzero(parts[i].value, sizeof parts[i].value);
  }
  run_signature(CKM_SHA256_RSA_PKCS, key);
  CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss};
  CK_ULONG length = sizeof buffer;
  OK(p11->C_SignInit(session, &mechanism, key));
  OK(p11->C_Sign(session, buffer, 32, buffer, &length));
}

static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
static CK_BYTE ed25519[] = {0x06, 0x03, 0x2b, 0x65, 0x70};

static void use_curve(CK_MECHANISM_TYPE generate, CK_ULONG type, CK_BYTE *curve, CK_ULONG size, CK_MECHANISM_TYPE sign,
                      const char *name) {
  CK_ATTRIBUTE of_public[] = {{CKA_EC_PARAMS, curve, size}};
  CK_BYTE value[64];
  CK_OBJECT_HANDLE made = generate_readable(generate, of_public, 1);
  CK_ULONG length = read_value(made, CKA_VALUE, value, sizeof value);
  OK(p11->C_DestroyObject(session, made));
  CK_ATTRIBUTE more[] = {
      {CKA_VALUE, value, length}, {CKA_EC_PARAMS, curve, size}, {CKA_SIGN, &yes, sizeof yes}};
  CK_OBJECT_HANDLE key = import(CKO_PRIVATE_KEY, type, more, COUNT(more));
  remember(name, value, length, 0);
  explicit_bzero(value, sizeof value);
  run_signature(sign, key);
}

static void forget(int how) {
  OK(p11->C_Initialize(NULL));
  session = log_in();
  use_aes();
  use_hmac();
  use_rsa();
  use_curve(CKM_EC_KEY_PAIR_GEN, CKK_EC, p256, sizeof p256, CKM_ECDSA_SHA256, "P-256 d");
  use_curve(CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS, ed25519, sizeof ed25519, CKM_EDDSA, "Ed25519 seed");
  CHECK(search_memory() > 0, "the search finds no key while they are in use: it is blind");
  dprintf(2, "those were in use; what is left:\n");
  if (how == 1)
    OK(p11->C_Logout(session));
  else
    OK(p11->C_Finalize(NULL));
  dprintf(2, "forgotten\n"); /* where it is, for one that hangs */
  size_t found = search_memory();
  CHECK(found == 0, "%zu fragments of keys are still in memory", found);
  dprintf(2, "searched\n");
  found = search_core();
  CHECK(found == 0, "%zu fragments of keys are in a core file", found);
}

static const struct part parts[] = {{"forget", forget}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
