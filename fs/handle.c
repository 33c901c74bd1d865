/* SPDX-License-Identifier: MIT */
/* handle: the table of open keys. */
#include "handle.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define GENERATION_SHIFT 52
#define WRITE_BIT        (1ull << 51)
#define INSTANCE_SHIFT   48
#define INSTANCES        8u
#define ID_MASK          ((1ull << INSTANCE_SHIFT) - 1)
#define TABLE_SIZE       1024

static struct {
	pthread_mutex_t lock; /* everything in here */
	struct handle *chains[TABLE_SIZE];
	uint64_t serial;
	uint64_t generation;
	unsigned count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* How many writers there are: most requests meet none and need not look further. */
static _Atomic unsigned writers;

void handle_init(uint32_t generation)
{
	table.generation = (uint64_t)(generation & 0xfff) << GENERATION_SHIFT;
}

/* Chains go by node, so that a node's writers are found as quickly as a handle. */
static struct handle **chain(uint64_t node)
{
	return &table.chains[(node * 0x9e3779b97f4a7c15ull) >> 54];
}

static struct handle *find_locked(uint64_t fh, uint64_t node)
{
	for (struct handle *h = *chain(node); h; h = h->next)
		if (h->fh == fh && h->node == node)
			return h;
	return NULL;
}

static void insert_locked(struct handle *handle)
{
	struct handle **head = chain(handle->node);

	handle->next = *head;
	*head = handle;
	table.count++;
	if (handle->can_write)
		atomic_fetch_add(&writers, 1);
}

static struct handle *handle_new(uint64_t node, uint64_t row, uint32_t key_no, uint32_t uid,
	uint32_t gid, int32_t pid, struct secbuf *data)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	struct node parsed;
	handle->node = node;
	handle->kind = node_parse(node, &parsed) ? parsed.kind : NODE_ROOT;
	handle->row = row;
	handle->key_no = key_no;
	handle->uid = uid;
	handle->gid = gid;
	handle->pid = pid;
	handle->refs = 1;
	pthread_mutex_init(&handle->lock, NULL);
	handle->data = secbuf_take(data);
	return handle;
}

static void handle_free(struct handle *handle)
{
	if (!handle)
		return;
	secbuf_free(&handle->data);
	pthread_mutex_destroy(&handle->lock);
	free(handle);
}

/* The number under which uid reads a version: his own instance if he has one, else the first free
 * one. */
static uint64_t read_fh_locked(
	uint64_t value_id, uint64_t node, uint32_t uid, struct handle **ret_shared)
{
	uint64_t fh = 0;

	for (uint64_t i = 0; i < INSTANCES; i++) {
		uint64_t candidate = table.generation | i << INSTANCE_SHIFT | (value_id & ID_MASK);
		struct handle *there = find_locked(candidate, node);
		if (!there) {
			if (!fh)
				fh = candidate;
		} else if (there->uid == uid || i == INSTANCES - 1) {
			if (there->uid == uid || !fh) {
				*ret_shared = there;
				return candidate;
			}
		}
	}
	return fh;
}

struct handle *handle_share(uint64_t value_id, uint64_t node, uint32_t uid)
{
	struct handle *shared = NULL;

	pthread_mutex_lock(&table.lock);
	read_fh_locked(value_id, node, uid, &shared);
	if (shared)
		shared->refs++;
	pthread_mutex_unlock(&table.lock);
	return shared;
}

int handle_open_read(uint64_t node, uint64_t row, uint32_t key_no, uint64_t value_id, uint32_t uid,
	uint32_t gid, int32_t pid, struct secbuf *data, struct handle **ret_handle)
{
	struct handle *shared = NULL;
	struct handle *made = handle_new(node, row, key_no, uid, gid, pid, data);

	if (!made)
		return -ENOMEM;
	pthread_mutex_lock(&table.lock);
	made->fh = read_fh_locked(value_id, node, uid, &shared);
	if (shared)
		shared->refs++;
	else
		insert_locked(made);
	pthread_mutex_unlock(&table.lock);
	if (shared)
		handle_free(made);
	*ret_handle = shared ? shared : made;
	return 0;
}

int handle_open_write(uint64_t node, uint64_t row, uint32_t key_no, uint32_t uid, uint32_t gid,
	int32_t pid, struct secbuf *data, struct handle **ret_handle)
{
	struct handle *made = handle_new(node, row, key_no, uid, gid, pid, data);

	if (!made)
		return -ENOMEM;
	made->can_write = true;
	pthread_mutex_lock(&table.lock);
	made->fh = table.generation | WRITE_BIT | (++table.serial & ID_MASK);
	insert_locked(made);
	pthread_mutex_unlock(&table.lock);
	*ret_handle = made;
	return 0;
}

