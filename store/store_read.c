/* SPDX-License-Identifier: MIT */
/* store_read: readers. Each has a connection of its own; whatever it reads lies in one snapshot. */
#include "store_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A manifest larger than this is not kept as scratch after the snapshot. */
#define SCRATCH_KEEP (16 << 10)

/* The largest manifest that is kept opened in the cache. */
#define CACHED_MAX (16 << 10)

int store_reader_open(struct store *store, struct store_reader **ret_reader)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return -ENOMEM;
	int r = db_open(store->path, DB_READER, &reader->db, NULL);
	if (r < 0) {
		free(reader);
		return r;
	}
	reader->store = store;
	*ret_reader = reader;
	return 0;
}

void store_reader_close(struct store_reader *reader)
{
	if (!reader)
		return;
	store_end(reader);
	row_clear(&reader->row);
	db_close(reader->db);
	free(reader);
}

static int reader_run(struct store_reader *reader, enum schema_query which)
{
	AUTO_QUERY query = NULL;
	int r = db_query(reader->db, which, &query);

	return r < 0 ? r : db_run(query, 0);
}

int store_begin(struct store_reader *reader)
{
	/* What could not be ended for lack of memory would be in the way for ever. */
	int r = db_in_transaction(reader->db) ? reader_run(reader, QUERY_ROLLBACK) : 0;

	if (r == 0)
		r = reader_run(reader, QUERY_BEGIN);
	reader->in_snapshot = r == 0;
	reader->fresh = reader->queried = false;
	reader->whole = 0;
	return r;
}

void store_fresh(struct store_reader *reader)
{
	reader->fresh = true;
}

static void reader_let_go(struct store_reader *reader)
{
	if (reader->cached)
		cache_release(&reader->cached->entry);
	reader->cached = NULL;
}

void store_end(struct store_reader *reader)
{
	reader_let_go(reader);
	/* It holds the keys of values. */
	if (reader->row.plain.cap > SCRATCH_KEEP)
		secbuf_free(&reader->row.plain);
	else if (reader->row.plain.data)
		secmem_wipe(reader->row.plain.data, reader->row.plain.cap);
	reader->row.plain.len = 0;
	if (!reader->in_snapshot)
		return;
	reader->in_snapshot = false;
	if (db_in_transaction(reader->db))
		reader_run(reader, QUERY_COMMIT);
}

static int reader_secret(struct store_reader *reader, int r, const struct store_secret **ret_secret)
{
	if (r < 0)
		return r;
	reader->secret.row = (uint64_t)reader->row.id;
	reader->secret.ver = reader->row.ver;
	reader->secret.m = reader->row.m; /* a view: the keys stay the row's */
	*ret_secret = &reader->secret;
	return 0;
}

/* ---- the cache of opened manifests ---- */

static void cached_row_free(struct cache_entry *entry)
{
	struct cached_row *cached = (struct cached_row *)entry;

	row_clear(&cached->row);
	free(cached);
}

/* A copy of what the reader has just opened. Without room it is simply not kept. */
static void reader_keep(struct store_reader *reader, uint64_t epoch)
{
	const struct row *row = &reader->row;
	struct cached_row *cached =
		row->plain.len <= CACHED_MAX ? calloc(1, sizeof(*cached)) : NULL;

	if (!cached)
		return;
	cached->entry =
		(struct cache_entry){.key = (uint64_t)row->id, .free = cached_row_free, .refs = 1};
	if (secbuf_alloc(&cached->row.plain, row->plain.len, SECMEM_SELF) == 0) {
		cached->entry.cost = cached->row.plain.cap;
		cached->row.ver = row->ver;
		cached->row.plain.len = row->plain.len;
		memcpy(cached->row.plain.data, row->plain.data, row->plain.len);
		if (manifest_decode(&cached->row.m, reader->store->form, cached->row.plain.data,
			    cached->row.plain.len) == 0)
			cache_put(reader->store->manifests, &cached->entry, epoch);
	}
	cache_release(&cached->entry);
}

static bool reader_recall(
	struct store_reader *reader, uint64_t row, const struct store_secret **ret_secret)
{
	if (reader->fresh || reader->queried)
		return false;
	struct cached_row *cached = (struct cached_row *)cache_get(reader->store->manifests, row);
	if (!cached)
		return false;
	reader_let_go(reader);
	reader->cached = cached;
	reader->secret.row = row;
	reader->secret.ver = cached->row.ver;
	reader->secret.m = cached->row.m;
	*ret_secret = &reader->secret;
	return true;
}

