/* SPDX-License-Identifier: MIT */
/* store_verify: is a store whole? And making it whole again, by dropping what is not. */
#include "verify_int.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- the structure ---- */

/* 1: an index was not what its table says, and has been made anew (mend). */
static int structure_check(struct db *db, bool mend, struct why *why)
{
	char text[256];
	int r = db_integrity(db, text, sizeof(text));

	if (r == -EBADMSG && mend && db_exec(db, "REINDEX") == 0) {
		r = db_integrity(db, text, sizeof(text));
		if (r == 0)
			return 1;
	}
	if (r == -EBADMSG)
		return why_set(why, r,
			"the structure of the file is damaged (%s); restore it from a backup",
			text);
	return r < 0 ? why_set(why, r, "cannot read the store: %s", strerror(-r)) : 0;
}

static int structure_of(struct db *db, struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	int r = schema_check(db, why);

	if (r == 0)
		r = structure_check(db, false, why);
	if (r == 0)
		r = store_slots_read(db, slots, why);
	return r < 0 ? r : 0;
}

int store_verify_structure(const char *path, struct why *why)
{
	AUTO_DB db = NULL;
	int r = db_open(path, DB_READER, &db, why);

	return r < 0 ? r : structure_of(db, why);
}

int store_verify_structure_fd(int fd, const char *what, struct why *why)
{
	AUTO_DB db = NULL;
	int r = db_open_fd(fd, what, &db, why);

	return r < 0 ? r : structure_of(db, why);
}

/* ---- dropping ---- */

static int run_for(struct txn *txn, enum schema_query which, int64_t row)
{
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, which, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, row);
	return db_run(query, 0);
}

static int drop_version(struct txn *txn, int64_t row, uint64_t version)
{
	AUTO_QUERY query = NULL;
	int r = db_query(txn->db, QUERY_HISTORY_DELETE, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, row);
	db_bind_int(query, 2, (int64_t)version);
	return db_run(query, 0);
}

/* What there is now is what the history shall be. */
static int seal_history(struct txn *txn, struct row *row)
{
	int r = store_history_sum(txn->store, txn->db, row, &row->m.history);

	return r < 0 ? r : txn_secret_write(txn, row);
}

static int fix_secret(struct txn *txn, const struct scan_fix *fix)
{
	int r = run_for(txn, QUERY_SECRET_DELETE, fix->row);

	return r < 0 ? r : run_for(txn, QUERY_HISTORY_DELETE_ALL, fix->row);
}

static int fix_history(struct txn *txn, const struct scan_fix *fix)
{
	struct row *row = &txn->row;
	int r = store_row_by_id(txn->store, txn->db, fix->row, row);

	if (r == 0 && fix->number)
		r = drop_version(txn, fix->row, fix->number);
	if (r == 0)
		r = txn_find_oldest(txn, row);
	return r < 0 ? r : seal_history(txn, row);
}

static int fix_sum(struct txn *txn, const struct scan_fix *fix)
{
	struct row *row = &txn->row;
	int r = store_row_by_id(txn->store, txn->db, fix->row, row);

	return r < 0 ? r : seal_history(txn, row);
}

static void drop_keys(struct manifest *m, uint64_t value_id)
{
	for (uint32_t i = m->n; i > 0; i--) {
		if (m->keys[i - 1].value_id == value_id)
			manifest_key_remove(m, &m->keys[i - 1]);
	}
}

/* In an earlier version the others keep their places. */
static bool take_keys(struct manifest *m, uint64_t value_id)
{
	bool any = false;

	for (uint32_t i = 0; i < m->n; i++) {
		if (m->keys[i].value_id != value_id)
			continue;
		manifest_key_take(&m->keys[i]);
		any = true;
	}
	return any;
}

/* The versions that do not open are another fix's. */
static int fix_value(struct txn *txn, const struct scan_fix *fix)
{
	struct row *row = &txn->row, *past = &txn->past;
	int r = store_row_by_id(txn->store, txn->db, fix->row, row);

	if (r < 0)
		return r;
	for (uint64_t v = row->m.oldest; v < row->m.version && r == 0; v++) {
		r = store_row_history(txn->store, txn->db, fix->row, v, past);
		if (r == -ENOENT || r == -EBADMSG)
			r = 0;
		else if (r == 0 && take_keys(&past->m, fix->number))
			r = txn_history_rewrite(txn, row, past);
	}
	drop_keys(&row->m, fix->number);
	return r < 0 ? r : seal_history(txn, row);
}

