/* SPDX-License-Identifier: MIT */
/* store_backup: a copy of a store that may be in use, and such a copy in a store's place. */
#include "store_int.h"

#include "fd.h"

#include <errno.h>
#include <string.h>

int store_backup(const char *path, int fd, store_progress_fn progress, void *arg, struct why *why)
{
	AUTO_DB db = NULL;
	int r = store_db_open(path, DB_READER, &db, why);

	if (r < 0)
		return r;
	r = db_copy(db, fd, progress, arg);
	return r < 0 ? why_set(why, r, "cannot copy the store: %s", strerror(-r)) : 0;
}

/* ---- restoring ---- */

static int restore_copy(struct swap *swap, const char *path, int fd, const char *what,
	const struct store_verify *verify, struct why *why)
{
	AUTO_DB db = NULL;
	int r = db_open_fd(fd, what, &db, why);

	if (r == 0)
		r = schema_check(db, why);
	AUTO_FD to = r < 0 ? -1 : swap_begin(swap, path, why);
	if (to < 0)
		return r < 0 ? r : to;
	r = db_copy(db, to, verify->progress, verify->arg);
	return r < 0 ? why_set(why, r, "cannot copy %s: %s", what, strerror(-r)) : 0;
}

/* One of an earlier format. */
static int migrate_copy(struct txn *txn, struct why *why)
{
	int r = store_load_buckets(txn->store, why);

	return r < 0 ? r : migrate_rows(txn, NULL, NULL);
}

/* A new epoch: neither what was there nor another old copy is newer than this. */
static int restore_seal(const char *made, const struct keyslot_keys *keys, struct anchor *anchor,
	struct header_root *ret_root, uint64_t *ret_commits, struct why *why)
{
	struct store *store = NULL;
	int r = store_attach(made, keys, DB_WRITER, &store, why);

	if (r < 0)
		return r;
	struct txn txn = {.store = store, .db = store->db};
	*ret_commits = store->root.commits;
	store->root.epoch =
		anchor ? anchor_next_epoch(anchor, &store->root) : store->root.epoch + 1;
	if (store->root.format < STORE_FORMAT)
		r = migrate_copy(&txn, why);
	if (r == 0)
		r = txn_seal(&txn);
	if (r == 0)
		r = db_exec(store->db, "COMMIT");
	*ret_root = store->root;
	txn_clear(&txn);
	store_close(store);
	return r < 0 ? why_set(why, r, "cannot seal the copy: %s", strerror(-r)) : 0;
}

/* The anchor must take either for the store until the renaming is through. */
static int restore_place(struct swap *swap, const struct keyslot_keys *keys,
	const struct header_root *root, struct anchor *anchor, char *ret_kept, struct why *why)
{
	int r = swap_ready(swap, why);

	if (r == 0 && anchor && !anchor_knows(anchor, root)) {
		r = anchor_prepare(anchor, root, keys->anchor);
		if (r < 0)
			return why_set(why, r, "cannot write the anchor %s: %s",
				anchor_path(anchor), strerror(-r));
	}
	if (r == 0)
		r = swap_commit(swap, ret_kept, why);
	if (r < 0 || !anchor)
		return r;
	r = anchor_seal(anchor, root);
	return r < 0 ? why_set(why, r,
			       "the store is restored, but the anchor %s cannot be written: %s",
			       anchor_path(anchor), strerror(-r))
		     : 0;
}

int store_restore(const char *path, int fd, const char *what, const struct keyslot_keys *keys,
	struct anchor *anchor, const struct store_verify *verify,
	struct store_verify_result *ret_result, struct store_restored *ret_restored,
	struct why *why)
{
	AUTO_SWAP swap = {{0}, {0}};
	struct store_restored restored = {{0}, 0, 0};
	struct store_verify ask = *verify;
	struct header_root root;
	uint64_t commits = 0;
	int r = restore_copy(&swap, path, fd, what, verify, why);

	ask.anchor = NULL;
	ask.accept = ask.remove = false;
	if (r == 0)
		r = restore_seal(swap.made, keys, anchor, &root, &commits, why);
	/* What is read is what is put in place. */
	if (r == 0)
		r = store_verify(swap.made, keys, &ask, ret_result, why);
	if (r == 0)
		r = restore_place(&swap, keys, &root, anchor, restored.kept, why);
	if (r < 0)
		return r;
	restored.commits = (int64_t)commits;
	restored.epoch = root.epoch;
	*ret_restored = restored;
	return 0;
}
