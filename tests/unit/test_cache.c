/* SPDX-License-Identifier: MIT */
/* test_cache: what is kept, what goes when there is no room, and that what was dropped stays so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <pthread.h>

#include <cmocka.h>

#include "cache.h"

#define SHARDS 16 /* the limit is divided evenly among them */

struct thing {
	struct cache_entry entry;
	uint64_t says;
};

static _Atomic int living;

static void thing_free(struct cache_entry *entry)
{
	atomic_fetch_sub(&living, 1);
	memset(entry, 0xee, sizeof(struct thing));
	free(entry);
}

/* Its maker holds it. */
static struct thing *thing_new(uint64_t key, size_t cost, uint64_t says)
{
	struct thing *thing = calloc(1, sizeof(*thing));

	if (!thing)
		abort();
	thing->entry.key = key;
	thing->entry.cost = cost;
	thing->entry.free = thing_free;
	thing->entry.refs = 1;
	thing->says = says;
	atomic_fetch_add(&living, 1);
	return thing;
}

static void put_new(struct cache *cache, uint64_t key, size_t cost, uint64_t says)
{
	struct thing *thing = thing_new(key, cost, says);

	cache_put(cache, &thing->entry, cache_epoch(cache, key));
	cache_release(&thing->entry);
}

/* What the entry of that number says, 0: there is none. */
static uint64_t says(struct cache *cache, uint64_t key)
{
	struct cache_entry *entry = cache_get(cache, key);
	uint64_t what = entry ? ((struct thing *)entry)->says : 0;

	cache_release(entry);
	return what;
}

static struct cache *make(size_t limit)
{
	struct cache *cache = NULL;

	living = 0;
	assert_int_equal(cache_new(limit, &cache), 0);
	assert_non_null(cache);
	return cache;
}

static void end(struct cache *cache)
{
	cache_free(cache);
	assert_int_equal(living, 0);
}

static void test_get(void **state)
{
	struct cache *cache = make(SHARDS * 100);

	(void)state;
	assert_null(cache_get(cache, 1));
	put_new(cache, 1, 1, 11);
	put_new(cache, UINT64_MAX, 1, 22);
	put_new(cache, 0, 1, 33);
	assert_int_equal(says(cache, 1), 11);
	assert_int_equal(says(cache, UINT64_MAX), 22);
	assert_int_equal(says(cache, 0), 33);
	assert_int_equal(says(cache, 2), 0);
	assert_int_equal(living, 3);
	end(cache);
	cache_free(NULL);
	cache_release(NULL);
}

static void test_first_stays(void **state)
{
	struct cache *cache = make(SHARDS * 100);

	(void)state;
	put_new(cache, 1, 1, 11);
	put_new(cache, 1, 1, 12);
	assert_int_equal(says(cache, 1), 11);
	assert_int_equal(living, 1);
	end(cache);
}

static void test_drop(void **state)
{
	struct cache *cache = make(SHARDS * 100);

	(void)state;
	cache_drop(cache, 1);
	put_new(cache, 1, 1, 11);
	cache_drop(cache, 1);
	assert_int_equal(says(cache, 1), 0);
	assert_int_equal(living, 0);
	put_new(cache, 1, 1, 12);
	assert_int_equal(says(cache, 1), 12);
	end(cache);
}

/* Who holds an entry goes on doing so. */
static void test_held(void **state)
{
	struct cache *cache = make(SHARDS * 100);

	(void)state;
	put_new(cache, 1, 1, 11);
	struct cache_entry *held = cache_get(cache, 1);
	assert_non_null(held);
	cache_drop(cache, 1);
	put_new(cache, 1, 1, 12);
	assert_int_equal(((struct thing *)held)->says, 11);
	assert_int_equal(says(cache, 1), 12);
	assert_int_equal(living, 2);
	cache_release(held);
	assert_int_equal(living, 1);
	end(cache);
}

