/* SPDX-License-Identifier: MIT */
/* verify_seal: makes sums, counts and charges of a store anew from its rows. */
#include "verify_int.h"

#include <errno.h>

static int seal_missing_bucket(struct store *store, unsigned number)
{
	AUTO_QUERY query = NULL;
	int r = db_query(store->db, QUERY_BUCKET_INSERT, &query);

	if (r < 0)
		return r;
	/* txn_seal writes the real one over it. */
	db_bind_int(query, 1, number);
	db_bind_int(query, 2, 0);
	db_bind_blob(query, 3, "", 0);
	return db_run(query, 1);
}

static int run_query(struct store *store, enum schema_query id)
{
	AUTO_QUERY query = NULL;
	int r = db_query(store->db, id, &query);

	return r < 0 ? r : db_run(query, 0);
}

/* Every bucket as the rows add up to it; all of them are sealed. */
static int take_sums(const struct scan *scan, struct txn *txn)
{
	struct store *store = scan->store;
	int r = run_query(store, QUERY_BUCKET_DELETE_FOREIGN);

	if (r == 0)
		r = run_query(store, QUERY_ROOT_DELETE_FOREIGN);
	store->root.total = (struct index_sum){{0}};
	for (unsigned i = 0; i < INDEX_BUCKETS && r == 0; i++) {
		store->buckets[i].header = scan->found[i];
		index_sum_add(&store->root.total, &scan->found[i].sum);
		if (!scan->present[i])
			r = seal_missing_bucket(store, i);
		if (r == 0)
			r = txn_keep_bucket(txn, i);
	}
	return r;
}

static void take_numbers(const struct scan *scan)
{
	struct store *store = scan->store;

	if (store->root.next_row <= scan->max_row)
		store->root.next_row = scan->max_row + 1;
	if (store->root.next_value <= scan->max_value)
		store->root.next_value = scan->max_value + 1;
	atomic_store(&store->next_value, store->root.next_value);
}

static const struct scan_charge *charge_find(const struct scan *scan, uint32_t uid)
{
	static const struct scan_charge none;
	const struct scan_charge *charges = scan->charges.items;

	for (size_t i = 0; i < scan->charges.n; i++)
		if (charges[i].uid == uid)
			return &charges[i];
	return &none;
}

static int seal_ns(
	struct txn *txn, struct store_ns which, uint64_t secrets, const struct scan_charge *charge)
{
	struct txn_ns change;
	int r = txn_ns_get(txn, which, &change);

	if (r < 0 || (change.h.secrets == secrets && change.h.owned == charge->owned &&
			     change.h.bytes == charge->bytes))
		return r;
	change.h.secrets = secrets;
	change.h.owned = charge->owned;
	change.h.bytes = charge->bytes;
	return txn_ns_put(txn, which, &change);
}

/* Records that do not open keep what they say, if they are not dropped. */
static int seal_all_ns(const struct scan *scan, struct txn *txn)
{
	const struct scan_ns *all = scan->ns.items;
	static const struct scan_charge none;
	int r = 0;

	for (size_t i = 0; i < scan->ns.n && r == 0; i++)
		if (all[i].whole)
			r = seal_ns(txn, all[i].which, all[i].secrets,
				all[i].which.kind == NS_PRIVATE
					? charge_find(scan, all[i].which.uid)
					: &none);
	return r;
}

/* What users own is kept in their private namespace, also if nothing lies there. */
static int seal_charges(const struct scan *scan, struct txn *txn)
{
	const struct scan_charge *charges = scan->charges.items;
	const struct scan_ns *all = scan->ns.items;
	int r = 0;

	for (size_t i = 0; i < scan->charges.n && r == 0; i++) {
		bool there = false;
		for (size_t j = 0; j < scan->ns.n; j++)
			there |= all[j].known && all[j].which.kind == NS_PRIVATE &&
				 all[j].which.uid == charges[i].uid;
		if (!there)
			r = seal_ns(
				txn, (struct store_ns){NS_PRIVATE, charges[i].uid}, 0, &charges[i]);
	}
	return r;
}

int scan_seal(const struct scan *scan, uint64_t epoch)
{
	struct txn txn = {.store = scan->store, .db = scan->store->db};
	int r = take_sums(scan, &txn);

	take_numbers(scan);
	if (r == 0)
		r = seal_all_ns(scan, &txn);
	if (r == 0)
		r = seal_charges(scan, &txn);
	scan->store->root.epoch = epoch;
	if (r == 0)
		r = txn_seal(&txn);
	txn_clear(&txn);
	return r;
}
