/* stream.c: a long encryption in parts beside the same bytes in one call each, and
 * what it takes of memory. */
#include "host.h"
#include "resident.h"

enum { MIB = 1 << 20, BLOCK = 16 * MIB, PART = 64 << 10, ROUNDS = 3, MOST_ROUNDS = 30 };

static CK_BYTE *in, *out;
static CK_BYTE iv[16];
static CK_GCM_PARAMS gcm = {.pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
static CK_AES_CTR_PARAMS ctr = {.ulCounterBits = 128};

static struct cipher {
  const char *name;
  CK_MECHANISM mechanism;
} ciphers[] = {
    {"AES-GCM", {CKM_AES_GCM, &gcm, sizeof gcm}},
    {"AES-CTR", {CKM_AES_CTR, &ctr, sizeof ctr}},
    {"AES-CBC", {CKM_AES_CBC, iv, sizeof iv}},
};

static CK_OBJECT_HANDLE generate_aes(CK_SESSION_HANDLE session) {
  CK_MECHANISM mechanism = {CKM_AES_KEY_GEN, NULL, 0};
  CK_ULONG size = 32;
  CK_ATTRIBUTE attributes[] = {
      {CKA_VALUE_LEN, &size, sizeof size}, {CKA_TOKEN, &no, sizeof no}, {CKA_ENCRYPT, &yes, sizeof yes}};
  CK_OBJECT_HANDLE key;
  OK(p11->C_GenerateKey(session, &mechanism, attributes, COUNT(attributes), &key));
  return key;
}

/* The processor time of the thread that calls: what others do does not count. */
static double cpu(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double one_shot(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM *mechanism, int blocks) {
  double start = cpu();
  for (int i = 0; i < blocks; i++) {
    CK_ULONG size = BLOCK + 16;
    iv[0]++;
    OK(p11->C_EncryptInit(session, mechanism, key));
    OK(p11->C_Encrypt(session, in, BLOCK, out, &size));
  }
  return cpu() - start;
}

static double in_parts(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM *mechanism, int blocks) {
  double start = cpu();
  CK_ULONG size;
  iv[0]++;
  OK(p11->C_EncryptInit(session, mechanism, key));
  for (int i = 0; i < blocks; i++) {
    for (long at = 0; at < BLOCK; at += PART) {
      size = PART;
      OK(p11->C_EncryptUpdate(session, in + at, PART, out + at, &size));
      CHECK(size == PART);
    }
  }
  size = 16;
  OK(p11->C_EncryptFinal(session, out, &size));
  return cpu() - start;
}

/* The best of each, in turns, with more rounds if others may have disturbed them. */
static void compare(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, struct cipher *c, int blocks) {
  double whole = 1e9, parts = 1e9;
  one_shot(session, key, &c->mechanism, 1);
  in_parts(session, key, &c->mechanism, 1);
  long before = resident_kib();
  for (int i = 0; i < ROUNDS || (i < MOST_ROUNDS && whole < 0.9 * parts); i++) {
    double took = one_shot(session, key, &c->mechanism, blocks);
    whole = took < whole ? took : whole;
    took = in_parts(session, key, &c->mechanism, blocks);
    parts = took < parts ? took : parts;
  }
  long grown = resident_kib() - before;
  printf("%s: in parts at %.2f of the rate, %ld KiB more\n", c->name, whole / parts, grown);
  CHECK(whole / parts >= 0.9, "%s in parts at %.2f of the rate", c->name, whole / parts);
  CHECK(grown < 2048, "%s took %ld KiB more", c->name, grown);
}

static void stream(int mib) {
  OK(p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = log_in();
  CK_OBJECT_HANDLE key = generate_aes(session);
  in = malloc(BLOCK), out = malloc(BLOCK + 16);
  CHECK(in && out);
  memset(in, 1, BLOCK), memset(out, 1, BLOCK + 16);
  for (size_t i = 0; i < COUNT(ciphers); i++)
    compare(session, key, &ciphers[i], mib / (BLOCK / MIB));
}

static const struct part parts[] = {{"encrypt", stream}};

int main(int argc, char **argv) { return run_part(argc, argv, parts, COUNT(parts)); }
