/* SPDX-License-Identifier: MIT */
/*
 * txn: what changes are made of. Every row that is written passes here, so that bucket sums,
 * namespace counts and the owner's charge move with it, in the same transaction.
 */
#include "store_int.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A node id has 32 bits for a row. */
#define ROW_MAX UINT32_MAX

/* ---- sums ---- */

int txn_keep_bucket(struct txn *txn, unsigned bucket)
{
	if (txn->nundo == txn->undo_cap) {
		size_t cap = txn->undo_cap ? txn->undo_cap * 2 : 64;
		struct bucket_undo *undo = reallocarray(txn->undo, cap, sizeof(*undo));
		if (!undo)
			return -ENOMEM;
		txn->undo = undo;
		txn->undo_cap = cap;
	}
	txn->undo[txn->nundo++] = (struct bucket_undo){
		.bucket = bucket, .before = txn->store->buckets[bucket].header};
	return 0;
}

enum sum_way { SUM_ADD, SUM_SUB };

static int txn_sum(struct txn *txn, enum sum_way way, int64_t id, int64_t ns, const uint8_t *tag,
	uint64_t ver, const uint8_t *head)
{
	unsigned number = index_bucket(tag);
	struct header_bucket *bucket = &txn->store->buckets[number].header;
	struct index_sum element;
	/* Never change a bucket that does not add up: it would hide what was done to it. */
	int r = store_bucket_check(txn->store, txn->db, number);

	if (r == 0)
		r = txn_keep_bucket(txn, number);
	if (r < 0)
		return r;
	index_element(txn->store->keys->sum, id, ns, tag, ver, head, &element);
	if (way == SUM_ADD) {
		index_sum_add(&bucket->sum, &element);
		index_sum_add(&txn->store->root.total, &element);
		bucket->rows++;
	} else {
		index_sum_sub(&bucket->sum, &element);
		index_sum_sub(&txn->store->root.total, &element);
		bucket->rows--;
	}
	return 0;
}

struct txn_mark txn_mark(const struct txn *txn)
{
	return (struct txn_mark){.nundo = txn->nundo,
		.total = txn->store->root.total,
		.next_row = txn->store->root.next_row,
		.secrets = txn->secrets};
}

void txn_undo(struct txn *txn, const struct txn_mark *mark)
{
	while (txn->nundo > mark->nundo) {
		const struct bucket_undo *undo = &txn->undo[--txn->nundo];
		txn->store->buckets[undo->bucket].header = undo->before;
	}
	txn->store->root.total = mark->total;
	txn->store->root.next_row = mark->next_row;
	txn->secrets = mark->secrets;
}

static int txn_changes(struct txn *txn, int64_t row)
{
	if (txn->nchanged == txn->changed_cap) {
		size_t cap = txn->changed_cap ? txn->changed_cap * 2 : 64;
		int64_t *changed = reallocarray(txn->changed, cap, sizeof(*changed));
		if (!changed)
			return -ENOMEM;
		txn->changed = changed;
		txn->changed_cap = cap;
	}
	txn->changed[txn->nchanged++] = row;
	return 0;
}

void txn_forget(struct txn *txn)
{
	for (size_t i = 0; i < txn->nchanged; i++)
		cache_drop(txn->store->manifests, (uint64_t)txn->changed[i]);
}

static int txn_seal_bucket(struct txn *txn, unsigned number)
{
	struct store *store = txn->store;
	struct bucket *bucket = &store->buckets[number];
	struct seal_place place;
	uint8_t plain[HEADER_BUCKET], box[HEADER_BUCKET + SEAL_OVERHEAD];
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_BUCKET_UPDATE, &query);

	if (r < 0)
		return r;
	/* If the group is rolled back later, a number is left out: no matter. */
	bucket->ver++;
	header_bucket_encode(&bucket->header, plain);
	store_place(store, SEAL_BUCKET, number, 0, NULL, bucket->ver, &place);
	seal_box(store->keys->meta, &place, plain, sizeof(plain), box);
	db_bind_int(query, 1, number);
	db_bind_int(query, 2, (int64_t)bucket->ver);
	db_bind_blob(query, 3, box, sizeof(box));
	return db_run(query, 1);
}

