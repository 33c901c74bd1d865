/* SPDX-License-Identifier: MIT */
/*
 * store_int: what the store's own files share: the opened store, one row as it was read, and a
 * transaction of the writer thread. Nobody outside store/ includes it.
 *
 *     store.c       open and close; buckets; one place where a row is opened
 *     store_file.c  making a store, paths
 *     store_lock.c  who may do what at the same time
 *     store_slots.c the key slots
 *     store_backup.c  a copy of a store that may be in use; such a copy in a store's place
 *     store_rebuild.c  a store written anew: compact and rotate
 *     store_swap.c  another file in the place of a store
 *     store_read.c  readers
 *     store_write.c every change, as a job for the writer
 *     purge.c       removing earlier versions, as jobs
 *     store_migrate.c  a store of an earlier format
 *     kept.c        values that are open although no version names them any more
 *     txn.c         what jobs are made of: load, save, insert, delete, with sums and charges
 *     writer.c      group commit
 *     reserve.c     room for deleting on a full disk
 *     keeper.c      checkpoints and other things that nobody waits for
 *     store_anchor.c  the anchor of an opened store
 */
#ifndef STORE_STORE_INT_H
#define STORE_STORE_INT_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "anchor.h"
#include "cache.h"
#include "db.h"
#include "done.h"
#include "header.h"
#include "index.h"
#include "keyslot.h"
#include "known.h"
#include "manifest.h"
#include "seal.h"
#include "secmem.h"
#include "store.h"

#define STORE_TOLD 256

enum bucket_state { BUCKET_UNKNOWN = 0, BUCKET_GOOD = 1, BUCKET_BAD = 2 };

struct bucket {
	struct header_bucket header;
	uint64_t ver;
};

/* (kind, uid) -> row of ns. Rows are never removed, so an entry is true for ever. */
struct ns_id {
	uint64_t key; /* kind << 32 | uid; 0: free */
	int64_t id;
};

struct keeper;
struct txn;
struct writer;

struct store {
	char *path;
	enum manifest_form form; /* of table secret, by the format that was opened */
	const struct keyslot_keys *keys;
	uint8_t id[16];
	struct store_limits limits;
	int64_t public_ns;
	uint64_t mount_id; /* of the journal; generation 0: there is none */
	uint32_t generation;

	/* By the writer thread alone, once it runs. */
	bool reserved; /* there is a STORE.reserve */
	int log_pages; /* as many in the log are enough for a checkpoint */
	struct db *db;
	struct header_root root;
	struct bucket buckets[INDEX_BUCKETS];

	/* What a bucket's row must at least be: as it was when the store was opened. Never changes.
	 */
	uint64_t bucket_floor[INDEX_BUCKETS];
	_Atomic uint8_t bucket_state[INDEX_BUCKETS];

	struct secbuf generation_key; /* INDEX_GENERATION_KEY bytes, once opened to be served */
	struct known *known;          /* rows that the index over tags leads to */

	_Atomic uint64_t next_value;
	_Atomic uint64_t secrets;
	_Atomic bool damage_seen; /* a listing met a row that does not open */
	_Atomic uint32_t
		history_told[STORE_TOLD]; /* rows, by their number: which was told of last */

	pthread_rwlock_t ns_lock; /* ns_ids, ns_cap, ns_used */
	struct ns_id *ns_ids;
	size_t ns_cap;
	size_t ns_used;

	struct cache
		*manifests;  /* struct cached_row by row: dropped by the writer after each commit */
	struct cache *boxes; /* struct cached_box by value id: a value never changes */

	struct anchor *anchor; /* NULL: none is kept */
	_Atomic int anchor_error;

	struct writer *writer;
	struct keeper *keeper;
};

/* One row of table secret, opened. */
struct row {
	int64_t id;
	int64_t ns;
	uint8_t tag[INDEX_TAG];
	uint64_t ver;
	uint8_t head[SEAL_OVERHEAD]; /* nonce and mac, for the element */
	bool headed;                 /* of table history: there is such a row, and head is its */
	struct secbuf plain;         /* m points into it */
	struct manifest m;
};

struct store_reader {
	struct store *store;
	struct db *db;
	bool in_snapshot;
	struct row row;
	struct cached_row *cached; /* what secret points to, if not to row */
	bool fresh;                /* this snapshot does without the cache */
	uint64_t whole; /* the row whose history was found to add up in this snapshot; 0: none */
	bool queried;   /* the database has been asked in this snapshot: the cache may be newer */
	struct store_secret secret; /* a view of row or cached for the caller */
};

struct cached_row {
	struct cache_entry entry;
	struct row row;
};

struct cached_box {
	struct cache_entry entry;
	size_t len;
	uint8_t box[];
};

