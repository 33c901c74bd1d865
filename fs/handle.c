/* SPDX-License-Identifier: MIT */
/* handle: the table of open keys. */
#include "handle.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "held.h"
#include "openings.h"

#define GENERATION_SHIFT 52
#define WRITE_BIT        (1ull << 51)
#define CACHED_BIT       (1ull << 50)
#define INSTANCE_SHIFT   48
#define INSTANCES        4u
#define ID_MASK          ((1ull << INSTANCE_SHIFT) - 1)
#define TABLE_SIZE       1024
#define COMING_SIZE      256

static struct {
	pthread_mutex_t lock; /* everything in here */
	struct handle *chains[TABLE_SIZE];
	uint64_t serial;
	uint64_t generation;
	unsigned count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* How many writers there are: most requests meet none and need not look further. */
static _Atomic unsigned writers;

/* The same of those who read through the page cache. */
static _Atomic unsigned cached_readers;

/* Writers on their way, by secret. Two secrets may share one: then a reader of the other does
 * without the page cache. */
static _Atomic unsigned coming[COMING_SIZE];

/* How often they were changed, in the same way. */
static _Atomic uint32_t changes[COMING_SIZE];

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
	if (handle_cached(handle->fh))
		atomic_fetch_add(&cached_readers, 1);
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
	if (handle_cached(handle->fh))
		atomic_fetch_sub(&cached_readers, 1);
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
	handle->refs = handle->opens = 1;
	handle->place = -1;
	handle->loaded = true;
	pthread_mutex_init(&handle->lock, NULL);
	handle->data = secbuf_take(data);
	return handle;
}

static void handle_free(struct handle *handle)
{
	if (!handle)
		return;
	held_drop(handle->held);
	secbuf_free(&handle->data);
	pthread_mutex_destroy(&handle->lock);
	free(handle);
}

static bool has_writer_locked(uint64_t node)
{
	for (const struct handle *h = *chain(node); h; h = h->next)
		if (h->node == node && h->can_write && h->opens)
			return true;
	return false;
}

static bool reads_cached(const struct handle *handle)
{
	return handle->opens && handle_cached(handle->fh);
}

static _Atomic unsigned *coming_at(uint64_t row)
{
	return &coming[row % COMING_SIZE];
}

int64_t handle_cache_mark(uint64_t row)
{
	return atomic_load(&changes[row % COMING_SIZE]);
}

/* A key alone: nobody writes it or is about to, by itself or by a view, and nobody reads another
 * version through the page cache. */
static bool may_cache_locked(uint64_t snapshot_id, uint64_t node, uint64_t row, int64_t mark)
{
	const struct node json = {.kind = NODE_JSON, .row = row};
	const struct node env = {.kind = NODE_ENV, .row = row};

	if (mark == HANDLE_DIRECT || atomic_load(coming_at(row)))
		return false;
	if (atomic_load(&writers) &&
		(has_writer_locked(node) || has_writer_locked(node_id(&json)) ||
			has_writer_locked(node_id(&env))))
		return false;
	for (const struct handle *h = *chain(node); h; h = h->next)
		if (h->node == node && reads_cached(h) &&
			handle_value_id(h->fh) != (snapshot_id & ID_MASK))
			return false;
	/* Last: a writer that is not there any more has said that there was a change. */
	return mark == handle_cache_mark(row);
}

/* The number under which uid reads a version: his own instance if he has one, else the first free
 * one. */
