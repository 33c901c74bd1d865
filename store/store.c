/* SPDX-License-Identifier: MIT */
/* store: opening a store; its root and buckets; the one place where a row is opened and checked. */
#include "store_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MANIFESTS_SHARE 8          /* the part of the arena that opened manifests may keep */
#define BOXES_BYTES     (4u << 20) /* ciphertext, on the heap */
#define BOX_MAX         (8u << 10) /* larger values are not worth a copy */

void row_clear(struct row *row)
{
	secbuf_free(&row->plain);
	manifest_clear(&row->m);
}

void store_place(const struct store *store, uint8_t dom, int64_t id, int64_t ns, const uint8_t *tag,
	uint64_t ver, struct seal_place *ret_place)
{
	memset(ret_place, 0, sizeof(*ret_place));
	ret_place->dom = dom;
	/* The root is what tells the id, so it cannot be bound to it. */
	if (dom != SEAL_ROOT)
		memcpy(ret_place->store_id, store->id, sizeof(ret_place->store_id));
	ret_place->id = id;
	ret_place->ns = ns;
	if (tag)
		memcpy(ret_place->tag, tag, INDEX_TAG);
	ret_place->ver = ver;
}

/* ---- buckets ---- */

int store_bucket_open(const struct store *store, int64_t id, uint64_t ver, const uint8_t *box,
	size_t box_len, struct header_bucket *ret_header)
{
	struct seal_place place;
	uint8_t plain[HEADER_BUCKET];

	if (box_len != HEADER_BUCKET + SEAL_OVERHEAD)
		return -EBADMSG;
	store_place(store, SEAL_BUCKET, id, 0, NULL, ver, &place);
	int r = seal_open(store->keys->meta, &place, box, box_len, plain);
	if (r < 0)
		return r;
	return header_bucket_decode(ret_header, plain);
}

/* Adds up the rows of one table that lie in the bucket. */
static int bucket_add_rows(struct store *store, struct db *db, enum schema_query which,
	unsigned bucket, struct header_bucket *found)
{
	uint8_t low[INDEX_TAG], high[INDEX_TAG + 1];
	size_t high_len;
	AUTO_QUERY query = NULL;
	int r = db_query(db, which, &query);

	if (r < 0)
		return r;
	index_bucket_range(bucket, low, high, &high_len);
	db_bind_blob(query, 1, low, sizeof(low));
	db_bind_blob(query, 2, high, high_len);
	int with_ns = which == QUERY_BUCKET_SECRETS;
	while ((r = db_step(query)) > 0) {
		size_t tag_len, box_len;
		struct index_sum element;
		int64_t ns = with_ns ? db_int(query, 1) : 0;
		const uint8_t *tag = db_blob(query, 1 + with_ns, &tag_len);
		uint64_t ver = (uint64_t)db_int(query, 2 + with_ns);
		const uint8_t *box = db_blob(query, 3 + with_ns, &box_len);
		if (tag_len != INDEX_TAG || box_len < SEAL_OVERHEAD)
			return -EBADMSG;
		index_element(store->keys->sum, db_int(query, 0), ns, tag, ver, box, &element);
		index_sum_add(&found->sum, &element);
		found->rows++;
	}
	return r;
}

static int bucket_verify(struct store *store, struct db *db, unsigned bucket)
{
	struct header_bucket sealed, found = {0};
	AUTO_QUERY query = NULL;
	int r = db_query(db, QUERY_BUCKET, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, bucket);
	r = db_step(query);
	if (r < 0)
		return r;
	if (r == 0)
		return -EBADMSG;
	size_t box_len;
	uint64_t ver = (uint64_t)db_int(query, 0);
	const uint8_t *box = db_blob(query, 1, &box_len);
	if (ver < store->bucket_floor[bucket])
		return -EBADMSG;
	r = store_bucket_open(store, bucket, ver, box, box_len, &sealed);
	if (r == 0)
		r = bucket_add_rows(store, db, QUERY_BUCKET_SECRETS, bucket, &found);
	if (r == 0)
		r = bucket_add_rows(store, db, QUERY_BUCKET_NS, bucket, &found);
	if (r < 0)
		return r;
	return index_sum_equal(&sealed.sum, &found.sum) && sealed.rows == found.rows ? 0 : -EBADMSG;
}

