/* search.h: secrets, and the search for them in the memory of this process and in a core file
 * of it. */
#ifndef SEARCH_H
#define SEARCH_H

#include "host.h"

#include <fcntl.h>
#include <stdint.h>

/* Secrets that are searched for. They are kept masked, or the search would find
 * them here. A fragment of 16 bytes gives a secret away as well as all of it. */
#define MASK 0xa5
#define FRAGMENT 16

static struct fragment {
  const char *name;
  int length;
  CK_BYTE masked[FRAGMENT];
} fragments[4096];
static size_t known;

static inline void remember_fragment(const char *name, const CK_BYTE *bytes, int length, CK_BYTE with) {
  struct fragment *f = &fragments[known++];
  CHECK(known < COUNT(fragments));
  f->name = name;
  f->length = length;
  for (int i = 0; i < length; i++)
    f->masked[i] = bytes[i] ^ with ^ MASK;
}

/* Remembers a secret as it is, and from its last byte to its first, as numbers stand
 * in memory; with: what it is combined with (HMAC, FIPS 198-1, has two such values). */
static inline void remember(const char *name, CK_BYTE *bytes, size_t length, CK_BYTE with) {
  CK_BYTE back[FRAGMENT];
  for (size_t at = 0; at + FRAGMENT <= length; at += FRAGMENT) {
    remember_fragment(name, bytes + at, FRAGMENT, with);
    for (int i = 0; i < FRAGMENT; i++)
      back[i] = bytes[length - 1 - at - i];
    remember_fragment(name, back, FRAGMENT, with);
  }
  explicit_bzero(back, sizeof back);
}

/* Remembers a number as the kernels of RSA keep it: digits of 52 bits, each in 8 bytes. Those
 * of several numbers may stand among each other, so each digit counts alone; the highest is
 * left out, as it may be short. */
static inline void remember_digits(const char *name, const CK_BYTE *bytes, size_t length) {
  for (size_t bit = 0; bit + 52 <= 8 * length - 52; bit += 52) {
    uint64_t digit = 0;
    for (size_t i = 0; i < 52; i++)
      digit |= (uint64_t)(bytes[length - 1 - (bit + i) / 8] >> (bit + i) % 8 & 1) << i;
    remember_fragment(name, (const CK_BYTE *)&digit, sizeof digit, 0);
    explicit_bzero(&digit, sizeof digit);
  }
}

/* Remembers two exponents of the same length as those kernels keep them: a byte for each
 * window of so many bits, highest first, of the one and of the other in turns. */
static inline void remember_windows(const char *name, const CK_BYTE *a, const CK_BYTE *b, size_t length, int window) {
  CK_BYTE pairs[FRAGMENT];
  const CK_BYTE *both[] = {a, b};
  for (size_t at = 0; at + FRAGMENT / 2 * window <= 8 * length; at += FRAGMENT / 2 * window) {
    memset(pairs, 0, sizeof pairs);
    for (int i = 0; i < FRAGMENT / 2 * window; i++)
      for (int l = 0; l < 2; l++)
        pairs[FRAGMENT - 2 - 2 * (i / window) + l] |=
            (both[l][length - 1 - (at + i) / 8] >> (at + i) % 8 & 1) << i % window;
    remember_fragment(name, pairs, FRAGMENT, 0);
  }
  explicit_bzero(pairs, sizeof pairs);
}

/* The fragments by the hash of their first 8 bytes, each list by its first member's number
 * plus one. Memory is mostly zeros, and in one run of some hundred a fragment's hash is that
 * of zeros: with all fragments looked at there a search took a minute. So a word is compared
 * with those of its own hash only, and a decoy with the hash of zeros makes every run that one. */
static uint16_t first_of[1 << 16], next_of[COUNT(fragments)];

static const uint64_t masked_zeros = 0x0101010101010101u * MASK;

static inline uint16_t hash_of(uint64_t word) { return (uint16_t)(word * 0x9E3779B97F4A7C15u >> 48); }

static inline void list_fragment(uint64_t masked_word, size_t number) {
  uint16_t *first = &first_of[hash_of(masked_word)];
  next_of[number] = *first;
  *first = (uint16_t)(number + 1);
}

static inline void prepare_search(void) {
  uint64_t word;
  memset(first_of, 0, sizeof first_of);
  for (size_t i = 0; i < known; i++) {
    memcpy(&word, fragments[i].masked, sizeof word);
    list_fragment(word, i);
  }
  list_fragment(masked_zeros, known); /* the decoy: of no length, so nothing is it */
}

/* The name of the fragment at a place; first: the first of those with its hash. */
static inline const char *at_place(const CK_BYTE *p, uint16_t first) {
  for (uint16_t i = first; i; i = next_of[i - 1]) {
    int j = 0;
    while (j < fragments[i - 1].length && (p[j] ^ MASK) == fragments[i - 1].masked[j])
      j++;
    if (j > 0 && j == fragments[i - 1].length)
      return fragments[i - 1].name;
  }
  return NULL;
}

/* Searches what is read from a file between two offsets; returns how many fragments it
 * finds, and tells of the first. The buffer is this function's own and holds what was read,
 * so that it is masked while other parts are searched. */
static CK_BYTE window[1 << 20];

static inline size_t search(int file, uint64_t from, uint64_t to, const char *where) {
  uint64_t word;
  size_t found = 0;
  for (uint64_t at = from; at < to; at += sizeof window - FRAGMENT) {
    size_t want = to - at < sizeof window ? to - at : sizeof window;
    ssize_t got = pread(file, window, want, (off_t)at);
    for (ssize_t i = 0; i + FRAGMENT <= got; i++) {
      memcpy(&word, window + i, sizeof word);
      uint16_t first = first_of[hash_of(word ^ masked_zeros)];
      const char *name = first ? at_place(window + i, first) : NULL;
      if (name && found++ == 0)
        dprintf(2, "%s at %llx in %s\n", name, (unsigned long long)(at + i), *where ? where : "nowhere by name");
    }
    explicit_bzero(window, sizeof window);
  }
  return found;
}

/* Writes over what functions that have returned have left on the stack. */
static __attribute__((noinline)) void scrub_stack(void) {
  CK_BYTE below[1 << 15];
  explicit_bzero(below, sizeof below);
}

static inline size_t search_memory(void) {
  char line[512], where[256];
  unsigned long long from, to;
  size_t found = 0;
  scrub_stack();
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

static inline size_t search_core(void) {
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

#endif
