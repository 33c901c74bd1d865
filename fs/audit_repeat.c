/* SPDX-License-Identifier: MIT */
/* audit_repeat: a small table of what was written lately. */
#include "audit_repeat.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "audit_log.h"

#define ENTRIES 256 /* a power of two */
#define BODY    1024
#define SECOND  1000000000ll

static struct {
	pthread_mutex_t lock; /* all */
	unsigned counting;    /* entries with a count */
	struct {
		struct audit_repeat_key key;
		int64_t since; /* ns of CLOCK_MONOTONIC; 0: free */
		uint64_t count;
		size_t len;
		char body[BODY];
	} entry[ENTRIES];
} repeats = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static size_t place(const struct audit_repeat_key *key)
{
	uint64_t h = key->node * 0x9e3779b97f4a7c15ull;

	h = (h ^ key->uid) * 0x9e3779b97f4a7c15ull;
	h = (h ^ (uint32_t)key->pid) * 0x9e3779b97f4a7c15ull;
	h = (h ^ (uint64_t)(uintptr_t)key->operation) * 0x9e3779b97f4a7c15ull;
	h = (h ^ (uint32_t)key->result) * 0x9e3779b97f4a7c15ull;
	return h >> 56 & (ENTRIES - 1);
}

static bool same(const struct audit_repeat_key *a, const struct audit_repeat_key *b)
{
	return a->operation == b->operation && a->node == b->node && a->uid == b->uid &&
	       a->pid == b->pid && a->result == b->result;
}

bool audit_repeat_seen(const struct audit_repeat_key *key)
{
	size_t at = place(key);
	int64_t now = now_ns();

	pthread_mutex_lock(&repeats.lock);
	bool seen = repeats.entry[at].since && same(&repeats.entry[at].key, key) &&
		    now - repeats.entry[at].since < SECOND;
	if (seen && repeats.entry[at].count++ == 0)
		repeats.counting++;
	pthread_mutex_unlock(&repeats.lock);
	return seen;
}

/* With the lock. */
static void write_count(size_t at)
{
	struct audit_body body;

	if (!repeats.entry[at].count)
		return;
	body.len = repeats.entry[at].len;
	memcpy(body.text, repeats.entry[at].body, body.len);
	audit_body_number(&body, "count", repeats.entry[at].count);
	audit_log_write(&body, NULL);
	repeats.entry[at].count = 0;
	repeats.counting--;
}

void audit_repeat_written(const struct audit_repeat_key *key, const struct audit_body *body)
{
	size_t at = place(key);

	pthread_mutex_lock(&repeats.lock);
	write_count(at);
	repeats.entry[at].since = 0;
	if (body->len <= BODY) {
		repeats.entry[at].key = *key;
		repeats.entry[at].since = now_ns();
		repeats.entry[at].len = body->len;
		memcpy(repeats.entry[at].body, body->text, body->len);
	}
	pthread_mutex_unlock(&repeats.lock);
}

bool audit_repeat_flush(bool all)
{
	int64_t now = now_ns();

	pthread_mutex_lock(&repeats.lock);
	for (size_t i = 0; i < ENTRIES && repeats.counting; i++)
		if (all || now - repeats.entry[i].since >= SECOND) {
			write_count(i);
			/* A second that is over begins again with a line of its own. */
			repeats.entry[i].since = 0;
		}
	bool left = repeats.counting > 0;
	pthread_mutex_unlock(&repeats.lock);
	return left;
}
