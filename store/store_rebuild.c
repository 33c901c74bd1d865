/* SPDX-License-Identifier: MIT */
/*
 * store_rebuild: a store written anew, record by record, into a new file that takes its place:
 * compact under the same keys, box by box as they are; rotate under a new master key, everything
 * opened and sealed again.
 */
#include "verify_int.h"

#include "fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PROGRESS_EVERY 256 /* rows */

struct rebuild {
	struct db *from; /* in a read transaction */
	struct db *to;   /* in a transaction that is never rolled back: the file is thrown away */
	uint64_t done, total; /* rows */
	store_progress_fn progress;
	void *arg;
};

static void rebuild_step(struct rebuild *b)
{
	b->done++;
	if (b->progress && b->done % PROGRESS_EVERY == 0)
		b->progress(b->arg, b->done, b->total);
}

static int count_rows(struct db *db, enum schema_query which, uint64_t *total)
{
	AUTO_QUERY query = NULL;
	int r = db_query(db, which, &query);

	if (r == 0)
		r = db_step(query);
	if (r > 0)
		*total += (uint64_t)db_int(query, 0);
	return r < 0 ? r : 0;
}

/* Starts the new file: its tables, in one transaction. */
static int rebuild_begin(
	struct rebuild *b, struct swap *swap, const char *path, unsigned format, struct why *why)
{
	AUTO_FD fd = swap_begin(swap, path, why);

	if (fd < 0)
		return fd;
	/* Before SQLite opens it: closing a second descriptor of the file would drop its locks. */
	fd_close(&fd);
	int r = count_rows(b->from, QUERY_SECRET_COUNT, &b->total);
	if (r == 0)
		r = count_rows(b->from, QUERY_VALUE_COUNT, &b->total);
	if (r < 0)
		return why_set(why, r, "cannot count the rows of the store: %s", strerror(-r));
	r = db_open(swap->made, DB_BUILD, &b->to, why);
	if (r < 0)
		return r;
	r = db_exec(b->to, "BEGIN IMMEDIATE");
	if (r == 0)
		r = schema_create(b->to, format);
	return r < 0 ? why_set(why, r, "cannot write %s: %s", swap->made, strerror(-r)) : 0;
}

static int rebuild_end(struct rebuild *b, struct swap *swap, int r, struct why *why)
{
	if (r == 0)
		r = db_exec(b->to, "COMMIT");
	if (r == 0)
		r = db_built(b->to);
	if (r < 0)
		why_set(why, r, "cannot write %s: %s", swap->made, strerror(-r));
	db_close(b->to);
	b->to = NULL;
	return r;
}

/* ---- compact ---- */

/* What is left out: sorted as the walks are, so that one look at each is enough. */
struct waste {
	const struct scan_fix *history;
	size_t nhistory;
	const uint64_t *values;
	size_t nvalues;
};

static bool waste_history(struct waste *waste, struct db_query *row)
{
	if (waste->nhistory == 0 || waste->history->row != db_int(row, 0) ||
		waste->history->number != (uint64_t)db_int(row, 1))
		return false;
	waste->history++;
	waste->nhistory--;
	return true;
}

static bool waste_value(struct waste *waste, struct db_query *row)
{
	if (waste->nvalues == 0 || *waste->values != (uint64_t)db_int(row, 0))
		return false;
	waste->values++;
	waste->nvalues--;
	return true;
}

/* A table row by row; columns in the order of the insert's parameters. */
static int copy_table(struct rebuild *b, enum schema_query walk, enum schema_query insert,
	int columns, struct waste *waste, bool (*is_waste)(struct waste *, struct db_query *))
{
	AUTO_QUERY from = NULL;
	AUTO_QUERY to = NULL;
	int r = db_query(b->from, walk, &from);

	if (r == 0)
		r = db_query(b->to, insert, &to);
	if (r < 0)
		return r;
	while ((r = db_step(from)) > 0) {
		if (waste && is_waste && is_waste(waste, from))
			continue;
		for (int i = 0; i < columns; i++)
			db_bind_column(to, i + 1, from, i);
		r = db_run(to, 1);
		if (r < 0)
			return r;
		rebuild_step(b);
	}
	return r;
}