/* Owner, mode and ACLs are lost: closed to everybody but the owner, as far as one is known. */
static struct header_ns ns_default(struct store_ns which, int64_t now)
{
	struct header_ns h = {.kind = (uint8_t)which.kind,
		.uid = which.uid,
		.owner = which.uid,
		.gid = which.uid,
		.mode = 0700,
		.atime = now,
		.mtime = now,
		.ctime = now};

	if (which.kind == NS_PUBLIC)
		h.mode = 01755;
	return h;
}

static int insert_ns(struct txn *txn, int64_t id, struct store_ns which)
{
	struct header_ns h = ns_default(which, txn->now);
	struct seal_place place;
	uint8_t tag[INDEX_TAG], plain[HEADER_NS], box[HEADER_NS + SEAL_OVERHEAD];
	AUTO_QUERY query = NULL;
	int r = header_ns_encode(&h, plain);

	if (r == 0)
		r = db_query(txn->db, QUERY_NS_INSERT, &query);
	if (r < 0)
		return r;
	index_tag_ns(txn->store->keys->index, h.kind, h.uid, tag);
	store_place(txn->store, SEAL_NS, id, 0, tag, 1, &place);
	seal_box(txn->store->keys->meta, &place, plain, sizeof(plain), box);
	db_bind_int(query, 1, id);
	db_bind_blob(query, 2, tag, sizeof(tag));
	db_bind_int(query, 3, 1);
	db_bind_blob(query, 4, box, sizeof(box));
	return db_run(query, 1);
}

static int fix_ns(const struct scan *scan, struct txn *txn, const struct scan_fix *fix)
{
	const struct scan_ns *ns = scan_ns_by_id(scan, fix->row);
	int r = run_for(txn, QUERY_NS_DELETE, fix->row);

	/* Nobody lives there and nobody knows whose it was. */
	if (r < 0 || !ns || !ns->known)
		return r;
	return insert_ns(txn, fix->row, ns->which);
}

static int fix_public(const struct scan *scan, struct txn *txn)
{
	const struct scan_ns *all = scan->ns.items;
	int64_t id = (int64_t)scan->store->root.next_row;

	for (size_t i = 0; i < scan->ns.n; i++)
		if (all[i].known && all[i].which.kind == NS_PUBLIC)
			return 0;
	if ((uint64_t)id <= scan->max_row)
		id = (int64_t)scan->max_row + 1;
	return insert_ns(txn, id, (struct store_ns){NS_PUBLIC, 0});
}

static int fix_one(const struct scan *scan, struct txn *txn, const struct scan_fix *fix)
{
	switch (fix->kind) {
	case FIX_SECRET:
		return fix_secret(txn, fix);
	case FIX_HISTORY:
		return fix_history(txn, fix);
	case FIX_VALUE:
		return fix_value(txn, fix);
	case FIX_NS:
		return fix_ns(scan, txn, fix);
	case FIX_SUM:
		return fix_sum(txn, fix);
	}
	return -EINVAL;
}

/* remove: otherwise what is damaged stays, and only sums are made anew. */
static int fix_all(const struct scan *scan, struct txn *txn, bool remove)
{
	const struct scan_fix *fixes = scan->fixes.items;
	int r = 0;

	for (size_t i = 0; i < scan->fixes.n && r == 0; i++)
		if (remove || fixes[i].kind == FIX_SUM)
			r = fix_one(scan, txn, &fixes[i]);
	return r < 0 || !remove ? r : fix_public(scan, txn);
}

/* What no secret names, the damaged ones being gone. */
static int drop_waste(const struct scan *scan, struct txn *txn)
{
	const struct scan_fix *history = scan->loose_history.items;
	const uint64_t *values = scan->loose_values.items;
	int r = 0;

	for (size_t i = 0; i < scan->loose_history.n && r == 0; i++)
		r = drop_version(txn, history[i].row, history[i].number);
	for (size_t i = 0; i < scan->loose_values.n && r == 0; i++)
		r = txn_value_delete(txn, values[i]);
	return r;
}

/* ---- the order of it ---- */

static int scan_again(struct scan *scan, struct store *store, const struct store_verify *ask,
	bool quiet, struct why *why)
{
	scan_end(scan);
	*scan = (struct scan){.quiet = quiet};
	int r = scan_begin(scan, store, ask);

	return r < 0 ? why_set(why, r, "out of memory") : scan_run(scan, why);
}

/* Everything that is damaged goes (remove), then what belonged to it. */
static int verify_mend(
	struct scan *scan, struct store *store, const struct store_verify *ask, struct why *why)
{
	struct txn txn = {.store = store, .db = store->db, .now = time(NULL) * INT64_C(1000000000)};
	int r = store->root.format < STORE_FORMAT ? migrate_rows(&txn, NULL, NULL) : 0;

