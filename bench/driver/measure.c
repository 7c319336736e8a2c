/* Threads and clocks. */
#include "measure.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A thread has its count on cache lines of its own. */
struct thread {
	_Alignas(128) const struct row *row;
	pthread_t id;
	void *worker;
	unsigned long count;
	double end;
	int started, failed;
};

static pthread_barrier_t gate;
static atomic_int over;

size_t payload = 16384;

size_t bytes_of(const struct row *row)
{
	return row->bytes == PAYLOAD ? payload : row->bytes;
}

static pthread_mutex_t failed_mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *failed_call;
static unsigned long failed_code;

int failure(const char *call, unsigned long code)
{
	pthread_mutex_lock(&failed_mutex);
	if (!failed_call) {
		failed_call = call;
		failed_code = code;
	}
	pthread_mutex_unlock(&failed_mutex);
	return -1;
}

void report_failure(const char *name)
{
	printf("{\"row\":\"%s\",\"failed\":\"%s\",\"code\":%lu}\n", name, failed_call ? failed_call : "", failed_code);
	fflush(stdout);
	failed_call = NULL;
}

static double seconds(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* work is one thread: a first operation outside the time, so that what is made
 * once is made, then as many as there is time for, and one at least. */
static void *work(void *argument)
{
	struct thread *t = argument;
	t->started = t->row->start(t->row, &t->worker) == 0;
	t->failed = !t->started || t->row->run(t->worker) != 0;
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	unsigned long count = 0;
	while (!t->failed) {
		t->failed = t->row->run(t->worker) != 0;
		count++;
		if (atomic_load_explicit(&over, memory_order_relaxed))
			break;
	}
	t->end = seconds(CLOCK_MONOTONIC);
	t->count = count;
	return NULL;
}

/* Two clocks at once. */
struct moment {
	double wall, cpu;
};

static struct moment now(void)
{
	return (struct moment){seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

/* let_run lets the threads run for the time and joins them. Returns when they
 * started. */
static struct moment let_run(struct thread *all, unsigned threads, unsigned milliseconds)
{
	struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
	pthread_barrier_wait(&gate);
	struct moment start = now();
	pthread_barrier_wait(&gate);
	nanosleep(&time, NULL);
	atomic_store(&over, 1);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(all[i].id, NULL);
	return start;
}

/* print tells the rate of all threads together, from the common start to the end
 * of the last operation: with more threads than cores, a thread's own time would
 * leave out what it waited. */
static void print(const struct thread *all, unsigned threads, struct moment start)
{
	double end = start.wall, cpu = now().cpu - start.cpu;
	unsigned long count = 0;
	for (unsigned i = 0; i < threads; i++) {
		count += all[i].count;
		if (all[i].end > end)
			end = all[i].end;
	}
	double wall = end - start.wall;
	printf("{\"row\":\"%s\",\"threads\":%u,\"bytes\":%zu,\"operations\":%lu,\"seconds\":%.6f,\"cpu_seconds\":%.6f,\"rate\":%.3f}\n",
	       all->row->name, threads, bytes_of(all->row), count, wall, cpu, (double)count / wall);
	fflush(stdout);
}

static void run_threads(const struct row *row, unsigned threads, unsigned milliseconds)
{
	struct thread *all = aligned_alloc(_Alignof(struct thread), threads * sizeof *all);
	int failed = 0;
	pthread_barrier_init(&gate, NULL, threads + 1);
	atomic_store(&over, 0);
	for (unsigned i = 0; i < threads; i++) {
		all[i] = (struct thread){.row = row};
		if (pthread_create(&all[i].id, NULL, work, &all[i]) != 0)
			abort();
	}
	struct moment start = let_run(all, threads, milliseconds);
	for (unsigned i = 0; i < threads; i++) {
		failed |= all[i].failed;
		if (all[i].started)
			row->stop(all[i].worker);
	}
	if (failed)
		report_failure(row->name);
	else
		print(all, threads, start);
	pthread_barrier_destroy(&gate);
	free(all);
}

void measure(const struct row *row, unsigned threads, unsigned milliseconds)
{
	if (row->before && row->before(row) != 0) {
		report_failure(row->name);
		return;
	}
	run_threads(row, threads, milliseconds);
	if (row->after)
		row->after(row);
}
