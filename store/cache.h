/* SPDX-License-Identifier: MIT */
/*
 * cache: a bounded cache of shared, read-only things by number. Opened manifests (in the arena) and
 * sealed values are kept in two of them, so that a small secret that is read often costs no query.
 *
 * An entry that somebody still holds outlives its removal. What is put is refused if its number was
 * dropped since the maker asked for cache_epoch: so whoever read an old snapshot cannot put back
 * what a commit has just replaced.
 *
 * Threads: any.
 */
#ifndef STORE_CACHE_H
#define STORE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;

/* To be embedded at the start of what is cached. */
struct cache_entry {
	uint64_t key;
	size_t cost;                             /* in whatever unit the limit is */
	void (*free)(struct cache_entry *entry); /* the last holder's call */
	_Atomic unsigned refs;
	/* The cache's: */
	bool used;
	struct cache_entry *next;
};

/* limit: the most that all entries together may cost. -ENOMEM. */
int cache_new(size_t limit, struct cache **ret_cache);

/* All entries must have been given back. NULL is fine. */
void cache_free(struct cache *cache);

/* One more reference to an entry, or NULL. */
struct cache_entry *cache_get(struct cache *cache, uint64_t key);

uint64_t cache_epoch(struct cache *cache, uint64_t key);

/* For who does not know the number yet: as long as this is what it was, every number's epoch is,
 * too.
 */
uint64_t cache_drops(const struct cache *cache);

/* Takes a reference of its own to entry (whose maker holds one) unless the number was dropped since
 * epoch, is there already, or the entry costs too much. */
void cache_put(struct cache *cache, struct cache_entry *entry, uint64_t epoch);

/* Forgets a number. */
void cache_drop(struct cache *cache, uint64_t key);

/* Gives a reference back; NULL is fine. */
void cache_release(struct cache_entry *entry);

#endif
