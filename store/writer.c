/* SPDX-License-Identifier: MIT */
/*
 * writer: group commit. One thread takes all waiting jobs at once, runs each in a savepoint, seals
 * buckets and root once and commits; many writers share a sync. Nobody waits for more company:
 * while one group is synced, the next gathers by itself.
 */
#include "store_int.h"

#include "stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECKPOINT_PAGES 1000
#define IDLE_SECONDS     1

/* Free pages in the file that are enough for any change: what it writes does not make the file
 * grow, and the reserve can be made again. */
#define SPARE_PAGES 600

struct writer {
	pthread_mutex_t lock;
	pthread_cond_t wanted;     /* jobs or stopping changed */
	struct job *first;         /* lock */
	struct job **last;         /* lock */
	bool stopping;             /* lock */
	bool tidy;                 /* lock: kept values may be deleted */
	uint64_t begun, ended;     /* lock: groups */
	pthread_cond_t settled;    /* ended changed */
	struct done_list answered; /* lock; for the next group */
	struct stack thread;
	struct txn txn;     /* the writer thread's */
	struct job tidying; /* the writer thread's */
};

static int64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int txn_run(struct txn *txn, enum schema_query which)
{
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, which, &query);

	return r < 0 ? r : db_run(query, 0);
}

#ifdef SECRETFS_FAULTS
void (*store_fault_committed)(void);
#endif

/* Runs the job, unless the request behind it was answered before. */
static int job_do(struct txn *txn, struct job *job)
{
	const struct done_request *request = &job->request;
	int code = 0;
	int r = request->unique && request->again ? done_find(txn->store, txn->db, request, &code)
						  : 0;

	if (r != 0)
		return r < 0 ? r : code;
	code = job->run(txn, job->arg);
	if (code < 0 || !request->unique)
		return code;
	r = done_record(txn->store, txn->db, request, code);
	return r < 0 ? r : code;
}

/* Some errors make SQLite roll the whole transaction back by itself; -ESTALE says so. */
static int job_run(struct txn *txn, struct job *job)
{
	struct txn_mark mark = txn_mark(txn);
	int r = txn_run(txn, QUERY_SAVEPOINT);

	if (r == 0)
		r = job_do(txn, job);
	if (r >= 0) {
		job->result = r;
		r = txn_run(txn, QUERY_RELEASE);
		if (r == 0)
			return 0;
	}
	txn_undo(txn, &mark);
	job->result = r;
	if (!db_in_transaction(txn->db))
		return -ESTALE;
	int back = txn_run(txn, QUERY_ROLLBACK_TO);
	if (back == 0)
		back = txn_run(txn, QUERY_RELEASE);
	return back < 0 ? -ESTALE : 0;
}

static int group_forget(struct txn *txn)
{
	int r = 0;

	for (size_t i = 0; i < txn->answered.n && r == 0; i++)
		r = done_forget(txn->db, txn->answered.ids[i]);
	return r;
}

static void group_rollback(struct txn *txn, const struct txn_mark *mark)
{
	if (db_in_transaction(txn->db))
		txn_run(txn, QUERY_ROLLBACK);
	txn_undo(txn, mark);
}

static int group_transaction(struct txn *txn, struct job *first, const struct job *end)
{
	struct txn_mark mark = {
		.total = txn->store->root.total, .next_row = txn->store->root.next_row};
	uint64_t commits = txn->store->root.commits;

	txn->nundo = 0;
	txn->nchanged = 0;
	txn->secrets = 0;
	txn->now = realtime_ns();
	/* A rollback that failed would leave every later group without a beginning. */
	int r = db_in_transaction(txn->db) ? txn_run(txn, QUERY_ROLLBACK) : 0;
	if (r == 0)
		r = txn_run(txn, QUERY_BEGIN_WRITE);
	if (r < 0)
		return r;
	r = group_forget(txn);
	for (struct job *job = first; job != end && r == 0; job = job->next)
		r = job_run(txn, job);
	if (r == 0)
		r = txn_seal(txn);
	if (r == 0)
		r = txn_run(txn, QUERY_COMMIT);
	if (r < 0) {
		group_rollback(txn, &mark);
		txn->store->root.commits = commits;
		return r;
	}
	/* Before anybody is told: what was acknowledged is what the anchor has seen. */
	store_anchor_note(txn->store);
#ifdef SECRETFS_FAULTS
	if (store_fault_committed)
		store_fault_committed();
#endif
	txn->answered.n = 0;
	txn_forget(txn);
	atomic_fetch_add(&txn->store->secrets, (uint64_t)txn->secrets);
	return 0;
}