/* Once a bucket adds up: all rows that the index names in it. */
static int bucket_know(struct store *store, struct db *db, unsigned bucket)
{
	uint8_t low[INDEX_TAG], high[INDEX_TAG + 1];
	size_t high_len;
	AUTO_QUERY query = NULL;
	int r = db_query(db, QUERY_BUCKET_IDS, &query);

	if (r < 0)
		return r;
	index_bucket_range(bucket, low, high, &high_len);
	db_bind_blob(query, 1, low, sizeof(low));
	db_bind_blob(query, 2, high, high_len);
	while ((r = db_step(query)) > 0)
		known_add(store->known, db_int(query, 0));
	return r;
}

int store_bucket_check(struct store *store, struct db *db, unsigned bucket)
{
	uint8_t state = atomic_load_explicit(&store->bucket_state[bucket], memory_order_relaxed);

	if (state == BUCKET_GOOD)
		return 0;
	if (state == BUCKET_BAD)
		return -EBADMSG;
	int r = bucket_verify(store, db, bucket);
	if (r == 0)
		r = bucket_know(store, db, bucket);
	if (r != 0 && r != -EBADMSG)
		return r; /* the database failed: nothing is known of the bucket */
	atomic_store_explicit(&store->bucket_state[bucket], r == 0 ? BUCKET_GOOD : BUCKET_BAD,
		memory_order_relaxed);
	if (r < 0 && store->limits.damaged)
		store->limits.damaged(bucket);
	return r;
}

bool store_bucket_is_known(const struct store *store, unsigned bucket)
{
	return atomic_load_explicit(&store->bucket_state[bucket], memory_order_relaxed) !=
	       BUCKET_UNKNOWN;
}

void store_bucket_look(struct store *store, struct db *db, unsigned bucket)
{
	if (db_exec(db, "BEGIN") < 0)
		return;
	store_bucket_check(store, db, bucket);
	if (db_in_transaction(db))
		db_exec(db, "ROLLBACK");
}

void store_bucket_scrub(struct store *store, struct db *db, unsigned bucket)
{
	if (atomic_load_explicit(&store->bucket_state[bucket], memory_order_relaxed) ==
			BUCKET_BAD ||
		db_exec(db, "BEGIN") < 0)
		return;
	int r = bucket_verify(store, db, bucket);
	if (db_in_transaction(db))
		db_exec(db, "ROLLBACK");
	if (r != -EBADMSG)
		return;
	if (atomic_exchange(&store->bucket_state[bucket], BUCKET_BAD) != BUCKET_BAD &&
		store->limits.damaged)
		store->limits.damaged(bucket);
}

/* ---- rows ---- */

int store_manifest_open(const struct store *store, const struct seal_place *place,
	const uint8_t *box, size_t box_len, struct row *row)
{
	if (box_len < MANIFEST_MIN + SEAL_OVERHEAD)
		return -EBADMSG;
	size_t len = box_len - SEAL_OVERHEAD;
	if (row->plain.cap < len) {
		secbuf_free(&row->plain);
		int r = secbuf_alloc(&row->plain, len, SECMEM_SELF);
		if (r < 0)
			return r;
	}
	int r = seal_open(store->keys->manifest, place, box, box_len, row->plain.data);
	if (r < 0)
		return r;
	row->plain.len = len;
	return manifest_decode(&row->m, place->dom == SEAL_SECRET ? store->form : MANIFEST_EARLIER,
		row->plain.data, len);
}

static void row_keep_head(struct row *row, const uint8_t *box, size_t box_len)
{
	if (box_len >= SEAL_OVERHEAD)
		memcpy(row->head, box, SEAL_OVERHEAD);
}

int store_row_by_name(struct store *store, struct db *db, int64_t ns, struct store_ns which,
	const char *name, size_t name_len, struct row *row)
{
	AUTO_QUERY query = NULL;
	struct seal_place place;
	size_t box_len;

	row->ns = ns;
	index_tag_secret(store->keys->index, ns, name, name_len, row->tag);
	int r = store_bucket_check(store, db, index_bucket(row->tag));
	if (r == 0)
		r = db_query(db, QUERY_SECRET_BY_TAG, &query);
	if (r < 0)
		return r;
	db_bind_blob(query, 1, row->tag, INDEX_TAG);
	r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	row->id = db_int(query, 0);
	row->ver = (uint64_t)db_int(query, 2);
	const uint8_t *box = db_blob(query, 3, &box_len);
	/* The place is made of what was asked for, not of columns read back. */
	store_place(store, SEAL_SECRET, row->id, ns, row->tag, row->ver, &place);
	r = store_manifest_open(store, &place, box, box_len, row);
	if (r < 0)
		return r;
	row_keep_head(row, box, box_len);
	if (row->m.ns_kind != which.kind || row->m.ns_uid != which.uid ||
		row->m.name_len != name_len || memcmp(row->m.name, name, name_len) != 0)
		return -EBADMSG;
	return 0;
}

