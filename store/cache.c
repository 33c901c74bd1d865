/* SPDX-License-Identifier: MIT */
/* cache: shards with a lock each; second chance for what was used. */
#include "cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define SHARDS  16
#define BUCKETS 256

struct shard {
	pthread_mutex_t lock; /* all of the shard */
	uint64_t epoch;       /* raised with every drop */
	size_t cost;
	size_t hand; /* the bucket where the next search for a victim begins */
	struct cache_entry *buckets[BUCKETS];
};

struct cache {
	size_t limit;           /* of a shard */
	_Atomic uint64_t drops; /* raised with every drop, before the shard's epoch is */
	struct shard shards[SHARDS];
};

static uint64_t mix(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15ull;
}

static struct shard *shard_of(struct cache *cache, uint64_t key)
{
	return &cache->shards[mix(key) >> 60];
}

static struct cache_entry **bucket_of(struct shard *shard, uint64_t key)
{
	return &shard->buckets[mix(key) >> 40 & (BUCKETS - 1)];
}

int cache_new(size_t limit, struct cache **ret_cache)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return -ENOMEM;
	cache->limit = limit / SHARDS;
	for (size_t i = 0; i < SHARDS; i++)
		pthread_mutex_init(&cache->shards[i].lock, NULL);
	*ret_cache = cache;
	return 0;
}

void cache_release(struct cache_entry *entry)
{
	if (entry && atomic_fetch_sub(&entry->refs, 1) == 1)
		entry->free(entry);
}

void cache_free(struct cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SHARDS; i++) {
		for (size_t b = 0; b < BUCKETS; b++)
			while (cache->shards[i].buckets[b]) {
				struct cache_entry *entry = cache->shards[i].buckets[b];
				cache->shards[i].buckets[b] = entry->next;
				cache_release(entry);
			}
		pthread_mutex_destroy(&cache->shards[i].lock);
	}
	free(cache);
}

static struct cache_entry **find(struct shard *shard, uint64_t key)
{
	struct cache_entry **at = bucket_of(shard, key);

	while (*at && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

/* Takes one out and gives it back. */
static void evict(struct shard *shard, struct cache_entry **at)
{
	struct cache_entry *entry = *at;

	*at = entry->next;
	shard->cost -= entry->cost;
	cache_release(entry);
}

struct cache_entry *cache_get(struct cache *cache, uint64_t key)
{
	struct shard *shard = shard_of(cache, key);

	pthread_mutex_lock(&shard->lock);
	struct cache_entry *entry = *find(shard, key);
	if (entry) {
		entry->used = true;
		atomic_fetch_add(&entry->refs, 1);
	}
	pthread_mutex_unlock(&shard->lock);
	return entry;
}

uint64_t cache_epoch(struct cache *cache, uint64_t key)
{
	struct shard *shard = shard_of(cache, key);

	pthread_mutex_lock(&shard->lock);
	uint64_t epoch = shard->epoch;
	pthread_mutex_unlock(&shard->lock);
	return epoch;
}

uint64_t cache_drops(const struct cache *cache)
{
	return atomic_load(&cache->drops);
}

/* Goes round the buckets: what was used since the last round stays for another. */
static void make_room(struct cache *cache, struct shard *shard, size_t cost)
{
	for (size_t rounds = 0; shard->cost + cost > cache->limit && rounds < 2 * BUCKETS + 2;
		rounds++) {
		struct cache_entry **at = &shard->buckets[shard->hand];
		while (*at && shard->cost + cost > cache->limit) {
			if ((*at)->used) {
				(*at)->used = false;
				at = &(*at)->next;
			} else {
				evict(shard, at);
			}
		}
		shard->hand = (shard->hand + 1) % BUCKETS;
	}
}

void cache_put(struct cache *cache, struct cache_entry *entry, uint64_t epoch)
{
	struct shard *shard = shard_of(cache, entry->key);

	if (entry->cost > cache->limit)
		return;
	pthread_mutex_lock(&shard->lock);
	if (shard->epoch == epoch && !*find(shard, entry->key)) {
		make_room(cache, shard, entry->cost);
		struct cache_entry **head = bucket_of(shard, entry->key);
		entry->used = false;
		entry->next = *head;
		*head = entry;
		shard->cost += entry->cost;
		atomic_fetch_add(&entry->refs, 1);
	}
	pthread_mutex_unlock(&shard->lock);
}

void cache_drop(struct cache *cache, uint64_t key)
{
	struct shard *shard = shard_of(cache, key);

	atomic_fetch_add(&cache->drops, 1);
	pthread_mutex_lock(&shard->lock);
	shard->epoch++;
	struct cache_entry **at = find(shard, key);
	if (*at)
		evict(shard, at);
	pthread_mutex_unlock(&shard->lock);
}