	if (r == 0)
		r = fix_all(scan, &txn, ask->remove);
	if (r < 0)
		why_set(why, r, "cannot mend what is damaged: %s", strerror(-r));
	/* The same fixes again would be for what is gone; the first scan's sums are no good now. */
	if (r == 0)
		r = scan_again(scan, store, ask, true, why);
	if (r == 0 && ask->remove) {
		r = drop_waste(scan, &txn);
		if (r < 0)
			why_set(why, r, "cannot remove what belongs to nothing: %s", strerror(-r));
	}
	txn_clear(&txn);
	return r;
}

static int verify_seal(
	struct scan *scan, struct store *store, const struct store_verify *ask, struct why *why)
{
	uint64_t epoch =
		ask->anchor ? anchor_next_epoch(ask->anchor, &store->root) : store->root.epoch + 1;
	int r = scan_seal(scan, epoch);

	if (r == 0)
		r = db_exec(store->db, "COMMIT");
	if (r < 0)
		return why_set(why, r, "cannot seal the store anew: %s", strerror(-r));
	if (ask->anchor)
		r = anchor_seal(ask->anchor, &store->root);
	return r < 0 ? why_set(why, r, "cannot write the anchor %s: %s", anchor_path(ask->anchor),
			       strerror(-r))
		     : 0;
}

/* Nothing is written where nothing is wrong. */
static bool wants_change(const struct scan *scan, const struct store_verify *ask, bool changed)
{
	const struct store_verify_result *found = &scan->result;

	if (!ask->accept && !ask->remove)
		return false;
	return changed || found->damaged || found->doubtful || (ask->remove && found->waste);
}

static int verify_change(
	struct scan *scan, struct store *store, const struct store_verify *ask, struct why *why)
{
	int r = verify_mend(scan, store, ask, why);

	if (r == 0)
		r = verify_seal(scan, store, ask, why);
	if (r == 0)
		r = db_exec(store->db, "BEGIN");
	if (r == 0)
		r = scan_again(scan, store, ask, !ask->remove, why);
	scan->result.sealed = true;
	return r;
}

static int verify_judge(const struct store_verify_result *result, struct why *why)
{
	if (result->damaged)
		return why_set(why, -EBADMSG,
			"%" PRIu64
			" of its records %s damaged or missing; restore the store from a "
			"backup, or drop them with --remove",
			result->damaged, result->damaged == 1 ? "is" : "are");
	if (result->doubtful)
		return why_set(why, -EBADMSG,
			"what it holds is not what was sealed last; restore it from a backup, or "
			"take it as it is with --accept");
	return result->rolled_back ? -ESTALE : 0; /* anchor_check's sentence */
}

static int verify_attached(struct store *store, const struct store_verify *ask,
	struct store_verify_result *ret_result, struct why *why)
{
	struct scan scan = {0};
	bool rolled_back = false;
	int r = structure_check(store->db, ask->accept || ask->remove, why);
	/* One of an earlier format is made one of this, if anything may be changed at all. */
	bool mended = r > 0 || store->root.format < STORE_FORMAT;

	if (r >= 0) {
		r = scan_begin(&scan, store, ask);
		r = r < 0 ? why_set(why, r, "out of memory") : scan_run(&scan, why);
	}
	if (r == 0)
		rolled_back = ask->anchor && anchor_check(ask->anchor, &store->root, why) < 0;
	bool change = r == 0 && wants_change(&scan, ask, rolled_back || mended);
	if (change)
		r = verify_change(&scan, store, ask, why);
	if (r == 0) {
		scan.result.rolled_back = rolled_back && !change;
		*ret_result = scan.result;
		r = verify_judge(&scan.result, why);
	}
	scan_end(&scan);
	return r;
}

int store_verify(const char *path, const struct keyslot_keys *keys, const struct store_verify *ask,
	struct store_verify_result *ret_result, struct why *why)
{
	bool change = ask->accept || ask->remove;
	struct store *store = NULL;
	char kept[PATH_MAX];
	int r = change ? migrate_keep(path, NULL, NULL, kept, why) : 0;

	if (r >= 0)
		r = store_attach(path, keys, change ? DB_WRITER : DB_READER, &store, why);

	if (r == 0)
		r = verify_attached(store, ask, ret_result, why);
	store_close(store);
	return r;
}

int store_verify_fd(int fd, const char *what, const struct keyslot_keys *keys,
	const struct store_verify *ask, struct store_verify_result *ret_result, struct why *why)
{
	struct store *store = NULL;
	struct db *db;
	int r = db_open_fd(fd, what, &db, why);

	if (r == 0)
		r = store_attach_db(db, keys, DB_READER, &store, why);
	if (r == 0)
		r = verify_attached(store, ask, ret_result, why);
	store_close(store);
	return r;
}