int store_row_check(struct store *store, struct db *db, const uint8_t tag[INDEX_TAG], int64_t id)
{
	AUTO_QUERY query = NULL;
	int r = store_bucket_check(store, db, index_bucket(tag));

	if (r < 0 || known_has(store->known, id))
		return r;
	r = db_query(db, QUERY_SECRET_ID_BY_TAG, &query);
	if (r < 0)
		return r;
	db_bind_blob(query, 1, tag, INDEX_TAG);
	r = db_step(query);
	if (r < 0)
		return r;
	if (r == 0 || db_int(query, 0) != id)
		return -EBADMSG;
	known_add(store->known, id);
	return 0;
}

int store_row_by_id(struct store *store, struct db *db, int64_t id, struct row *row)
{
	AUTO_QUERY query = NULL;
	struct seal_place place;
	size_t tag_len, box_len;
	uint8_t tag[INDEX_TAG];
	int r = db_query(db, QUERY_SECRET_BY_ROW, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, id);
	r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	row->id = id;
	row->ns = db_int(query, 0);
	const uint8_t *column = db_blob(query, 1, &tag_len);
	row->ver = (uint64_t)db_int(query, 2);
	const uint8_t *box = db_blob(query, 3, &box_len);
	if (tag_len != INDEX_TAG)
		return -EBADMSG;
	memcpy(row->tag, column, INDEX_TAG);
	r = store_row_check(store, db, row->tag, id);
	if (r < 0)
		return r;
	store_place(store, SEAL_SECRET, id, row->ns, row->tag, row->ver, &place);
	r = store_manifest_open(store, &place, box, box_len, row);
	if (r < 0)
		return r;
	row_keep_head(row, box, box_len);
	index_tag_secret(store->keys->index, row->ns, row->m.name, row->m.name_len, tag);
	return memcmp(tag, row->tag, INDEX_TAG) == 0 ? 0 : -EBADMSG;
}

int store_history_open(
	const struct store *store, int64_t id, struct db_query *query, struct row *row)
{
	struct seal_place place;
	size_t box_len;
	uint64_t version = (uint64_t)db_int(query, 0);
	const uint8_t *box = db_blob(query, 1, &box_len);

	row->id = id;
	row->ver = version;
	row->headed = box_len >= SEAL_OVERHEAD;
	row_keep_head(row, box, box_len);
	store_place(store, SEAL_HISTORY, id, 0, NULL, version, &place);
	int r = store_manifest_open(store, &place, box, box_len, row);
	if (r < 0)
		return r;
	return row->m.version == version ? 0 : -EBADMSG;
}

int store_row_history(
	struct store *store, struct db *db, int64_t id, uint64_t version, struct row *row)
{
	AUTO_QUERY query = NULL;
	int r = db_query(db, QUERY_HISTORY, &query);

	row->headed = false;
	if (r < 0)
		return r;
	db_bind_int(query, 1, id);
	db_bind_int(query, 2, (int64_t)version);
	r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = store_history_open(store, id, query, row);
	/* The index may lead to another row than it says. */
	return r == 0 && row->ver != version ? -EBADMSG : r;
}

/* ---- what the rows of a history add up to ---- */

void store_history_add(const struct store *store, struct manifest_history *history, int64_t secret,
	uint64_t version, const uint8_t *head)
{
	struct index_sum element;

	index_element_history(store->keys->sum, secret, version, head, &element);
	index_sum_add(&history->sum, &element);
	history->n++;
}

void store_history_take(const struct store *store, struct manifest_history *history, int64_t secret,
	uint64_t version, const uint8_t *head)
{
	struct index_sum element;

	index_element_history(store->keys->sum, secret, version, head, &element);
	index_sum_sub(&history->sum, &element);
	history->n--;
}

