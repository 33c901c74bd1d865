/* SPDX-License-Identifier: MIT */
/*
 * store_write: every change, as a job for the writer. What needs no current row (sealing a new
 * value) is done by the caller's thread before the job is handed over.
 */
#include "store_int.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* ---- values, sealed ahead ---- */

struct sealed_value {
	uint64_t id;
	struct secbuf key; /* SEAL_KEY bytes */
	uint8_t *box;      /* ciphertext, on the heap */
	size_t box_len;
	uint32_t len;
	uint32_t json_len;
	uint32_t env_len;
};

static void sealed_value_clear(struct sealed_value *value)
{
	secbuf_free(&value->key);
	free(value->box);
	value->box = NULL;
}

int store_value_seal(const struct store *store, int64_t secret, uint32_t key_no, uint64_t value_id,
	const uint8_t key[SEAL_KEY], const uint8_t *bytes, size_t len, uint8_t **ret_box,
	size_t *ret_len)
{
	AUTO_SECBUF plain = SECBUF_INIT;
	struct seal_place place;
	size_t padded = seal_padme(4 + len < 64 ? 64 : 4 + len);
	int r = secbuf_alloc(&plain, padded, SECMEM_SELF);

	if (r < 0)
		return r;
	uint8_t *box = malloc(padded + SEAL_OVERHEAD);
	if (!box)
		return -ENOMEM;
	for (unsigned i = 0; i < 4; i++)
		plain.data[i] = (uint8_t)(len >> 8 * i);
	if (len)
		memcpy(plain.data + 4, bytes, len);
	store_place(store, SEAL_VALUE, (int64_t)value_id, secret, NULL, key_no, &place);
	seal_box(key, &place, plain.data, padded, box);
	*ret_box = box;
	*ret_len = padded + SEAL_OVERHEAD;
	return 0;
}

static int sealed_value_make(struct store *store, uint64_t row, uint32_t key_no,
	const uint8_t *bytes, size_t len, struct sealed_value *value)
{
	int r = secbuf_alloc(&value->key, SEAL_KEY, SECMEM_SELF);

	if (r < 0)
		return r;
	value->id = atomic_fetch_add(&store->next_value, 1);
	value->len = (uint32_t)len;
	secmem_random(value->key.data, SEAL_KEY);
	value->json_len = store_json_len(bytes, len);
	return store_value_seal(store, (int64_t)row, key_no, value->id, value->key.data, bytes, len,
		&value->box, &value->box_len);
}

/* Inserts the value and puts it in the key's entry. */
static int key_take_value(struct txn *txn, struct manifest_key *key, struct sealed_value *value)
{
	int r = txn_value_insert(txn, value->id, value->box, value->box_len);

	if (r < 0)
		return r;
	key->value_id = value->id;
	key->value_key = value->key.data;
	key->len = value->len;
	key->json_len = value->json_len;
	key->env_len = value->env_len;
	return 0;
}

/* ---- secrets ---- */

struct secret_job {
	struct store_ns ns;
	const char *name;
	size_t name_len;
	const struct store_new *attr;
	uint64_t row;
};

static int txn_find(
	struct txn *txn, struct store_ns ns, const char *name, size_t name_len, struct row *row)
{
	int64_t id;
	int r = store_ns_id(txn->store, txn->db, ns, &id);

	return r < 0 ? r : store_row_by_name(txn->store, txn->db, id, ns, name, name_len, row);
}

static void uuid_make(uint8_t uuid[16])
{
	secmem_random(uuid, 16);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* version 4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); /* RFC 9562 variant */
}

