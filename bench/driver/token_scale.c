/* Settings: how much there is beside what a row measures. */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>

int set_payload(unsigned long bytes)
{
	payload = bytes;
	return 0;
}

/* set_sessions has so many sessions open that do nothing. */
int set_sessions(unsigned long count)
{
	static CK_SESSION_HANDLE *idle;
	static unsigned long open;
	while (open > count)
		CALL(C_CloseSession, idle[--open]);
	idle = realloc(idle, (count + 1) * sizeof *idle);
	for (; open < count; open++)
		CALL(C_OpenSession, slot, CKF_SERIAL_SESSION, NULL, NULL, &idle[open]);
	return 0;
}

/* What find-label finds: objects with the labels 0 to labels-1. */
static unsigned long labels;

static char *label_of(char buffer[32], unsigned long number)
{
	snprintf(buffer, 32, "key number %06lu", number);
	return buffer;
}

/* set_objects makes session keys until there are so many with labels. */
int set_objects(unsigned long count)
{
	char label[32];
	CK_OBJECT_HANDLE object;
	for (; labels < count; labels++)
		if (create_key(owner, label_of(label, labels), &object) != 0)
			return -1;
	return 0;
}

/* set_labels says how many there are already, as objects of the token. */
int set_labels(unsigned long count)
{
	labels = count;
	return 0;
}

/* find_label_run looks for another object each time, in no order that helps. */
int find_label_run(void *worker)
{
	struct searcher *s = worker;
	char label[32];
	s->turn += 61717;
	return find_one(s->session, label_of(label, s->turn % (labels ? labels : 1)));
}