void row_clear(struct row *row);

/* ---- store.c ---- */

/* db_open and schema_check. */
int store_db_open(const char *path, enum db_mode mode, struct db **ret_db, struct why *why);

void store_place(const struct store *store, uint8_t dom, int64_t id, int64_t ns, const uint8_t *tag,
	uint64_t ver, struct seal_place *ret_place);

/*
 * Opens a store for maintenance, whatever state it is in, as long as its root opens: no bucket is
 * added up, nothing is cached, no thread runs. A transaction has been begun (for writing unless
 * mode is DB_READER); it ends with store_close or a COMMIT.
 */
int store_attach(const char *path, const struct keyslot_keys *keys, enum db_mode mode,
	struct store **ret_store, struct why *why);

/* The same of a connection, which the store then owns, also on failure. It has no path. */
int store_attach_db(struct db *db, const struct keyslot_keys *keys, enum db_mode mode,
	struct store **ret_store, struct why *why);

/* -EBADMSG. */
int store_bucket_open(const struct store *store, int64_t id, uint64_t ver, const uint8_t *box,
	size_t box_len, struct header_bucket *ret_header);

/* Within a transaction: is the bucket whole? 0, -EBADMSG, -errno. The first answer is kept. */
int store_bucket_check(struct store *store, struct db *db, unsigned bucket);

/* The same for a row with that tag, and -EBADMSG if the index over tags does not lead to it. */
int store_row_check(struct store *store, struct db *db, const uint8_t tag[INDEX_TAG], int64_t id);

/* Has anybody added it up? */
bool store_bucket_is_known(const struct store *store, unsigned bucket);

/* store_bucket_check in a snapshot of its own. */
void store_bucket_look(struct store *store, struct db *db, unsigned bucket);

/* Adds a bucket up that may have been found whole before, in a snapshot of its own. */
void store_bucket_scrub(struct store *store, struct db *db, unsigned bucket);

/* Opens a box of table secret or history into row: plain and m. Everything else in row is set by
 * the caller. */
int store_manifest_open(const struct store *store, const struct seal_place *place,
	const uint8_t *box, size_t box_len, struct row *row);

/* Within a transaction. -ENOENT only from a whole bucket. */
int store_row_by_name(struct store *store, struct db *db, int64_t ns, struct store_ns which,
	const char *name, size_t name_len, struct row *row);
int store_row_by_id(struct store *store, struct db *db, int64_t id, struct row *row);
int store_row_history(
	struct store *store, struct db *db, int64_t id, uint64_t version, struct row *row);

/* The row of table history that a query (ver, box, ...) stands at. Its head is read if it does not
 * open, too. */
int store_history_open(
	const struct store *store, int64_t id, struct db_query *query, struct row *row);

/* Counts a row of table history in, or out again; head: nonce and mac. */
void store_history_add(const struct store *store, struct manifest_history *history, int64_t secret,
	uint64_t version, const uint8_t *head);
void store_history_take(const struct store *store, struct manifest_history *history, int64_t secret,
	uint64_t version, const uint8_t *head);
bool store_history_equal(const struct manifest_history *a, const struct manifest_history *b);

/* Within a transaction: what the rows of a secret's history add up to. row: its current manifest.
 */
int store_history_sum(struct store *store, struct db *db, const struct row *row,
	struct manifest_history *ret_history);

/* Are they those that the current manifest was sealed with? -EBADMSG, and it is told. */
int store_history_check(struct store *store, struct db *db, const struct row *row);

/* Within a transaction: a namespace's record. -ENOENT: nobody has used it yet. */
int store_ns_load(struct store *store, struct db *db, struct store_ns ns, int64_t *ret_id,
	uint64_t *ret_ver, uint8_t ret_head[SEAL_OVERHEAD], struct header_ns *ret_ns);

/* The row of a namespace; remembered. -ENOENT. */
int store_ns_id(struct store *store, struct db *db, struct store_ns ns, int64_t *ret_id);

/* Opens a value's row into an empty buffer. -ENOENT: there is no such row. */
int store_value_open(struct store *store, struct db *db, int64_t secret,
	const struct manifest_key *key, uint32_t uid, struct secbuf *ret_value);

/* Seals a value for its place. ret_box: on the heap. -ENOMEM. */
int store_value_seal(const struct store *store, int64_t secret, uint32_t key_no, uint64_t value_id,
	const uint8_t key[SEAL_KEY], const uint8_t *bytes, size_t len, uint8_t **ret_box,
	size_t *ret_len);

/* The sums of all buckets, which must add up to the root. */
int store_load_buckets(struct store *store, struct why *why);

