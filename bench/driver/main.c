/* The driver: runs rows of a backend as it is told on standard input, a line
 *
 *	NAME THREADS MILLISECONDS
 *
 * for each measurement, and answers each with a line of JSON. It tells with a
 * line when it is ready, and what rows there are, and stays until the input ends, so that several drivers
 * can take turns without each making its keys anew. */
#include "measure.h"

#include <stdio.h>
#include <string.h>

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < backend.count; i++)
		if (strcmp(backend.rows[i].name, name) == 0)
			return &backend.rows[i];
	return NULL;
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
	char line[128], name[64];
	unsigned threads, milliseconds;
	if (backend.open(count, arguments) != 0) {
		report_failure("open");
		return 1;
	}
	ready();
	while (fgets(line, sizeof line, stdin)) {
		const struct row *row;
		if (sscanf(line, "%63s %u %u", name, &threads, &milliseconds) != 3 || !threads || threads > 1024) {
			fprintf(stderr, "driver: a line is NAME THREADS MILLISECONDS\n");
			return 2;
		}
		row = find(name);
		if (row) {
			measure(row, threads, milliseconds);
		} else {
			failure("no such row", 0);
			report_failure(name);
		}
	}
	backend.close();
	return 0;
}