static int secret_create_job(struct txn *txn, void *arg)
{
	struct secret_job *job = arg;
	const struct store_new *attr = job->attr;
	struct row *row = &txn->row;
	int r = txn_find(txn, job->ns, job->name, job->name_len, row);

	if (r == 0)
		return -EEXIST;
	if (r != -ENOENT)
		return r;
	struct manifest *m = &row->m;
	struct manifest_key *keys = m->keys;
	uint32_t cap = m->keys_cap;
	*m = (struct manifest){.version = 1,
		.oldest = 1,
		.ns_kind = (uint8_t)job->ns.kind,
		.ns_uid = job->ns.uid,
		.uid = attr->uid,
		.gid = attr->gid,
		.mode = attr->mode,
		.created = txn->now,
		.atime = txn->now,
		.mtime = txn->now,
		.ctime = txn->now,
		.next_key = 1,
		.name_len = (uint8_t)job->name_len,
		.name = job->name,
		.acl_len = attr->acl_len,
		.acl = attr->acl,
		.default_acl_len = attr->default_acl_len,
		.default_acl = attr->default_acl,
		.keys = keys,
		.keys_cap = cap};
	uuid_make(m->uuid);
	r = txn_secret_insert(txn, job->ns, row);
	job->row = (uint64_t)row->id;
	return r;
}

int store_secret_create(struct store *store, struct store_ns ns, const char *name, size_t name_len,
	const struct store_new *attr, uint64_t *ret_row)
{
	struct secret_job job = {.ns = ns, .name = name, .name_len = name_len, .attr = attr};
	int r = writer_run(store, secret_create_job, &job, &job.row, sizeof(job.row));

	if (r == 0)
		*ret_row = job.row;
	return r;
}

static int secret_remove_job(struct txn *txn, void *arg)
{
	struct secret_job *job = arg;
	int r = txn_find(txn, job->ns, job->name, job->name_len, &txn->row);

	if (r < 0)
		return r;
	if (txn->row.m.n)
		return -ENOTEMPTY;
	job->row = (uint64_t)txn->row.id;
	return txn_secret_delete(txn, job->ns, &txn->row);
}

/* Of a secret that is to be removed but is too large to be removed at once: its oldest version. */
static int secret_shrink_job(struct txn *txn, void *arg)
{
	struct secret_job *job = arg;
	struct row *row = &txn->row;
	int r = txn_find(txn, job->ns, job->name, job->name_len, row);

	if (r < 0)
		return r;
	if (row->m.n)
		return -ENOTEMPTY;
	if (row->m.oldest >= row->m.version)
		return 0;
	struct txn_before before = txn_before(&row->m);
	r = txn_version_drop(txn, row, row->m.oldest);
	if (r == 0)
		r = txn_secret_save(txn, row, &before);
	return r < 0 ? r : 1;
}

int store_secret_remove(struct store *store, struct store_ns ns, const char *name, size_t name_len,
	uint64_t *ret_row)
{
	struct secret_job job = {.ns = ns, .name = name, .name_len = name_len};
	int r = writer_run_freeing(
		store, secret_remove_job, secret_shrink_job, &job, &job.row, sizeof(job.row));

	if (r == 0)
		*ret_row = job.row;
	return r;
}

/* ---- renaming secrets ---- */

struct move_job {
	const struct store_move *move;
	uint64_t rows[2];
};

static bool ns_same(struct store_ns a, struct store_ns b)
{
	return a.kind == b.kind && a.uid == b.uid;
}

/* Only the owner changes visibility; and into the private only what is his altogether. */
static int move_allowed(const struct store_move *move, const struct manifest *m, struct store_ns to)
{
	if (m->uid != move->uid)
		return -EPERM;
	if (to.kind != NS_PRIVATE)
		return 0;
	if (to.uid != m->uid)
		return -EPERM;
	for (uint32_t i = 0; i < m->n; i++)
		if (m->keys[i].uid != m->uid)
			return -EPERM;
	return 0;
}

static void move_modes(struct manifest *m, struct store_ns to, uint32_t public_mode)
{
	uint32_t mask = to.kind == NS_PRIVATE ? 01700 : 07777;

	m->mode = to.kind == NS_PRIVATE ? m->mode & mask : public_mode;
	m->acl_len = m->default_acl_len = 0;
	for (uint32_t i = 0; i < m->n; i++) {
		m->keys[i].mode =
			to.kind == NS_PRIVATE ? m->keys[i].mode & mask : public_mode & 0666;
		m->keys[i].acl_len = 0;
	}
}