struct handle *handle_find(uint64_t fh, uint64_t node)
{
	pthread_mutex_lock(&table.lock);
	struct handle *found = find_locked(fh, node);
	if (found)
		found->refs++;
	pthread_mutex_unlock(&table.lock);
	return found;
}

int handle_adopt(uint64_t fh, uint64_t node, uint64_t row, uint32_t key_no, uint32_t uid,
	struct secbuf *data, struct handle **ret_handle)
{
	struct handle *made = handle_new(node, row, key_no, uid, uid, 0, data);

	if (!made)
		return -ENOMEM;
	made->fh = fh;
	made->adopted = true;
	pthread_mutex_lock(&table.lock);
	struct handle *there = find_locked(fh, node);
	if (!there)
		insert_locked(made);
	(there ? there : made)->refs++;
	pthread_mutex_unlock(&table.lock);
	if (there)
		handle_free(made);
	*ret_handle = there ? there : made;
	return 0;
}

static void remove_locked(struct handle *handle)
{
	struct handle **at = chain(handle->node);

	while (*at != handle)
		at = &(*at)->next;
	*at = handle->next;
	table.count--;
	if (handle->can_write)
		atomic_fetch_sub(&writers, 1);
}

void handle_release(struct handle *handle)
{
	pthread_mutex_lock(&table.lock);
	bool last = --handle->refs == 0;
	if (last)
		remove_locked(handle);
	pthread_mutex_unlock(&table.lock);
	if (last)
		handle_free(handle);
}

void handle_close(struct handle *handle)
{
	pthread_mutex_lock(&table.lock);
	bool drop = true;
	if (handle->adopted) {
		drop = !handle->dropped;
		handle->dropped = true;
	}
	pthread_mutex_unlock(&table.lock);
	if (drop)
		handle_release(handle);
}

bool handle_could_write(uint64_t fh)
{
	return fh & WRITE_BIT;
}

uint64_t handle_value_id(uint64_t fh)
{
	return fh & ID_MASK;
}

bool handle_is_mine(uint64_t fh)
{
	return fh >> GENERATION_SHIFT == table.generation >> GENERATION_SHIFT;
}

void handle_owner_add(struct handle_owners *owners, uint64_t owner)
{
	if (handle_owner_in(owners, owner))
		return;
	if (owners->n == HANDLE_OWNERS)
		owners->anyone = true;
	else
		owners->owner[owners->n++] = owner;
}

bool handle_owner_in(const struct handle_owners *owners, uint64_t owner)
{
	for (unsigned i = 0; i < owners->n; i++)
		if (owners->owner[i] == owner)
			return true;
	return owners->anyone;
}

/* Calls test for each writer of the node, without their locks: the flags that it looks at are
 * hints, and a hint that is a moment old is as good as a request that came a moment earlier. */
static bool any_writer(uint64_t node, bool (*test)(struct handle *handle))
{
	bool found = false;

	if (atomic_load(&writers) == 0)
		return false;
	pthread_mutex_lock(&table.lock);
	for (struct handle *h = *chain(node); h && !found; h = h->next)
		if (h->node == node && h->can_write)
			found = test(h);
	pthread_mutex_unlock(&table.lock);
	return found;
}

static bool test_uncommitted(struct handle *handle)
{
	return handle->dirty || handle->emptied;
}

bool handle_uncommitted(uint64_t node)
{
	return any_writer(node, test_uncommitted);
}

static bool test_pending(struct handle *handle)
{
	return handle->emptied && handle->flushed;
}

bool handle_pending(uint64_t node)
{
	return any_writer(node, test_pending);
}

static bool test_committing(struct handle *handle)
{
	return handle->committing;
}

bool handle_committing(uint64_t node)
{
	return any_writer(node, test_committing);
}

static bool mark_mtime(struct handle *handle)
{
	handle->mtime_explicit = true;
	return false;
}

void handle_mtime_explicit(uint64_t node)
{
	any_writer(node, mark_mtime);
}

void handle_unlinked(uint64_t node)
{
	pthread_mutex_lock(&table.lock);
	for (struct handle *h = *chain(node); h; h = h->next)
		if (h->node == node)
			h->unlinked = true;
	pthread_mutex_unlock(&table.lock);
}

bool handle_is_unlinked(
	uint64_t node, bool any, uint64_t *ret_len, uint32_t *ret_uid, uint32_t *ret_gid)
{
	bool found = false;

	pthread_mutex_lock(&table.lock);
	for (struct handle *h = *chain(node); h && !found; h = h->next)
		if (h->node == node && (any || h->unlinked)) {
			*ret_len = h->can_write ? h->base_len : h->data.len;
			*ret_uid = h->uid;
			*ret_gid = h->gid;
			found = true;
		}
	pthread_mutex_unlock(&table.lock);
	return found;
}

unsigned handle_count(void)
{
	pthread_mutex_lock(&table.lock);
	unsigned count = table.count;
	pthread_mutex_unlock(&table.lock);
	return count;
}
