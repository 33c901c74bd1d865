/* SPDX-License-Identifier: MIT */
/* verify_scan: reads a whole store once: every record, every name, every sum. */
#include "verify_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY 256 /* secrets */

/* ---- lists ---- */

void *scan_add(struct scan_list *list, size_t size)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? list->cap * 2 : 64;
		void *items = reallocarray(list->items, cap, size);
		if (!items)
			return NULL;
		list->items = items;
		list->cap = cap;
	}
	void *item = (char *)list->items + list->n++ * size;
	memset(item, 0, size);
	return item;
}

static int add_number(struct scan_list *list, uint64_t number)
{
	uint64_t *item = scan_add(list, sizeof(*item));

	if (!item)
		return -ENOMEM;
	*item = number;
	return 0;
}

static int add_fix(struct scan_list *list, struct scan_fix fix)
{
	struct scan_fix *item = scan_add(list, sizeof(*item));

	if (!item)
		return -ENOMEM;
	*item = fix;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_ns_id(const void *id, const void *item)
{
	int64_t x = *(const int64_t *)id, y = ((const struct scan_ns *)item)->id;

	return (x > y) - (x < y);
}

static int by_span_id(const void *id, const void *item)
{
	int64_t x = *(const int64_t *)id, y = ((const struct scan_span *)item)->id;

	return (x > y) - (x < y);
}

/* bsearch(3) does not want an empty list's NULL. */
static void *list_find(const struct scan_list *list, size_t size, const void *key,
	int (*compare)(const void *, const void *))
{
	return list->n ? bsearch(key, list->items, list->n, size, compare) : NULL;
}

struct scan_ns *scan_ns_by_id(const struct scan *scan, int64_t id)
{
	return list_find(&scan->ns, sizeof(struct scan_ns), &id, by_ns_id);
}

static struct scan_charge *charge_of(struct scan *scan, uint32_t uid)
{
	struct scan_charge *charges = scan->charges.items;
	size_t low = 0, high = scan->charges.n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (charges[mid].uid == uid)
			return &charges[mid];
		if (charges[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	if (!scan_add(&scan->charges, sizeof(*charges)))
		return NULL;
	charges = scan->charges.items;
	memmove(&charges[low + 1], &charges[low], (scan->charges.n - 1 - low) * sizeof(*charges));
	charges[low] = (struct scan_charge){.uid = uid};
	return &charges[low];
}

/* ---- telling ---- */

static void tell(struct scan *scan, struct store_finding finding)
{
	uint64_t *counts[] = {&scan->result.damaged, &scan->result.doubtful, &scan->result.waste};

	(*counts[finding.kind])++;
	if (!scan->quiet && scan->ask && scan->ask->found)
		scan->ask->found(scan->ask->arg, &finding);
}

static struct store_finding of_row(enum store_finding_kind kind, const char *what,
	const struct row *row, const struct manifest_key *key, uint64_t version)
{
	return (struct store_finding){.kind = kind,
		.what = what,
		.row = (uint64_t)row->id,
		.ns = {row->m.ns_kind, row->m.ns_uid},
		.name = row->m.name,
		.key = key ? key->name : NULL,
		.version = version,
		.bucket = -1};
}

static void tell_text(struct scan *scan, enum store_finding_kind kind, const char *what, int bucket)
{
	tell(scan, (struct store_finding){.kind = kind, .what = what, .bucket = bucket});
}

/* ---- namespaces ---- */

static void sum_row(struct scan *scan, int64_t id, int64_t ns, const uint8_t *tag, uint64_t ver,
	const uint8_t *box)
{
	struct header_bucket *bucket = &scan->found[index_bucket(tag)];
	struct index_sum element;

	index_element(scan->store->keys->sum, id, ns, tag, ver, box, &element);
	index_sum_add(&bucket->sum, &element);
	bucket->rows++;
}

static void see_row(struct scan *scan, int64_t id)
{
	if (id > 0 && (uint64_t)id > scan->max_row)
		scan->max_row = (uint64_t)id;
}

static bool ns_open(const struct scan *scan, struct scan_ns *ns, uint64_t ver, const uint8_t *box,
	size_t box_len)
{
	struct seal_place place;
	struct header_ns h;
	uint8_t plain[HEADER_NS], tag[INDEX_TAG];

	if (box_len != HEADER_NS + SEAL_OVERHEAD)
		return false;
	store_place(scan->store, SEAL_NS, ns->id, 0, ns->tag, ver, &place);
	if (seal_open(scan->store->keys->meta, &place, box, box_len, plain) < 0 ||
		header_ns_decode(&h, plain) < 0)
		return false;
	index_tag_ns(scan->store->keys->index, h.kind, h.uid, tag);
	if (memcmp(tag, ns->tag, INDEX_TAG) != 0)
		return false;
	ns->which = (struct store_ns){h.kind, h.uid};
	ns->known = true;
	ns->said[0] = h.secrets;
	ns->said[1] = h.owned;
	ns->said[2] = h.bytes;
	return true;
}

/* Of a record that does not open the tag may still tell whose it is. */
static void ns_guess(const struct scan *scan, struct scan_ns *ns)
{
	uint8_t tag[INDEX_TAG];

	index_tag_ns(scan->store->keys->index, NS_PUBLIC, 0, tag);
	if (memcmp(tag, ns->tag, INDEX_TAG) == 0) {
		ns->which = (struct store_ns){NS_PUBLIC, 0};
		ns->known = true;
	}
}

static int scan_one_ns(struct scan *scan, struct db_query *query)
{
	struct scan_ns *ns = scan_add(&scan->ns, sizeof(*ns));
	size_t tag_len, box_len;

	if (!ns)
		return -ENOMEM;
	ns->id = db_int(query, 0);
	const uint8_t *tag = db_blob(query, 1, &tag_len);
	uint64_t ver = (uint64_t)db_int(query, 2);
	const uint8_t *box = db_blob(query, 3, &box_len);
	see_row(scan, ns->id);
	if (tag_len == INDEX_TAG) {
		memcpy(ns->tag, tag, INDEX_TAG);
		ns->whole = ns_open(scan, ns, ver, box, box_len);
		if (box_len >= SEAL_OVERHEAD)
			sum_row(scan, ns->id, 0, tag, ver, box);
		if (!ns->whole)
			ns_guess(scan, ns);
	}
	scan->result.namespaces++;
	return 0;
}

static int scan_all_ns(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	int r = db_query(scan->store->db, QUERY_WALK_NS, &query);

	if (r < 0)
		return r;
	while ((r = db_step(query)) > 0) {
		r = scan_one_ns(scan, query);
		if (r < 0)
			return r;
	}
	return r;
}

/* Whoever owns something may have a private namespace. */
static void ns_guess_private(const struct scan *scan, struct scan_ns *ns)
{
	const struct scan_charge *charges = scan->charges.items;
	uint8_t tag[INDEX_TAG];

	for (size_t i = 0; i < scan->charges.n && !ns->known; i++) {
		index_tag_ns(scan->store->keys->index, NS_PRIVATE, charges[i].uid, tag);
		if (memcmp(tag, ns->tag, INDEX_TAG) != 0)
			continue;
		ns->which = (struct store_ns){NS_PRIVATE, charges[i].uid};
		ns->known = true;
	}
}

/* After the secrets were read, which may have told whose it is. */
static int judge_ns(struct scan *scan)
{
	struct scan_ns *all = scan->ns.items;
	bool public = false;
	int r = 0;

	for (size_t i = 0; i < scan->ns.n && r == 0; i++) {
		ns_guess_private(scan, &all[i]);
		public |= all[i].known && all[i].which.kind == NS_PUBLIC;
		if (all[i].whole)
			continue;
		tell(scan, (struct store_finding){.kind = STORE_DAMAGED,
				   .what = all[i].missing ? "the record of the namespace is missing"
							  : "the record of the namespace (its "
							    "owner, mode and ACLs) does not open",
				   .row = (uint64_t)all[i].id,
				   .ns = all[i].which,
				   .bucket = -1});
		r = add_fix(&scan->fixes, (struct scan_fix){.kind = FIX_NS, .row = all[i].id});
	}
	if (!public)
		tell(scan, (struct store_finding){.kind = STORE_DAMAGED,
				   .what = "the record of the namespace is missing",
				   .ns = {NS_PUBLIC, 0},
				   .bucket = -1});
	return r;
}

/* ---- secrets ---- */

static const struct manifest_key *key_of_value(const struct manifest *m, uint64_t value_id)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->keys[i].value_id == value_id)
			return &m->keys[i];
	return NULL;
}

/* Has it been told of for an earlier version of the same secret? */
static bool known_lost(const struct scan *scan, int64_t row, uint64_t value_id)
{
	const struct scan_fix *fixes = scan->fixes.items;

	for (size_t i = scan->fixes.n; i > 0 && fixes[i - 1].row == row; i--)
		if (fixes[i - 1].kind == FIX_VALUE && fixes[i - 1].number == value_id)
			return true;
	return false;
}

static int scan_value(
	struct scan *scan, const struct row *row, const struct manifest_key *key, uint64_t version)
{
	AUTO_SECBUF value = SECBUF_INIT;

	if (key->value_id > scan->max_value)
		scan->max_value = key->value_id;
	int r = add_number(&scan->named, key->value_id);
	if (r == 0)
		r = store_value_open(
			scan->store, scan->store->db, row->id, key, SECMEM_SELF, &value);
	if ((r != -EBADMSG && r != -ENOENT) || known_lost(scan, row->id, key->value_id))
		return r == -EBADMSG || r == -ENOENT ? 0 : r;
	/* If it is still the current one that is what matters. */
	const struct manifest_key *now = key_of_value(&scan->current.m, key->value_id);
	tell(scan, of_row(STORE_DAMAGED,
			   r == -ENOENT ? "the value is missing" : "the value does not open",
			   now ? &scan->current : row, now ? now : key, now ? 0 : version));
	return add_fix(&scan->fixes,
		(struct scan_fix){.kind = FIX_VALUE, .row = row->id, .number = key->value_id});
}

/* The values that the version before does not name too: a value belongs to versions without a gap,
 * so each is read once. */
static int scan_values(
	struct scan *scan, const struct row *row, const struct row *before, uint64_t version)
{
	int r = 0;

	for (uint32_t i = 0; i < row->m.n && r == 0; i++) {
		const struct manifest_key *key = &row->m.keys[i];
		if (key->value_id && !(before && key_of_value(&before->m, key->value_id)))
			r = scan_value(scan, row, key, version);
	}
	scan->result.versions++;
	return r;
}

static int lost_version(struct scan *scan, uint64_t version, uint64_t number, const char *what)
{
	tell(scan, of_row(STORE_DAMAGED, what, &scan->current, NULL, version));
	return add_fix(&scan->fixes,
		(struct scan_fix){.kind = FIX_HISTORY, .row = scan->current.id, .number = number});
}

/* One row of the history at hand, with the one before it. */
static int scan_past(struct scan *scan, struct db_query *query, const struct row **before)
{
	struct row *row = *before == &scan->past[0] ? &scan->past[1] : &scan->past[0];
	uint64_t version = (uint64_t)db_int(query, 0);
	int r = store_history_open(scan->store, scan->current.id, query, row);

	if (row->headed)
		store_history_add(
			scan->store, &scan->history, scan->current.id, version, row->head);
	if (r == 0) {
		r = scan_values(scan, row, *before, version);
		*before = row;
		return r;
	}
	*before = NULL;
	return r == -EBADMSG ? lost_version(scan, version, version, "this version does not open")
			     : r;
}

/* Format 1 knows nothing of it. */
static int judge_history(struct scan *scan)
{
	const struct manifest_history *found = &scan->history, *sealed = &scan->current.m.history;
	/* Purging may have brought the one that was sealed below 0. */
	int32_t more = (int32_t)(found->n - sealed->n);

	if (scan->store->form != MANIFEST_CURRENT || store_history_equal(found, sealed))
		return 0;
	tell(scan, of_row(STORE_DOUBTFUL,
			   more < 0   ? "earlier versions are missing that were not purged"
			   : more > 0 ? "an earlier version that was purged was put back, or one "
					"added"
				      : "its earlier versions are not those that were sealed: one "
					"was changed or put back",
			   &scan->current, NULL, 0));
	return add_fix(&scan->fixes, (struct scan_fix){.kind = FIX_SUM, .row = scan->current.id});
}

/* A history may have gaps, where versions were dropped one by one, but its oldest is known, and
 * what it adds up to. */
static int scan_versions(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	const struct row *before = NULL;
	const struct manifest *m = &scan->current.m;
	uint64_t oldest = m->version;
	int r = db_query(scan->store->db, QUERY_HISTORY_ALL, &query);

	if (r < 0)
		return r;
	scan->history = (struct manifest_history){0};
	db_bind_int(query, 1, scan->current.id);
	while ((r = db_step(query)) > 0) {
		uint64_t version = (uint64_t)db_int(query, 0);
		if (version < m->oldest || version >= m->version)
			continue; /* waste */
		if (version < oldest)
			oldest = version;
		r = scan_past(scan, query, &before);
		if (r < 0)
			return r;
	}
	if (r == 0 && oldest != m->oldest)
		r = lost_version(scan, m->oldest, 0, "this version is missing");
	if (r == 0)
		r = judge_history(scan);
	return r < 0 ? r : scan_values(scan, &scan->current, before, 0);
}

/* Opens the row at hand into scan->current. */
static int open_secret(
	struct scan *scan, const uint8_t *tag, size_t tag_len, const uint8_t *box, size_t box_len)
{
	struct row *row = &scan->current;
	const struct scan_ns *ns = scan_ns_by_id(scan, row->ns);
	struct seal_place place;
	uint8_t name_tag[INDEX_TAG];

	if (tag_len != INDEX_TAG || box_len < SEAL_OVERHEAD)
		return -EBADMSG;
	memcpy(row->tag, tag, INDEX_TAG);
	store_place(scan->store, SEAL_SECRET, row->id, row->ns, row->tag, row->ver, &place);
	int r = store_manifest_open(scan->store, &place, box, box_len, row);
	if (r < 0)
		return r;
	index_tag_secret(scan->store->keys->index, row->ns, row->m.name, row->m.name_len, name_tag);
	if (memcmp(name_tag, row->tag, INDEX_TAG) != 0 || row->m.oldest > row->m.version)
		return -EBADMSG;
	return !ns || !ns->whole ||
			       (ns->which.kind == row->m.ns_kind && ns->which.uid == row->m.ns_uid)
		       ? 0
		       : -EBADMSG;
}

/* An earlier manifest that opens tells at least a name. */
static int tell_lost_secret(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	struct row *past = &scan->past[0];
	const struct scan_ns *ns = scan_ns_by_id(scan, scan->current.ns);
	struct store_finding finding = {.kind = STORE_DAMAGED,
		.what = "its manifest (names, modes and keys) does not open",
		.row = (uint64_t)scan->current.id,
		.bucket = -1};
	int r = db_query(scan->store->db, QUERY_HISTORY_ALL, &query);

	if (r < 0)
		return r;
	if (ns && ns->known)
		finding.ns = ns->which;
	db_bind_int(query, 1, scan->current.id);
	while (!finding.name && (r = db_step(query)) > 0) {
		uint64_t version = (uint64_t)db_int(query, 0);
		if (store_row_history(
			    scan->store, scan->store->db, scan->current.id, version, past) == 0) {
			finding.name = past->m.name;
			finding.ns = (struct store_ns){past->m.ns_kind, past->m.ns_uid};
		}
	}
	if (r < 0)
		return r;
	tell(scan, finding);
	struct scan_ns *in = scan_ns_by_id(scan, scan->current.ns);
	if (in)
		in->secrets++;
	return add_fix(
		&scan->fixes, (struct scan_fix){.kind = FIX_SECRET, .row = scan->current.id});
}

/* A namespace whose record is gone. Its secrets are not: they were sealed with its number. */
static struct scan_ns *add_missing_ns(struct scan *scan, int64_t id)
{
	struct scan_ns *ns = scan_add(&scan->ns, sizeof(*ns)), *all = scan->ns.items;
	size_t at = scan->ns.n - 1;

	if (!ns)
		return NULL;
	for (; at > 0 && all[at - 1].id > id; at--)
		all[at] = all[at - 1];
	all[at] = (struct scan_ns){.id = id, .missing = true};
	return &all[at];
}

static int count_secret(struct scan *scan)
{
	struct txn_before charge = txn_before(&scan->current.m);
	struct scan_charge *of = charge_of(scan, charge.uid);
	struct scan_ns *ns = scan_ns_by_id(scan, scan->current.ns);

	if (!ns)
		ns = add_missing_ns(scan, scan->current.ns);
	if (!of || !ns)
		return -ENOMEM;
	ns->secrets++;
	of->owned++;
	of->bytes += charge.bytes;
	if (!ns->known) {
		ns->which = (struct store_ns){scan->current.m.ns_kind, scan->current.m.ns_uid};
		ns->known = true;
	}
	return 0;
}

static int scan_secret(struct scan *scan, struct db_query *query)
{
	size_t tag_len, box_len;
	struct row *row = &scan->current;
	struct scan_span *span = scan_add(&scan->spans, sizeof(*span));

	if (!span)
		return -ENOMEM;
	row->id = span->id = db_int(query, 0);
	row->ns = db_int(query, 1);
	const uint8_t *tag = db_blob(query, 2, &tag_len);
	row->ver = (uint64_t)db_int(query, 3);
	const uint8_t *box = db_blob(query, 4, &box_len);
	see_row(scan, row->id);
	if (tag_len == INDEX_TAG && box_len >= SEAL_OVERHEAD)
		sum_row(scan, row->id, row->ns, tag, row->ver, box);
	scan->result.secrets++;
	int r = open_secret(scan, tag, tag_len, box, box_len);
	if (r == -EBADMSG)
		return tell_lost_secret(scan);
	if (r < 0)
		return r;
	span->oldest = row->m.oldest;
	span->version = row->m.version;
	span->whole = true;
	r = count_secret(scan);
	return r < 0 ? r : scan_versions(scan);
}

static int scan_all_secrets(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	AUTO_QUERY count = NULL;
	const struct store_verify *ask = scan->ask;
	int r = db_query(scan->store->db, QUERY_SECRET_COUNT, &count);

	if (r == 0)
		r = db_step(count);
	if (r < 0)
		return r;
	uint64_t total = (uint64_t)db_int(count, 0), done = 0;
	db_done(count);
	r = db_query(scan->store->db, QUERY_WALK_SECRETS, &query);
	if (r < 0)
		return r;
	while ((r = db_step(query)) > 0) {
		r = scan_secret(scan, query);
		if (r < 0)
			return r;
		if (++done % PROGRESS_EVERY == 0 && ask && ask->progress)
			ask->progress(ask->arg, done, total);
	}
	if (r == 0 && ask && ask->progress)
		ask->progress(ask->arg, total, total);
	return r;
}

/* ---- what belongs to nothing ---- */

static int scan_loose_history(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	int r = db_query(scan->store->db, QUERY_WALK_HISTORY, &query);

	if (r < 0)
		return r;
	while ((r = db_step(query)) > 0) {
		int64_t id = db_int(query, 0);
		uint64_t version = (uint64_t)db_int(query, 1);
		const struct scan_span *span =
			list_find(&scan->spans, sizeof(*span), &id, by_span_id);
		if (span && (!span->whole || (version >= span->oldest && version < span->version)))
			continue;
		tell(scan, (struct store_finding){.kind = STORE_WASTE,
				   .what = "an earlier version that belongs to no secret",
				   .row = (uint64_t)id,
				   .version = version,
				   .bucket = -1});
		r = add_fix(&scan->loose_history,
			(struct scan_fix){.kind = FIX_HISTORY, .row = id, .number = version});
		if (r < 0)
			return r;
	}
	return r;
}

/* What somebody has open is named by a note of its own (kept.c). One that does not open says
 * nothing; the next worker drops it. */
static int scan_kept(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	int r = db_query(scan->store->db, QUERY_KEPT_LIST, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, INT64_MAX);
	db_bind_int(query, 2, -1);
	while ((r = db_step(query)) > 0) {
		uint64_t id = (uint64_t)db_int(query, 0);
		if (kept_open(scan->store, scan->store->db, id, &scan->past[0]) < 0)
			continue;
		r = add_number(&scan->named, id);
		if (r < 0)
			return r;
	}
	return r;
}

static void sort_named(struct scan *scan)
{
	uint64_t *named = scan->named.items;
	size_t n = 0;

	if (scan->named.n)
		qsort(named, scan->named.n, sizeof(*named), by_number);
	for (size_t i = 0; i < scan->named.n; i++)
		if (n == 0 || named[n - 1] != named[i])
			named[n++] = named[i];
	scan->named.n = n;
	scan->result.values = n;
}

static int scan_loose_values(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	int r = db_query(scan->store->db, QUERY_WALK_VALUES, &query);

	if (r < 0)
		return r;
	sort_named(scan);
	while ((r = db_step(query)) > 0) {
		uint64_t id = (uint64_t)db_int(query, 0);
		if (id <= INT64_MAX && id > scan->max_value)
			scan->max_value = id;
		if (list_find(&scan->named, sizeof(uint64_t), &id, by_number))
			continue;
		tell(scan, (struct store_finding){.kind = STORE_WASTE,
				   .what = "a value that belongs to no secret",
				   .row = id,
				   .bucket = -1});
		r = add_number(&scan->loose_values, id);
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- sums ---- */

/* Whom a bucket's sum is about: those that lie in it now. */
static int tell_bucket(struct scan *scan, unsigned bucket)
{
	static const char what[] =
		"it, or another one of its bucket, was put back, removed or added";
	uint8_t low[INDEX_TAG], high[INDEX_TAG + 1];
	size_t high_len;
	AUTO_QUERY query = NULL;
	int r = db_query(scan->store->db, QUERY_BUCKET_SECRETS, &query);

	if (r < 0)
		return r;
	index_bucket_range(bucket, low, high, &high_len);
	db_bind_blob(query, 1, low, sizeof(low));
	db_bind_blob(query, 2, high, high_len);
	while ((r = db_step(query)) > 0) {
		size_t tag_len, box_len;
		scan->current.id = db_int(query, 0);
		scan->current.ns = db_int(query, 1);
		const uint8_t *tag = db_blob(query, 2, &tag_len);
		scan->current.ver = (uint64_t)db_int(query, 3);
		const uint8_t *box = db_blob(query, 4, &box_len);
		if (open_secret(scan, tag, tag_len, box, box_len) == 0)
			tell(scan, of_row(STORE_DOUBTFUL, what, &scan->current, NULL, 0));
	}
	return r;
}

static int judge_bucket(
	struct scan *scan, unsigned number, const uint8_t *box, size_t box_len, bool *ret_same)
{
	struct store *store = scan->store;
	struct bucket *bucket = &store->buckets[number];
	const struct header_bucket *found = &scan->found[number];

	*ret_same = false;
	if (store_bucket_open(store, number, bucket->ver, box, box_len, &bucket->header) < 0) {
		tell_text(scan, STORE_DAMAGED, "the sum of this bucket does not open", (int)number);
		return 0;
	}
	if (index_sum_equal(&bucket->header.sum, &found->sum) &&
		bucket->header.rows == found->rows) {
		*ret_same = true;
		return 0;
	}
	tell_text(scan, STORE_DOUBTFUL, "the records of this bucket are not those that were sealed",
		(int)number);
	return tell_bucket(scan, number);
}

static int scan_buckets(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	struct index_sum total = {{0}};
	bool all = true, same;
	int r = db_query(scan->store->db, QUERY_BUCKETS, &query);

	if (r < 0)
		return r;
	while ((r = db_step(query)) > 0) {
		int64_t number = db_int(query, 0);
		size_t box_len;
		if (number < 0 || number >= INDEX_BUCKETS) {
			scan->foreign_buckets = true;
			continue;
		}
		struct bucket *bucket = &scan->store->buckets[number];
		scan->present[number] = true;
		bucket->ver = (uint64_t)db_int(query, 1);
		const uint8_t *box = db_blob(query, 2, &box_len);
		r = judge_bucket(scan, (unsigned)number, box, box_len, &same);
		if (r < 0)
			return r;
		index_sum_add(&total, &bucket->header.sum);
		all &= same;
	}
	for (unsigned i = 0; i < INDEX_BUCKETS && r == 0; i++)
		if (!scan->present[i]) {
			tell_text(scan, STORE_DAMAGED, "the sum of this bucket is missing", (int)i);
			all = false;
		}
	if (scan->foreign_buckets)
		tell_text(scan, STORE_DAMAGED, "there are sums of buckets that do not exist", -1);
	/* Where a bucket is wrong the total is too, and says nothing new. */
	if (r == 0 && !index_sum_equal(&total, &scan->store->root.total) && all)
		tell_text(scan, STORE_DOUBTFUL,
			"the buckets are whole, but not those that the root was sealed with: "
			"something was put back",
			-1);
	return r;
}

static int scan_roots(struct scan *scan)
{
	AUTO_QUERY query = NULL;
	int r = db_query(scan->store->db, QUERY_ROOTS, &query);

	if (r == 0)
		r = db_step(query);
	if (r > 0 && db_int(query, 0) != 1)
		tell_text(scan, STORE_DAMAGED, "there are roots beside the one", -1);
	return r < 0 ? r : 0;
}

/* Do the records of namespaces count what there is? Nothing to go by where a secret is lost. */
static void judge_counts(struct scan *scan, bool lost)
{
	struct scan_ns *all = scan->ns.items;

	for (size_t i = 0; i < scan->ns.n; i++) {
		const struct scan_ns *ns = &all[i];
		struct scan_charge none = {0};
		const struct scan_charge *charge = &none;
		if (!ns->whole)
			continue;
		if (ns->which.kind == NS_PRIVATE) {
			const struct scan_charge *charges = scan->charges.items;
			for (size_t j = 0; j < scan->charges.n; j++)
				if (charges[j].uid == ns->which.uid)
					charge = &charges[j];
		}
		if (ns->said[0] != ns->secrets ||
			(!lost && (ns->said[1] != charge->owned || ns->said[2] != charge->bytes)))
			tell(scan,
				(struct store_finding){.kind = STORE_DOUBTFUL,
					.what = "its secrets are not as many as its record says: "
						"one was removed or added",
					.row = (uint64_t)ns->id,
					.ns = ns->which,
					.bucket = -1});
	}
	/* Numbers that would be given out again. */
	if (scan->store->root.next_row <= scan->max_row ||
		scan->store->root.next_value <= scan->max_value)
		tell_text(scan, STORE_DOUBTFUL,
			"there are rows with numbers that the root has not given out yet", -1);
}

/* ---- all of it ---- */

int scan_begin(struct scan *scan, struct store *store, const struct store_verify *ask)
{
	scan->store = store;
	scan->ask = ask;
	scan->found = calloc(INDEX_BUCKETS, sizeof(*scan->found));
	scan->present = calloc(INDEX_BUCKETS, sizeof(*scan->present));
	return scan->found && scan->present ? 0 : -ENOMEM;
}

int scan_run(struct scan *scan, struct why *why)
{
	int r = scan_all_ns(scan);

	if (r == 0)
		r = scan_all_secrets(scan);
	uint64_t lost = scan->result.damaged;
	if (r == 0)
		r = judge_ns(scan);
	if (r == 0)
		r = scan_loose_history(scan);
	if (r == 0 && !scan->unkept)
		r = scan_kept(scan);
	if (r == 0)
		r = scan_loose_values(scan);
	if (r == 0)
		r = scan_buckets(scan);
	if (r == 0)
		r = scan_roots(scan);
	if (r == 0)
		judge_counts(scan, lost > 0);
	if (r == -EBADMSG)
		return why_set(why, r,
			"the file is damaged in its structure and cannot be read on; restore it "
			"from a backup");
	return r < 0 ? why_set(why, r, "cannot read the store: %s", strerror(-r)) : 0;
}

void scan_end(struct scan *scan)
{
	row_clear(&scan->current);
	row_clear(&scan->past[0]);
	row_clear(&scan->past[1]);
	free(scan->found);
	free(scan->present);
	free(scan->ns.items);
	free(scan->charges.items);
	free(scan->spans.items);
	free(scan->named.items);
	free(scan->loose_values.items);
	free(scan->loose_history.items);
	free(scan->fixes.items);
}
