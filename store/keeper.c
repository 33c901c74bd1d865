/* SPDX-License-Identifier: MIT */
/*
 * keeper: the thread that looks after an opened store while others use it: it copies the
 * write-ahead log into the file, makes the anchor survive a power cut, adds up the buckets that
 * nobody has touched yet, and one of them again now and then.
 */
#include "store_int.h"

#include "stack.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define ROUND_MS    10000
#define FIRST_MS    5000 /* from the start to the first look at untouched buckets */
#define NEXT_MS     2    /* between two of them: a small part of one core, also in a large store */
#define SYNC_ROUNDS 6    /* the anchor is synced once a minute at least */

struct keeper {
	struct store *store;
	struct db *db; /* the thread's */
	struct stack thread;
	unsigned round;  /* the thread's */
	unsigned bucket; /* the thread's: the next to be added up */
	unsigned first;  /* the thread's: none below is untouched */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* due or stopping changed */
	bool due;               /* lock; a checkpoint is */
	bool stopping;          /* lock */
};

/* What the writer's connection has cached says nothing about the file: this one reads it anew. */
static void keeper_scrub(struct keeper *keeper)
{
	unsigned bucket = keeper->bucket;

	keeper->bucket = (bucket + 1) % INDEX_BUCKETS;
	db_forget(keeper->db);
	store_bucket_scrub(keeper->store, keeper->db, bucket);
}

/* What a bucket's first user would have to wait for: some hundred rows in a store of a million. */
static void keeper_first(struct keeper *keeper)
{
	while (keeper->first < INDEX_BUCKETS && store_bucket_is_known(keeper->store, keeper->first))
		keeper->first++;
	if (keeper->first < INDEX_BUCKETS)
		store_bucket_look(keeper->store, keeper->db, keeper->first++);
}

static void keeper_round(struct keeper *keeper)
{
	keeper_scrub(keeper);
	if (++keeper->round % SYNC_ROUNDS == 0)
		store_anchor_sync(keeper->store);
}

/* Waits for something to do; false when ms are over. Called with the lock held. */
static bool keeper_wait(struct keeper *keeper, int ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000l;
	if (until.tv_nsec >= 1000000000l) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000l;
	}
	while (!keeper->due && !keeper->stopping) {
		if (pthread_cond_timedwait(&keeper->changed, &keeper->lock, &until) == ETIMEDOUT)
			return false;
	}
	return true;
}

static void *keeper_main(void *arg)
{
	struct keeper *keeper = arg;
	int wait = FIRST_MS;

	pthread_mutex_lock(&keeper->lock);
	while (!keeper->stopping) {
		bool due = keeper_wait(keeper, wait);
		if (keeper->stopping)
			break;
		pthread_mutex_unlock(&keeper->lock);
		if (due) {
			db_checkpoint(keeper->db, 0);
			store_anchor_sync(keeper->store);
		} else if (keeper->first < INDEX_BUCKETS) {
			keeper_first(keeper);
			wait = NEXT_MS;
		} else {
			keeper_round(keeper);
		}
		if (keeper->first == INDEX_BUCKETS)
			wait = ROUND_MS;
		secmem_wipe_stack();
		pthread_mutex_lock(&keeper->lock);
		if (due)
			keeper->due = false;
	}
	pthread_mutex_unlock(&keeper->lock);
	return NULL;
}

static void keeper_free(struct keeper *keeper)
{
	db_close(keeper->db);
	pthread_cond_destroy(&keeper->changed);
	pthread_mutex_destroy(&keeper->lock);
	free(keeper);
}

int keeper_start(struct store *store)
{
	pthread_condattr_t monotonic;
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	uint16_t first;

	if (!keeper)
		return -ENOMEM;
	/* Not always the same buckets, where nobody runs for long. */
	secmem_random(&first, sizeof(first));
	keeper->bucket = first % INDEX_BUCKETS;
	keeper->store = store;
	pthread_mutex_init(&keeper->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&keeper->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int r = db_open(store->path, DB_WRITER, &keeper->db, NULL);
	if (r == 0)
		r = stack_start(&keeper->thread, keeper_main, keeper);
	if (r < 0) {
		keeper_free(keeper);
		return r;
	}
	store->keeper = keeper;
	return 0;
}

void keeper_stop(struct store *store)
{
	struct keeper *keeper = store->keeper;

	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->lock);
	keeper->stopping = true;
	pthread_cond_signal(&keeper->changed);
	pthread_mutex_unlock(&keeper->lock);
	stack_join(&keeper->thread);
	store->keeper = NULL;
	keeper_free(keeper);
}

void keeper_checkpoint(struct store *store)
{
	struct keeper *keeper = store->keeper;

	pthread_mutex_lock(&keeper->lock);
	if (!keeper->due) {
		keeper->due = true;
		pthread_cond_signal(&keeper->changed);
	}
	pthread_mutex_unlock(&keeper->lock);
}