bool store_history_equal(const struct manifest_history *a, const struct manifest_history *b)
{
	return index_sum_equal(&a->sum, &b->sum) && a->n == b->n;
}

int store_history_sum(struct store *store, struct db *db, const struct row *row,
	struct manifest_history *ret_history)
{
	AUTO_QUERY query = NULL;
	struct manifest_history found = {0};
	int r = db_query(db, QUERY_HISTORY_ALL, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, row->id);
	while ((r = db_step(query)) > 0) {
		uint64_t version = (uint64_t)db_int(query, 0);
		size_t box_len;
		const uint8_t *box = db_blob(query, 1, &box_len);
		/* Others are nobody's. */
		if (version >= row->m.oldest && version < row->m.version &&
			box_len >= SEAL_OVERHEAD)
			store_history_add(store, &found, row->id, version, box);
	}
	if (r == 0)
		*ret_history = found;
	return r;
}

int store_history_check(struct store *store, struct db *db, const struct row *row)
{
	struct manifest_history found;
	int r = store_history_sum(store, db, row, &found);

	if (r < 0 || store_history_equal(&found, &row->m.history))
		return r;
	uint32_t id = (uint32_t)row->id;
	if (store->limits.history_damaged &&
		atomic_exchange(&store->history_told[id % STORE_TOLD], id) != id)
		store->limits.history_damaged((uint64_t)row->id);
	return -EBADMSG;
}

/* ---- namespaces ---- */

static uint64_t ns_key(struct store_ns ns)
{
	return (uint64_t)ns.kind << 32 | ns.uid;
}

static size_t ns_slot(const struct ns_id *ids, size_t cap, uint64_t key)
{
	size_t at = (key * 0x9e3779b97f4a7c15ull >> 32) & (cap - 1);

	while (ids[at].key != 0 && ids[at].key != key)
		at = (at + 1) & (cap - 1);
	return at;
}

static int64_t ns_recall(struct store *store, struct store_ns ns)
{
	int64_t id = 0;

	pthread_rwlock_rdlock(&store->ns_lock);
	if (store->ns_cap) {
		const struct ns_id *found =
			&store->ns_ids[ns_slot(store->ns_ids, store->ns_cap, ns_key(ns))];
		id = found->key ? found->id : 0;
	}
	pthread_rwlock_unlock(&store->ns_lock);
	return id;
}

static int ns_grow(struct store *store)
{
	size_t cap = store->ns_cap ? store->ns_cap * 2 : 64;
	struct ns_id *ids = calloc(cap, sizeof(*ids));

	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < store->ns_cap; i++)
		if (store->ns_ids[i].key)
			ids[ns_slot(ids, cap, store->ns_ids[i].key)] = store->ns_ids[i];
	free(store->ns_ids);
	store->ns_ids = ids;
	store->ns_cap = cap;
	return 0;
}

/* Forgetting for lack of memory only costs a query next time. */
static void ns_remember(struct store *store, struct store_ns ns, int64_t id)
{
	pthread_rwlock_wrlock(&store->ns_lock);
	if (store->ns_used * 2 < store->ns_cap || ns_grow(store) == 0) {
		struct ns_id *slot =
			&store->ns_ids[ns_slot(store->ns_ids, store->ns_cap, ns_key(ns))];
		if (!slot->key)
			store->ns_used++;
		*slot = (struct ns_id){.key = ns_key(ns), .id = id};
	}
	pthread_rwlock_unlock(&store->ns_lock);
}

int store_ns_load(struct store *store, struct db *db, struct store_ns ns, int64_t *ret_id,
	uint64_t *ret_ver, uint8_t ret_head[SEAL_OVERHEAD], struct header_ns *ret_ns)
{
	AUTO_QUERY query = NULL;
	struct seal_place place;
	struct header_ns h;
	uint8_t tag[INDEX_TAG], plain[HEADER_NS];
	size_t box_len;

	index_tag_ns(store->keys->index, (uint8_t)ns.kind, ns.uid, tag);
	int r = store_bucket_check(store, db, index_bucket(tag));
	if (r == 0)
		r = db_query(db, QUERY_NS_BY_TAG, &query);
	if (r < 0)
		return r;
	db_bind_blob(query, 1, tag, sizeof(tag));
	r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	int64_t id = db_int(query, 0);
	uint64_t ver = (uint64_t)db_int(query, 1);
	const uint8_t *box = db_blob(query, 2, &box_len);
	if (box_len != HEADER_NS + SEAL_OVERHEAD)
		return -EBADMSG;
	store_place(store, SEAL_NS, id, 0, tag, ver, &place);
	r = seal_open(store->keys->meta, &place, box, box_len, plain);
	if (r == 0)
		r = header_ns_decode(&h, plain);
	if (r == 0 && (h.kind != ns.kind || h.uid != ns.uid))
		r = -EBADMSG;
	if (r < 0)
		return r;
	memcpy(ret_head, box, SEAL_OVERHEAD);
	*ret_id = id;
	*ret_ver = ver;
	*ret_ns = h;
	return 0;
}