static int move_one(struct txn *txn, struct row *row, const struct store_move *move,
	struct store_ns from, struct store_ns to, const char *name, size_t name_len)
{
	struct txn_before before = txn_before(&row->m);

	if (!ns_same(from, to)) {
		int r = move_allowed(move, &row->m, to);
		if (r < 0)
			return r;
		move_modes(&row->m, to, move->public_mode);
		row->m.ns_kind = (uint8_t)to.kind;
		row->m.ns_uid = to.uid;
	}
	row->m.name = name;
	row->m.name_len = (uint8_t)name_len;
	row->m.ctime = txn->now;
	return txn_secret_move(txn, row, from, to, &before);
}

/* Tags are unique: one of the two steps aside while the other moves. */
static int move_aside(struct txn *txn, const struct row *row)
{
	AUTO_QUERY query = NULL;
	uint8_t tag[INDEX_TAG];
	int r = db_query(txn->db, QUERY_SECRET_UPDATE, &query);

	if (r < 0)
		return r;
	secmem_random(tag, sizeof(tag));
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, row->ns);
	db_bind_blob(query, 3, tag, sizeof(tag));
	db_bind_int(query, 4, (int64_t)row->ver);
	db_bind_blob(query, 5, row->head, sizeof(row->head));
	return db_run(query, 1);
}

static int move_exchange(struct txn *txn, const struct store_move *move)
{
	int r = move_aside(txn, &txn->other);

	if (r == 0)
		r = move_one(
			txn, &txn->row, move, move->from_ns, move->to_ns, move->to, move->to_len);
	if (r == 0)
		r = move_one(txn, &txn->other, move, move->to_ns, move->from_ns, move->from,
			move->from_len);
	return r;
}

/* What stands at the target. 0: it may go on, with the target gone. */
static int move_replace(struct txn *txn, const struct store_move *move)
{
	if (move->flags & STORE_RENAME_NOREPLACE)
		return -EEXIST;
	if (txn->other.m.n || !ns_same(move->from_ns, move->to_ns))
		return -ENOTEMPTY;
	return txn_secret_delete(txn, move->to_ns, &txn->other);
}

static int move_job(struct txn *txn, void *arg)
{
	struct move_job *job = arg;
	const struct store_move *move = job->move;
	int r = txn_find(txn, move->from_ns, move->from, move->from_len, &txn->row);

	if (r < 0)
		return r;
	job->rows[0] = (uint64_t)txn->row.id;
	int there = txn_find(txn, move->to_ns, move->to, move->to_len, &txn->other);
	if (there < 0 && there != -ENOENT)
		return there;
	if (there == 0 && txn->other.id == txn->row.id)
		return move->flags & STORE_RENAME_NOREPLACE ? -EEXIST : 0;
	if (there == 0)
		job->rows[1] = (uint64_t)txn->other.id;
	if (move->flags & STORE_RENAME_EXCHANGE)
		return there < 0 ? there : move_exchange(txn, move);
	if (there == 0) {
		r = move_replace(txn, move);
		if (r < 0)
			return r;
	}
	return move_one(txn, &txn->row, move, move->from_ns, move->to_ns, move->to, move->to_len);
}

int store_secret_rename(struct store *store, const struct store_move *move, uint64_t ret_rows[2])
{
	struct move_job job = {.move = move};
	int r = writer_run(store, move_job, &job, job.rows, sizeof(job.rows));

	if (r == 0)
		memcpy(ret_rows, job.rows, sizeof(job.rows));
	return r;
}

/* ---- keys ---- */

/* Reads a row for a change by uid. */
static int row_for(struct txn *txn, uint64_t id, uint32_t uid, struct row *row)
{
	int r = store_row_by_id(txn->store, txn->db, (int64_t)id, row);

	return r == 0 && row->m.ns_kind == NS_PRIVATE && row->m.ns_uid != uid ? -EACCES : r;
}