static int txn_seal_root(struct txn *txn)
{
	struct store *store = txn->store;
	struct seal_place place;
	uint8_t plain[HEADER_ROOT], box[HEADER_ROOT + SEAL_OVERHEAD];
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_ROOT_UPDATE, &query);

	if (r < 0)
		return r;
	store->root.commits++;
	store->root.next_value = atomic_load(&store->next_value);
	header_root_encode(&store->root, plain);
	store_place(store, SEAL_ROOT, 1, 0, NULL, 0, &place);
	seal_box(store->keys->meta, &place, plain, sizeof(plain), box);
	db_bind_blob(query, 1, box, sizeof(box));
	return db_run(query, 1);
}

int txn_seal(struct txn *txn)
{
	uint8_t sealed[INDEX_BUCKETS / 8] = {0};
	int r = 0;

	for (size_t i = 0; i < txn->nundo && r == 0; i++) {
		unsigned number = txn->undo[i].bucket;
		if (sealed[number / 8] & 1u << number % 8)
			continue;
		sealed[number / 8] = (uint8_t)(sealed[number / 8] | 1u << number % 8);
		r = txn_seal_bucket(txn, number);
	}
	return r < 0 ? r : txn_seal_root(txn);
}

void txn_clear(struct txn *txn)
{
	row_clear(&txn->row);
	row_clear(&txn->other);
	row_clear(&txn->past);
	secbuf_free(&txn->sealed);
	free(txn->undo);
	free(txn->changed);
}

int txn_next_row(struct txn *txn, int64_t *ret_row)
{
	if (txn->store->root.next_row > ROW_MAX)
		return -ENOSPC;
	*ret_row = (int64_t)txn->store->root.next_row++;
	return 0;
}

/* ---- namespaces ---- */

static int txn_ns_seal(struct txn *txn, struct store_ns ns, struct txn_ns *change,
	uint8_t tag[INDEX_TAG], uint8_t box[HEADER_NS + SEAL_OVERHEAD])
{
	struct seal_place place;
	uint8_t plain[HEADER_NS];
	int r = header_ns_encode(&change->h, plain);

	if (r < 0)
		return r;
	index_tag_ns(txn->store->keys->index, (uint8_t)ns.kind, ns.uid, tag);
	store_place(txn->store, SEAL_NS, change->id, 0, tag, change->ver, &place);
	seal_box(txn->store->keys->meta, &place, plain, sizeof(plain), box);
	memcpy(change->head, box, SEAL_OVERHEAD);
	return 0;
}

static int txn_ns_make(struct txn *txn, struct store_ns ns, struct txn_ns *change)
{
	uint8_t tag[INDEX_TAG], box[HEADER_NS + SEAL_OVERHEAD];
	AUTO_QUERY query = NULL;

	*change = (struct txn_ns){.ver = 1};
	change->h = (struct header_ns){.kind = (uint8_t)ns.kind,
		.uid = ns.uid,
		.owner = ns.uid,
		.gid = ns.uid,
		.mode = 0700,
		.atime = txn->now,
		.mtime = txn->now,
		.ctime = txn->now};
	int r = txn_next_row(txn, &change->id);
	if (r == 0)
		r = txn_ns_seal(txn, ns, change, tag, box);
	if (r == 0)
		r = txn_sum(txn, SUM_ADD, change->id, 0, tag, change->ver, change->head);
	if (r == 0)
		r = db_query(txn->db, QUERY_NS_INSERT, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, change->id);
	db_bind_blob(query, 2, tag, sizeof(tag));
	db_bind_int(query, 3, (int64_t)change->ver);
	db_bind_blob(query, 4, box, sizeof(box));
	return db_run(query, 1);
}

int txn_ns_get(struct txn *txn, struct store_ns ns, struct txn_ns *ret_ns)
{
	int r = store_ns_load(
		txn->store, txn->db, ns, &ret_ns->id, &ret_ns->ver, ret_ns->head, &ret_ns->h);

	return r == -ENOENT ? txn_ns_make(txn, ns, ret_ns) : r;
}

