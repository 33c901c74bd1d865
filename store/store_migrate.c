/* SPDX-License-Identifier: MIT */
/*
 * store_migrate: a store of an earlier format becomes one of this. From 1 to 2: the manifest of
 * each secret gets what the rows of its history add up to. Format 1 has nothing to compare these
 * with, so they count as they are found.
 */
#include "store_int.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRESS_EVERY 256 /* secrets */

/* ---- a copy of what was ---- */

static int file_format(const char *path, unsigned *ret_format, struct why *why)
{
	AUTO_DB db = NULL;
	int r = store_db_open(path, DB_READER, &db, why);

	if (r < 0)
		return r;
	r = schema_format(db, ret_format);
	return r < 0 ? why_set(why, r, "cannot read the store: %s", strerror(-r)) : 0;
}

static int copy_to(
	const char *path, const char *made, store_progress_fn progress, void *arg, struct why *why)
{
	AUTO_FD fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return why_set(why, -errno, "cannot make %s: %s", made, strerror(errno));
	int r = store_backup(path, fd, progress, arg, why);
	if (r == 0 && fsync(fd) < 0)
		r = why_set(why, -errno, "cannot sync %s: %s", made, strerror(errno));
	return r;
}

static int copy_place(const char *made, const char *kept, struct why *why)
{
	char folder[PATH_MAX];
	int r = path_folder(kept, folder, why);

	if (r < 0)
		return r;
	AUTO_FD dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || renameat2(AT_FDCWD, made, AT_FDCWD, kept, 0) < 0 || fsync(dir) < 0)
		return why_set(why, -errno, "cannot keep a copy of the store as %s: %s", kept,
			strerror(errno));
	return 0;
}

int migrate_keep(const char *path, store_progress_fn progress, void *arg, char ret_kept[PATH_MAX],
	struct why *why)
{
	char made[PATH_MAX], suffix[24];
	unsigned format;
	int r = file_format(path, &format, why);

	if (r < 0 || format == STORE_FORMAT)
		return r;
	snprintf(suffix, sizeof(suffix), ".format%u", format);
	r = path_beside(path, suffix, ret_kept, why);
	if (r == 0)
		r = path_beside(path, ".new", made, why);
	if (r < 0)
		return r;
	/* One that was interrupted. */
	if (unlink(made) < 0 && errno != ENOENT)
		return why_set(why, -errno, "cannot remove %s: %s", made, strerror(errno));
	r = copy_to(path, made, progress, arg, why);
	if (r == 0)
		r = copy_place(made, ret_kept, why);
	if (r == 0)
		return 1;
	unlink(made);
	return r != -ENOSPC
		       ? r
		       : why_set(why, r,
				 "there is no room for a copy of the store as %s, which is kept "
				 "before it becomes one of format %d: make room for twice its "
				 "size",
				 ret_kept, STORE_FORMAT);
}

/* ---- the records ---- */

static void migrate_sum(struct txn *txn, const struct row *row, bool in)
{
	struct header_bucket *bucket = &txn->store->buckets[index_bucket(row->tag)].header;
	struct header_root *root = &txn->store->root;
	struct index_sum element;

	index_element(
		txn->store->keys->sum, row->id, row->ns, row->tag, row->ver, row->head, &element);
	if (in) {
		index_sum_add(&bucket->sum, &element);
		index_sum_add(&root->total, &element);
	} else {
		index_sum_sub(&bucket->sum, &element);
		index_sum_sub(&root->total, &element);
	}
}

/* Neither tag nor ns change, so no index is touched, whatever is in it. */
static int migrate_write(struct txn *txn, struct row *row)
{
	struct seal_place place;
	const uint8_t *box;
	size_t box_len;
	AUTO_QUERY query = NULL;

	migrate_sum(txn, row, false);
	row->ver++;
	store_place(txn->store, SEAL_SECRET, row->id, row->ns, row->tag, row->ver, &place);
	int r = txn_seal_manifest(txn, &row->m, &place, &box, &box_len);
	if (r == 0)
		r = db_query(txn->db, QUERY_SECRET_RESEAL, &query);
	if (r < 0)
		return r;
	memcpy(row->head, box, SEAL_OVERHEAD);
	migrate_sum(txn, row, true);
	db_bind_int(query, 1, row->id);
	db_bind_int(query, 2, (int64_t)row->ver);
	db_bind_blob(query, 3, box, box_len);
	return db_run(query, 1);
}

/* The first row above *id into txn->row. 1: it opens, 0: it does not; -ENOENT: there is none. */
static int migrate_read(struct txn *txn, int64_t *id)
{
	struct row *row = &txn->row;
	struct seal_place place;
	size_t tag_len, box_len;
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_SECRET_ABOVE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, *id);
	r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	row->id = *id = db_int(query, 0);
	row->ns = db_int(query, 1);
	const uint8_t *tag = db_blob(query, 2, &tag_len);
	row->ver = (uint64_t)db_int(query, 3);
	const uint8_t *box = db_blob(query, 4, &box_len);
	if (tag_len != INDEX_TAG || box_len < SEAL_OVERHEAD)
		return 0;
	memcpy(row->tag, tag, INDEX_TAG);
	memcpy(row->head, box, SEAL_OVERHEAD);
	store_place(txn->store, SEAL_SECRET, row->id, row->ns, row->tag, row->ver, &place);
	r = store_manifest_open(txn->store, &place, box, box_len, row);
	return r == -EBADMSG ? 0 : r < 0 ? r : 1;
}

int migrate_rows(struct txn *txn, store_progress_fn progress, void *arg)
{
	struct store *store = txn->store;
	struct row *row = &txn->row;
	int64_t id = INT64_MIN;
	uint64_t done = 0;
	int r;

	while ((r = migrate_read(txn, &id)) >= 0) {
		if (++done % PROGRESS_EVERY == 0 && progress)
			progress(arg, done, done);
		if (r == 0)
			continue;
		r = store_history_sum(store, txn->db, row, &row->m.history);
		if (r == 0)
			r = migrate_write(txn, row);
		if (r < 0)
			return r;
	}
	if (r != -ENOENT)
		return r;
	for (unsigned i = 0; i < INDEX_BUCKETS; i++) {
		r = txn_keep_bucket(txn, i);
		if (r < 0)
			return r;
	}
	store->root.format = STORE_FORMAT;
	store->form = MANIFEST_CURRENT;
	return schema_set_format(txn->db, STORE_FORMAT);
}

/* ---- all of it ---- */

static int migrate_attached(
	struct store *store, store_progress_fn progress, void *arg, struct why *why)
{
	struct txn txn = {.store = store, .db = store->db};
	int r = store_load_buckets(store, why);

	if (r < 0)
		return r;
	r = migrate_rows(&txn, progress, arg);
	if (r == 0)
		r = txn_seal(&txn);
	if (r == 0)
		r = db_exec(store->db, "COMMIT");
	txn_clear(&txn);
	return r < 0 ? why_set(why, r, "cannot bring the store to format %d: %s", STORE_FORMAT,
			       strerror(-r))
		     : 0;
}

int store_migrate(const char *path, const struct keyslot_keys *keys, store_progress_fn progress,
	void *arg, char *ret_kept, struct why *why)
{
	struct store *store = NULL;
	int r = migrate_keep(path, progress, arg, ret_kept, why);

	if (r <= 0)
		return r;
	r = store_attach(path, keys, DB_WRITER, &store, why);
	if (r == 0)
		r = migrate_attached(store, progress, arg, why);
	store_close(store);
	return r < 0 ? r : 1;
}
