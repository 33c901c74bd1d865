/* SPDX-License-Identifier: MIT */
/* later: the delay queue and its thread. */
#include "later.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct later {
	struct later *next;
	struct timespec due;
	void (*run)(void *arg);
	void *arg;
};

static struct {
	pthread_mutex_t running; /* whoever runs an entry; before lock */
	pthread_mutex_t lock;    /* first, stopping */
	pthread_cond_t changed;
	struct later *first; /* by rising due */
	bool stopping;
	bool started;
	bool paused; /* of who starts and stops it */
	pthread_t thread;
	int (*begin)(void);
	void (*end)(void);
} queue = {.running = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static bool due_locked(void)
{
	struct timespec now;

	if (!queue.first)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return !before(&now, &queue.first->due);
}

/* Until an entry is due. false: the thread shall end. */
static bool later_wait(void)
{
	pthread_mutex_lock(&queue.lock);
	while (!queue.stopping && !due_locked()) {
		if (queue.first) {
			struct timespec until = queue.first->due;
			pthread_cond_timedwait(&queue.changed, &queue.lock, &until);
		} else {
			pthread_cond_wait(&queue.changed, &queue.lock);
		}
	}
	bool go_on = !queue.stopping;
	pthread_mutex_unlock(&queue.lock);
	return go_on;
}

/* Whoever pauses us may have come first, and may stop us then. */
static void later_run(void)
{
	struct later *due = NULL;

	pthread_mutex_lock(&queue.running);
	pthread_mutex_lock(&queue.lock);
	if (!queue.stopping && due_locked()) {
		due = queue.first;
		queue.first = due->next;
	}
	pthread_mutex_unlock(&queue.lock);
	if (due)
		due->run(due->arg);
	pthread_mutex_unlock(&queue.running);
	free(due);
}

static void *later_main(void *unused)
{
	(void)unused;
	if (queue.begin && queue.begin() < 0)
		return NULL;
	while (later_wait())
		later_run();
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
	int r = -pthread_create(&queue.thread, NULL, later_main, NULL);
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
	if (queue.paused)
		later_go_on();
	pthread_join(queue.thread, NULL);
	queue.started = false;
	/* What was not due any more: the connection is gone, or another worker's. */
	while (queue.first) {
		struct later *left = queue.first;
		queue.first = left->next;
		free(left);
	}
}

void later_pause(void)
{
	pthread_mutex_lock(&queue.running);
	queue.paused = true;
}

void later_go_on(void)
{
	queue.paused = false;
	pthread_mutex_unlock(&queue.running);
}

void later_hurry(void (*run)(void *arg))
{
	struct later *hurried = NULL;

	pthread_mutex_lock(&queue.lock);
	for (struct later **at = &queue.first; *at;) {
		struct later *entry = *at;
		if (entry->run != run) {
			at = &entry->next;
			continue;
		}
		*at = entry->next;
		entry->next = hurried;
		hurried = entry;
	}
	pthread_mutex_unlock(&queue.lock);
	while (hurried) {
		struct later *entry = hurried;
		hurried = entry->next;
		entry->run(entry->arg);
		free(entry);
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