int txn_ns_put(struct txn *txn, struct store_ns ns, struct txn_ns *change)
{
	uint8_t tag[INDEX_TAG], box[HEADER_NS + SEAL_OVERHEAD];
	AUTO_QUERY query = NULL;

	index_tag_ns(txn->store->keys->index, (uint8_t)ns.kind, ns.uid, tag);
	int r = txn_sum(txn, SUM_SUB, change->id, 0, tag, change->ver, change->head);
	change->ver++;
	if (r == 0)
		r = txn_ns_seal(txn, ns, change, tag, box);
	if (r == 0)
		r = txn_sum(txn, SUM_ADD, change->id, 0, tag, change->ver, change->head);
	if (r == 0)
		r = db_query(txn->db, QUERY_NS_UPDATE, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, change->id);
	db_bind_int(query, 2, (int64_t)change->ver);
	db_bind_blob(query, 3, box, sizeof(box));
	return db_run(query, 1);
}

/* Counts secrets in and out of a namespace; its directory changed with it. */
static int txn_ns_count(struct txn *txn, struct store_ns ns, int by, int64_t *ret_id)
{
	struct txn_ns change;
	int r = txn_ns_get(txn, ns, &change);

	if (r < 0)
		return r;
	change.h.secrets += (uint64_t)by;
	change.h.mtime = change.h.ctime = txn->now;
	*ret_id = change.id;
	return txn_ns_put(txn, ns, &change);
}

static int txn_charge(struct txn *txn, uint32_t uid, int64_t secrets, int64_t bytes)
{
	struct store_ns ns = {NS_PRIVATE, uid};
	struct txn_ns change;

	if (secrets == 0 && bytes == 0)
		return 0;
	int r = txn_ns_get(txn, ns, &change);
	if (r < 0)
		return r;
	change.h.owned += (uint64_t)secrets;
	change.h.bytes += (uint64_t)bytes;
	/* Growing ends at the limit; shrinking is always possible, however far above a new limit
	 * one may be. */
	const struct store_limits *limits = &txn->store->limits;
	if (uid != 0 &&
		((secrets > 0 && limits->max_secrets && change.h.owned > limits->max_secrets) ||
			(bytes > 0 && limits->max_bytes && change.h.bytes > limits->max_bytes)))
		return -EDQUOT;
	return txn_ns_put(txn, ns, &change);
}

/* ---- secrets ---- */

struct txn_before txn_before(const struct manifest *m)
{
	struct txn_before before = {.uid = m->uid};

	for (uint32_t i = 0; i < m->n; i++) {
		size_t plain = 4 + (size_t)m->keys[i].len;
		if (m->keys[i].value_id)
			before.bytes += seal_padme(plain < 64 ? 64 : plain);
	}
	return before;
}

int txn_seal_manifest(struct txn *txn, const struct manifest *m, const struct seal_place *place,
	const uint8_t **ret_box, size_t *ret_len)
{
	enum manifest_form form = place->dom == SEAL_SECRET ? MANIFEST_CURRENT : MANIFEST_EARLIER;
	size_t len = manifest_size(m, form);
	AUTO_SECBUF plain = SECBUF_INIT;
	int r = secbuf_alloc(&plain, len, SECMEM_SELF);

	if (r == 0)
		r = secbuf_grow(&txn->sealed, len + SEAL_OVERHEAD);
	if (r < 0)
		return r;
	manifest_encode(m, form, plain.data);
	seal_box(txn->store->keys->manifest, place, plain.data, len, txn->sealed.data);
	*ret_box = txn->sealed.data;
	*ret_len = len + SEAL_OVERHEAD;
	return 0;
}

static int txn_seal_row(struct txn *txn, struct row *row, const uint8_t **ret_box, size_t *ret_len)
{
	struct seal_place place;

	index_tag_secret(txn->store->keys->index, row->ns, row->m.name, row->m.name_len, row->tag);
	store_place(txn->store, SEAL_SECRET, row->id, row->ns, row->tag, row->ver, &place);
	int r = txn_seal_manifest(txn, &row->m, &place, ret_box, ret_len);
	if (r == 0)
		memcpy(row->head, *ret_box, SEAL_OVERHEAD);
	return r;
}