struct key_job {
	uint32_t uid;
	uint64_t row;
	const char *name;
	size_t name_len;
	const struct store_new *attr;
	const char *to;
	size_t to_len;
	unsigned flags;
	struct store_touched touched[2];
};

static void touch(
	struct store_touched *touched, const struct row *row, const struct manifest_key *key)
{
	*touched = (struct store_touched){.row = (uint64_t)row->id,
		.key_no = key ? key->no : 0,
		.version = row->m.version,
		.value_id = key ? key->value_id : 0};
}

/* A key is about to leave row->m, whose version was just raised. */
static void key_leaves(
	struct txn *txn, const struct row *row, const struct manifest_key *key, bool by_name)
{
	const struct store_files *files = txn->store->limits.files;
	const struct store_gone gone = {.row = (uint64_t)row->id,
		.key_no = key->no,
		.uid = key->uid,
		.version = row->m.version - 1,
		.value_id = key->value_id,
		.len = key->len,
		.by_name = by_name};

	if (files)
		files->removing(&gone);
}

/* Ends a change of keys: the directory changed, old versions go, the manifest is sealed. */
static int keys_changed(struct txn *txn, struct row *row, const struct txn_before *before)
{
	row->m.mtime = row->m.ctime = txn->now;
	int r = txn_version_prune(txn, row);
	return r < 0 ? r : txn_secret_save(txn, row, before);
}

static int key_add(struct txn *txn, struct row *row, const char *name, size_t name_len,
	const struct store_new *attr, struct manifest_key **ret_key)
{
	if (row->m.n >= txn->store->limits.max_keys)
		return -EDQUOT;
	int r = manifest_key_add(&row->m, ret_key);
	if (r < 0)
		return r;
	static const uint8_t no_key[SEAL_KEY];
	struct manifest_key *key = *ret_key;
	key->uid = attr->uid;
	key->gid = attr->gid;
	key->mode = attr->mode;
	key->acl_len = attr->acl_len;
	key->acl = attr->acl;
	key->name = name;
	key->name_len = (uint8_t)name_len;
	key->value_key = no_key;
	key->json_len = store_json_len(NULL, 0);
	key->env_len = store_env_len(name, name_len, NULL, 0);
	key->atime = key->mtime = key->ctime = txn->now;
	return 0;
}

static int key_create_job(struct txn *txn, void *arg)
{
	struct key_job *job = arg;
	struct row *row = &txn->row;
	struct manifest_key *key;
	int r = row_for(txn, job->row, job->uid, row);

	if (r < 0)
		return r;
	if (manifest_key_by_name(&row->m, job->name, job->name_len))
		return -EEXIST;
	struct txn_before before = txn_before(&row->m);
	r = txn_version_new(txn, row);
	if (r == 0)
		r = key_add(txn, row, job->name, job->name_len, job->attr, &key);
	if (r < 0)
		return r;
	touch(&job->touched[0], row, key);
	return keys_changed(txn, row, &before);
}

int store_key_create(struct store *store, uint64_t row, const char *name, size_t name_len,
	const struct store_new *attr, struct store_touched *ret)
{
	struct key_job job = {
		.uid = attr->uid, .row = row, .name = name, .name_len = name_len, .attr = attr};
	int r = writer_run(store, key_create_job, &job, job.touched, sizeof(job.touched));

	if (r == 0)
		*ret = job.touched[0];
	return r;
}

static int key_remove_job(struct txn *txn, void *arg)
{
	struct key_job *job = arg;
	struct row *row = &txn->row;
	int r = row_for(txn, job->row, job->uid, row);

	if (r < 0)
		return r;
	struct manifest_key *key = manifest_key_by_name(&row->m, job->name, job->name_len);
	if (!key)
		return -ENOENT;
	struct txn_before before = txn_before(&row->m);
	r = txn_version_new(txn, row);
	if (r < 0)
		return r;
	touch(&job->touched[0], row, key);
	key_leaves(txn, row, key, true);
	manifest_key_remove(&row->m, key);
	return keys_changed(txn, row, &before);
}

