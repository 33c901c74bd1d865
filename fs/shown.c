/* SPDX-License-Identifier: MIT */
/* shown: the table. */
#include "shown.h"

#include <pthread.h>
#include <stdbool.h>

#define PLACES    16384
#define SURE      (1ull << 63) /* in version: the kernel has dropped what was there before */
#define NOT_KNOWN (SURE - 1)

static struct {
	pthread_mutex_t lock; /* all */
	struct {
		uint64_t node; /* 0: free */
		uint64_t version;
	} places[PLACES];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned place_of(uint64_t node)
{
	return (unsigned)((node * 0x9e3779b97f4a7c15ull) >> 50);
}

enum shown shown_open(uint64_t node, uint64_t value_id)
{
	unsigned at = place_of(node);
	enum shown shown = SHOWN_FIRST;

	pthread_mutex_lock(&table.lock);
	if (table.places[at].node == node && (table.places[at].version & ~SURE) == value_id) {
		shown = table.places[at].version & SURE ? SHOWN_KEEP : SHOWN_DROP;
	} else {
		table.places[at].node = node;
		table.places[at].version = value_id;
	}
	pthread_mutex_unlock(&table.lock);
	return shown;
}

void shown_opened(uint64_t node, uint64_t value_id)
{
	unsigned at = place_of(node);

	pthread_mutex_lock(&table.lock);
	if (table.places[at].node == node && table.places[at].version == value_id)
		table.places[at].version |= SURE;
	pthread_mutex_unlock(&table.lock);
}

void shown_fill(uint64_t node, uint64_t value_id)
{
	unsigned at = place_of(node);

	pthread_mutex_lock(&table.lock);
	if (table.places[at].node == node && (table.places[at].version & ~SURE) != value_id)
		table.places[at].version = NOT_KNOWN;
	pthread_mutex_unlock(&table.lock);
}