int txn_secret_insert(struct txn *txn, struct store_ns ns, struct row *row)
{
	const uint8_t *box;
	size_t box_len;
	AUTO_QUERY query = NULL;

	row->ver = 1;
	int r = txn_next_row(txn, &row->id);
	if (r == 0)
		r = txn_ns_count(txn, ns, 1, &row->ns);
	if (r == 0)
		r = txn_charge(txn, row->m.uid, 1, 0);
	if (r == 0)
		r = txn_seal_row(txn, row, &box, &box_len);
	if (r == 0)
		r = txn_sum(txn, SUM_ADD, row->id, row->ns, row->tag, row->ver, row->head);
	if (r == 0)
		r = db_query(txn->db, QUERY_SECRET_INSERT, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, row->ns);
	db_bind_blob(query, 3, row->tag, INDEX_TAG);
	db_bind_int(query, 4, (int64_t)row->ver);
	db_bind_blob(query, 5, box, box_len);
	r = db_run(query, 1);
	if (r == 0)
		txn->secrets++;
	return r;
}

/* Writes row (ns, tag, ver, m) over what is there; its element was taken out before. */
int txn_secret_write(struct txn *txn, struct row *row)
{
	const uint8_t *box;
	size_t box_len;
	AUTO_QUERY query = NULL;

	row->ver++;
	int r = txn_changes(txn, row->id);
	if (r == 0)
		r = txn_seal_row(txn, row, &box, &box_len);
	if (r == 0)
		r = txn_sum(txn, SUM_ADD, row->id, row->ns, row->tag, row->ver, row->head);
	if (r == 0)
		r = db_query(txn->db, QUERY_SECRET_UPDATE, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, row->ns);
	db_bind_blob(query, 3, row->tag, INDEX_TAG);
	db_bind_int(query, 4, (int64_t)row->ver);
	db_bind_blob(query, 5, box, box_len);
	return db_run(query, 1);
}

static int txn_charge_change(
	struct txn *txn, const struct txn_before *before, const struct manifest *m)
{
	struct txn_before after = txn_before(m);

	if (before->uid == after.uid)
		return txn_charge(txn, after.uid, 0, (int64_t)(after.bytes - before->bytes));
	int r = txn_charge(txn, before->uid, -1, -(int64_t)before->bytes);
	return r < 0 ? r : txn_charge(txn, after.uid, 1, (int64_t)after.bytes);
}

int txn_secret_save(struct txn *txn, struct row *row, const struct txn_before *before)
{
	int r = txn_sum(txn, SUM_SUB, row->id, row->ns, row->tag, row->ver, row->head);

	if (r == 0)
		r = txn_secret_write(txn, row);
	return r < 0 ? r : txn_charge_change(txn, before, &row->m);
}

int txn_secret_move(struct txn *txn, struct row *row, struct store_ns from, struct store_ns to,
	const struct txn_before *before)
{
	int64_t from_id;
	int r = txn_sum(txn, SUM_SUB, row->id, row->ns, row->tag, row->ver, row->head);

	if (r == 0)
		r = txn_ns_count(txn, from, -1, &from_id);
	if (r == 0)
		r = txn_ns_count(txn, to, 1, &row->ns);
	if (r == 0)
		r = txn_secret_write(txn, row);
	return r < 0 ? r : txn_charge_change(txn, before, &row->m);
}

/* ---- values and history ---- */

int txn_value_insert(struct txn *txn, uint64_t value_id, const uint8_t *box, size_t box_len)
{
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_VALUE_INSERT, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)value_id);
	db_bind_blob(query, 2, box, box_len);
	return db_run(query, 1);
}

int txn_value_delete(struct txn *txn, uint64_t value_id)
{
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_VALUE_DELETE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)value_id);
	/* A value that somebody deleted behind our back must not stop its own deletion. */
	return db_run(query, 0);
}

int txn_value_let_go(
	struct txn *txn, int64_t secret, const struct manifest *m, const struct manifest_key *key)
{
	const struct store_files *files = txn->store->limits.files;
	uint64_t id = store_keep_id((uint64_t)secret, key->no, key->value_id);

	if (files && files->held(id))
		return kept_add(txn, id, m, key);
	return key->value_id ? txn_value_delete(txn, key->value_id) : 0;
}