int store_ns_id(struct store *store, struct db *db, struct store_ns ns, int64_t *ret_id)
{
	struct header_ns h;
	uint64_t ver;
	uint8_t head[SEAL_OVERHEAD];
	int64_t id = ns_recall(store, ns);

	if (id) {
		*ret_id = id;
		return 0;
	}
	int r = store_ns_load(store, db, ns, &id, &ver, head, &h);
	if (r < 0)
		return r;
	*ret_id = id;
	/* The writer sees rows that may still be rolled back. */
	if (db != store->db)
		ns_remember(store, ns, id);
	return 0;
}

/* ---- values ---- */

static void box_free(struct cache_entry *entry)
{
	free(entry);
}

static void box_keep(struct store *store, uint64_t value_id, const uint8_t *box, size_t box_len)
{
	struct cached_box *kept = box_len <= BOX_MAX ? malloc(sizeof(*kept) + box_len) : NULL;

	if (!kept)
		return;
	kept->entry = (struct cache_entry){
		.key = value_id, .cost = sizeof(*kept) + box_len, .free = box_free, .refs = 1};
	kept->len = box_len;
	memcpy(kept->box, box, box_len);
	/* Numbers of values are used once: there is nothing that could be out of date. */
	cache_put(store->boxes, &kept->entry, cache_epoch(store->boxes, value_id));
	cache_release(&kept->entry);
}

static int value_unseal(const struct store *store, int64_t secret, const struct manifest_key *key,
	uint32_t uid, const uint8_t *box, size_t box_len, struct secbuf *ret_value)
{
	AUTO_SECBUF value = SECBUF_INIT;
	struct seal_place place;

	if (box_len < SEAL_OVERHEAD + 64 || box_len - SEAL_OVERHEAD < 4 + (size_t)key->len)
		return -EBADMSG;
	int r = secbuf_alloc(&value, box_len - SEAL_OVERHEAD, uid);
	if (r < 0)
		return r;
	store_place(store, SEAL_VALUE, (int64_t)key->value_id, secret, NULL, key->no, &place);
	r = seal_open(key->value_key, &place, box, box_len, value.data);
	if (r < 0)
		return r;
	uint32_t len = (uint32_t)value.data[0] | (uint32_t)value.data[1] << 8 |
		       (uint32_t)value.data[2] << 16 | (uint32_t)value.data[3] << 24;
	if (len != key->len)
		return -EBADMSG;
	memmove(value.data, value.data + 4, len);
	memset(value.data + len, 0, 4);
	value.len = len;
	*ret_value = secbuf_take(&value);
	return 0;
}

int store_value_open(struct store *store, struct db *db, int64_t secret,
	const struct manifest_key *key, uint32_t uid, struct secbuf *ret_value)
{
	AUTO_QUERY query = NULL;
	size_t box_len;

	if (key->value_id == 0)
		return secbuf_alloc(ret_value, 0, uid);
	struct cached_box *kept = (struct cached_box *)cache_get(store->boxes, key->value_id);
	if (kept) {
		int opened = value_unseal(store, secret, key, uid, kept->box, kept->len, ret_value);
		cache_release(&kept->entry);
		return opened;
	}
	int r = db_query(db, QUERY_VALUE, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)key->value_id);
	r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	const uint8_t *box = db_blob(query, 0, &box_len);
	r = value_unseal(store, secret, key, uid, box, box_len, ret_value);
	if (r == 0)
		box_keep(store, key->value_id, box, box_len);
	return r;
}

/* ---- opening ---- */

