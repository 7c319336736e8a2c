/* What the driver measures: rows, each an operation that a number of threads
 * repeat for a time. A backend (token.c, libcrypto.c) has a table of them. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>

struct row {
	/* What the row is called: the same in every backend. */
	const char *name;
	/* Bytes that one operation works through; 0 if that is not the point, and
	 * PAYLOAD if it is as many as was set. */
	size_t bytes;
	/* Once around a measurement, outside the time; may be NULL. */
	int (*before)(const struct row *);
	void (*after)(const struct row *);
	/* One thread's state. start fails with what failure returns. */
	int (*start)(const struct row *, void **worker);
	int (*run)(void *worker);
	void (*stop)(void *worker);
	/* The backend's own. */
	const void *how;
};

#define PAYLOAD ((size_t)-1)

/* What can be set between measurements, to a number: how much there is of what a
 * row works on, or beside. */
struct setting {
	const char *name;
	int (*set)(unsigned long number);
};

struct backend {
	/* Reads the arguments and makes ready. */
	int (*open)(int count, char **arguments);
	const struct row *rows;
	size_t count;
	/* Rows that depend on settings, and are not in the list of rows. */
	const struct row *scaled;
	size_t scaled_count;
	const struct setting *settings;
	size_t settings_count;
	void (*close)(void);
};

extern const struct backend backend;

/* The payload, and how many bytes an operation of a row works through. */
extern size_t payload;
size_t bytes_of(const struct row *row);

/* failure remembers the first call that failed since the last measurement, and
 * its code, and returns -1. */
int failure(const char *call, unsigned long code);

/* measure runs a row in so many threads for so many milliseconds and prints one
 * line of JSON. */
void measure(const struct row *row, unsigned threads, unsigned milliseconds);

/* report_failure prints what failure remembers as a line of JSON. */
void report_failure(const char *name);

#endif
