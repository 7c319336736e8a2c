/* Cryptographic rows: an Init call and the one-shot call, on the thread's own
 * session and one key for all threads. */
#include "token_use.h"

#include <stdlib.h>
#include <string.h>

/* Output may be longer than input by a tag, or be a signature. */
enum { SLACK = 1024 };

struct worker {
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	CK_MECHANISM mechanism;
	CK_BYTE iv[16];
	union {
		CK_GCM_PARAMS gcm;
		CK_AES_CTR_PARAMS ctr;
	} parameter;
	CK_ULONG size;
	CK_BYTE *input, *output;
};

static int worker_start(const struct row *row, void **made, int with_key)
{
	const struct use *use = row->how;
	struct worker *w = calloc(1, sizeof *w);
	w->mechanism.mechanism = use->mechanism;
	w->size = use->size == PAYLOAD ? payload : use->size;
	w->input = calloc(1, w->size + SLACK);
	w->output = calloc(1, w->size + SLACK);
	*made = w;
	if (with_key && key_of(use->key, &w->key) != 0)
		return -1;
	CALL(C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &w->session);
	return 0;
}

void worker_stop(void *worker)
{
	struct worker *w = worker;
	p11->C_CloseSession(w->session);
	free(w->input);
	free(w->output);
	free(w);
}

static void set_parameter(struct worker *w, enum parameter parameter)
{
	switch (parameter) {
	case NO_PARAMETER:
		return;
	case IV:
		w->mechanism.pParameter = w->iv;
		w->mechanism.ulParameterLen = sizeof w->iv;
		return;
	case GCM:
		w->parameter.gcm = (CK_GCM_PARAMS){.pIv = w->iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
		w->mechanism.pParameter = &w->parameter.gcm;
		w->mechanism.ulParameterLen = sizeof w->parameter.gcm;
		return;
	case CTR:
		w->parameter.ctr.ulCounterBits = 128;
		w->mechanism.pParameter = &w->parameter.ctr;
		w->mechanism.ulParameterLen = sizeof w->parameter.ctr;
		return;
	}
}

int cipher_start(const struct row *row, void **made)
{
	const struct use *use = row->how;
	if (worker_start(row, made, 1) != 0)
		return -1;
	set_parameter(*made, use->parameter);
	return 0;
}

/* next_iv: no caller uses an IV twice. */
static void next_iv(struct worker *w)
{
	for (int i = 11; i >= 0 && ++w->iv[i] == 0; i--)
		;
}

int encrypt_run(void *worker)
{
	struct worker *w = worker;
	CK_ULONG size = w->size + SLACK;
	next_iv(w);
	CALL(C_EncryptInit, w->session, &w->mechanism, w->key);
	CALL(C_Encrypt, w->session, w->input, w->size, w->output, &size);
	return size >= w->size ? 0 : failure("C_Encrypt: too short", size);
}

/* PART is as much as a program takes that reads a file bit by bit. */
enum { PART = 65536 };

static CK_ULONG part_of(const struct worker *w, CK_ULONG at)
{
	return w->size - at < PART ? w->size - at : PART;
}

int encrypt_parts_run(void *worker)
{
	struct worker *w = worker;
	CK_ULONG size = 0;
	next_iv(w);
	CALL(C_EncryptInit, w->session, &w->mechanism, w->key);
	for (CK_ULONG at = 0; at < w->size; at += PART) {
		size = part_of(w, at);
		CALL(C_EncryptUpdate, w->session, w->input + at, part_of(w, at), w->output + at, &size);
	}
	size = SLACK;
	CALL(C_EncryptFinal, w->session, w->output + w->size, &size);
	return 0;
}

int digest_parts_run(void *worker)
{
	struct worker *w = worker;
	CK_ULONG size = SLACK;
	CALL(C_DigestInit, w->session, &w->mechanism);
	for (CK_ULONG at = 0; at < w->size; at += PART)
		CALL(C_DigestUpdate, w->session, w->input + at, part_of(w, at));
	CALL(C_DigestFinal, w->session, w->output, &size);
	return size == 32 ? 0 : failure("C_DigestFinal: wrong length", size);
}

int decrypt_run(void *worker)
{
	struct worker *w = worker;
	CK_ULONG size = w->size + SLACK;
	CALL(C_DecryptInit, w->session, &w->mechanism, w->key);
	CALL(C_Decrypt, w->session, w->input, w->size, w->output, &size);
	return size == w->size ? 0 : failure("C_Decrypt: wrong length", size);
}

int sign_start(const struct row *row, void **made)
{
	return worker_start(row, made, 1);
}

int sign_run(void *worker)
{
	struct worker *w = worker;
	CK_ULONG size = w->size + SLACK;
	CALL(C_SignInit, w->session, &w->mechanism, w->key);
	CALL(C_Sign, w->session, w->input, w->size, w->output, &size);
	return size >= 32 ? 0 : failure("C_Sign: too short", size);
}

int digest_start(const struct row *row, void **made)
{
	return worker_start(row, made, 0);
}

int digest_run(void *worker)
{
	struct worker *w = worker;
	CK_ULONG size = w->size + SLACK;
	CALL(C_DigestInit, w->session, &w->mechanism);
	CALL(C_Digest, w->session, w->input, w->size, w->output, &size);
	return size == 32 ? 0 : failure("C_Digest: wrong length", size);
}

int random_start(const struct row *row, void **made)
{
	return worker_start(row, made, 0);
}

int random_run(void *worker)
{
	struct worker *w = worker;
	CALL(C_GenerateRandom, w->session, w->output, w->size);
	return 0;
}