/* ---- store_migrate.c ---- */

/* Keeps a copy of a store of an earlier format beside it, before it is changed: 1 and its name; 0:
 * it has this one. Nobody else may write to it. */
int migrate_keep(const char *path, store_progress_fn progress, void *arg, char ret_kept[PATH_MAX],
	struct why *why);

/*
 * Brings every record to this format, in the caller's transaction. What does not open stays as it
 * is, and sums that were wrong stay wrong by as much. The caller has the buckets in store or makes
 * them anew, and seals them.
 */
int migrate_rows(struct txn *txn, store_progress_fn progress, void *arg);

/* ---- store_file.c ---- */

/* In a new file: the rows of all buckets as they stand in store, and a root that txn_seal then
 * seals. */
int store_create_sums(struct store *store);

/* ---- store_slots.c ---- */

int store_slots_read(struct db *db, struct keyslot ret_slots[STORE_SLOTS], struct why *why);
int store_slot_insert(struct db *db, const struct keyslot *slot);

/* ---- store_swap.c ---- */

struct swap {
	char path[PATH_MAX]; /* of the store */
	char made[PATH_MAX]; /* what shall take its place; empty: nothing any more */
};

/* Makes an empty file beside the store, 0600; what an earlier one has left goes. The caller holds
 * the lock (STORE_USE_ALONE). Returns a descriptor, which must be closed before SQLite opens the
 * file. */
int swap_begin(struct swap *swap, const char *path, struct why *why);

/* The file is whole: syncs it. */
int swap_ready(struct swap *swap, struct why *why);

/*
 * Puts it in the store's place. ret_kept (PATH_MAX bytes): the old one is kept, under this name;
 * empty: there was none. NULL: it goes. -errno: the old one is there as it was, or the sentence
 * says otherwise.
 */
int swap_commit(struct swap *swap, char *ret_kept, struct why *why);

/* Removes what was not put in place. */
void swap_abandon(struct swap *swap);

#define AUTO_SWAP __attribute__((cleanup(swap_abandon))) struct swap

/* ---- txn.c ---- */

struct bucket_undo {
	unsigned bucket;
	struct header_bucket before;
};

/* A transaction of the writer: the changes of a group of jobs. */
struct txn {
	struct store *store;
	struct db *db;
	int64_t now;              /* ns since 1970, one for the whole group */
	struct bucket_undo *undo; /* what the buckets were, newest last */
	size_t nundo;
	size_t undo_cap;
	struct row row; /* scratch for jobs, two for renames, one for history */
	struct row other;
	struct row past;
	struct secbuf sealed;      /* scratch for boxes */
	int64_t secrets;           /* how many the group made, less how many it removed */
	struct done_list answered; /* whose records go with this group */
	int64_t *changed;          /* rows to forget in the cache after the commit */
	size_t nchanged;
	size_t changed_cap;
};

/* What txn_job_undo needs to go back. */
struct txn_mark {
	size_t nundo;
	struct index_sum total;
	uint64_t next_row;
	int64_t secrets;
};

struct txn_mark txn_mark(const struct txn *txn);
void txn_undo(struct txn *txn, const struct txn_mark *mark);

/* Writes the buckets that changed and the root. */
int txn_seal(struct txn *txn);

/* Remembers a bucket as one to be sealed. */
int txn_keep_bucket(struct txn *txn, unsigned bucket);

/* After the commit: nobody is to see what was before. */
void txn_forget(struct txn *txn);
void txn_clear(struct txn *txn);

int txn_next_row(struct txn *txn, int64_t *ret_row);

/* A namespace for changing; made if it is not there. */
struct txn_ns {
	int64_t id;
	uint64_t ver;
	uint8_t head[SEAL_OVERHEAD];
	struct header_ns h;
};

int txn_ns_get(struct txn *txn, struct store_ns ns, struct txn_ns *ret_ns);
int txn_ns_put(struct txn *txn, struct store_ns ns, struct txn_ns *change);

/* row->m was filled in by the caller; takes a new row number. Counts it in its namespace and for
 * its owner. */
int txn_secret_insert(struct txn *txn, struct store_ns ns, struct row *row);

/* Whom a secret was charged to and how much, before it was changed. */
struct txn_before {
	uint32_t uid;
	uint64_t bytes;
};

struct txn_before txn_before(const struct manifest *m);

/* Seals row->m in row's place. */
int txn_secret_save(struct txn *txn, struct row *row, const struct txn_before *before);

/* Writes row over what is there without asking what that was: repairs, after which all sums are
 * made anew. */
int txn_secret_write(struct txn *txn, struct row *row);

/* Seals an earlier version of row in its own place, where past was read; row is then to be saved.
 */
