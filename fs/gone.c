/* SPDX-License-Identifier: MIT */
/* gone: the table of keys without names. */
#include "gone.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "handle.h"
#include "held.h"
#include "openings.h"
#include "ops.h"

#define TABLE_SIZE 1024

/* What nobody has open may stay for a bind mount. Who makes and removes keys must not fill the
 * store that way. */
#define CLOSED_MAX   1024        /* of one owner */
#define CLOSED_BYTES (16u << 20) /* of one owner */

struct gone {
	struct gone *next;
	uint64_t node;
	uint64_t held;
	struct store_gone key;
	bool closed; /* nobody had it open when it went, or has closed it since */
	int place;   /* in openings */
};

static struct {
	pthread_mutex_t lock; /* chains */
	struct gone *chains[TABLE_SIZE];
	_Atomic unsigned count; /* changed under the lock; most requests find 0 */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct gone **find_locked(uint64_t node)
{
	struct gone **at = &table.chains[(node * 0x9e3779b97f4a7c15ull) >> 54];

	while (*at && (*at)->node != node)
		at = &(*at)->next;
	return at;
}

static bool room_locked(const struct store_gone *key)
{
	unsigned n = 0;
	uint64_t bytes = key->len;

	/* Nearly always. */
	if (atomic_load(&table.count) < CLOSED_MAX && key->len < CLOSED_BYTES / CLOSED_MAX)
		return true;
	for (size_t i = 0; i < TABLE_SIZE; i++)
		for (const struct gone *g = table.chains[i]; g; g = g->next)
			if (g->closed && g->key.uid == key->uid) {
				n++;
				bytes += g->key.len;
			}
	return n < CLOSED_MAX && bytes <= CLOSED_BYTES;
}

/* Takes an entry out. The caller frees it. */
static struct gone *take_locked(struct gone **at)
{
	struct gone *taken = *at;

	if (taken) {
		*at = taken->next;
		atomic_fetch_sub(&table.count, 1);
	}
	return taken;
}

static void gone_free(struct gone *gone)
{
	if (!gone)
		return;
	openings_remove(gone->place);
	held_drop(gone->held);
	free(gone);
}

static void insert(struct gone *gone)
{
	pthread_mutex_lock(&table.lock);
	struct gone **at = find_locked(gone->node);
	gone->next = *at;
	*at = gone;
	atomic_fetch_add(&table.count, 1);
	pthread_mutex_unlock(&table.lock);
}

/* Without a place it is forgotten when the worker dies. */
static int place_of(const struct gone *gone)
{
	const struct opening opening = {.node = gone->node,
		.value_id = gone->key.value_id,
		.version = gone->key.version,
		.uid = gone->key.uid,
		.len = gone->key.len,
		.by_name = gone->key.by_name,
		.closed = gone->closed};

	return openings_add(OPENING_GONE, &opening);
}

/* What cannot be remembered answers ESTALE later: no reason to refuse that it be removed. */
void gone_removing(const struct store_gone *key)
{
	uint64_t node = node_key(key->row, key->key_no);
	bool open = handle_is_open(node);
	struct gone *made = open || key->by_name ? calloc(1, sizeof(*made)) : NULL;

	if (!made)
		return;
	*made = (struct gone){.node = node,
		.held = store_keep_id(key->row, key->key_no, key->value_id),
		.key = *key,
		.closed = !open,
		.place = -1};
	pthread_mutex_lock(&table.lock);
	/* An earlier try, which failed. */
	struct gone *before = take_locked(find_locked(node));
	bool room = open || room_locked(key);
	pthread_mutex_unlock(&table.lock);
	gone_free(before);
	if (!room || held_add(made->held) < 0) {
		free(made);
		return;
	}
	made->place = place_of(made);
	insert(made);
}

/* An earlier worker's. */
static bool inherit_one(const struct opening *opening, int place)
{
	struct node node = {.kind = NODE_ROOT};
	struct gone *made = calloc(1, sizeof(*made));

	node_parse(opening->node, &node);
	uint64_t held = store_keep_id(node.row, node.key_no, opening->value_id);
	if (!made || node.kind != NODE_KEY || held_add(held) < 0) {
		free(made);
		return false;
	}
	*made = (struct gone){
		.node = opening->node, .held = held, .closed = opening->closed, .place = place};
	made->key = (struct store_gone){.row = node.row,
		.key_no = node.key_no,
		.uid = opening->uid,
		.version = opening->version,
		.value_id = opening->value_id,
		.len = opening->len,
		.by_name = opening->by_name};
	insert(made);
	return true;
}

void gone_inherit(void)
{
	openings_inherit(OPENING_GONE, inherit_one);
}

int gone_find(const struct node *node, bool opened, const struct store_secret **ret_secret,
	const struct manifest_key **ret_key)
{
	struct store_gone key;
	const struct store_secret *secret;

	if (node->kind != NODE_KEY || atomic_load(&table.count) == 0)
		return -ESTALE;
	pthread_mutex_lock(&table.lock);
	const struct gone *there = *find_locked(node_id(node));
	bool found = there && (opened || there->key.by_name);
	if (found)
		key = there->key;
	pthread_mutex_unlock(&table.lock);
	if (!found)
		return -ESTALE;
	int r = store_secret_gone(ops_thread.reader, &key, &secret);
	if (r < 0)
		return ops_stale(r);
	*ret_secret = secret;
	*ret_key = manifest_key_by_no(&secret->m, key.key_no);
	return 0;
}

void gone_forget(uint64_t node)
{
	if (atomic_load(&table.count) == 0)
		return;
	pthread_mutex_lock(&table.lock);
	struct gone *taken = take_locked(find_locked(node));
	pthread_mutex_unlock(&table.lock);
	gone_free(taken);
}

void gone_closed(uint64_t node)
{
	if (atomic_load(&table.count) == 0 || handle_is_open(node))
		return;
	pthread_mutex_lock(&table.lock);
	struct gone **at = find_locked(node);
	struct gone *taken = NULL;
	if (*at && !(*at)->closed) {
		/* A file handle or a bind mount may have it still. */
		if ((*at)->key.by_name && room_locked(&(*at)->key)) {
			(*at)->closed = true;
			openings_set_closed((*at)->place);
		} else {
			taken = take_locked(at);
		}
	}
	pthread_mutex_unlock(&table.lock);
	gone_free(taken);
}