int store_key_remove(struct store *store, uint64_t row, const char *name, size_t name_len,
	uint32_t uid, struct store_touched *ret)
{
	struct key_job job = {.uid = uid, .row = row, .name = name, .name_len = name_len};
	int r = writer_run_freeing(
		store, key_remove_job, NULL, &job, job.touched, sizeof(job.touched));

	if (r == 0)
		*ret = job.touched[0];
	return r;
}

/* The length of a key's line in .env under another name: its value is not at hand, but only the
 * name's part changes. */
static int key_rename_env(struct txn *txn, const struct row *row, struct manifest_key *key,
	const char *name, size_t name_len)
{
	AUTO_SECBUF value = SECBUF_INIT;
	int r = store_value_open(txn->store, txn->db, row->id, key, SECMEM_SELF, &value);

	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	key->env_len = store_env_len(name, name_len, value.data, value.len);
	return 0;
}

static int key_set_name(struct txn *txn, const struct row *row, struct manifest_key *key,
	const char *name, size_t name_len)
{
	int r = key_rename_env(txn, row, key, name, name_len);

	/* A damaged value must not keep its name for ever. */
	if (r < 0 && r != -EBADMSG)
		return r;
	key->name = name;
	key->name_len = (uint8_t)name_len;
	key->ctime = txn->now;
	return 0;
}

static int key_rename_job(struct txn *txn, void *arg)
{
	struct key_job *job = arg;
	struct row *row = &txn->row;
	int r = row_for(txn, job->row, job->uid, row);

	if (r < 0)
		return r;
	struct manifest_key *from = manifest_key_by_name(&row->m, job->name, job->name_len);
	struct manifest_key *to = manifest_key_by_name(&row->m, job->to, job->to_len);
	if (!from || (!to && job->flags & STORE_RENAME_EXCHANGE))
		return -ENOENT;
	if (to && job->flags & STORE_RENAME_NOREPLACE)
		return -EEXIST;
	touch(&job->touched[0], row, from);
	if (from == to)
		return 0;
	struct txn_before before = txn_before(&row->m);
	r = txn_version_new(txn, row);
	if (r < 0)
		return r;
	if (to)
		touch(&job->touched[1], row, to);
	if (job->flags & STORE_RENAME_EXCHANGE)
		r = key_set_name(txn, row, to, job->name, job->name_len);
	if (r == 0)
		r = key_set_name(txn, row, from, job->to, job->to_len);
	if (r == 0 && to && !(job->flags & STORE_RENAME_EXCHANGE)) {
		key_leaves(txn, row, to, true);
		manifest_key_remove(&row->m, to);
	}
	return r < 0 ? r : keys_changed(txn, row, &before);
}

int store_key_rename(struct store *store, uint64_t row, const char *from, size_t from_len,
	const char *to, size_t to_len, unsigned flags, uint32_t uid, struct store_touched ret[2])
{
	struct key_job job = {.uid = uid,
		.row = row,
		.name = from,
		.name_len = from_len,
		.to = to,
		.to_len = to_len,
		.flags = flags};
	int r = writer_run(store, key_rename_job, &job, job.touched, sizeof(job.touched));

	if (r == 0)
		memcpy(ret, job.touched, sizeof(job.touched));
	return r;
}

/* ---- putting a value ---- */

struct put_job {
	const struct store_put *put;
	struct sealed_value value;
	struct store_touched touched;
};

/* Appending and truncating need what is current, so it is sealed here. */
static int put_edit(
	struct txn *txn, struct put_job *job, const struct row *row, const struct manifest_key *key)
{
	const struct store_put *put = job->put;
	AUTO_SECBUF whole = SECBUF_INIT;
	int r = store_value_open(txn->store, txn->db, row->id, key, SECMEM_SELF, &whole);