/* Runs jobs up to end (excluded) in one transaction. -errno: nothing of it happened. */
static int group_try(struct txn *txn, struct job *first, const struct job *end)
{
	int r = group_transaction(txn, first, end);

	if (txn->store->limits.files)
		txn->store->limits.files->settled();
	return r;
}

static void job_alone(struct txn *txn, struct job *job)
{
	int r = group_try(txn, job, job->next);

	if (r < 0 && (job->result >= 0 || r != -ESTALE))
		job->result = r == -ESTALE ? -EIO : r;
}

/* A group that fails as a whole is tried again job by job, so that each gets its own answer. */
static void group_run(struct txn *txn, struct job *first)
{
	if (group_try(txn, first, NULL) == 0)
		return;
	for (struct job *job = first; job; job = job->next)
		job_alone(txn, job);
}

/* Whoever deletes may use what is reserved, and others if the file itself has room enough: then it
 * is only the log that has none. */
static bool job_may_use_reserve(const struct txn *txn, const struct job *job)
{
	int64_t spare = 0;

	if (job->result != -ENOSPC || !txn->store->reserved)
		return false;
	return job->frees ||
	       (db_number(txn->db, "PRAGMA freelist_count", &spare) == 0 && spare >= SPARE_PAGES);
}

/* A full disk: those that may are tried once more. The log is emptied before and after, so that it
 * leaves its room to the next one and to the reserve. */
static void group_use_reserve(struct txn *txn, struct job *first)
{
	for (struct job *job = first; job; job = job->next) {
		if (!job_may_use_reserve(txn, job) || !reserve_give(txn->store))
			continue;
		db_checkpoint(txn->db, 1);
		job_alone(txn, job);
		db_checkpoint(txn->db, 1);
		reserve_make(txn->store);
	}
}

static void group_wake(struct writer *writer, struct job *first)
{
	pthread_mutex_lock(&writer->lock);
	writer->ended = writer->begun;
	pthread_cond_broadcast(&writer->settled);
	while (first) {
		struct job *next = first->next; /* the job is gone once its owner wakes */
		first->done = true;
		pthread_cond_signal(&first->woken);
		first = next;
	}
	pthread_mutex_unlock(&writer->lock);
	if (db_wal_pages(writer->txn.db) >= writer->txn.store->log_pages)
		keeper_checkpoint(writer->txn.store);
}