static uint64_t read_fh_locked(uint64_t snapshot_id, uint64_t node, uint64_t row, uint32_t uid,
	int64_t cached, struct handle **ret_shared)
{
	uint64_t base = table.generation | (snapshot_id & ID_MASK);
	uint64_t fh = 0;

	if (may_cache_locked(snapshot_id, node, row, cached))
		base |= CACHED_BIT;
	for (uint64_t i = 0; i < INSTANCES; i++) {
		uint64_t candidate = base | i << INSTANCE_SHIFT;
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

static int note_reader_locked(struct handle *handle)
{
	const struct opening opening = {.node = handle->node,
		.fh = handle->fh,
		.value_id = handle->held,
		.opens = handle->opens,
		.uid = handle->uid,
		.gid = handle->gid};

	handle->place = openings_add(OPENING_HANDLE, &opening);
	return handle->place < 0 ? handle->place : 0;
}

/* Without a place its emptying dies with the worker, as what is written does. */
static void note_emptied_locked(struct handle *handle)
{
	const struct opening opening = {.node = handle->node,
		.fh = handle->fh,
		.opens = handle->opens,
		.uid = handle->uid,
		.gid = handle->gid,
		.pid = handle->pid,
		.flushed = handle->flushed};

	handle->place = openings_add(OPENING_EMPTIED, &opening);
}

void handle_set_flushed(struct handle *handle)
{
	pthread_mutex_lock(&table.lock);
	handle->flushed = true;
	openings_set_flushed(handle->place);
	pthread_mutex_unlock(&table.lock);
}

void handle_set_not_emptied(struct handle *handle)
{
	if (!handle->emptied)
		return;
	pthread_mutex_lock(&table.lock);
	handle->emptied = handle->flushed = false;
	openings_remove(handle->place);
	handle->place = -1;
	pthread_mutex_unlock(&table.lock);
}

/* Who closes it for the last time may still be about to take it out of the table. */
static int open_again_locked(struct handle *handle)
{
	bool closed = handle->opens == 0;

	handle->opens++;
	if (closed && note_reader_locked(handle) < 0) {
		handle->opens = 0;
		return -ENFILE;
	}
	if (!closed)
		openings_set_opens(handle->place, handle->opens);
	handle->refs++;
	return 0;
}

struct handle *handle_share(
	uint64_t snapshot_id, uint64_t node, uint64_t row, uint32_t uid, int64_t cached)
{
	struct handle *shared = NULL;

	pthread_mutex_lock(&table.lock);
	read_fh_locked(snapshot_id, node, row, uid, cached, &shared);
	if (shared && open_again_locked(shared) < 0)
		shared = NULL;
	pthread_mutex_unlock(&table.lock);
	return shared;
}

/* An earlier worker's. Its numbers cannot be ours: the generation is another one. */
static bool inherit_one(const struct opening *opening, int place)
{
	struct node node;
	struct secbuf none = SECBUF_INIT;

	if (!node_parse(opening->node, &node) || opening->opens == 0 ||
		held_add(opening->value_id) < 0)
		return false;
	struct handle *made = handle_new(
		opening->node, node.row, node.key_no, opening->uid, opening->gid, 0, &none);
	if (!made) {
		held_drop(opening->value_id);
		return false;
	}
	made->fh = opening->fh;
	made->held = opening->value_id;
	made->refs = made->opens = opening->opens;
	made->place = place;
	made->loaded = false;
	made->changed = handle_cached(made->fh);
	insert_locked(made);
	return true;
}

static bool inherit_emptied(const struct opening *opening, int place)
{
	struct node node;
	struct secbuf empty = SECBUF_INIT;

	if (!node_parse(opening->node, &node) || opening->opens == 0 ||
		secbuf_alloc(&empty, 0, opening->uid) < 0)
		return false;
	struct handle *made = handle_new(opening->node, node.row, node.key_no, opening->uid,
		opening->gid, opening->pid, &empty);
	if (!made) {
		secbuf_free(&empty);
		return false;
	}
	made->fh = opening->fh;
	made->can_write = true;
	made->emptied = true;
	made->flushed = opening->flushed;
	made->place = place;
	insert_locked(made);
	return true;
}

void handle_inherit(void)
{
	openings_inherit(OPENING_HANDLE, inherit_one);
	openings_inherit(OPENING_EMPTIED, inherit_emptied);
}

int handle_open_read(uint64_t node, uint64_t row, uint32_t key_no, uint64_t snapshot_id,
	uint64_t held, uint32_t uid, uint32_t gid, int32_t pid, int64_t cached, struct secbuf *data,
	struct handle **ret_handle)
{
	struct handle *shared = NULL;
	struct handle *made = handle_new(node, row, key_no, uid, gid, pid, data);

	if (!made) {
		held_drop(held);
		return -ENOMEM;
	}
	made->held = held;
	pthread_mutex_lock(&table.lock);
	made->fh = read_fh_locked(snapshot_id, node, row, uid, cached, &shared);
	int r = shared ? open_again_locked(shared) : note_reader_locked(made);
	if (!shared && r == 0)
		insert_locked(made);
	pthread_mutex_unlock(&table.lock);
	if (shared || r < 0)
		handle_free(made);
	if (r == 0)
		*ret_handle = shared ? shared : made;
	return r;
}

int handle_open_write(uint64_t node, uint64_t row, uint32_t key_no, uint32_t uid, uint32_t gid,
	int32_t pid, const struct handle_start *start, struct secbuf *data,
	struct handle **ret_handle)
{
	struct handle *made = handle_new(node, row, key_no, uid, gid, pid, data);

	if (!made)
		return -ENOMEM;
	made->can_write = true;
	made->base_len = start->base_len;
	made->append = start->append;
	made->tail = start->tail;
	made->emptied = start->emptied;
	made->version = start->version;
	pthread_mutex_lock(&table.lock);
	made->fh = table.generation | WRITE_BIT | (++table.serial & ID_MASK);
	insert_locked(made);
	if (made->emptied)
		note_emptied_locked(made);
	pthread_mutex_unlock(&table.lock);
	*ret_handle = made;
	return 0;
}

static bool is_carried(const struct handle *handle)
{
	if (!handle->opens)
		return false;
	return handle->can_write || (handle->kind != NODE_KEY && handle->loaded);
}

void handle_each_carried(void (*visit)(struct handle *handle, void *arg), void *arg)
{
	pthread_mutex_lock(&table.lock);
	for (size_t i = 0; i < TABLE_SIZE; i++)
		for (struct handle *h = table.chains[i]; h; h = h->next)
			if (is_carried(h))
				visit(h, arg);
	pthread_mutex_unlock(&table.lock);
}

void handle_describe(const struct handle *handle, struct handle_carried *ret_carried)
{
	/* To the last byte, also between the members. */
	memset(ret_carried, 0, sizeof(*ret_carried));
	ret_carried->fh = handle->fh;
	ret_carried->node = handle->node;
	ret_carried->row = handle->row;
	ret_carried->key_no = handle->key_no;
	ret_carried->uid = handle->uid;
	ret_carried->gid = handle->gid;
	ret_carried->pid = handle->pid;
	ret_carried->opens = handle->opens;
	ret_carried->error = handle->error;
	ret_carried->base_len = handle->base_len;
	ret_carried->mtime = handle->mtime;
	ret_carried->version = handle->version;
	ret_carried->len = handle->data.len;
	ret_carried->writers = handle->writers;
	ret_carried->append = handle->append;
	ret_carried->tail = handle->tail;
	ret_carried->dirty = handle->dirty;
	ret_carried->emptied = handle->emptied;
	ret_carried->flushed = handle->flushed;
	ret_carried->mtime_explicit = handle->mtime_explicit;
}

static int take_reader(const struct handle_carried *carried, struct secbuf *data)
{
	pthread_mutex_lock(&table.lock);
	struct handle *there = find_locked(carried->fh, carried->node);
	if (there && !there->loaded) {
		there->data = secbuf_take(data);
		there->loaded = true;
	}
	pthread_mutex_unlock(&table.lock);
	return 0;
}

int handle_take_over(const struct handle_carried *carried, struct secbuf *data)
{
	struct node node;

	if (!handle_could_write(carried->fh))
		return take_reader(carried, data);
	if (!node_parse(carried->node, &node) || carried->opens == 0 ||
		carried->writers.n > HANDLE_OWNERS)
		return -EPROTO;
	struct handle *made = handle_new(carried->node, carried->row, carried->key_no, carried->uid,
		carried->gid, carried->pid, data);
	if (!made)
		return -ENOMEM;
	made->fh = carried->fh;
	made->refs = made->opens = carried->opens;
	made->can_write = true;
	made->error = carried->error;
	made->base_len = carried->base_len;
	made->mtime = carried->mtime;
	made->version = carried->version;
	made->writers = carried->writers;
	made->append = carried->append;
	made->tail = carried->tail;
	made->dirty = carried->dirty;
	made->emptied = carried->emptied;
	made->flushed = carried->flushed;
	made->mtime_explicit = carried->mtime_explicit;
	pthread_mutex_lock(&table.lock);
	/* What is known of it from openings is less. */
	struct handle *there = find_locked(made->fh, made->node);
	if (there) {
		made->place = there->place;
		remove_locked(there);
	}
	insert_locked(made);
	pthread_mutex_unlock(&table.lock);
	handle_free(there);
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
	/* An answer that died with its worker may be given twice. */
	bool last = handle->opens > 0;
	if (last && --handle->opens == 0) {
		openings_set_opens(handle->place, 0);
		openings_remove(handle->place);
		handle->place = -1;
	} else {
		openings_set_opens(handle->place, handle->opens);
	}
	pthread_mutex_unlock(&table.lock);
	if (last)
		handle_release(handle);
}

struct handle *handle_at(int place)
{
	struct handle *found = NULL;

	if (place < 0)
		return NULL;
	pthread_mutex_lock(&table.lock);
	for (size_t i = 0; i < TABLE_SIZE && !found; i++)
		for (struct handle *h = table.chains[i]; h && !found; h = h->next)
			if (h->place == place)
				found = h;
	if (found)
		found->refs++;
	pthread_mutex_unlock(&table.lock);
	return found;
}

bool handle_could_write(uint64_t fh)
{
	return fh & WRITE_BIT;
}

bool handle_cached(uint64_t fh)
{
	return !(fh & WRITE_BIT) && fh & CACHED_BIT;
}

static bool any_cached_locked(uint64_t node, const struct node *parsed)
{
	if (parsed->kind == NODE_KEY) {
		for (const struct handle *h = *chain(node); h; h = h->next)
			if (h->node == node && reads_cached(h))
				return true;
		return false;
	}
	for (size_t i = 0; i < TABLE_SIZE; i++)
		for (const struct handle *h = table.chains[i]; h; h = h->next)
			if (h->row == parsed->row && reads_cached(h))
				return true;
	return false;
}

bool handle_cached_at(uint64_t node)
{
	struct node parsed;

	if (atomic_load(&cached_readers) == 0 || !node_parse(node, &parsed))
		return false;
	pthread_mutex_lock(&table.lock);
	bool found = any_cached_locked(node, &parsed);
	pthread_mutex_unlock(&table.lock);
	return found;
}

void handle_writer_comes(uint64_t row)
{
	atomic_fetch_add(coming_at(row), 1);
}

void handle_writer_is_there(uint64_t row)
{
	atomic_fetch_sub(coming_at(row), 1);
}

void handle_note_change(uint64_t node)
{
	struct node parsed;

	if (node_parse(node, &parsed))
		atomic_fetch_add(&changes[parsed.row % COMING_SIZE], 1);
	if (atomic_load(&cached_readers) == 0)
		return;
	pthread_mutex_lock(&table.lock);
	for (struct handle *h = *chain(node); h; h = h->next)
		if (h->node == node && reads_cached(h))
			h->changed = true;
	pthread_mutex_unlock(&table.lock);
}

bool handle_cached_changed(uint64_t node)
{
	bool found = false;

	if (atomic_load(&cached_readers) == 0)
		return false;
	pthread_mutex_lock(&table.lock);
	for (const struct handle *h = *chain(node); h && !found; h = h->next)
		found = h->node == node && reads_cached(h) && h->changed;
	pthread_mutex_unlock(&table.lock);
	return found;
}

uint64_t handle_value_id(uint64_t fh)
{
	return fh & ID_MASK;
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

static bool test_open(struct handle *handle)
{
	return handle->opens > 0;
}

bool handle_is_written(uint64_t node)
{
	return any_writer(node, test_open);
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

bool handle_opener(uint64_t node, uint64_t *ret_len, uint32_t *ret_uid, uint32_t *ret_gid)
{
	bool found = false;

	pthread_mutex_lock(&table.lock);
	for (const struct handle *h = *chain(node); h && !found; h = h->next)
		if (h->node == node && h->opens) {
			*ret_len = h->can_write ? h->base_len : h->data.len;
			*ret_uid = h->uid;
			*ret_gid = h->gid;
			found = true;
		}
	pthread_mutex_unlock(&table.lock);
	return found;
}

bool handle_is_open(uint64_t node)
{
	uint64_t len;
	uint32_t uid, gid;

	return handle_opener(node, &len, &uid, &gid);
}

unsigned handle_count(void)
{
	pthread_mutex_lock(&table.lock);
	unsigned count = table.count;
	pthread_mutex_unlock(&table.lock);
	return count;
}