int store_ns_get(struct store_reader *reader, struct store_ns ns, struct header_ns *ret_ns)
{
	int64_t id;
	uint64_t ver;
	uint8_t head[SEAL_OVERHEAD];

	reader->queried = true;
	int r = store_ns_load(reader->store, reader->db, ns, &id, &ver, head, ret_ns);

	if (r != -ENOENT)
		return r;
	*ret_ns = (struct header_ns){.kind = (uint8_t)ns.kind,
		.uid = ns.uid,
		.owner = ns.uid,
		.gid = ns.uid,
		.mode = 0700};
	return 0;
}

int store_secret_by_name(struct store_reader *reader, struct store_ns ns, const char *name,
	size_t name_len, const struct store_secret **ret_secret)
{
	struct cache *manifests = reader->store->manifests;
	uint64_t drops = cache_drops(manifests);
	bool first = !reader->queried;
	int64_t id;

	reader->queried = true;
	int r = store_ns_id(reader->store, reader->db, ns, &id);
	if (r == 0)
		r = store_row_by_name(
			reader->store, reader->db, id, ns, name, name_len, &reader->row);
	/* Who looks for a secret looks for a key in it next. */
	if (r == 0 && first) {
		uint64_t epoch = cache_epoch(manifests, (uint64_t)reader->row.id);
		struct cache_entry *there = cache_get(manifests, (uint64_t)reader->row.id);
		if (!there && cache_drops(manifests) == drops)
			reader_keep(reader, epoch);
		cache_release(there);
	}
	return reader_secret(reader, r, ret_secret);
}

int store_secret_by_row(
	struct store_reader *reader, uint64_t row, const struct store_secret **ret_secret)
{
	if (reader_recall(reader, row, ret_secret))
		return 0;
	uint64_t epoch = cache_epoch(reader->store->manifests, row);
	bool first = !reader->queried;
	reader->queried = true;
	int r = store_row_by_id(reader->store, reader->db, (int64_t)row, &reader->row);

	/* An older snapshot than the epoch may not be kept. */
	if (r == 0 && first)
		reader_keep(reader, epoch);
	return reader_secret(reader, r, ret_secret);
}

/* Of the secret whose current manifest is in reader->row. */
static int reader_check_history(struct store_reader *reader)
{
	uint64_t row = (uint64_t)reader->row.id;

	if (reader->whole == row)
		return 0;
	int r = store_history_check(reader->store, reader->db, &reader->row);
	if (r == 0)
		reader->whole = row;
	return r;
}

int store_versions_check(struct store_reader *reader, uint64_t row)
{
	reader->queried = true;
	int r = store_row_by_id(reader->store, reader->db, (int64_t)row, &reader->row);

	return r < 0 ? r : reader_check_history(reader);
}

int store_secret_version(struct store_reader *reader, uint64_t row, uint64_t version,
	const struct store_secret **ret_secret)
{
	reader->queried = true;
	int r = store_row_by_id(reader->store, reader->db, (int64_t)row, &reader->row);

	if (r == 0 && version != reader->row.m.version) {
		if (version < reader->row.m.oldest || version > reader->row.m.version)
			return -ENOENT;
		r = reader_check_history(reader);
		if (r == 0)
			r = store_row_history(
				reader->store, reader->db, (int64_t)row, version, &reader->row);
	}
	return reader_secret(reader, r, ret_secret);
}

/* Is this the key that is gone, with its value? */
static bool is_gone_key(const struct manifest *m, const struct store_gone *gone)
{
	const struct manifest_key *key = manifest_key_by_no(m, gone->key_no);

	return key && key->value_id == gone->value_id && !manifest_key_taken(key);
}

int store_secret_gone(struct store_reader *reader, const struct store_gone *gone,
	const struct store_secret **ret_secret)
{
	struct row *row = &reader->row;

	/* Where the secret itself is gone there is no history. */
	int r = store_versions_check(reader, gone->row);
	if (r < 0 && r != -ENOENT)
		return r;
	r = store_row_history(reader->store, reader->db, (int64_t)gone->row, gone->version, row);
	if (r == 0 && !is_gone_key(&row->m, gone))
		r = -ENOENT;
	/* Pruned meanwhile, or taken out of that version. */
	if (r == -ENOENT) {
		r = store_secret_kept(reader, gone->row,
			store_keep_id(gone->row, gone->key_no, gone->value_id), ret_secret);
		return r == 0 && !is_gone_key(&row->m, gone) ? -ENOENT : r;
	}
	row->ver = 0;
	return reader_secret(reader, r, ret_secret);
}

