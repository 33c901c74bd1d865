/* SPDX-License-Identifier: MIT */
/* store_anchor: an opened store and its anchor: the comparison at the start, and what follows each
 * commit. */
#include "store_int.h"

#include <errno.h>
#include <string.h>

static void anchor_tell(struct store *store, int err)
{
	int before = atomic_exchange(&store->anchor_error, err);

	if (before != err && store->limits.anchor_failed)
		store->limits.anchor_failed(anchor_path(store->anchor), err);
}

/* A new epoch: neither the copy that was put back nor the one it replaced is newer than this. */
static int anchor_accept(struct store *store)
{
	struct txn txn = {.store = store, .db = store->db};
	uint64_t epoch = store->root.epoch, commits = store->root.commits;
	int r = db_exec(store->db, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	store->root.epoch = anchor_next_epoch(store->anchor, &store->root);
	r = txn_seal(&txn);
	if (r == 0)
		r = db_exec(store->db, "COMMIT");
	txn_clear(&txn);
	if (r < 0) {
		if (db_in_transaction(store->db))
			db_exec(store->db, "ROLLBACK");
		store->root.epoch = epoch;
		store->root.commits = commits;
	}
	return r;
}

int store_anchor(struct store *store, struct anchor *anchor, bool accept, struct why *why)
{
	struct why cannot;

	store->anchor = anchor;
	int older = anchor_check(anchor, &store->root, why);
	if (older < 0 && (older != -ESTALE || !accept))
		return older;
	int r = older < 0 ? anchor_accept(store) : 0;
	if (r < 0)
		return why_set(why, r, "cannot seal the store under a new epoch: %s", strerror(-r));
	r = anchor_seal(anchor, &store->root);
	if (r < 0) {
		why_set(&cannot, r, "cannot write the anchor %s: %s", anchor_path(anchor),
			strerror(-r));
		if (why)
			*why = cannot;
		return r;
	}
	return older < 0;
}

void store_anchor_note(struct store *store)
{
	if (!store->anchor)
		return;
	int r = anchor_note(store->anchor, &store->root);
	/* A removed file is only found out at a sync. */
	if (r < 0 || atomic_load_explicit(&store->anchor_error, memory_order_relaxed) < 0)
		anchor_tell(store, r);
}

void store_anchor_sync(struct store *store)
{
	if (!store->anchor)
		return;
	int r = anchor_sync(store->anchor);
	if (r != 0)
		anchor_tell(store, r);
}

int store_anchor_audit(struct store *store, uint64_t number, const uint8_t hash[ANCHOR_HASH])
{
	if (!store->anchor)
		return -ENOENT;
	int r = anchor_audit_set(store->anchor, number, hash);
	if (r == 0)
		r = anchor_sync(store->anchor);
	if (r != 0)
		anchor_tell(store, r);
	return r < 0 ? r : 0;
}
