/* SPDX-License-Identifier: MIT */
/*
 * kept: values that no version names any more, but which somebody has open. The transaction that
 * would have deleted the value notes it in table done, with what is needed to read it:
 *
 *     unique      less the value's id (a request's number is above 0); if the key was never
 * written, less 2^60 | secret << 24 | key no generation  the largest there is: not pruned as the
 * answers to requests are result      box, place P | id as above, under K_manifest: a manifest with
 * this one key
 *
 * When nobody has it open any more, and at the start of each worker, value and note are deleted. So
 * after whatever crash, the next mount finds what is to be deleted.
 */
#include "store_int.h"

#include <errno.h>

#define TIDY_BATCH 256

#define NO_VALUE (1ull << 60)

uint64_t store_keep_id(uint64_t row, uint32_t key_no, uint64_t value_id)
{
	return value_id ? value_id : NO_VALUE | row << 24 | key_no;
}

int kept_add(struct txn *txn, uint64_t id, const struct manifest *m, const struct manifest_key *key)
{
	struct manifest_key one_key = *key;
	struct manifest one = *m;
	struct seal_place place;
	const uint8_t *box;
	size_t box_len;
	AUTO_QUERY query = NULL;

	one.keys = &one_key;
	one.n = 1;
	one.description_len = one.acl_len = one.default_acl_len = 0;
	store_place(txn->store, SEAL_KEPT, (int64_t)id, 0, NULL, 0, &place);
	int r = txn_seal_manifest(txn, &one, &place, &box, &box_len);
	if (r == 0)
		r = db_query(txn->db, QUERY_KEPT_INSERT, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)id);
	db_bind_blob(query, 2, box, box_len);
	return db_run(query, 1);
}

int kept_open(const struct store *store, struct db *db, uint64_t id, struct row *row)
{
	AUTO_QUERY query = NULL;
	struct seal_place place;
	size_t box_len;
	int r = db_query(db, QUERY_KEPT, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)id);
	r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	const uint8_t *box = db_blob(query, 0, &box_len);
	store_place(store, SEAL_KEPT, (int64_t)id, 0, NULL, 0, &place);
	r = store_manifest_open(store, &place, box, box_len, row);
	if (r < 0)
		return r;
	return row->m.n == 1 ? 0 : -EBADMSG;
}

/* Of the next kept values, with ids below *below, those that nobody has open. Returns how many;
 * *below is then where to go on, 0: these were the last. */
static int kept_idle_list(
	const struct store *store, struct db *db, uint64_t *below, uint64_t *ret_ids)
{
	const struct store_files *files = store->limits.files;
	AUTO_QUERY query = NULL;
	int n = 0, seen = 0;
	int r = db_query(db, QUERY_KEPT_LIST, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)*below);
	db_bind_int(query, 2, TIDY_BATCH);
	while ((r = db_step(query)) > 0) {
		uint64_t id = (uint64_t)db_int(query, 0);
		*below = id;
		seen++;
		if (!files || !files->held(id))
			ret_ids[n++] = id;
	}
	if (seen < TIDY_BATCH)
		*below = 0;
	return r < 0 ? r : n;
}

int kept_idle(struct store *store, struct db *db)
{
	uint64_t below = INT64_MAX, ids[TIDY_BATCH];
	int n;

	do
		n = kept_idle_list(store, db, &below, ids);
	while (n == 0 && below);
	return n < 0 ? n : n > 0;
}

static int kept_delete(struct txn *txn, uint64_t id)
{
	AUTO_QUERY query = NULL;
	int r = kept_open(txn->store, txn->db, id, &txn->past);

	/* Whoever writes to the file could otherwise have any value deleted. */
	if (r == 0 && id < NO_VALUE)
		r = txn_value_delete(txn, id);
	if (r == 0 || r == -EBADMSG)
		r = db_query(txn->db, QUERY_KEPT_DELETE, &query);
	if (r < 0)
		return r;
	db_bind_int(query, 1, (int64_t)id);
	return db_run(query, 1);
}

int kept_tidy_job(struct txn *txn, void *unused)
{
	uint64_t below = INT64_MAX, ids[TIDY_BATCH];
	int n, r = 0;

	(void)unused;
	do {
		n = kept_idle_list(txn->store, txn->db, &below, ids);
		for (int i = 0; i < n && r == 0; i++)
			r = kept_delete(txn, ids[i]);
	} while (r == 0 && n >= 0 && below);
	return n < 0 ? n : r;
}
