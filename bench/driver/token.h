/* The PKCS #11 backend: a module loaded by path, and one token in it. */
#ifndef TOKEN_H
#define TOKEN_H

#include "measure.h"
#include "pkcs11.h"

/* The module's functions, the slot, and a session that owns the keys. */
extern CK_FUNCTION_LIST *p11;
extern CK_SLOT_ID slot;
extern CK_SESSION_HANDLE owner;

/* Keys are private objects where somebody is logged in. */
extern CK_BBOOL logged_in;

/* CALL returns from its function when a call fails. */
#define CALL(function, ...) \
	do { \
		CK_RV code_ = p11->function(__VA_ARGS__); \
		if (code_ != CKR_OK) \
			return failure(#function, code_); \
	} while (0)

#define LENGTH(array) (sizeof(array) / sizeof(array)[0])

/* A kind of key: how it is made. The handle is there once key_of was called. */
struct key {
	CK_MECHANISM_TYPE mechanism;
	/* Of a secret key in bytes or of an RSA key in bits. */
	CK_ULONG size;
	/* CKA_EC_PARAMS of a key on a curve. */
	const char *curve;
	CK_ULONG curve_size;
	CK_OBJECT_HANDLE handle;
};

/* key_of makes the key if it is not there yet, for one thread at a time. */
int key_of(struct key *key, CK_OBJECT_HANDLE *handle);

/* token_open takes the driver's arguments; usage is in token.c. */
int token_open(int count, char **arguments);
void token_close(void);

/* The rows. */
int sign_start(const struct row *, void **worker);
int sign_run(void *worker);
int encrypt_parts_run(void *worker);
int digest_parts_run(void *worker);
int digest_start(const struct row *, void **worker);
int digest_run(void *worker);
int cipher_start(const struct row *, void **worker);
int encrypt_run(void *worker);
int decrypt_run(void *worker);
int random_start(const struct row *, void **worker);
int random_run(void *worker);
void worker_stop(void *worker);

int sessions_start(const struct row *, void **worker);
int sessions_run(void *worker);
int objects_start(const struct row *, void **worker);
int objects_run(void *worker);
void objects_stop(void *worker);
int find_before(const struct row *);
void find_after(const struct row *);
int find_start(const struct row *, void **worker);
int find_run(void *worker);
int find_label_run(void *worker);

/* The settings. */
int set_payload(unsigned long bytes);
int set_sessions(unsigned long count);
int set_objects(unsigned long count);
int set_labels(unsigned long count);

/* A worker with a session of its own, and a search for one label in it. */
struct searcher {
	CK_SESSION_HANDLE session;
	unsigned long turn;
};
int find_one(CK_SESSION_HANDLE session, char *label);

/* create_key makes an AES session key with a label. */
int create_key(CK_SESSION_HANDLE session, char *label, CK_OBJECT_HANDLE *object);

#endif