/* Waits for jobs; true when the wait ran out with pages in the log. Called with the lock held. */
static bool writer_wait(struct writer *writer)
{
	struct timespec until;

	if (db_wal_pages(writer->txn.db) == 0) {
		pthread_cond_wait(&writer->wanted, &writer->lock);
		return false;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	return pthread_cond_timedwait(&writer->wanted, &writer->lock, &until) == ETIMEDOUT;
}

/* With the lock. What a group that failed has not got rid of is forgotten: such a record is only in
 * the way of nobody until the next worker's start. */
static void take_answered(struct writer *writer)
{
	struct done_list spare = writer->txn.answered;

	writer->txn.answered = writer->answered;
	writer->answered = spare;
	writer->answered.n = 0;
}

/* If there is something to tidy, that is the first job. Should it fail, it is done another time. */
static struct job *writer_add_tidying(struct writer *writer, struct job *jobs)
{
	if (kept_idle(writer->txn.store, writer->txn.db) <= 0)
		return jobs;
	writer->tidying = (struct job){.run = kept_tidy_job,
		.frees = true,
		.next = jobs,
		.woken = PTHREAD_COND_INITIALIZER};
	return &writer->tidying;
}

static void writer_group(struct writer *writer, struct job *jobs, bool tidy)
{
	if (tidy)
		jobs = writer_add_tidying(writer, jobs);
	if (jobs) {
		group_run(&writer->txn, jobs);
		group_use_reserve(&writer->txn, jobs);
	}
	group_wake(writer, jobs);
}

static void *writer_main(void *arg)
{
	struct writer *writer = arg;

	pthread_mutex_lock(&writer->lock);
	for (;;) {
		bool idle = false;
		while (!writer->first && !writer->stopping && !writer->tidy && !idle)
			idle = writer_wait(writer);
		struct job *jobs = writer->first;
		bool tidy = writer->tidy;
		writer->first = NULL;
		writer->last = &writer->first;
		writer->tidy = false;
		if (jobs)
			take_answered(writer);
		if (!jobs && !tidy && writer->stopping)
			break;
		writer->begun += jobs || tidy;
		pthread_mutex_unlock(&writer->lock);
		if (jobs || tidy) {
			writer_group(writer, jobs, tidy);
		} else {
			/* A reader in the way only means: later. */
			db_checkpoint(writer->txn.db, 1);
			keeper_checkpoint(writer->txn.store);
			reserve_make(writer->txn.store);
		}
		secmem_wipe_stack();
		pthread_mutex_lock(&writer->lock);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

static void writer_free(struct writer *writer)
{
	free(writer->answered.ids);
	free(writer->txn.answered.ids);
	txn_clear(&writer->txn);
	pthread_cond_destroy(&writer->wanted);
	pthread_cond_destroy(&writer->settled);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

/* Before there is a writer: what a full disk refuses is tried with the reserve. */
static int start_prune(struct store *store)
{
	int r = store->generation ? done_prune(store, store->db) : 0;

	if (r != -ENOSPC || !reserve_give(store))
		return r;
	db_checkpoint(store->db, 1);
	r = done_prune(store, store->db);
	db_checkpoint(store->db, 1);
	reserve_make(store);
	return r;
}

int writer_start(struct store *store)
{
	pthread_condattr_t monotonic;

	store->log_pages = CHECKPOINT_PAGES;
	reserve_make(store);
	int r = start_prune(store);
	if (r < 0)
		return r;
	struct writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return -ENOMEM;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->wanted, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_cond_init(&writer->settled, NULL);
	writer->last = &writer->first;
	/* What was kept for files that were open when everything ended. */
	writer->tidy = true;
	writer->txn.store = store;
	writer->txn.db = store->db;
	r = keeper_start(store);
	if (r == 0)
		r = stack_start(&writer->thread, writer_main, writer);
	if (r < 0) {
		keeper_stop(store);
		writer_free(writer);
		return r;
	}
	store->writer = writer;
	return 0;
}

void writer_stop(struct store *store)
{
	struct writer *writer = store->writer;

	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->stopping = true;
	pthread_cond_broadcast(&writer->wanted);
	pthread_mutex_unlock(&writer->lock);
	stack_join(&writer->thread);
	keeper_stop(store);
	db_checkpoint(store->db, 1);
	store->writer = NULL;
	writer_free(writer);
}

void writer_forget(struct store *store, uint64_t unique)
{
	struct writer *writer = store->writer;

	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	done_list_add(&writer->answered, unique);
	pthread_mutex_unlock(&writer->lock);
}

void writer_settle(struct store *store)
{
	struct writer *writer = store->writer;

	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	uint64_t begun = writer->begun;
	while (writer->ended < begun)
		pthread_cond_wait(&writer->settled, &writer->lock);
	pthread_mutex_unlock(&writer->lock);
}

void writer_tidy(struct store *store)
{
	struct writer *writer = store->writer;

	if (!writer)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->tidy = true;
	pthread_cond_signal(&writer->wanted);
	pthread_mutex_unlock(&writer->lock);
}

static int job_wait(struct store *store, struct job *job)
{
	struct writer *writer = store->writer;

	if (!writer)
		return -EAGAIN;
	pthread_mutex_lock(&writer->lock);
	*writer->last = job;
	writer->last = &job->next;
	pthread_cond_signal(&writer->wanted);
	while (!job->done)
		pthread_cond_wait(&job->woken, &writer->lock);
	pthread_mutex_unlock(&writer->lock);
	pthread_cond_destroy(&job->woken);
	return job->result;
}

/* The kernel's request, if there is one, is asked for its next change just once. */
static struct done_request job_request(const struct store *store, void *result, size_t len)
{
	struct done_request request = {0};

	if (store->generation && store->writer)
		request = done_request_next();
	request.result = result;
	request.len = len;
	return request;
}

int writer_run(struct store *store, int (*run)(struct txn *txn, void *arg), void *arg, void *result,
	size_t len)
{
	struct job job = {.run = run,
		.arg = arg,
		.request = job_request(store, result, len),
		.woken = PTHREAD_COND_INITIALIZER};

	return job_wait(store, &job);
}

int writer_run_freeing(struct store *store, int (*run)(struct txn *txn, void *arg),
	int (*part)(struct txn *txn, void *arg), void *arg, void *result, size_t len)
{
	const struct done_request request = job_request(store, result, len);
	int r, more;

	do {
		struct job job = {.run = run,
			.arg = arg,
			.request = request,
			.frees = true,
			.woken = PTHREAD_COND_INITIALIZER};
		more = 0;
		r = job_wait(store, &job);
		if (r == -ENOSPC && part) {
			struct job piece = {.run = part,
				.arg = arg,
				.frees = true,
				.woken = PTHREAD_COND_INITIALIZER};
			more = job_wait(store, &piece);
		}
	} while (more > 0);
	return r;
}
