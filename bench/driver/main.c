/* The driver: runs rows of a backend as it is told on standard input, a line
 *
 *	NAME THREADS MILLISECONDS
 *
 * for each measurement, or NAME NUMBER for a setting, and answers each with a line of
 * JSON. It tells with a
 * line when it is ready, and what rows there are, and stays until the input ends, so that several drivers
 * can take turns without each making its keys anew. */
#include "measure.h"

#include <stdio.h>
#include <string.h>

static const struct row *find_in(const struct row *rows, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static void measure_row(const char *name, unsigned threads, unsigned milliseconds)
{
	const struct row *row = find_in(backend.rows, backend.count, name);
	if (!row)
		row = find_in(backend.scaled, backend.scaled_count, name);
	if (row) {
		measure(row, threads, milliseconds);
		return;
	}
	failure("no such row", 0);
	report_failure(name);
}

static void set(const char *name, unsigned long number)
{
	int failed = -1;
	size_t i = 0;
	while (i < backend.settings_count && strcmp(backend.settings[i].name, name) != 0)
		i++;
	if (i < backend.settings_count)
		failed = backend.settings[i].set(number);
	else
		failure("no such setting", 0);
	if (failed) {
		report_failure(name);
		return;
	}
	printf("{\"row\":\"%s\"}\n", name);
	fflush(stdout);
}

/* obey does what a line says. */
static int obey(const char *line)
{
	char name[64];
	unsigned long first;
	unsigned milliseconds;
	int words = sscanf(line, "%63s %lu %u", name, &first, &milliseconds);
	if (words == 2)
		set(name, first);
	else if (words == 3 && first >= 1 && first <= 1024)
		measure_row(name, (unsigned)first, milliseconds);
	else
		return -1;
	return 0;
}

/* ready prints the line that says so, with the names of all rows. */
static void ready(void)
{
	printf("{\"row\":\"open\",\"rows\":[");
	for (size_t i = 0; i < backend.count; i++)
		printf("%s\"%s\"", i ? "," : "", backend.rows[i].name);
	printf("]}\n");
	fflush(stdout);
}

int main(int count, char **arguments)
{
	char line[128];
	if (backend.open(count, arguments) != 0) {
		report_failure("open");
		return 1;
	}
	ready();
	while (fgets(line, sizeof line, stdin)) {
		if (obey(line) != 0) {
			fprintf(stderr, "driver: a line is NAME THREADS MILLISECONDS or NAME NUMBER\n");
			return 2;
		}
	}
	backend.close();
	return 0;
}