/* waste NULL: nobody knows what is; then what is kept for open files stays too. */
static int compact_tables(struct rebuild *b, struct waste *waste)
{
	int r = copy_table(b, QUERY_ROOT, QUERY_ROOT_INSERT, 1, NULL, NULL);

	if (r == 0)
		r = copy_table(b, QUERY_BUCKETS, QUERY_BUCKET_INSERT, 3, NULL, NULL);
	if (r == 0)
		r = copy_table(b, QUERY_WALK_NS, QUERY_NS_INSERT, 4, NULL, NULL);
	if (r == 0)
		r = copy_table(b, QUERY_WALK_SECRETS, QUERY_SECRET_INSERT, 5, NULL, NULL);
	if (r == 0)
		r = copy_table(
			b, QUERY_COPY_HISTORY, QUERY_HISTORY_INSERT, 3, waste, waste_history);
	if (r == 0)
		r = copy_table(b, QUERY_COPY_VALUES, QUERY_VALUE_INSERT, 2, waste, waste_value);
	if (r == 0)
		r = copy_table(b, QUERY_SLOTS, QUERY_SLOT_INSERT, 7, NULL, NULL);
	if (r == 0 && !waste)
		r = copy_table(b, QUERY_COPY_DONE, QUERY_DONE_INSERT, 3, NULL, NULL);
	return r;
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

/* Writes the new file; it is put in place when the old one is closed. */
static int compact_into(struct rebuild *b, struct swap *swap, const char *path, struct waste *waste,
	struct why *why)
{
	unsigned format;
	int r = schema_format(b->from, &format);

	if (r < 0)
		return why_set(why, r, "cannot read the store: %s", strerror(-r));
	/* Its records stay as they are. */
	r = rebuild_begin(b, swap, path, format, why);
	if (r < 0)
		return r;
	return rebuild_end(b, swap, compact_tables(b, waste), why);
}

/* Without a key: whatever is there. */
static int compact_blind(
	struct swap *swap, const char *path, const struct store_verify *ask, struct why *why)
{
	AUTO_DB db = NULL;
	int r = db_open(path, DB_READER, &db, why);

	if (r < 0)
		return r;
	r = db_exec(db, "BEGIN");
	if (r < 0)
		return why_set(why, r, "cannot read the store: %s", strerror(-r));
	struct rebuild b = {.from = db, .progress = ask->progress, .arg = ask->arg};
	r = compact_into(&b, swap, path, NULL, why);
	db_close(b.to);
	return r;
}

static int compact_scanned(struct swap *swap, const char *path, struct store *store,
	const struct store_verify *ask, uint64_t *ret_waste, struct why *why)
{
	/* Nobody has anything open, so that what was kept for it is waste too. */
	struct scan scan = {.unkept = true};
	int r = scan_begin(&scan, store, ask);

	r = r < 0 ? why_set(why, r, "out of memory") : scan_run(&scan, why);
	if (r == 0 && (scan.result.damaged || scan.result.doubtful))
		r = why_set(why, -EBADMSG,
			"the store is damaged, and nothing was changed; look with store verify");
	struct rebuild b = {.from = store->db, .progress = ask->progress, .arg = ask->arg};
	struct waste waste = {.history = scan.loose_history.items,
		.nhistory = scan.loose_history.n,
		.values = scan.loose_values.items,
		.nvalues = scan.loose_values.n};
	if (r == 0)
		r = compact_into(&b, swap, path, &waste, why);
	*ret_waste = scan.result.waste;
	db_close(b.to);
	scan_end(&scan);
	return r;
}

static int compact_seeing(struct swap *swap, const char *path, const struct keyslot_keys *keys,
	const struct store_verify *ask, uint64_t *ret_waste, struct why *why)
{
	struct store *store = NULL;
	int r = store_attach(path, keys, DB_READER, &store, why);

	if (r == 0)
		r = compact_scanned(swap, path, store, ask, ret_waste, why);
	store_close(store);
	return r;
}

int store_compact(const char *path, const struct keyslot_keys *keys, const struct store_verify *ask,
	struct store_compacted *ret_compacted, struct why *why)
{
	AUTO_SWAP swap = {{0}, {0}};
	struct store_compacted compacted = {0};
	int r = store_verify_structure(path, why);

	if (r == 0 && keys)
		r = compact_seeing(&swap, path, keys, ask, &compacted.waste, why);
	else if (r == 0)
		r = compact_blind(&swap, path, ask, why);
	if (r == 0)
		r = swap_ready(&swap, why);
	if (r < 0)
		return r;
	compacted.before = file_size(path);
	compacted.after = file_size(swap.made);
	r = swap_commit(&swap, NULL, why);
	if (r == 0)
		*ret_compacted = compacted;
	return r;
}

/* ---- rotate ---- */

struct rotate {
	struct rebuild b;
	struct store *from;
	struct store *to;         /* of its own: keys, id, root, buckets; no thread, no cache */
	struct txn txn;           /* scratch of to */
	struct secbuf seed;       /* of the keys of values; forgotten at the end */
	struct row row;           /* scratch of from */
	struct secbuf value_keys; /* of row's keys, new */
	struct manifest_history history; /* of the secret at hand, as it is in the new file */
};

static void rotate_sum(struct rotate *rotate, int64_t id, int64_t ns, const uint8_t *tag,
	uint64_t ver, const uint8_t *box)
{
	struct header_bucket *bucket = &rotate->to->buckets[index_bucket(tag)].header;
	struct index_sum element;

	index_element(rotate->to->keys->sum, id, ns, tag, ver, box, &element);
	index_sum_add(&bucket->sum, &element);
	index_sum_add(&rotate->to->root.total, &element);
	bucket->rows++;
}

/* Whether an earlier version has named it already. */
static int rotate_has_value(struct rotate *rotate, uint64_t id)
{
	AUTO_QUERY query = NULL;
	int r = db_query(rotate->b.to, QUERY_VALUE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)id);
	return db_step(query);
}