/* What the version after m says of a key's value, which belongs to a run of versions without gaps
 * but for those from which the key was taken out. */
enum named { NAMED_NOT, NAMED, NAMED_MAYBE };

static enum named named_next(const struct manifest *next, const struct manifest_key *key)
{
	const struct manifest_key *then = next ? manifest_key_by_no(next, key->no) : NULL;

	if (!then)
		return NAMED_NOT;
	if (manifest_key_taken(then))
		return NAMED_MAYBE;
	/* A key that was never written has no value to lose. */
	return !key->value_id || then->value_id == key->value_id ? NAMED : NAMED_NOT;
}

static void strike_named(const struct manifest *m, const struct manifest *other, bool *named)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct manifest_key *key = manifest_key_by_no(other, m->keys[i].no);
		if (key && !manifest_key_taken(key) && key->value_id == m->keys[i].value_id)
			named[i] = true;
	}
}

int txn_values_named(struct txn *txn, const struct row *row, uint64_t version,
	const struct manifest *m, bool *named)
{
	AUTO_QUERY query = NULL;
	struct row other = {0};
	int r = db_query(txn->db, QUERY_HISTORY_OTHERS, &query);

	if (r < 0)
		return r;
	memset(named, 0, m->n * sizeof(*named));
	strike_named(m, &row->m, named);
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, (int64_t)version);
	while ((r = db_step(query)) > 0) {
		r = store_history_open(txn->store, row->id, query, &other);
		if (r < 0)
			break;
		strike_named(m, &other.m, named);
	}
	row_clear(&other);
	return r;
}

/* Lets go of the values of one version that the next one does not name. next NULL: all. */
static int txn_values_drop(struct txn *txn, const struct row *row, uint64_t version,
	const struct manifest *m, const struct manifest *next)
{
	bool *named = NULL;
	int r = 0;

	for (uint32_t i = 0; i < m->n && r == 0; i++) {
		const struct manifest_key *key = &m->keys[i];
		enum named said = manifest_key_taken(key) ? NAMED : named_next(next, key);
		if (said == NAMED_MAYBE && !named) {
			named = calloc(m->n, sizeof(*named));
			r = named ? txn_values_named(txn, row, version, m, named) : -ENOMEM;
		}
		if (r == 0 && said == NAMED_MAYBE)
			said = named[i] ? NAMED : NAMED_NOT;
		if (r == 0 && said == NAMED_NOT)
			r = txn_value_let_go(txn, row->id, m, key);
	}
	free(named);
	return r;
}

/* The version that is kept above one, in next; its manifest, or the current one. */
static int txn_version_next(struct txn *txn, const struct row *row, uint64_t version,
	struct row *next, const struct manifest **ret_m)
{
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_HISTORY_ABOVE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, (int64_t)version);
	r = db_step(query);
	if (r > 0)
		r = store_history_open(txn->store, row->id, query, next);
	else if (r == 0)
		next = NULL;
	if (r == 0)
		*ret_m = next ? &next->m : &row->m;
	return r;
}

/*
 * Deletes a version that was just looked for in txn->past, whether it was there and whether it
 * opened or not. What is counted out is what was there: a sum that was wrong stays wrong by as
 * much, so that no change of the owner's hides what somebody else did to the history.
 */
static int txn_past_delete(struct txn *txn, struct row *row, uint64_t version)
{
	const struct row *past = &txn->past;
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_HISTORY_DELETE, &query);

	if (r < 0)
		return r;
	if (past->headed)
		store_history_take(txn->store, &row->m.history, row->id, past->ver, past->head);
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, (int64_t)version);
	return db_run(query, 0);
}

/* Drops the oldest version. A damaged one is dropped too, its values stay as waste until a
 * compaction. */
static int txn_prune_version(struct txn *txn, struct row *row, uint64_t version)
{
	struct row next = {0};
	const struct manifest *next_m;
	int r = store_row_history(txn->store, txn->db, row->id, version, &txn->past);

	if (r == 0)
		r = txn_version_next(txn, row, version, &next, &next_m);
	if (r == 0)
		r = txn_values_drop(txn, row, version, &txn->past.m, next_m);
	row_clear(&next);
	if (r < 0 && r != -EBADMSG && r != -ENOENT)
		return r;
	return txn_past_delete(txn, row, version);
}