int txn_history_rewrite(struct txn *txn, struct row *row, const struct row *past);

/* Sets row->m.oldest to the oldest version that is there, or the current one. */
int txn_find_oldest(struct txn *txn, struct row *row);

/* Moves to another name or namespace (m says which) and saves. */
int txn_secret_move(struct txn *txn, struct row *row, struct store_ns from, struct store_ns to,
	const struct txn_before *before);

/* Deletes the row, its history and its values. */
int txn_secret_delete(struct txn *txn, struct store_ns ns, struct row *row);

/* Keeps row->m as it stands as history and raises its version: call before m is changed. */
int txn_version_new(struct txn *txn, struct row *row);

/* Drops what is older than the history that is kept: call after m was changed, before it is saved.
 */
int txn_version_prune(struct txn *txn, struct row *row);

/* Drops all earlier versions. */
int txn_history_drop(struct txn *txn, struct row *row);

/* Drops one earlier version with the values that no other one names. -ENOENT. -EBADMSG: what others
 * name cannot be said. */
int txn_version_drop(struct txn *txn, struct row *row, uint64_t version);

/* For each key of a version: does another version, or the current one, name its value? named: m->n
 * long. -EBADMSG: cannot be said, one of them is damaged. */
int txn_values_named(struct txn *txn, const struct row *row, uint64_t version,
	const struct manifest *m, bool *named);

/* The last version that named a key's value does so no more: it is deleted, or kept for who has it
 * open. m: that version. */
int txn_value_let_go(
	struct txn *txn, int64_t secret, const struct manifest *m, const struct manifest_key *key);

/* Encodes and seals a manifest for a place, in the form of that place, into txn->sealed. */
int txn_seal_manifest(struct txn *txn, const struct manifest *m, const struct seal_place *place,
	const uint8_t **ret_box, size_t *ret_len);

int txn_value_insert(struct txn *txn, uint64_t value_id, const uint8_t *box, size_t box_len);
int txn_value_delete(struct txn *txn, uint64_t value_id);

/* ---- kept.c ---- */

/* Seals what is needed to read a value on. */
int kept_add(
	struct txn *txn, uint64_t id, const struct manifest *m, const struct manifest_key *key);

/* Opens it again into row: a manifest with one key. -ENOENT. */
int kept_open(const struct store *store, struct db *db, uint64_t id, struct row *row);

/* Are there values that nobody has open any more? 1, 0, -errno. */
int kept_idle(struct store *store, struct db *db);

/* A job: deletes them. */
int kept_tidy_job(struct txn *txn, void *unused);

/* ---- writer.c ---- */

struct job {
	int (*run)(struct txn *txn, void *arg);
	void *arg;
	struct done_request request;
	bool frees; /* it deletes: for it the reserve may be given up */
	/* The writer's: */
	int result;
	bool done;
	struct job *next;
	pthread_cond_t woken;
};

int writer_start(struct store *store);
void writer_stop(struct store *store);

/* See store_settle and store_tidy. */
void writer_settle(struct store *store);
void writer_tidy(struct store *store);

/* Runs a job in the writer's next group and returns its result when it is durable. What the caller
 * is answered besides lies in result (within arg; NULL: nothing) and is recorded with the request
 * of the calling thread. */
int writer_run(struct store *store, int (*run)(struct txn *txn, void *arg), void *arg, void *result,
	size_t len);

/*
 * The same for a job that deletes: on a full disk it may use what is reserved. part (may be NULL):
 * a job that deletes a part of it, for when that is not enough; 1: it did, and run is tried again;
 * 0: there is no part left.
 */
int writer_run_freeing(struct store *store, int (*run)(struct txn *txn, void *arg),
	int (*part)(struct txn *txn, void *arg), void *arg, void *result, size_t len);

/* A request is answered: its record goes with the next group. */
void writer_forget(struct store *store, uint64_t unique);

/* ---- reserve.c ---- */

/* Makes it, if it is wanted and not there; a smaller one where there is less room. */
void reserve_make(struct store *store);

/* Gives it up. False: there was none. */
bool reserve_give(struct store *store);

/* db_open for who serves the store: the reserve is given up if there is no room to begin SQLite's
 * log. The worker makes it again. */
int reserve_db_open(const char *path, enum db_mode mode, struct db **ret_db, struct why *why);

/* ---- keeper.c ---- */

int keeper_start(struct store *store);
void keeper_stop(struct store *store);

/* A checkpoint is due. */
void keeper_checkpoint(struct store *store);

/* ---- store_anchor.c ---- */

/* After a commit; does nothing without an anchor. */
void store_anchor_note(struct store *store);

void store_anchor_sync(struct store *store);

#endif