static int rotate_value(struct rotate *rotate, int64_t secret, const struct manifest_key *key,
	const uint8_t *new_key)
{
	AUTO_SECBUF value = SECBUF_INIT;
	uint8_t *box = NULL;
	size_t box_len;
	int r = rotate_has_value(rotate, key->value_id);

	if (r != 0)
		return r < 0 ? r : 0;
	r = store_value_open(rotate->from, rotate->b.from, secret, key, SECMEM_SELF, &value);
	if (r == 0)
		r = store_value_seal(rotate->to, secret, key->no, key->value_id, new_key,
			value.data, key->len, &box, &box_len);
	if (r == 0)
		r = txn_value_insert(&rotate->txn, key->value_id, box, box_len);
	free(box);
	rebuild_step(&rotate->b);
	return r;
}

/* Seals the values that row->m names, and puts their new keys in it. */
static int rotate_values(struct rotate *rotate)
{
	struct manifest *m = &rotate->row.m;
	int r = 0;

	secbuf_free(&rotate->value_keys);
	if (m->n)
		r = secbuf_alloc(&rotate->value_keys, (size_t)m->n * SEAL_KEY, SECMEM_SELF);
	for (uint32_t i = 0; i < m->n && r == 0; i++) {
		struct manifest_key *key = &m->keys[i];
		uint8_t *new_key = rotate->value_keys.data + (size_t)i * SEAL_KEY;
		if (!key->value_id)
			continue;
		keyslot_value_key(&rotate->seed, key->value_id, new_key);
		r = rotate_value(rotate, rotate->row.id, key, new_key);
		key->value_key = new_key;
	}
	return r;
}