int store_secret_kept(struct store_reader *reader, uint64_t row, uint64_t id,
	const struct store_secret **ret_secret)
{
	reader->queried = true;
	int r = kept_open(reader->store, reader->db, id, &reader->row);

	reader->row.id = (int64_t)row;
	reader->row.ver = 0;
	return reader_secret(reader, r, ret_secret);
}

int store_value(struct store_reader *reader, uint64_t row, const struct manifest_key *key,
	uint32_t uid, struct secbuf *ret_value)
{
	bool from_cache = reader->cached != NULL;

	reader->queried = true;
	int r = store_value_open(reader->store, reader->db, (int64_t)row, key, uid, ret_value);
	/* A manifest of the cache may name what a commit has just taken away. */
	if (r == -ENOENT)
		r = from_cache ? -ESTALE : -EBADMSG;
	return r;
}

/* ---- listing ---- */

static int list_open_row(
	struct store_reader *reader, struct db_query *query, int64_t ns, struct store_ns which)
{
	struct row *row = &reader->row;
	struct seal_place place;
	size_t tag_len, box_len;

	row->id = db_int(query, 0);
	row->ns = ns;
	const uint8_t *column = db_blob(query, 1, &tag_len);
	row->ver = (uint64_t)db_int(query, 2);
	const uint8_t *box = db_blob(query, 3, &box_len);
	if (tag_len != INDEX_TAG)
		return -EBADMSG;
	memcpy(row->tag, column, INDEX_TAG);
	int r = store_row_check(reader->store, reader->db, row->tag, row->id);
	if (r < 0)
		return r;
	store_place(reader->store, SEAL_SECRET, row->id, ns, row->tag, row->ver, &place);
	r = store_manifest_open(reader->store, &place, box, box_len, row);
	if (r < 0)
		return r;
	/* It opened with this tag, which was made of its name when it was sealed. */
	return row->m.ns_kind == which.kind && row->m.ns_uid == which.uid ? 0 : -EBADMSG;
}

/* Once damage was seen anywhere, the end of a listing looks for it in all rows of the namespace
 * again: pages that were read before have left theirs out without a word. */
static int list_damage_check(struct store_reader *reader, struct store_ns ns, int64_t ns_id)
{
	AUTO_QUERY query = NULL;

	if (!atomic_load(&reader->store->damage_seen))
		return 0;
	int r = db_query(reader->db, QUERY_SECRET_LIST, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, ns_id);
	db_bind_int(query, 2, 0);
	while ((r = db_step(query)) > 0) {
		r = list_open_row(reader, query, ns_id, ns);
		if (r < 0)
			return r;
	}
	return r;
}

/* At the end of a listing: are there as many rows as the namespace's record says? Those are counted
 * that a listing shows: not one with an id that is none, nor one that the index names twice. */
static int list_count_check(struct store_reader *reader, struct store_ns ns, int64_t ns_id)
{
	AUTO_QUERY query = NULL;
	struct header_ns h;
	int64_t last = 0;
	uint64_t n = 0;
	int r = store_ns_get(reader, ns, &h);

	if (r == 0)
		r = db_query(reader->db, QUERY_SECRET_IDS_NS, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, ns_id);
	while ((r = db_step(query)) > 0) {
		if (db_int(query, 0) <= last)
			return -EBADMSG;
		last = db_int(query, 0);
		n++;
	}
	if (r < 0)
		return r;
	return n == h.secrets ? 0 : -EBADMSG;
}

int store_list(struct store_reader *reader, struct store_ns ns, uint64_t after,
	store_visit_fn visit, void *arg)
{
	AUTO_QUERY query = NULL;
	const struct store_secret *secret;
	int64_t ns_id, last = (int64_t)after;

	reader->queried = true;
	int r = store_ns_id(reader->store, reader->db, ns, &ns_id);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = db_query(reader->db, QUERY_SECRET_LIST, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, ns_id);
	db_bind_int(query, 2, (int64_t)after);
	while ((r = db_step(query)) > 0) {
		int64_t id = db_int(query, 0);
		/* The index may name a row twice, or in another order. */
		r = id > last ? list_open_row(reader, query, ns_id, ns) : -EBADMSG;
		if (id > last)
			last = id;
		r = reader_secret(reader, r, &secret);
		if (r == -EBADMSG) {
			atomic_store(&reader->store->damage_seen, true);
			continue;
		}
		if (r == 0)
			r = visit(arg, secret);
		if (r != 0)
			return r == 1 ? 0 : r;
	}
	if (r < 0)
		return r;
	r = list_damage_check(reader, ns, ns_id);
	return r < 0 ? r : list_count_check(reader, ns, ns_id);
}