static int txn_history_put(
	struct txn *txn, struct row *row, const struct manifest *m, enum schema_query which)
{
	struct seal_place place;
	const uint8_t *box;
	size_t box_len;
	AUTO_QUERY query = NULL;

	store_place(txn->store, SEAL_HISTORY, row->id, 0, NULL, m->version, &place);
	int r = txn_seal_manifest(txn, m, &place, &box, &box_len);
	if (r == 0)
		r = db_query(txn->db, which, &query);
	if (r < 0)
		return r;
	store_history_add(txn->store, &row->m.history, row->id, m->version, box);
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, (int64_t)m->version);
	db_bind_blob(query, 3, box, box_len);
	return db_run(query, 1);
}

int txn_history_rewrite(struct txn *txn, struct row *row, const struct row *past)
{
	store_history_take(txn->store, &row->m.history, row->id, past->ver, past->head);
	return txn_history_put(txn, row, &past->m, QUERY_HISTORY_UPDATE);
}

int txn_version_new(struct txn *txn, struct row *row)
{
	int r = txn_history_put(txn, row, &row->m, QUERY_HISTORY_INSERT);

	row->m.version++;
	return r;
}

static int txn_prune_to(struct txn *txn, struct row *row, uint64_t keep)
{
	int r = 0;

	while (r == 0 && row->m.version - row->m.oldest > keep) {
		r = txn_prune_version(txn, row, row->m.oldest);
		row->m.oldest++;
	}
	return r;
}

int txn_version_prune(struct txn *txn, struct row *row)
{
	return txn_prune_to(txn, row, txn->store->limits.history);
}

int txn_history_drop(struct txn *txn, struct row *row)
{
	return txn_prune_to(txn, row, 0);
}

int txn_find_oldest(struct txn *txn, struct row *row)
{
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_HISTORY_ABOVE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, (int64_t)row->m.oldest - 1);
	r = db_step(query);
	if (r < 0)
		return r;
	row->m.oldest = r > 0 ? (uint64_t)db_int(query, 0) : row->m.version;
	return row->m.oldest <= row->m.version ? 0 : -EBADMSG;
}

int txn_version_drop(struct txn *txn, struct row *row, uint64_t version)
{
	bool *named = NULL;
	int r = store_row_history(txn->store, txn->db, row->id, version, &txn->past);

	if (r == 0) {
		const struct manifest *m = &txn->past.m;
		named = calloc(m->n ? m->n : 1, sizeof(*named));
		r = named ? txn_values_named(txn, row, version, m, named) : -ENOMEM;
		for (uint32_t i = 0; i < m->n && r == 0; i++)
			if (!named[i] && !manifest_key_taken(&m->keys[i]))
				r = txn_value_let_go(txn, row->id, m, &m->keys[i]);
		free(named);
	} else if (r == -EBADMSG) {
		/* What is damaged names nothing any more. */
		r = 0;
	}
	if (r == 0)
		r = txn_past_delete(txn, row, version);
	return r < 0 ? r : txn_find_oldest(txn, row);
}

int txn_secret_delete(struct txn *txn, struct store_ns ns, struct row *row)
{
	AUTO_QUERY query = NULL;
	int64_t ns_id;
	struct txn_before before = txn_before(&row->m);
	int r = txn_sum(txn, SUM_SUB, row->id, row->ns, row->tag, row->ver, row->head);

	for (uint64_t v = row->m.oldest; r == 0 && v < row->m.version; v++)
		r = txn_prune_version(txn, row, v);
	if (r == 0)
		r = txn_values_drop(txn, row, row->m.version, &row->m, NULL);
	if (r == 0)
		r = txn_ns_count(txn, ns, -1, &ns_id);
	if (r == 0)
		r = txn_charge(txn, before.uid, -1, -(int64_t)before.bytes);
	if (r == 0)
		r = txn_changes(txn, row->id);
	if (r == 0)
		r = db_query(txn->db, QUERY_SECRET_DELETE, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, row->id);
	r = db_run(query, 1);
	if (r == 0)
		txn->secrets--;
	return r;
}