static int rotate_version(struct rotate *rotate, int64_t id, struct db_query *history)
{
	struct row *row = &rotate->row;
	struct seal_place place;
	const uint8_t *box;
	size_t box_len;
	AUTO_QUERY insert = NULL;
	int r = store_history_open(rotate->from, id, history, row);

	if (r == 0)
		r = rotate_values(rotate);
	if (r < 0)
		return r;
	store_place(rotate->to, SEAL_HISTORY, id, 0, NULL, row->m.version, &place);
	r = txn_seal_manifest(&rotate->txn, &row->m, &place, &box, &box_len);
	if (r == 0)
		r = db_query(rotate->b.to, QUERY_HISTORY_INSERT, &insert);
	if (r < 0)
		return r;
	store_history_add(rotate->to, &rotate->history, id, row->m.version, box);
	db_bind_int(insert, 1, id);
	db_bind_int(insert, 2, (int64_t)row->m.version);
	db_bind_blob(insert, 3, box, box_len);
	return db_run(insert, 1);
}

/* Those that the secret's manifest speaks of; others are waste. */
static int rotate_history(struct rotate *rotate, int64_t id, uint64_t oldest, uint64_t current)
{
	AUTO_QUERY query = NULL;
	int r = db_query(rotate->b.from, QUERY_HISTORY_ALL, &query);

	if (r < 0)
		return r;
	rotate->history = (struct manifest_history){0};
	db_bind_int(query, 1, id);
	while ((r = db_step(query)) > 0) {
		uint64_t version = (uint64_t)db_int(query, 0);
		if (version < oldest || version >= current)
			continue;
		r = rotate_version(rotate, id, query);
		if (r < 0)
			return r;
	}
	return r;
}

static int rotate_manifest(struct rotate *rotate)
{
	struct row *row = &rotate->row;
	struct seal_place place;
	const uint8_t *box;
	uint8_t tag[INDEX_TAG];
	size_t box_len;
	AUTO_QUERY insert = NULL;

	row->m.history = rotate->history;
	index_tag_secret(rotate->to->keys->index, row->ns, row->m.name, row->m.name_len, tag);
	store_place(rotate->to, SEAL_SECRET, row->id, row->ns, tag, row->ver, &place);
	int r = txn_seal_manifest(&rotate->txn, &row->m, &place, &box, &box_len);
	if (r == 0)
		r = db_query(rotate->b.to, QUERY_SECRET_INSERT, &insert);
	if (r < 0)
		return r;
	rotate_sum(rotate, row->id, row->ns, tag, row->ver, box);
	db_bind_int(insert, 1, row->id);
	db_bind_int(insert, 2, row->ns);
	db_bind_blob(insert, 3, tag, sizeof(tag));
	db_bind_int(insert, 4, (int64_t)row->ver);
	db_bind_blob(insert, 5, box, box_len);
	return db_run(insert, 1);
}

/* History first: a value is sealed when the first version that names it is. */
static int rotate_secret(struct rotate *rotate, int64_t id)
{
	struct row *row = &rotate->row;
	int r = store_row_by_id(rotate->from, rotate->b.from, id, row);

	if (r == 0)
		r = rotate_history(rotate, id, row->m.oldest, row->m.version);
	if (r == 0)
		r = store_row_by_id(rotate->from, rotate->b.from, id, row);
	if (r == 0)
		r = rotate_values(rotate);
	if (r == 0)
		r = rotate_manifest(rotate);
	rebuild_step(&rotate->b);
	return r;
}

static int rotate_secrets(struct rotate *rotate)
{
	AUTO_QUERY query = NULL;
	int r = db_query(rotate->b.from, QUERY_WALK_SECRETS, &query);

	if (r < 0)
		return r;
	while ((r = db_step(query)) > 0) {
		r = rotate_secret(rotate, db_int(query, 0));
		if (r < 0)
			return r;
	}
	return r;
}

