/* SPDX-License-Identifier: MIT */
/* purge: removing earlier versions, or keys out of them, because somebody asks for it. */
#include "store_int.h"

#include <errno.h>
#include <stdlib.h>

struct purge_job {
	uint64_t row;
	uint64_t version; /* 0: all */
	uint32_t uid;
	const char *name; /* NULL: the whole version */
	size_t name_len;
};

/* Earlier versions are the owner's, whatever modes their keys had. */
static int purge_allowed(const struct purge_job *job, const struct manifest *m)
{
	if (m->ns_kind == NS_PRIVATE)
		return job->uid == m->ns_uid ? 0 : -EACCES;
	return job->uid == 0 || job->uid == m->uid ? 0 : -EACCES;
}

static int purge_begin(struct txn *txn, const struct purge_job *job)
{
	int r = store_row_by_id(txn->store, txn->db, (int64_t)job->row, &txn->row);

	if (r == 0)
		r = purge_allowed(job, &txn->row.m);
	if (r < 0 || job->version == 0)
		return r;
	if (job->version == txn->row.m.version)
		return -EBUSY;
	return job->version < txn->row.m.oldest || job->version > txn->row.m.version ? -ENOENT : 0;
}

static int version_remove_job(struct txn *txn, void *arg)
{
	struct purge_job *job = arg;
	struct row *row = &txn->row;
	int r = purge_begin(txn, job);

	if (r < 0)
		return r;
	struct txn_before before = txn_before(&row->m);
	r = job->version ? txn_version_drop(txn, row, job->version) : txn_history_drop(txn, row);
	return r < 0 ? r : txn_secret_save(txn, row, &before);
}

int store_version_remove(struct store *store, uint64_t row, uint64_t version, uint32_t uid)
{
	struct purge_job job = {.row = row, .version = version, .uid = uid};

	return writer_run_freeing(store, version_remove_job, NULL, &job, NULL, 0);
}

/* Lets go of a key's value unless another version names it. */
static int purge_value(struct txn *txn, const struct row *row, const struct row *past,
	const struct manifest_key *key)
{
	struct manifest_key one = *key;
	const struct manifest m = {.n = 1, .keys = &one};
	bool named;
	int r = txn_values_named(txn, row, past->m.version, &m, &named);

	return r < 0 || named ? r : txn_value_let_go(txn, row->id, &past->m, key);
}

static int version_key_remove_job(struct txn *txn, void *arg)
{
	struct purge_job *job = arg;
	struct row *row = &txn->row;
	struct row *past = &txn->past;
	int r = purge_begin(txn, job);

	if (r == 0)
		r = store_row_history(txn->store, txn->db, (int64_t)job->row, job->version, past);
	if (r < 0)
		return r;
	struct manifest_key *key = manifest_key_by_name(&past->m, job->name, job->name_len);
	if (!key)
		return -ENOENT;
	struct txn_before before = txn_before(&row->m);
	r = purge_value(txn, row, past, key);
	if (r < 0)
		return r;
	manifest_key_take(key);
	r = txn_history_rewrite(txn, row, past);
	return r < 0 ? r : txn_secret_save(txn, row, &before);
}

int store_version_key_remove(struct store *store, uint64_t row, uint64_t version, const char *name,
	size_t name_len, uint32_t uid)
{
	struct purge_job job = {
		.row = row, .version = version, .uid = uid, .name = name, .name_len = name_len};

	return writer_run_freeing(store, version_key_remove_job, NULL, &job, NULL, 0);
}