/* What was read before a commit is not put back after it. */
static void test_epoch(void **state)
{
	struct cache *cache = make(SHARDS * 100);
	struct thing *old = thing_new(1, 1, 11);

	(void)state;
	uint64_t epoch = cache_epoch(cache, 1);
	cache_drop(cache, 1);
	cache_put(cache, &old->entry, epoch);
	assert_int_equal(says(cache, 1), 0);
	cache_release(&old->entry);
	assert_int_equal(living, 0);
	put_new(cache, 1, 1, 12);
	assert_int_equal(says(cache, 1), 12);
	/* Not either when a newer one came and went meanwhile. */
	epoch = cache_epoch(cache, 1);
	cache_drop(cache, 1);
	put_new(cache, 1, 1, 13);
	cache_drop(cache, 1);
	old = thing_new(1, 1, 12);
	cache_put(cache, &old->entry, epoch);
	cache_release(&old->entry);
	assert_int_equal(says(cache, 1), 0);
	end(cache);
}

static void test_too_large(void **state)
{
	struct cache *cache = make(SHARDS * 100);

	(void)state;
	put_new(cache, 1, 101, 11);
	assert_int_equal(says(cache, 1), 0);
	assert_int_equal(living, 0);
	put_new(cache, 1, 100, 12);
	assert_int_equal(says(cache, 1), 12);
	end(cache);
	cache = make(0);
	put_new(cache, 1, 1, 11);
	assert_int_equal(says(cache, 1), 0);
	end(cache);
}

static void test_limit(void **state)
{
	struct cache *cache = make(SHARDS * 100);

	(void)state;
	for (uint64_t key = 1; key <= 20000; key++) {
		put_new(cache, key, 1 + key % 10, key);
		assert_true(living <= SHARDS * 100);
	}
	/* Full of the cheapest and the dearest, it still is rather full. */
	size_t cost = 0;
	for (uint64_t key = 1; key <= 20000; key++)
		if (says(cache, key))
			cost += 1 + key % 10;
	assert_true(cost <= SHARDS * 100);
	assert_true(cost > SHARDS * 100 / 2);
	end(cache);
}

/* One entry that needs all the room gets it, used or not. */
static void test_all_room(void **state)
{
	struct cache *cache = make(SHARDS * 100);

	(void)state;
	for (uint64_t key = 1; key <= 2000; key++) {
		put_new(cache, key, 1, key);
		says(cache, key);
	}
	put_new(cache, 3000, 100, 3000);
	assert_int_equal(says(cache, 3000), 3000);
	end(cache);
}

/* What is asked for again and again outlives what is put once. */
static void test_used_stays(void **state)
{
	struct cache *cache = make(SHARDS * 1000);
	int found = 0;

	(void)state;
	for (uint64_t key = 1; key <= 100; key++)
		put_new(cache, key, 1, key);
	for (uint64_t key = 1000; key < 50000; key++) {
		put_new(cache, key, 1, key);
		if (key % 500 == 0)
			for (uint64_t often = 1; often <= 100; often++)
				says(cache, often);
	}
	for (uint64_t often = 1; often <= 100; often++)
		found += says(cache, often) == often;
	assert_true(found >= 90);
	end(cache);
}

/* ---- threads ---- */

#define KEYS 50

static struct cache *shared;
/* The number that an entry must have at least, as a committed version: raised before the drop. */
static _Atomic uint64_t current[KEYS];
static _Atomic int wrong;

static void *writer(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;

	for (int i = 0; i < 30000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint64_t key = (seed >> 16) % KEYS;
		atomic_fetch_add(&current[key], 1);
		cache_drop(shared, key);
	}
	return NULL;
}

static void *reader(void *arg)
{
	uint32_t seed = (uint32_t)(uintptr_t)arg;

	for (int i = 0; i < 60000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint64_t key = (seed >> 16) % KEYS;
		uint64_t epoch = cache_epoch(shared, key), now = current[key];
		struct cache_entry *entry = cache_get(shared, key);
		if (entry) {
			if (entry->key != key)
				wrong = 1;
			cache_release(entry);
			continue;
		}
		struct thing *thing = thing_new(key, 1 + key % 7, now + 1);
		cache_put(shared, &thing->entry, epoch);
		cache_release(&thing->entry);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[6];

	(void)state;
	shared = make(SHARDS * 20);
	for (uintptr_t i = 0; i < 6; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i < 2 ? writer : reader, (void *)(i + 1)),
			0);
	for (size_t i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(wrong, 0);
	/* No stale one has survived. */
	for (uint64_t key = 0; key < KEYS; key++) {
		uint64_t what = says(shared, key);
		assert_true(what == 0 || what == current[key] + 1);
	}
	end(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_first_stays),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_epoch),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_all_room),
		cmocka_unit_test(test_used_stays),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