static int rotate_ns(struct rotate *rotate, struct db_query *query)
{
	struct seal_place place;
	struct header_ns h;
	uint8_t plain[HEADER_NS], box[HEADER_NS + SEAL_OVERHEAD], tag[INDEX_TAG];
	int64_t id = db_int(query, 0);
	size_t tag_len, old_len;
	const uint8_t *old_tag = db_blob(query, 1, &tag_len);
	uint64_t ver = (uint64_t)db_int(query, 2);
	const uint8_t *old = db_blob(query, 3, &old_len);
	AUTO_QUERY insert = NULL;

	if (tag_len != INDEX_TAG || old_len != sizeof(box))
		return -EBADMSG;
	store_place(rotate->from, SEAL_NS, id, 0, old_tag, ver, &place);
	int r = seal_open(rotate->from->keys->meta, &place, old, old_len, plain);
	if (r == 0)
		r = header_ns_decode(&h, plain);
	if (r == 0)
		r = db_query(rotate->b.to, QUERY_NS_INSERT, &insert);
	if (r < 0)
		return r;
	index_tag_ns(rotate->to->keys->index, h.kind, h.uid, tag);
	store_place(rotate->to, SEAL_NS, id, 0, tag, ver, &place);
	seal_box(rotate->to->keys->meta, &place, plain, sizeof(plain), box);
	rotate_sum(rotate, id, 0, tag, ver, box);
	db_bind_int(insert, 1, id);
	db_bind_blob(insert, 2, tag, sizeof(tag));
	db_bind_int(insert, 3, (int64_t)ver);
	db_bind_blob(insert, 4, box, sizeof(box));
	return db_run(insert, 1);
}

static int rotate_namespaces(struct rotate *rotate)
{
	AUTO_QUERY query = NULL;
	int r = db_query(rotate->b.from, QUERY_WALK_NS, &query);

	if (r < 0)
		return r;
	while ((r = db_step(query)) > 0) {
		r = rotate_ns(rotate, query);
		if (r < 0)
			return r;
	}
	return r;
}

/* Root and buckets are made as for a new store, and then sealed as by a commit. */
static int rotate_seal(struct rotate *rotate, const struct keyslot *slots, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = store_slot_insert(rotate->b.to, &slots[i]);
	if (r == 0)
		r = store_create_sums(rotate->to);
	return r < 0 ? r : txn_seal(&rotate->txn);
}

static int rotate_all(struct rotate *rotate, const struct keyslot *slots, size_t n)
{
	int r = rotate_namespaces(rotate);

	if (r == 0)
		r = rotate_secrets(rotate);
	return r < 0 ? r : rotate_seal(rotate, slots, n);
}

static struct store *rotate_store(
	const struct store *from, const struct keyslot_keys *new_keys, uint64_t epoch)
{
	struct store *to = calloc(1, sizeof(*to));

	if (!to)
		return NULL;
	pthread_rwlock_init(&to->ns_lock, NULL);
	to->keys = new_keys;
	to->root = from->root;
	to->root.format = STORE_FORMAT;
	to->root.epoch = epoch;
	to->root.total = (struct index_sum){{0}};
	secmem_random(to->id, sizeof(to->id));
	memcpy(to->root.store_id, to->id, sizeof(to->id));
	atomic_store(&to->next_value, from->root.next_value);
	return to;
}

