/* The table of what is measured through PKCS #11. libcrypto.c has rows of the
 * same names. */
#include "token_use.h"

#include <stdlib.h>

#define CURVE(mechanism, der) {mechanism, 0, der, sizeof(der) - 1, 0}

static struct key
	rsa2048 = {CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, NULL, 0, 0},
	rsa3072 = {CKM_RSA_PKCS_KEY_PAIR_GEN, 3072, NULL, 0, 0},
	rsa4096 = {CKM_RSA_PKCS_KEY_PAIR_GEN, 4096, NULL, 0, 0},
	p256 = CURVE(CKM_EC_KEY_PAIR_GEN, "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"),
	p384 = CURVE(CKM_EC_KEY_PAIR_GEN, "\x06\x05\x2b\x81\x04\x00\x22"),
	ed25519 = CURVE(CKM_EC_EDWARDS_KEY_PAIR_GEN, "\x06\x03\x2b\x65\x70"),
	aes256 = {CKM_AES_KEY_GEN, 32, NULL, 0, 0},
	secret = {CKM_GENERIC_SECRET_KEY_GEN, 32, NULL, 0, 0};

/* 51 bytes are the DigestInfo of a SHA-256 digest. */
#define RSA(key) &(const struct use){&key, CKM_RSA_PKCS, NO_PARAMETER, 51}
#define USE(key, mechanism, parameter, size) &(const struct use){key, mechanism, parameter, size}

#define SIGN(name, bytes, how) {name, bytes, NULL, NULL, sign_start, sign_run, worker_stop, how}
#define ENCRYPT(name, bytes, how) {name, bytes, NULL, NULL, cipher_start, encrypt_run, worker_stop, how}
#define DECRYPT(name, bytes, how) {name, bytes, NULL, NULL, cipher_start, decrypt_run, worker_stop, how}
#define DIGEST(name, bytes, how) {name, bytes, NULL, NULL, digest_start, digest_run, worker_stop, how}
#define RANDOM(name, bytes) {name, bytes, NULL, NULL, random_start, random_run, worker_stop, USE(NULL, 0, NO_PARAMETER, bytes)}

static const struct row rows[] = {
	SIGN("rsa-2048-sign", 0, RSA(rsa2048)),
	SIGN("rsa-3072-sign", 0, RSA(rsa3072)),
	SIGN("rsa-4096-sign", 0, RSA(rsa4096)),
	SIGN("p256-sign", 0, USE(&p256, CKM_ECDSA, NO_PARAMETER, 32)),
	SIGN("p384-sign", 0, USE(&p384, CKM_ECDSA, NO_PARAMETER, 48)),
	SIGN("ed25519-sign", 0, USE(&ed25519, CKM_EDDSA, NO_PARAMETER, 32)),
	ENCRYPT("aes-256-gcm-16B", 16, USE(&aes256, CKM_AES_GCM, GCM, 16)),
	ENCRYPT("aes-256-gcm-16KiB", 16384, USE(&aes256, CKM_AES_GCM, GCM, 16384)),
	DECRYPT("aes-256-cbc-decrypt-16KiB", 16384, USE(&aes256, CKM_AES_CBC, IV, 16384)),
	ENCRYPT("aes-256-ctr-16KiB", 16384, USE(&aes256, CKM_AES_CTR, CTR, 16384)),
	ENCRYPT("aes-256-ecb-16KiB", 16384, USE(&aes256, CKM_AES_ECB, NO_PARAMETER, 16384)),
	DIGEST("sha256-64B", 64, USE(NULL, CKM_SHA256, NO_PARAMETER, 64)),
	SIGN("hmac-sha256-64B", 64, USE(&secret, CKM_SHA256_HMAC, NO_PARAMETER, 64)),
	RANDOM("random-32B", 32),
	RANDOM("random-4KiB", 4096),
	{"session-open-close", 0, NULL, NULL, sessions_start, sessions_run, free, NULL},
	{"key-create-destroy", 0, NULL, NULL, objects_start, objects_run, objects_stop, NULL},
	{"find-1-of-1000", 0, find_before, find_after, find_start, find_run, objects_stop, NULL},
};

/* By size: the payload that was set, whole and in parts. */
#define SIZED(name, start, run, how) {name, PAYLOAD, NULL, NULL, start, run, worker_stop, how}
static const struct row scaled[] = {
	SIZED("aes-256-gcm", cipher_start, encrypt_run, USE(&aes256, CKM_AES_GCM, GCM, PAYLOAD)),
	SIZED("aes-256-gcm-parts", cipher_start, encrypt_parts_run, USE(&aes256, CKM_AES_GCM, GCM, PAYLOAD)),
	SIZED("aes-256-ctr", cipher_start, encrypt_run, USE(&aes256, CKM_AES_CTR, CTR, PAYLOAD)),
	SIZED("aes-256-ctr-parts", cipher_start, encrypt_parts_run, USE(&aes256, CKM_AES_CTR, CTR, PAYLOAD)),
	SIZED("sha256", digest_start, digest_run, USE(NULL, CKM_SHA256, NO_PARAMETER, PAYLOAD)),
	SIZED("sha256-parts", digest_start, digest_parts_run, USE(NULL, CKM_SHA256, NO_PARAMETER, PAYLOAD)),
	{"find-label", 0, NULL, NULL, find_start, find_label_run, objects_stop, NULL},
};

static const struct setting settings[] = {
	{"payload", set_payload}, {"sessions", set_sessions}, {"objects", set_objects}, {"labels", set_labels},
};

const struct backend backend = {
	token_open, rows, LENGTH(rows), scaled, LENGTH(scaled), settings, LENGTH(settings), token_close,
};