	if (r < 0)
		return r == -ENOENT ? -EBADMSG : r;
	size_t len = put->truncate ? put->len : whole.len + put->len;
	if (len > txn->store->limits.max_value)
		return -EFBIG;
	/* What grows is filled with zeros: the arena gives out nothing else. */
	r = secbuf_grow(&whole, len);
	if (r < 0)
		return r;
	if (put->append && put->len)
		memcpy(whole.data + whole.len, put->bytes, put->len);
	if (len < whole.len)
		secmem_wipe(whole.data + len, whole.len - len);
	whole.len = len;
	r = sealed_value_make(
		txn->store, put->row, put->key_no, whole.data, whole.len, &job->value);
	if (r == 0)
		job->value.env_len = store_env_len(key->name, key->name_len, whole.data, whole.len);
	return r;
}

static int put_job(struct txn *txn, void *arg)
{
	struct put_job *job = arg;
	const struct store_put *put = job->put;
	struct row *row = &txn->row;
	int r = row_for(txn, put->row, put->uid, row);

	if (r < 0)
		return r;
	struct manifest_key *key = manifest_key_by_no(&row->m, put->key_no);
	if (!key)
		return -ENOENT;
	/* A group may run a job a second time. */
	if (put->append || put->truncate) {
		sealed_value_clear(&job->value);
		r = put_edit(txn, job, row, key);
	} else {
		job->value.env_len = store_env_len(key->name, key->name_len, put->bytes, put->len);
	}
	if (r < 0)
		return r;
	struct txn_before before = txn_before(&row->m);
	bool coalesce = put->coalesce && put->coalesce == row->m.version;
	if (coalesce && key->value_id)
		r = txn_value_let_go(txn, row->id, &row->m, key);
	else if (!coalesce)
		r = txn_version_new(txn, row);
	if (r == 0)
		r = key_take_value(txn, key, &job->value);
	if (r < 0)
		return r;
	if (put->mtime)
		key->mtime = put->mtime;
	key->ctime = txn->now;
	touch(&job->touched, row, key);
	r = txn_version_prune(txn, row);
	return r < 0 ? r : txn_secret_save(txn, row, &before);
}

int store_put(struct store *store, const struct store_put *put, struct store_touched *ret)
{
	struct put_job job = {.put = put};
	int r = 0;

	if (put->len > store->limits.max_value)
		return -EFBIG;
	if (!put->append && !put->truncate)
		r = sealed_value_make(
			store, put->row, put->key_no, put->bytes, put->len, &job.value);
	if (r == 0)
		r = writer_run(store, put_job, &job, &job.touched, sizeof(job.touched));
	sealed_value_clear(&job.value);
	if (r == 0)
		*ret = job.touched;
	return r;
}

/* ---- merging several keys ---- */

struct merge_job {
	const struct store_merge *merge;
	uint32_t *removed; /* one for each key: the number of the one that was removed, or 0 */
	struct sealed_value *values; /* one for each key, made when the job runs: new keys have no
					number before */
	struct store_touched touched;
};

/* In a sticky secret the kernel lets nobody else unlink a key, and no view does it for them. */
static bool may_remove(const struct manifest *m, const struct manifest_key *key, uint32_t uid)
{
	return !(m->mode & S_ISVTX) || uid == 0 || uid == key->uid || uid == m->uid;
}

/* *ret_no: the number of the key that was removed, or 0. */
static int merge_remove(struct txn *txn, struct row *row, uint32_t uid,
	const struct store_merge_key *change, uint32_t *ret_no)
{
	struct manifest_key *key = manifest_key_by_name(&row->m, change->name, change->name_len);

	*ret_no = 0;
	if (!key)
		return 0;
	if (!may_remove(&row->m, key, uid))
		return -EPERM;
	*ret_no = key->no;
	key_leaves(txn, row, key, false);
	manifest_key_remove(&row->m, key);
	return 0;
}

static int merge_key(struct txn *txn, struct row *row, const struct store_merge *merge,
	const struct store_merge_key *change, struct sealed_value *value)
{
	struct manifest_key *key = manifest_key_by_name(&row->m, change->name, change->name_len);
	int r = 0;

	if (!key)
		r = key_add(txn, row, change->name, change->name_len, &merge->attr, &key);
	if (r == 0)
		r = sealed_value_make(
			txn->store, (uint64_t)row->id, key->no, change->bytes, change->len, value);
	if (r < 0)
		return r;
	value->env_len = store_env_len(change->name, change->name_len, change->bytes, change->len);
	key->mtime = key->ctime = txn->now;
	return key_take_value(txn, key, value);
}