static int store_load_root(struct store *store, struct why *why)
{
	AUTO_QUERY query = NULL;
	struct seal_place place;
	uint8_t plain[HEADER_ROOT];
	size_t box_len;
	int r = db_query(store->db, QUERY_ROOT, &query);

	if (r == 0)
		r = db_step(query);
	if (r <= 0)
		return why_set(why, r < 0 ? r : -EBADMSG,
			"the store has no root record; restore it from a backup");
	const uint8_t *box = db_blob(query, 0, &box_len);
	store_place(store, SEAL_ROOT, 1, 0, NULL, 0, &place);
	if (box_len != HEADER_ROOT + SEAL_OVERHEAD ||
		seal_open(store->keys->meta, &place, box, box_len, plain) < 0)
		return why_set(why, -EBADMSG,
			"the store's root record is damaged; restore it from a backup");
	unsigned format = 0;
	r = header_root_decode(&store->root, plain);
	if (r == 0)
		r = schema_format(store->db, &format);
	if (r == 0 && store->root.format != format)
		r = -EPROTO;
	if (r < 0)
		return why_set(
			why, r, "the store's root record is of another format than its file says");
	store->form = format > 1 ? MANIFEST_CURRENT : MANIFEST_EARLIER;
	memcpy(store->id, store->root.store_id, sizeof(store->id));
	atomic_store(&store->next_value, store->root.next_value);
	return 0;
}

int store_load_buckets(struct store *store, struct why *why)
{
	AUTO_QUERY query = NULL;
	struct index_sum total = {{0}};
	uint64_t rows = 0;
	unsigned n = 0;
	int r = db_query(store->db, QUERY_BUCKETS, &query);

	if (r < 0)
		return why_set(why, r, "cannot read the store's buckets: %s", strerror(-r));
	while ((r = db_step(query)) > 0) {
		size_t box_len;
		if (n == INDEX_BUCKETS)
			return why_set(why, -EBADMSG,
				"the store has too many buckets; restore it from a backup");
		struct bucket *bucket = &store->buckets[n];
		bucket->ver = (uint64_t)db_int(query, 1);
		const uint8_t *box = db_blob(query, 2, &box_len);
		if (db_int(query, 0) != n ||
			store_bucket_open(store, n, bucket->ver, box, box_len, &bucket->header) < 0)
			return why_set(why, -EBADMSG,
				"bucket %u of the store is damaged; restore it from a backup", n);
		store->bucket_floor[n] = bucket->ver;
		index_sum_add(&total, &bucket->header.sum);
		rows += bucket->header.rows;
		n++;
	}
	if (r < 0)
		return why_set(why, r, "cannot read the store's buckets: %s", strerror(-r));
	if (n != INDEX_BUCKETS || !index_sum_equal(&total, &store->root.total))
		return why_set(why, -EBADMSG,
			"the store's buckets do not add up to its root: it was rolled back in part "
			"or tampered "
			"with; restore it from a backup");
	AUTO_QUERY count = NULL;
	r = db_query(store->db, QUERY_NS_COUNT, &count);
	if (r == 0)
		r = db_step(count);
	if (r <= 0)
		return why_set(
			why, r < 0 ? r : -EBADMSG, "cannot count the namespaces of the store");
	uint64_t namespaces = (uint64_t)db_int(count, 0);
	atomic_store(&store->secrets, rows > namespaces ? rows - namespaces : 0);
	return 0;
}

int store_db_open(const char *path, enum db_mode mode, struct db **ret_db, struct why *why)
{
	AUTO_DB db = NULL;
	int r = db_open(path, mode, &db, why);

	if (r == 0)
		r = schema_check(db, why);
	if (r < 0)
		return r;
	*ret_db = db;
	db = NULL;
	return 0;
}

