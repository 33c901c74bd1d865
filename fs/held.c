/* SPDX-License-Identifier: MIT */
/* held: counts of holders by value, and what the writer is deleting. */
#include "held.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define TABLE_SIZE 1024

struct held {
	struct held *next;
	uint64_t value_id;
	unsigned holders;
	bool kept; /* the store has asked for it: no version names it */
};

static struct {
	pthread_mutex_t lock; /* everything in here, but unkept */
	struct held *chains[TABLE_SIZE];
	uint64_t *going; /* let go of in the transaction at hand */
	size_t ngoing;
	size_t going_cap;
	uint64_t deletions; /* transactions that let go of something */
	void (*unkept)(void);
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

void held_init(void (*unkept)(void))
{
	table.unkept = unkept;
}

static struct held **find_locked(uint64_t value_id)
{
	struct held **at = &table.chains[(value_id * 0x9e3779b97f4a7c15ull) >> 54];

	while (*at && (*at)->value_id != value_id)
		at = &(*at)->next;
	return at;
}

static int add_locked(uint64_t value_id)
{
	struct held **at = find_locked(value_id);

	if (!*at) {
		struct held *made = calloc(1, sizeof(*made));
		if (!made)
			return -ENOMEM;
		made->value_id = value_id;
		*at = made;
	}
	(*at)->holders++;
	return 0;
}

static bool is_going_locked(uint64_t value_id)
{
	for (size_t i = 0; i < table.ngoing; i++)
		if (table.going[i] == value_id)
			return true;
	return false;
}

uint64_t held_mark(void)
{
	pthread_mutex_lock(&table.lock);
	uint64_t mark = table.deletions;
	pthread_mutex_unlock(&table.lock);
	return mark;
}

int held_open(uint64_t value_id, uint64_t mark)
{
	int r = 0;

	if (!value_id)
		return 0;
	pthread_mutex_lock(&table.lock);
	/* Who has it open keeps it, whatever was deleted besides. */
	if (*find_locked(value_id))
		r = 0;
	else if (is_going_locked(value_id))
		r = -EAGAIN;
	else if (table.deletions != mark)
		r = -ESTALE;
	if (r == 0)
		r = add_locked(value_id);
	pthread_mutex_unlock(&table.lock);
	return r;
}

int held_add(uint64_t value_id)
{
	if (!value_id)
		return 0;
	pthread_mutex_lock(&table.lock);
	int r = add_locked(value_id);
	pthread_mutex_unlock(&table.lock);
	return r;
}

void held_drop(uint64_t value_id)
{
	bool unkept = false;

	if (!value_id)
		return;
	pthread_mutex_lock(&table.lock);
	struct held **at = find_locked(value_id);
	struct held *there = *at;
	if (there && --there->holders == 0) {
		unkept = there->kept;
		*at = there->next;
		free(there);
	}
	pthread_mutex_unlock(&table.lock);
	if (unkept && table.unkept)
		table.unkept();
}

static bool going_add_locked(uint64_t value_id)
{
	if (table.ngoing == table.going_cap) {
		size_t cap = table.going_cap ? table.going_cap * 2 : 64;
		uint64_t *going = reallocarray(table.going, cap, sizeof(*going));
		if (!going)
			return false;
		table.going = going;
		table.going_cap = cap;
	}
	table.going[table.ngoing++] = value_id;
	return true;
}

bool held_ask(uint64_t value_id)
{
	pthread_mutex_lock(&table.lock);
	struct held *there = *find_locked(value_id);
	if (there)
		there->kept = true;
	/* Without memory to remember that it goes it has to stay, until somebody tidies up. */
	bool held = there || !going_add_locked(value_id);
	pthread_mutex_unlock(&table.lock);
	return held;
}

void held_settled(void)
{
	pthread_mutex_lock(&table.lock);
	if (table.ngoing)
		table.deletions++;
	table.ngoing = 0;
	pthread_mutex_unlock(&table.lock);
}