/* Writes the new file; root as it is in it. */
static int rotate_into(struct swap *swap, const char *path, struct store *from, struct store *to,
	const struct keyslot *slots, size_t n, const struct store_verify *ask, struct why *why)
{
	struct rotate rotate = {.b = {.from = from->db, .progress = ask->progress, .arg = ask->arg},
		.from = from,
		.to = to};
	int r = secbuf_alloc(&rotate.seed, KEYSLOT_MASTER, SECMEM_SELF);

	if (r < 0)
		return why_set(why, r, "no locked memory is left for keys; raise ulimit -l");
	secmem_random(rotate.seed.data, KEYSLOT_MASTER);
	rotate.seed.len = KEYSLOT_MASTER;
	r = rebuild_begin(&rotate.b, swap, path, STORE_FORMAT, why);
	if (r == 0) {
		to->db = rotate.b.to;
		rotate.txn = (struct txn){.store = to, .db = rotate.b.to};
		r = rebuild_end(&rotate.b, swap, rotate_all(&rotate, slots, n), why);
		to->db = NULL;
	}
	db_close(rotate.b.to);
	txn_clear(&rotate.txn);
	row_clear(&rotate.row);
	secbuf_free(&rotate.value_keys);
	secbuf_free(&rotate.seed);
	return r;
}

static int rotate_build(struct swap *swap, const char *path, const struct store_rotate *rotate,
	struct header_root *ret_root, struct why *why)
{
	struct store *from = NULL, *to = NULL;
	int r = store_attach(path, rotate->keys, DB_READER, &from, why);

	if (r == 0) {
		to = rotate_store(from, rotate->new_keys,
			rotate->verify.anchor
				? anchor_next_epoch(rotate->verify.anchor, &from->root)
				: from->root.epoch + 1);
		r = to ? 0 : why_set(why, -ENOMEM, "out of memory");
	}
	if (r == 0)
		r = rotate_into(
			swap, path, from, to, rotate->slots, rotate->nslots, &rotate->verify, why);
	if (r == 0)
		*ret_root = to->root;
	store_close(to);
	store_close(from);
	return r;
}

/* The anchor takes either for the store until the renaming is through. */
static int rotate_place(struct swap *swap, const struct header_root *root, struct anchor *anchor,
	const uint8_t new_key[32], struct why *why)
{
	int r = swap_ready(swap, why);

	if (r == 0 && anchor) {
		r = anchor_prepare(anchor, root, new_key);
		if (r < 0)
			return why_set(why, r, "cannot write the anchor %s: %s",
				anchor_path(anchor), strerror(-r));
	}
	if (r == 0)
		r = swap_commit(swap, NULL, why);
	if (r < 0 || !anchor)
		return r;
	r = anchor_renew(anchor, root, new_key);
	return r < 0 ? why_set(why, r,
			       "the store is rotated, but the anchor %s cannot be written: %s",
			       anchor_path(anchor), strerror(-r))
		     : 0;
}

/* What came out must be what went in. */
static int rotate_check(const char *made, const struct store_rotate *rotate,
	const struct store_verify_result *before, struct store_verify_result *ret_after,
	struct why *why)
{
	const struct store_verify ask = {
		.progress = rotate->verify.progress, .arg = rotate->verify.arg};
	int r = store_verify(made, rotate->new_keys, &ask, ret_after, why);

	if (r == 0 &&
		(before->secrets != ret_after->secrets || before->versions != ret_after->versions ||
			before->namespaces != ret_after->namespaces || ret_after->waste))
		r = -EBADMSG;
	return r < 0 ? why_set(why, -EIO,
			       "the new file does not hold what the old one does; nothing was "
			       "changed: look for a failing disk or memory")
		     : 0;
}

int store_rotate(const char *path, const struct store_rotate *rotate,
	struct store_verify_result *ret_result, struct why *why)
{
	AUTO_SWAP swap = {{0}, {0}};
	struct store_verify before_ask = rotate->verify;
	struct store_verify_result before = {0};
	struct header_root root;

	before_ask.accept = before_ask.remove = false;
	int r = store_verify(path, rotate->keys, &before_ask, &before, why);
	if (r == 0)
		r = rotate_build(&swap, path, rotate, &root, why);
	if (r == 0)
		r = rotate_check(swap.made, rotate, &before, ret_result, why);
	return r < 0 ? r
		     : rotate_place(
			       &swap, &root, rotate->verify.anchor, rotate->new_keys->anchor, why);
}
