/* The libcrypto backend: the same operations with OpenSSL called directly, which
 * is what a program gets without any token. Keys are made once and contexts are
 * used again, as a program that wants speed would. Sessions and objects have no
 * counterpart here. */
#include "measure.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLACK = 1024 };

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* TRY is for functions that answer 1 if all went well. */
#define TRY(function, ...) \
	do { \
		int answer_ = function(__VA_ARGS__); \
		if (answer_ != 1) \
			return failure(#function, (unsigned long)answer_); \
	} while (0)

/* A kind of key pair; the key is there once it was needed. */
struct pair {
	const char *type, *curve;
	size_t bits;
	EVP_PKEY *key;
};

struct use {
	struct pair *pair;
	const char *algorithm;
	size_t size;
};

struct worker {
	EVP_PKEY_CTX *pair;
	EVP_MD_CTX *digest;
	EVP_CIPHER_CTX *cipher;
	EVP_MAC_CTX *mac;
	EVP_MD *hash;
	EVP_PKEY *key;
	int tag;
	size_t size;
	unsigned char iv[16];
	unsigned char *input, *output;
};

static int worker_start(const struct row *row, void **made)
{
	const struct use *use = row->how;
	struct worker *w = calloc(1, sizeof *w);
	w->size = use->size;
	w->input = calloc(1, use->size + SLACK);
	w->output = calloc(1, use->size + SLACK);
	*made = w;
	return 0;
}

static void worker_stop(void *worker)
{
	struct worker *w = worker;
	EVP_PKEY_CTX_free(w->pair);
	EVP_MD_CTX_free(w->digest);
	EVP_CIPHER_CTX_free(w->cipher);
	EVP_MAC_CTX_free(w->mac);
	EVP_MD_free(w->hash);
	free(w->input);
	free(w->output);
	free(w);
}

static EVP_PKEY *make(const struct pair *pair)
{
	if (pair->bits)
		return EVP_PKEY_Q_keygen(NULL, NULL, pair->type, pair->bits);
	if (pair->curve)
		return EVP_PKEY_Q_keygen(NULL, NULL, pair->type, pair->curve);
	return EVP_PKEY_Q_keygen(NULL, NULL, pair->type);
}

static EVP_PKEY *key_of(struct pair *pair)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&mutex);
	if (!pair->key)
		pair->key = make(pair);
	pthread_mutex_unlock(&mutex);
	return pair->key;
}

/* sign: RSA of a DigestInfo, ECDSA of a digest. */
static int sign_start(const struct row *row, void **made)
{
	const struct use *use = row->how;
	worker_start(row, made);
	struct worker *w = *made;
	w->key = key_of(use->pair);
	w->pair = EVP_PKEY_CTX_new_from_pkey(NULL, w->key, NULL);
	TRY(EVP_PKEY_sign_init, w->pair);
	if (strcmp(use->pair->type, "RSA") == 0)
		TRY(EVP_PKEY_CTX_set_rsa_padding, w->pair, RSA_PKCS1_PADDING);
	return 0;
}

static int sign_run(void *worker)
{
	struct worker *w = worker;
	size_t size = SLACK;
	TRY(EVP_PKEY_sign, w->pair, w->output, &size, w->input, w->size);
	return 0;
}

/* EdDSA takes the message itself. */
static int eddsa_start(const struct row *row, void **made)
{
	const struct use *use = row->how;
	worker_start(row, made);
	struct worker *w = *made;
	w->key = key_of(use->pair);
	w->digest = EVP_MD_CTX_new();
	TRY(EVP_DigestSignInit, w->digest, NULL, NULL, NULL, w->key);
	return 0;
}

static int eddsa_run(void *worker)
{
	struct worker *w = worker;
	size_t size = SLACK;
	TRY(EVP_DigestSign, w->digest, w->output, &size, w->input, w->size);
	return 0;
}

static int cipher_start(const struct row *row, void **made, int encrypt)
{
	static const unsigned char key[32] = {1, 2, 3};
	const struct use *use = row->how;
	worker_start(row, made);
	struct worker *w = *made;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, use->algorithm, NULL);
	w->cipher = EVP_CIPHER_CTX_new();
	w->tag = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_GCM_MODE;
	TRY(EVP_CipherInit_ex2, w->cipher, cipher, key, w->iv, encrypt, NULL);
	TRY(EVP_CIPHER_CTX_set_padding, w->cipher, 0);
	EVP_CIPHER_free(cipher);
	return 0;
}

static int encrypt_start(const struct row *row, void **made)
{
	return cipher_start(row, made, 1);
}

static int decrypt_start(const struct row *row, void **made)
{
	return cipher_start(row, made, 0);
}