static int merge_job(struct txn *txn, void *arg)
{
	struct merge_job *job = arg;
	const struct store_merge *merge = job->merge;
	struct row *row = &txn->row;
	int r = row_for(txn, merge->row, merge->uid, row);

	if (r < 0)
		return r;
	struct txn_before before = txn_before(&row->m);
	r = txn_version_new(txn, row);
	/* Removals first: they make room for keys that are new. */
	for (size_t i = 0; i < merge->n && r == 0; i++)
		if (merge->keys[i].remove)
			r = merge_remove(txn, row, merge->uid, &merge->keys[i], &job->removed[i]);
	for (size_t i = 0; i < merge->n && r == 0; i++) {
		if (merge->keys[i].remove)
			continue;
		sealed_value_clear(&job->values[i]);
		r = merge_key(txn, row, merge, &merge->keys[i], &job->values[i]);
	}
	if (r < 0)
		return r;
	touch(&job->touched, row, NULL);
	return keys_changed(txn, row, &before);
}

int store_merge(struct store *store, const struct store_merge *merge, struct store_touched *ret)
{
	struct merge_job job = {.merge = merge};

	for (size_t i = 0; i < merge->n; i++)
		if (!merge->keys[i].remove && merge->keys[i].len > store->limits.max_value)
			return -EFBIG;
	size_t n = merge->n ? merge->n : 1;
	job.values = calloc(n, sizeof(*job.values));
	job.removed = calloc(n, sizeof(*job.removed));
	int r = job.values && job.removed
			? writer_run(store, merge_job, &job, &job.touched, sizeof(job.touched))
			: -ENOMEM;
	for (size_t i = 0; i < merge->n && job.values; i++)
		sealed_value_clear(&job.values[i]);
	for (size_t i = 0; i < merge->n && r == 0 && merge->removed; i++)
		if (job.removed[i])
			merge->removed(merge->row, job.removed[i]);
	free(job.values);
	free(job.removed);
	if (r == 0)
		*ret = job.touched;
	return r;
}

/* ---- attributes ---- */

struct attr_job {
	uint32_t uid;
	uint64_t row;
	uint32_t key_no;
	struct store_ns ns;
	const struct store_attr *attr;
	struct store_touched touched;
};

/* In a private secret nobody else can be owner; chown to what is there is fine (cp -a does it). */
static int attr_chown_allowed(
	const struct manifest *m, const struct store_attr *attr, uint32_t uid, uint32_t gid)
{
	if (m->ns_kind != NS_PRIVATE)
		return 0;
	if ((attr->set & STORE_ATTR_UID && attr->uid != uid) ||
		(attr->set & STORE_ATTR_GID && attr->gid != gid))
		return -EPERM;
	return 0;
}

static int attr_secret(struct txn *txn, struct manifest *m, const struct store_attr *attr)
{
	int r = attr_chown_allowed(m, attr, m->uid, m->gid);

	if (r < 0)
		return r;
	if (attr->set & STORE_ATTR_UID)
		m->uid = attr->uid;
	if (attr->set & STORE_ATTR_GID)
		m->gid = attr->gid;
	if (attr->set & STORE_ATTR_MODE)
		m->mode = attr->mode;
	if (attr->set & STORE_ATTR_ATIME)
		m->atime = attr->atime;
	if (attr->set & STORE_ATTR_MTIME)
		m->mtime = attr->mtime;
	if (attr->set & STORE_ATTR_EXPIRES)
		m->expires = attr->expires;
	if (attr->set & STORE_ATTR_ACL) {
		m->acl = attr->acl;
		m->acl_len = attr->acl_len;
	}
	if (attr->set & STORE_ATTR_DEFAULT_ACL) {
		m->default_acl = attr->default_acl;
		m->default_acl_len = attr->default_acl_len;
	}
	if (attr->set & STORE_ATTR_DESCRIPTION) {
		m->description = attr->description;
		m->description_len = attr->description_len;
	}
	m->ctime = txn->now;
	return 0;
}

