/* Session keys, generated when a row first needs them. */
#include "token.h"

#include <pthread.h>

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

static int make_secret(struct key *key)
{
	CK_MECHANISM mechanism = {key->mechanism, NULL, 0};
	CK_ATTRIBUTE template[] = {
		{CKA_TOKEN, &no, sizeof no},
		{CKA_PRIVATE, &logged_in, sizeof logged_in},
		{CKA_VALUE_LEN, &key->size, sizeof key->size},
		{CKA_ENCRYPT, &yes, sizeof yes},
		{CKA_DECRYPT, &yes, sizeof yes},
		{CKA_SIGN, &yes, sizeof yes},
	};
	CALL(C_GenerateKey, owner, &mechanism, template, LENGTH(template), &key->handle);
	return 0;
}

static int make_pair(struct key *key)
{
	static CK_BYTE exponent[] = {1, 0, 1};
	CK_MECHANISM mechanism = {key->mechanism, NULL, 0};
	CK_OBJECT_HANDLE other;
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN, &no, sizeof no},
		{CKA_PRIVATE, &logged_in, sizeof logged_in},
		{CKA_SIGN, &yes, sizeof yes},
	};
	CK_ATTRIBUTE rsa[] = {
		{CKA_TOKEN, &no, sizeof no},
		{CKA_VERIFY, &yes, sizeof yes},
		{CKA_MODULUS_BITS, &key->size, sizeof key->size},
		{CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
	};
	CK_ATTRIBUTE curve[] = {
		{CKA_TOKEN, &no, sizeof no},
		{CKA_VERIFY, &yes, sizeof yes},
		{CKA_EC_PARAMS, (void *)key->curve, key->curve_size},
	};
	CALL(C_GenerateKeyPair, owner, &mechanism, key->curve ? curve : rsa, key->curve ? LENGTH(curve) : LENGTH(rsa),
	     private, LENGTH(private), &other, &key->handle);
	return 0;
}

static int make(struct key *key)
{
	switch (key->mechanism) {
	case CKM_AES_KEY_GEN:
	case CKM_GENERIC_SECRET_KEY_GEN:
		return make_secret(key);
	default:
		return make_pair(key);
	}
}

int key_of(struct key *key, CK_OBJECT_HANDLE *handle)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_mutex_lock(&mutex);
	int failed = key->handle ? 0 : make(key);
	pthread_mutex_unlock(&mutex);
	*handle = key->handle;
	return failed;
}