static int cipher_run(void *worker)
{
	struct worker *w = worker;
	int size, rest;
	for (int i = 11; i >= 0 && ++w->iv[i] == 0; i--)
		;
	TRY(EVP_CipherInit_ex2, w->cipher, NULL, NULL, w->iv, -1, NULL);
	TRY(EVP_CipherUpdate, w->cipher, w->output, &size, w->input, (int)w->size);
	TRY(EVP_CipherFinal_ex, w->cipher, w->output + size, &rest);
	if (w->tag)
		TRY(EVP_CIPHER_CTX_ctrl, w->cipher, EVP_CTRL_AEAD_GET_TAG, 16, w->output + w->size);
	return 0;
}

static int digest_start(const struct row *row, void **made)
{
	const struct use *use = row->how;
	worker_start(row, made);
	struct worker *w = *made;
	w->hash = EVP_MD_fetch(NULL, use->algorithm, NULL);
	w->digest = EVP_MD_CTX_new();
	TRY(EVP_DigestInit_ex2, w->digest, w->hash, NULL);
	return 0;
}

static int digest_run(void *worker)
{
	struct worker *w = worker;
	unsigned size;
	TRY(EVP_DigestInit_ex2, w->digest, NULL, NULL);
	TRY(EVP_DigestUpdate, w->digest, w->input, w->size);
	TRY(EVP_DigestFinal_ex, w->digest, w->output, &size);
	return 0;
}

static int mac_start(const struct row *row, void **made)
{
	static const unsigned char key[32] = {1, 2, 3};
	const struct use *use = row->how;
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)use->algorithm, 0),
		OSSL_PARAM_construct_end(),
	};
	worker_start(row, made);
	struct worker *w = *made;
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	w->mac = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac);
	TRY(EVP_MAC_init, w->mac, key, sizeof key, parameters);
	return 0;
}

static int mac_run(void *worker)
{
	struct worker *w = worker;
	size_t size;
	TRY(EVP_MAC_init, w->mac, NULL, 0, NULL);
	TRY(EVP_MAC_update, w->mac, w->input, w->size);
	TRY(EVP_MAC_final, w->mac, w->output, &size, SLACK);
	return 0;
}

static int random_run(void *worker)
{
	struct worker *w = worker;
	TRY(RAND_bytes, w->output, (int)w->size);
	return 0;
}

static struct pair
	rsa2048 = {"RSA", NULL, 2048, NULL},
	rsa3072 = {"RSA", NULL, 3072, NULL},
	rsa4096 = {"RSA", NULL, 4096, NULL},
	p256 = {"EC", "P-256", 0, NULL},
	p384 = {"EC", "P-384", 0, NULL},
	ed25519 = {"ED25519", NULL, 0, NULL};

#define USE(pair, algorithm, size) &(const struct use){pair, algorithm, size}
#define ROW(name, bytes, start, run, how) {name, bytes, NULL, NULL, start, run, worker_stop, how}

static const struct row rows[] = {
	ROW("rsa-2048-sign", 0, sign_start, sign_run, USE(&rsa2048, NULL, 51)),
	ROW("rsa-3072-sign", 0, sign_start, sign_run, USE(&rsa3072, NULL, 51)),
	ROW("rsa-4096-sign", 0, sign_start, sign_run, USE(&rsa4096, NULL, 51)),
	ROW("p256-sign", 0, sign_start, sign_run, USE(&p256, NULL, 32)),
	ROW("p384-sign", 0, sign_start, sign_run, USE(&p384, NULL, 48)),
	ROW("ed25519-sign", 0, eddsa_start, eddsa_run, USE(&ed25519, NULL, 32)),
	ROW("aes-256-gcm-16B", 16, encrypt_start, cipher_run, USE(NULL, "AES-256-GCM", 16)),
	ROW("aes-256-gcm-16KiB", 16384, encrypt_start, cipher_run, USE(NULL, "AES-256-GCM", 16384)),
	ROW("aes-256-cbc-decrypt-16KiB", 16384, decrypt_start, cipher_run, USE(NULL, "AES-256-CBC", 16384)),
	ROW("aes-256-ctr-16KiB", 16384, encrypt_start, cipher_run, USE(NULL, "AES-256-CTR", 16384)),
	ROW("aes-256-ecb-16KiB", 16384, encrypt_start, cipher_run, USE(NULL, "AES-256-ECB", 16384)),
	ROW("sha256-64B", 64, digest_start, digest_run, USE(NULL, "SHA256", 64)),
	ROW("hmac-sha256-64B", 64, mac_start, mac_run, USE(NULL, "SHA256", 64)),
	ROW("random-32B", 32, worker_start, random_run, USE(NULL, NULL, 32)),
	ROW("random-4KiB", 4096, worker_start, random_run, USE(NULL, NULL, 4096)),
};

static int nothing(int count, char **arguments)
{
	(void)count;
	(void)arguments;
	return 0;
}

static void none(void)
{
}

const struct backend backend = {nothing, rows, LENGTH(rows), NULL, 0, NULL, 0, none};