static int attr_key(struct txn *txn, const struct manifest *m, struct manifest_key *key,
	const struct store_attr *attr)
{
	int r = attr_chown_allowed(m, attr, key->uid, key->gid);

	if (r < 0)
		return r;
	if (attr->set & STORE_ATTR_UID)
		key->uid = attr->uid;
	if (attr->set & STORE_ATTR_GID)
		key->gid = attr->gid;
	if (attr->set & STORE_ATTR_MODE)
		key->mode = attr->mode;
	if (attr->set & STORE_ATTR_ATIME)
		key->atime = attr->atime;
	if (attr->set & STORE_ATTR_MTIME)
		key->mtime = attr->mtime;
	if (attr->set & STORE_ATTR_ACL) {
		key->acl = attr->acl;
		key->acl_len = attr->acl_len;
	}
	key->ctime = txn->now;
	return 0;
}

static int attr_job(struct txn *txn, void *arg)
{
	struct attr_job *job = arg;
	struct row *row = &txn->row;
	struct manifest_key *key = NULL;
	int r = row_for(txn, job->row, job->uid, row);

	if (r < 0)
		return r;
	struct txn_before before = txn_before(&row->m);
	if (job->key_no) {
		key = manifest_key_by_no(&row->m, job->key_no);
		r = key ? attr_key(txn, &row->m, key, job->attr) : -ENOENT;
	} else {
		r = attr_secret(txn, &row->m, job->attr);
	}
	if (r < 0)
		return r;
	touch(&job->touched, row, key);
	return txn_secret_save(txn, row, &before);
}

int store_attr_set(struct store *store, uint64_t row, uint32_t key_no, uint32_t uid,
	const struct store_attr *attr, struct store_touched *ret)
{
	struct attr_job job = {.uid = uid, .row = row, .key_no = key_no, .attr = attr};
	int r = writer_run(store, attr_job, &job, &job.touched, sizeof(job.touched));

	if (r == 0)
		*ret = job.touched;
	return r;
}

static int ns_set_acl(uint8_t *to, uint16_t *to_len, const uint8_t *acl, uint16_t len)
{
	if (len > HEADER_NS_ACLS)
		return -ENOSPC;
	if (len)
		memcpy(to, acl, len);
	*to_len = len;
	return 0;
}

static int ns_attr_job(struct txn *txn, void *arg)
{
	struct attr_job *job = arg;
	const struct store_attr *attr = job->attr;
	struct txn_ns change;
	int r = txn_ns_get(txn, job->ns, &change);

	if (r < 0)
		return r;
	struct header_ns *h = &change.h;
	if (attr->set & STORE_ATTR_UID)
		h->owner = attr->uid;
	if (attr->set & STORE_ATTR_GID)
		h->gid = attr->gid;
	if (attr->set & STORE_ATTR_MODE)
		h->mode = attr->mode;
	if (attr->set & STORE_ATTR_ATIME)
		h->atime = attr->atime;
	if (attr->set & STORE_ATTR_MTIME)
		h->mtime = attr->mtime;
	if (attr->set & STORE_ATTR_ACL)
		r = ns_set_acl(h->acl, &h->acl_len, attr->acl, attr->acl_len);
	if (r == 0 && attr->set & STORE_ATTR_DEFAULT_ACL)
		r = ns_set_acl(h->default_acl, &h->default_acl_len, attr->default_acl,
			attr->default_acl_len);
	h->ctime = txn->now;
	return r < 0 ? r : txn_ns_put(txn, job->ns, &change);
}

int store_ns_attr_set(struct store *store, struct store_ns ns, const struct store_attr *attr)
{
	struct attr_job job = {.ns = ns, .attr = attr};

	return writer_run(store, ns_attr_job, &job, NULL, 0);
}
