/* Rows about sessions and objects. */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_BBOOL no = CK_FALSE, yes = CK_TRUE;

int sessions_start(const struct row *row, void **worker)
{
	(void)row;
	*worker = calloc(1, 1);
	return 0;
}

int sessions_run(void *worker)
{
	CK_SESSION_HANDLE session;
	(void)worker;
	CALL(C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	CALL(C_CloseSession, session);
	return 0;
}

int create_key(CK_SESSION_HANDLE session, char *label, CK_OBJECT_HANDLE *object)
{
	static CK_ULONG class = CKO_SECRET_KEY;
	static CK_ULONG type = CKK_AES;
	static CK_BYTE value[32] = {1, 2, 3};
	CK_ATTRIBUTE template[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_KEY_TYPE, &type, sizeof type},
		{CKA_TOKEN, &no, sizeof no},
		{CKA_PRIVATE, &logged_in, sizeof logged_in},
		{CKA_ENCRYPT, &yes, sizeof yes},
		{CKA_LABEL, label, strlen(label)},
		{CKA_VALUE, value, sizeof value},
	};
	CALL(C_CreateObject, session, template, LENGTH(template), object);
	return 0;
}

int objects_start(const struct row *row, void **worker)
{
	struct searcher *s = calloc(1, sizeof *s);
	(void)row;
	*worker = s;
	CALL(C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s->session);
	return 0;
}

void objects_stop(void *worker)
{
	struct searcher *s = worker;
	p11->C_CloseSession(s->session);
	free(s);
}

int objects_run(void *worker)
{
	struct searcher *s = worker;
	CK_OBJECT_HANDLE object;
	if (create_key(s->session, "short-lived", &object) != 0)
		return -1;
	CALL(C_DestroyObject, s->session, object);
	return 0;
}

enum { OBJECTS = 1000 };

/* The objects live as long as the session that made them. */
static CK_SESSION_HANDLE crowd;
static char labels[OBJECTS][32];

int find_before(const struct row *row)
{
	CK_OBJECT_HANDLE object;
	(void)row;
	CALL(C_OpenSession, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &crowd);
	for (unsigned i = 0; i < OBJECTS; i++) {
		snprintf(labels[i], sizeof labels[i], "key number %04u", i);
		if (create_key(crowd, labels[i], &object) != 0)
			return -1;
	}
	return 0;
}

void find_after(const struct row *row)
{
	(void)row;
	p11->C_CloseSession(crowd);
}

int find_start(const struct row *row, void **worker)
{
	return objects_start(row, worker);
}

int find_one(CK_SESSION_HANDLE session, char *label)
{
	CK_OBJECT_HANDLE found[2];
	CK_ULONG count;
	CK_ATTRIBUTE template = {CKA_LABEL, label, strlen(label)};
	CALL(C_FindObjectsInit, session, &template, 1);
	CALL(C_FindObjects, session, found, LENGTH(found), &count);
	CALL(C_FindObjectsFinal, session);
	return count == 1 ? 0 : failure("C_FindObjects: not one object", count);
}

/* find_run looks for another object each time, in no order that helps. */
int find_run(void *worker)
{
	struct searcher *s = worker;
	return find_one(s->session, labels[(s->turn += 617) % OBJECTS]);
}
