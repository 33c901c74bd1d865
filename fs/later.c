/* SPDX-License-Identifier: MIT */
/* later: the delay queue and its thread. */
#include "later.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "secmem.h"
#include "stack.h"

struct later {
	struct later *next;
	struct timespec due;
	void (*run)(void *arg);
	void *arg;
};

static struct {
	pthread_mutex_t lock; /* first, stopping */
	pthread_cond_t changed;
	struct later *first; /* by rising due */
	bool stopping;
	bool started;
	struct stack thread;
	int (*begin)(void);
	void (*end)(void);
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* The first entry that is due, or NULL when the thread shall end. */
static struct later *later_next(void)
{
	struct timespec now;

	for (;;) {
		if (queue.stopping)
			return NULL;
		if (!queue.first) {
			pthread_cond_wait(&queue.changed, &queue.lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (!before(&now, &queue.first->due)) {
			struct later *due = queue.first;
			queue.first = due->next;
			return due;
		}
		struct timespec until = queue.first->due;
		pthread_cond_timedwait(&queue.changed, &queue.lock, &until);
	}
}

static void *later_main(void *unused)
{
	struct later *due;

	(void)unused;
	if (queue.begin && queue.begin() < 0)
		return NULL;
	pthread_mutex_lock(&queue.lock);
	while ((due = later_next())) {
		pthread_mutex_unlock(&queue.lock);
		due->run(due->arg);
		secmem_wipe_stack();
		free(due);
		pthread_mutex_lock(&queue.lock);
	}
	pthread_mutex_unlock(&queue.lock);
	if (queue.end)
		queue.end();
	return NULL;
}

int later_start(int (*begin)(void), void (*end)(void))
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&queue.changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	queue.begin = begin;
	queue.end = end;
	int r = stack_start(&queue.thread, later_main, NULL);
	queue.started = r == 0;
	return r;
}

void later_stop(void)
{
	if (!queue.started)
		return;
	pthread_mutex_lock(&queue.lock);
	queue.stopping = true;
	pthread_cond_signal(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
	stack_join(&queue.thread);
	queue.started = false;
	/* What was not due any more: the connection is gone, there is nobody to answer. */
	while (queue.first) {
		struct later *left = queue.first;
		queue.first = left->next;
		free(left);
	}
}

int later_add(unsigned delay_ms, void (*run)(void *arg), void *arg)
{
	struct later *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	clock_gettime(CLOCK_MONOTONIC, &entry->due);
	entry->due.tv_sec += delay_ms / 1000;
	entry->due.tv_nsec += (long)(delay_ms % 1000) * 1000000;
	if (entry->due.tv_nsec >= 1000000000) {
		entry->due.tv_sec++;
		entry->due.tv_nsec -= 1000000000;
	}
	entry->run = run;
	entry->arg = arg;
	pthread_mutex_lock(&queue.lock);
	struct later **at = &queue.first;
	while (*at && !before(&entry->due, &(*at)->due))
		at = &(*at)->next;
	entry->next = *at;
	*at = entry;
	pthread_cond_signal(&queue.changed);
	pthread_mutex_unlock(&queue.lock);
	return 0;
}
