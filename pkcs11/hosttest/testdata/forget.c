/* forget.c: searches the memory of this process, and a core file of it, for keys that
 * the library has used, before and after logout. */
#include "host.h"

#include <fcntl.h>
#include <stdint.h>

/* Secrets that are searched for. They are kept masked, or the search would find
 * them here. A fragment of 16 bytes gives a secret away as well as all of it. */
#define MASK 0xa5
#define FRAGMENT 16

static struct fragment {
  const char *name;
  CK_BYTE masked[FRAGMENT];
} fragments[1024];
static size_t known;

static void remember_fragment(const char *name, const CK_BYTE *bytes, CK_BYTE with) {
  struct fragment *f = &fragments[known++];
  CHECK(known < COUNT(fragments));
  f->name = name;
  for (int i = 0; i < FRAGMENT; i++)
    f->masked[i] = bytes[i] ^ with ^ MASK;
}

/* Remembers a secret as it is, and from its last byte to its first, as numbers stand
 * in memory; with: what it is combined with (HMAC, FIPS 198-1, has two such values). */
static void remember(const char *name, CK_BYTE *bytes, size_t length, CK_BYTE with) {
  CK_BYTE back[FRAGMENT];
  for (size_t at = 0; at + FRAGMENT <= length; at += FRAGMENT) {
    remember_fragment(name, bytes + at, with);
    for (int i = 0; i < FRAGMENT; i++)
      back[i] = bytes[length - 1 - at - i];
    remember_fragment(name, back, with);
  }
  explicit_bzero(back, sizeof back);
}

/* Where fragments begin, by their first 8 bytes. */
static uint8_t begins[1 << 16];

static uint16_t hash_of(uint64_t word) { return (uint16_t)(word * 0x9E3779B97F4A7C15u >> 48); }

static void prepare_search(void) {
  uint64_t word;
  memset(begins, 0, sizeof begins);
  for (size_t i = 0; i < known; i++) {
    memcpy(&word, fragments[i].masked, sizeof word);
    begins[hash_of(word)] = 1;
  }
}

static const char *at_place(const CK_BYTE *p) {
  for (size_t i = 0; i < known; i++) {
    int j = 0;
    while (j < FRAGMENT && (p[j] ^ MASK) == fragments[i].masked[j])
      j++;
    if (j == FRAGMENT)
      return fragments[i].name;
  }
  return NULL;
}

/* Searches what is read from a file between two offsets; returns how many fragments it
 * finds, and tells of the first. The buffer is this function's own and holds what was read,
 * so that it is masked while other parts are searched. */
static CK_BYTE window[1 << 20];

static size_t search(int file, uint64_t from, uint64_t to, const char *where) {
  const uint64_t mask = 0x0101010101010101u * MASK;
  uint64_t word;
  size_t found = 0;
  for (uint64_t at = from; at < to; at += sizeof window - FRAGMENT) {
    size_t want = to - at < sizeof window ? to - at : sizeof window;
    ssize_t got = pread(file, window, want, (off_t)at);
    for (ssize_t i = 0; i + FRAGMENT <= got; i++) {
      memcpy(&word, window + i, sizeof word);
      const char *name = begins[hash_of(word ^ mask)] ? at_place(window + i) : NULL;
      if (name && found++ == 0)
        dprintf(2, "%s at %llx in %s\n", name, (unsigned long long)(at + i), *where ? where : "nowhere by name");
    }
    explicit_bzero(window, sizeof window);
  }
  return found;
}

static size_t search_memory(void) {
  char line[512], where[256];
  unsigned long long from, to;
  size_t found = 0;
  prepare_search();
  FILE *maps = fopen("/proc/self/maps", "r");
  int memory = open("/proc/self/mem", O_RDONLY);
  CHECK(maps && memory >= 0, "%s", strerror(errno));
  while (fgets(line, sizeof line, maps)) {
    char readable;
    where[0] = 0;
    if (sscanf(line, "%llx-%llx %c%*s %*s %*s %*s %255s", &from, &to, &readable, where) < 3 || readable != 'r' ||
        from >= (unsigned long long)INT64_MAX)
      continue;
    found += search(memory, from, to, where);
  }
  close(memory);
  fclose(maps);
  return found;
}

static size_t search_core(void) {
  char command[256], name[64];
  snprintf(name, sizeof name, "core.%d", (int)getpid());
  snprintf(command, sizeof command, "gdb -nx -batch -p %d -ex 'generate-core-file %s' >/dev/null 2>&1", (int)getpid(),
           name);
  CHECK(system(command) == 0);
  int file = open(name, O_RDONLY);
  CHECK(file >= 0, "%s: %s", name, strerror(errno));
  off_t size = lseek(file, 0, SEEK_END);
  CHECK(size > 1 << 20, "a core file of %lld bytes", (long long)size);
  prepare_search();
  size_t found = search(file, 0, (uint64_t)size, "the core file");
  close(file);
  unlink(name);
  return found;
}

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
  size_t found = search_memory();
  CHECK(found == 0, "%zu fragments of keys are still in memory", found);
  found = search_core();
  CHECK(found == 0, "%zu fragments of keys are in a core file", found);
}

static const struct part parts[] = {{"forget", forget}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