static int store_load(struct store *store, struct why *why)
{
	int r = reserve_db_open(store->path, DB_WRITER, &store->db, why);

	if (r == 0)
		r = schema_check(store->db, why);
	if (r < 0)
		return r;
	/* One snapshot, or a root could be compared with later buckets. */
	r = db_exec(store->db, "BEGIN");
	if (r < 0)
		return why_set(why, r, "cannot read the store: %s", strerror(-r));
	r = store_load_root(store, why);
	if (r == 0 && store->root.format != STORE_FORMAT)
		r = why_set(why, -EPROTO,
			"the store has format %u, and becomes one of format %d when secretfs is "
			"started anew: stop it, and start it again",
			store->root.format, STORE_FORMAT);
	if (r == 0)
		r = store_load_buckets(store, why);
	if (r == 0) {
		r = store_ns_id(
			store, store->db, (struct store_ns){NS_PUBLIC, 0}, &store->public_ns);
		if (r < 0 && r != -EBADMSG && r != -ENOENT)
			r = why_set(why, r, "cannot read the record of public/: %s", strerror(-r));
		else if (r < 0)
			r = why_set(why, -EBADMSG,
				"the record of public/ is damaged; restore the store from a "
				"backup");
	}
	if (db_in_transaction(store->db))
		db_exec(store->db, "ROLLBACK");
	return r;
}

static int store_make_caches(struct store *store)
{
	struct secmem_usage usage;

	secmem_usage(&usage);
	int r = cache_new(usage.size / MANIFESTS_SHARE, &store->manifests);
	if (r == 0)
		r = cache_new(BOXES_BYTES, &store->boxes);
	if (r == 0)
		r = secbuf_alloc(&store->generation_key, INDEX_GENERATION_KEY, SECMEM_SELF);
	if (r < 0)
		return r;
	index_generation_key(store->keys->index, store->generation_key.data);
	store->known = known_new();
	return store->known ? 0 : -ENOMEM;
}

void store_prepare(void)
{
	db_prepare();
}

int store_open(const char *path, const struct keyslot_keys *keys, const struct store_limits *limits,
	struct store **ret_store, struct why *why)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return why_set(why, -ENOMEM, "out of memory");
	pthread_rwlock_init(&store->ns_lock, NULL);
	store->keys = keys;
	store->limits = *limits;
	store->path = strdup(path);
	int r = store->path ? store_make_caches(store) : -ENOMEM;
	r = r < 0 ? why_set(why, r, "out of memory") : store_load(store, why);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

void store_journal(struct store *store, uint64_t mount, uint32_t generation)
{
	store->mount_id = mount;
	store->generation = generation;
}

static int attach_load(struct store *store, enum db_mode mode, struct why *why)
{
	int r = cache_new(0, &store->manifests);

	if (r == 0)
		r = cache_new(0, &store->boxes);
	if (r < 0)
		return why_set(why, r, "out of memory");
	r = schema_check(store->db, why);
	if (r < 0)
		return r;
	r = db_exec(store->db, mode == DB_READER ? "BEGIN" : "BEGIN IMMEDIATE");
	if (r < 0)
		return why_set(why, r, "cannot read the store: %s", strerror(-r));
	return store_load_root(store, why);
}

int store_attach_db(struct db *db, const struct keyslot_keys *keys, enum db_mode mode,
	struct store **ret_store, struct why *why)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store) {
		db_close(db);
		return why_set(why, -ENOMEM, "out of memory");
	}
	pthread_rwlock_init(&store->ns_lock, NULL);
	store->keys = keys;
	store->db = db;
	for (unsigned i = 0; i < INDEX_BUCKETS; i++)
		atomic_store(&store->bucket_state[i], BUCKET_GOOD);
	int r = attach_load(store, mode, why);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

int store_attach(const char *path, const struct keyslot_keys *keys, enum db_mode mode,
	struct store **ret_store, struct why *why)
{
	struct db *db;
	int r = db_open(path, mode, &db, why);

	return r < 0 ? r : store_attach_db(db, keys, mode, ret_store, why);
}

int store_start(struct store *store)
{
	return writer_start(store);
}

void store_settle(struct store *store)
{
	writer_settle(store);
}

void store_tidy(struct store *store)
{
	writer_tidy(store);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	writer_stop(store);
	anchor_close(store->anchor);
	db_close(store->db);
	cache_free(store->manifests);
	cache_free(store->boxes);
	known_free(store->known);
	secbuf_free(&store->generation_key);
	pthread_rwlock_destroy(&store->ns_lock);
	free(store->ns_ids);
	free(store->path);
	free(store);
}

uint64_t store_secret_count(struct store *store)
{
	return atomic_load(&store->secrets);
}

uint64_t store_content(const struct store *store, const struct manifest *m)
{
	return index_content(store->keys->index, m);
}

uint64_t store_generation(const struct store *store, uint64_t node)
{
	return index_generation(store->generation_key.data, node);
}
