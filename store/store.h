/* SPDX-License-Identifier: MIT */
/*
 * store: the door to the encrypted store for fs and tools.
 *
 * A struct store is one opened store file with its writer thread. Every thread that reads has a
 * struct store_reader of its own (a connection, scratch memory); a reader is used by one thread at
 * a time. Changes may be asked for by any thread: the call returns when the change is durable
 * (group commit).
 *
 * Errors are -errno: -ENOENT no such row, name or key (only from a verified bucket), -EBADMSG a
 * record does not authenticate or its bucket does not add up, -EEXIST, -ENOTEMPTY, -ENOSPC,
 * -EDQUOT, -EFBIG, -ENOMEM, -EIO the database failed. Only fs/ops.c turns them into what the kernel
 * may see.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "header.h"
#include "keyslot.h"
#include "manifest.h"
#include "secmem.h"
#include "why.h"

#define STORE_FORMAT        2
#define STORE_FORMAT_OLDEST 1 /* that can be read, and brought to STORE_FORMAT */
#define STORE_SLOTS         16

#define STORE_RESERVE (8ull << 20) /* a daemon's */

struct anchor;
struct store;
struct store_reader;

/* A key that leaves its secret: removed, or replaced by another that was renamed. */
struct store_gone {
	uint64_t row;
	uint32_t key_no;
	uint32_t uid;      /* its owner */
	uint64_t version;  /* the last version that has it */
	uint64_t value_id; /* 0: it was never written */
	uint32_t len;      /* bytes of the value */
	bool by_name;      /* by store_key_remove or store_key_rename, not by store_merge */
};

/*
 * What the store must know of open files. All are called by the writer's thread in the middle of a
 * transaction, which may still fail, and must not call the store.
 */
struct store_files {
	/* Does somebody have this open (an id of store_keep_id)? Then it is kept, although no
	 * version names it any more, until store_tidy finds that nobody has. */
	bool (*held)(uint64_t id);
	/* Before held is asked for its value. */
	void (*removing)(const struct store_gone *gone);
	/* The transaction has ended, in whatever way. */
	void (*settled)(void);
};

/* What is kept of a key while it is open: its value; if it was never written, the key itself. */
uint64_t store_keep_id(uint64_t row, uint32_t key_no, uint64_t value_id);

/* Which namespace: NS_PUBLIC (uid 0) or NS_PRIVATE and whose. */
struct store_ns {
	enum ns_kind kind;
	uint32_t uid;
};

struct store_limits {
	unsigned history;   /* versions kept besides the current one */
	uint32_t max_value; /* bytes */
	unsigned max_keys;  /* keys in a secret */
	/* Of one uid; 0: any number, as it is for uid 0. */
	uint64_t max_secrets;
	uint64_t max_bytes; /* of the current values, padding included */
	/* Bytes to keep free for deleting on a full disk, less on a small one; 0: none. */
	uint64_t reserve;
	/* Called once for each bucket (0..4095) that is found damaged, from any thread; may be
	 * NULL. */
	void (*damaged)(unsigned bucket);
	/* Called when the earlier versions of a secret are found not to be those that were sealed,
	 * from any thread and not every time; may be NULL. */
	void (*history_damaged)(uint64_t row);
	/* Called when the anchor cannot be written (-errno; 1: its file was removed) and when it
	 * can again (0), from any thread; may be NULL. Changes go on meanwhile. */
	void (*anchor_failed)(const char *anchor, int err);
	const struct store_files *files; /* may be NULL: nobody has anything open */
};

/* What a change did, for invalidations: the rows whose attributes changed. */
struct store_touched {
	uint64_t row;
	uint32_t key_no; /* 0: the secret itself */
	uint64_t version;
	uint64_t value_id;
};

/* ---- the file ---- */

/*
 * Makes a new store at path with one slot and an empty public namespace. Built beside its place and
 * renamed without replacing. owner/group: who the file, its lock and (as root) its folder belong
 * to; the folder is made 0700 if it is not there. public_owner: owner of public/ (0 when root makes
 * it; mode 1755), or the plain user (mode 0755). -EEXIST: there is something at path, or the log of
 * another store. Whatever failed has left no store.
 */
int store_create(const char *path, uint32_t owner, uint32_t group, uint32_t public_owner,
	enum keyslot_kind kind, const struct secbuf *source, struct why *why);

/* Refuses (-EPERM) a store file, lock or folder that others can write or that belongs to someone
 * else than owner or root, and a path one of whose folders others can write (sticky ones aside).
 * -ENOENT, -EINVAL (not a regular file). */
int store_check_path(const char *path, uint32_t owner, struct why *why);

/* The same of a folder in which owner keeps something: "the store", "the anchor". */
int store_check_folder(const char *folder, uint32_t owner, const char *what, struct why *why);

enum store_use {
	STORE_USE_DAEMON, /* serves it; beside those who look */
	STORE_USE_LOOK,   /* backup, verify */
	STORE_USE_ALONE,  /* changes the file itself: rotate, restore, compact, key slots */
};

/*
 * Takes STORE.lock (made 0600 for owner/group if missing). Returns a descriptor that holds the lock
 * until it and all its copies are closed. -EBUSY: somebody else's use does not go with this one.
 */
int store_lock(
	const char *path, uint32_t owner, uint32_t group, enum store_use use, struct why *why);

/* 1: a daemon serves the store, 0: none does; -errno. */
int store_in_use(const char *path);

/* Reads the slots (to be opened by keyslot_open_any). Returns how many; opens the file read-only. A
 * row that is no slot has kind 0.
 * -EPROTO: another format, -EBADMSG: not a secretfs store, or its schema was changed. */
int store_read_slots(const char *path, struct keyslot ret_slots[STORE_SLOTS], struct why *why);

/* The same of a file that nobody changes; what: its name, for messages. */
int store_read_slots_fd(
	int fd, const char *what, struct keyslot ret_slots[STORE_SLOTS], struct why *why);

/*
 * Adds a slot for a source, under the lowest number that is free, or removes one. The caller holds
 * the lock (STORE_USE_ALONE), and has seen a slot open that stays. -ENOSPC: there are STORE_SLOTS;
 * -ENOENT: no such slot; -EINVAL: the last one is not removed, or what keyslot_seal says.
 */
int store_slot_add(const char *path, enum keyslot_kind kind, const char *label,
	const struct secbuf *source, const struct secbuf *master, int64_t *ret_id, struct why *why);
int store_slot_remove(const char *path, int64_t id, struct why *why);

struct store_info {
	unsigned format;
	uint64_t file_bytes; /* with its WAL */
	uint64_t secrets;    /* rows; counted without a key */
	uint64_t values;
	size_t nslots;
	struct keyslot slots[STORE_SLOTS];
};

/* What can be told of a store without its key. */
int store_info(const char *path, struct store_info *ret_info, struct why *why);

/* ---- verifying ---- */

enum store_finding_kind {
	STORE_DAMAGED,  /* a record that does not open or is missing */
	STORE_DOUBTFUL, /* what opens, but is not what was sealed last: put back, removed, added */
	STORE_WASTE,    /* belongs to nothing; compact drops it */
};

/* Valid during the call. Names lie in secret memory. */
struct store_finding {
	enum store_finding_kind kind;
	const char *what;   /* half a sentence */
	uint64_t row;       /* id of the row; 0: it is not about one */
	struct store_ns ns; /* kind 0: it is not known */
	const char *name;   /* of the secret; NULL: not known */
	const char *key;    /* NULL: it is about the secret */
	uint64_t version;   /* an earlier one; 0: the current one */
	int bucket;         /* -1: it is not about one */
};

struct store_verify {
	bool accept; /* seal sums and counts anew, as they are now found */
	bool remove; /* drop what is damaged and what is waste, and then the same */
	/* NULL: none is looked at. With accept or remove it must be open for writing. */
	struct anchor *anchor;
	void (*found)(void *arg, const struct store_finding *finding); /* may be NULL */
	void (*progress)(void *arg, uint64_t done, uint64_t total);    /* may be NULL */
	void *arg;
};

struct store_verify_result {
	uint64_t namespaces;
	uint64_t secrets;
	uint64_t versions; /* the current ones too */
	uint64_t values;
	uint64_t damaged; /* findings of each kind */
	uint64_t doubtful;
	uint64_t waste;
	bool rolled_back; /* older than its anchor, or without one; why says which */
	bool sealed;      /* accept or remove have changed the store */
};

/*
 * Reads the whole store: structure, every record, every sum. Beside a daemon if it only looks; for
 * accept and remove the caller holds the lock (STORE_USE_ALONE). After a removal everything is read
 * a second time, and the result is that of it. 0: whole. -EBADMSG: damaged or doubtful (what was
 * found has been told one by one), or it cannot be read at all; -ESTALE: whole, but rolled back.
 */
int store_verify(const char *path, const struct keyslot_keys *keys, const struct store_verify *ask,
	struct store_verify_result *ret_result, struct why *why);

/* What can be said without the key: schema, pages, indexes, slots. */
int store_verify_structure(const char *path, struct why *why);

/* The same of a file that nobody changes, by its descriptor; what: its name, for messages. ask
 * neither accepts nor removes. */
int store_verify_fd(int fd, const char *what, const struct keyslot_keys *keys,
	const struct store_verify *ask, struct store_verify_result *ret_result, struct why *why);
int store_verify_structure_fd(int fd, const char *what, struct why *why);

/* ---- copies ---- */

typedef void (*store_progress_fn)(void *arg, uint64_t done, uint64_t total);

/*
 * Copies the store as it is at one moment into fd, an empty file that is open for reading and
 * writing. A daemon may serve it meanwhile; the caller holds the lock (STORE_USE_LOOK). Damaged
 * records are copied as they are. Not synced. -ENOSPC, -EIO: source or fd.
 */
int store_backup(const char *path, int fd, store_progress_fn progress, void *arg, struct why *why);

struct store_restored {
	char kept[4096]; /* where the store that was there is now; empty: there was none */
	int64_t commits; /* of the copy */
	uint64_t epoch;  /* which it was sealed under */
};

/*
 * Puts the copy in fd (what: its name) in the place of the store, or where there is none: copied
 * beside it, sealed under an epoch above the anchor's (anchor may be NULL), so that it counts as
 * the newest, verified, and renamed over it. The caller holds the lock (STORE_USE_ALONE). verify:
 * whom to tell, anchor is ignored. What failed has changed nothing, or the sentence says otherwise.
 * -EBADMSG: the copy is damaged.
 */
int store_restore(const char *path, int fd, const char *what, const struct keyslot_keys *keys,
	struct anchor *anchor, const struct store_verify *verify,
	struct store_verify_result *ret_result, struct store_restored *ret_restored,
	struct why *why);

struct store_compacted {
	uint64_t before; /* bytes of the file */
	uint64_t after;
	uint64_t waste; /* rows that were left out */
};

/*
 * Writes the store into a new file without free pages, which takes its place. With keys (may be
 * NULL) rows that belong to nothing are left out. The caller holds the lock (STORE_USE_ALONE). ask:
 * whom to tell. -EBADMSG: it is damaged, nothing was changed.
 */
int store_compact(const char *path, const struct keyslot_keys *keys, const struct store_verify *ask,
	struct store_compacted *ret_compacted, struct why *why);

struct store_rotate {
	const struct keyslot_keys *keys;
	const struct keyslot_keys *new_keys; /* outlives the anchor; of another master key */
	const struct keyslot *slots;         /* that hold it */
	size_t nslots;
	struct store_verify verify; /* whom to tell; its anchor, unlocked, may be NULL */
};

/*
 * Verifies the store, writes everything anew under new_keys and a new key for each value, history
 * included, verifies that, and puts it in the store's place; the anchor goes along and can then
 * only be closed. The caller holds the lock (STORE_USE_ALONE). -EBADMSG, -ESTALE: as store_verify.
 * What failed has changed nothing, or the sentence says otherwise.
 */
int store_rotate(const char *path, const struct store_rotate *rotate,
	struct store_verify_result *ret_result, struct why *why);

/* ---- opening ---- */

/* What has to be done while this process may still open files outside of the store's folder. */
void store_prepare(void);

/*
 * Brings a store of an earlier format to this one, in one transaction, after a copy of it was made
 * beside it. progress (may be NULL) is called now and then. 1: done, ret_kept (PATH_MAX bytes) is
 * the copy's name; 0: it has this format already. The caller holds the lock. -errno: it is as it
 * was.
 */
int store_migrate(const char *path, const struct keyslot_keys *keys, store_progress_fn progress,
	void *arg, char *ret_kept, struct why *why);

/*
 * Opens a store for a daemon that holds its lock. keys must outlive the store (the worker's key
 * mapping). Checks schema, format, the root and that the buckets add up to it. Starts no thread.
 * -EBADMSG damaged, -EPROTO another format (also an earlier one), -EKEYREJECTED the keys are not
 * this store's.
 */
int store_open(const char *path, const struct keyslot_keys *keys, const struct store_limits *limits,
	struct store **ret_store, struct why *why);

/*
 * Compares the opened store with its anchor, which the store then owns (also on failure) and keeps
 * up to date. A fresh store is recorded in an empty anchor. -ESTALE: the store is older than its
 * anchor, or there is none for it; with accept the store is sealed under a new epoch instead, so
 * that no other old copy passes for it later: 1, and the sentence tells what was accepted. Before
 * store_start.
 */
int store_anchor(struct store *store, struct anchor *anchor, bool accept, struct why *why);

/* Records in the anchor, durably, how far the audit log is. From any thread. -errno. */
int store_anchor_audit(struct store *store, uint64_t number, const uint8_t hash[32]);

/* Starts the writer and the checkpointer. Before it every change is refused with -EAGAIN. */
int store_start(struct store *store);

/* ---- requests that may come again ---- */

/*
 * Before store_start: keep a journal of the requests that changes were made for, so that each is
 * made once even if a worker dies between the change and its answer. mount: a number of this mount
 * alone; generation: counts its workers from 1.
 */
void store_journal(struct store *store, uint64_t mount, uint32_t generation);

/*
 * What the calling thread changes until store_request_end is asked for by the request of this
 * number (even, never used twice in a mount, not 0). again: an earlier worker may have made the
 * change: then it is not made again but answered as it was. Without a journal or a request changes
 * are not recorded.
 */
void store_request_begin(uint64_t unique, bool again);

/* It is answered and cannot come again: the next commit forgets it. */
void store_request_end(struct store *store);

#ifdef SECRETFS_FAULTS
/* For tests: called after each commit, before anybody is told of it. */
extern void (*store_fault_committed)(void);
#endif

/* Did an earlier worker make the change that the calling thread's request asks for? 0 or 1, -errno.
 */
int store_request_was_done(struct store_reader *reader);

/* Stops the threads, checkpoints, closes; all readers must be closed before. NULL is fine. */
void store_close(struct store *store);

int store_reader_open(struct store *store, struct store_reader **ret_reader);
void store_reader_close(struct store_reader *reader);

/* ---- reading ---- */

/* A secret as last read by a reader: valid until its next call (but store_value, store_begin and
 * store_end). */
struct store_secret {
	uint64_t row;
	uint64_t ver; /* counts every change, also of attributes and by the same handle; 0: an
			 earlier version */
	struct manifest m;
};

/* One snapshot for all reads in between. Nothing else may be done with the reader's thread
 * meanwhile that waits for a change. */
int store_begin(struct store_reader *reader);
void store_end(struct store_reader *reader);

/* Between the two: do without the cache of opened manifests from here on. */
void store_fresh(struct store_reader *reader);

/* A namespace's record; one that nobody has used yet is answered with defaults (0700, its uid). */
int store_ns_get(struct store_reader *reader, struct store_ns ns, struct header_ns *ret_ns);

int store_secret_by_name(struct store_reader *reader, struct store_ns ns, const char *name,
	size_t name_len, const struct store_secret **ret_secret);
int store_secret_by_row(
	struct store_reader *reader, uint64_t row, const struct store_secret **ret_secret);

/* An earlier version that is still kept; -ENOENT if it is not; -EBADMSG if it or another one of the
 * secret was removed, changed or put back. version == current answers the current one. */
int store_secret_version(struct store_reader *reader, uint64_t row, uint64_t version,
	const struct store_secret **ret_secret);

/* Are the earlier versions those that were sealed? -EBADMSG: they are not. */
int store_versions_check(struct store_reader *reader, uint64_t row);

/* A key that has left its secret, with the value that it had: ret_secret has that key, and maybe
 * others, and the secret's own attributes of then. -ENOENT: it was not kept. */
int store_secret_gone(struct store_reader *reader, const struct store_gone *gone,
	const struct store_secret **ret_secret);

/* What is kept although no version names it (struct store_files): ret_secret has the one key.
 * -ENOENT. */
int store_secret_kept(struct store_reader *reader, uint64_t row, uint64_t id,
	const struct store_secret **ret_secret);

/* The bytes of a key's value, which must be of the secret read last. -ESTALE: the secret came from
 * the cache and has just been changed: end the snapshot, begin another, store_fresh. ret_value must
 * be empty; it is charged to uid. A key never written has an empty value. */
int store_value(struct store_reader *reader, uint64_t row, const struct manifest_key *key,
	uint32_t uid, struct secbuf *ret_value);

/*
 * Calls visit for the secrets of a namespace in order of row, from the first row above after, in
 * one snapshot, until it returns non-zero (which is then returned, unless it is 1: "enough",
 * answered with 0). Rows that do not authenticate are left out, but the call that reaches the end
 * then returns -EBADMSG, as it does when the rows are not as many as the namespace's record says.
 * To be called between store_begin and store_end.
 */
typedef int (*store_visit_fn)(void *arg, const struct store_secret *secret);
int store_list(struct store_reader *reader, struct store_ns ns, uint64_t after,
	store_visit_fn visit, void *arg);

/* A keyed hash of a node's id, so that ids cannot be guessed into file handles. */
uint64_t store_generation(const struct store *store, uint64_t node);

/* A keyed hash of what a secret's keys are called and which values they have: the same for the same
 * content, also of an earlier version. */
uint64_t store_content(const struct store *store, const struct manifest *m);

/* Totals for statfs: bytes of the file system that holds the store are the caller's business. */
uint64_t store_secret_count(struct store *store);

/* Returns when what is being committed at the moment is, or is not. Not between store_begin and
 * store_end. */
void store_settle(struct store *store);

/* Some value that was kept (struct store_files) is not open any more: it is deleted soon. Any
 * thread; does not wait. */
void store_tidy(struct store *store);

/* ---- changing; every call returns when the change is durable ---- */

/*
 * uid, in what follows: who asks, or opened what is written. In a private namespace nobody but its
 * owner changes anything: -EACCES. It is checked in the transaction, because a secret may have
 * become private since it was opened.
 */

/* Owner, mode and ACLs of something new. */
struct store_new {
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	uint16_t acl_len;
	const uint8_t *acl;
	uint16_t default_acl_len; /* secrets only */
	const uint8_t *default_acl;
};

/* -EEXIST, -EDQUOT, -ENOSPC */
int store_secret_create(struct store *store, struct store_ns ns, const char *name, size_t name_len,
	const struct store_new *attr, uint64_t *ret_row);

/* -ENOENT, -ENOTEMPTY. Drops its history with it. */
int store_secret_remove(struct store *store, struct store_ns ns, const char *name, size_t name_len,
	uint64_t *ret_row);

#define STORE_RENAME_NOREPLACE 1
#define STORE_RENAME_EXCHANGE  2

struct store_move {
	struct store_ns from_ns;
	const char *from;
	size_t from_len;
	struct store_ns to_ns;
	const char *to;
	size_t to_len;
	unsigned flags;
	uint32_t uid;         /* who asks: between namespaces only the owner may */
	uint32_t public_mode; /* for what becomes public */
};

/*
 * Within a namespace an empty secret is replaced (not by NOREPLACE); between namespaces nothing is:
 * -ENOTEMPTY, with NOREPLACE -EEXIST. -EPERM: not the owner, or a key in it belongs to someone
 * else. ret_rows: [0] what was moved, [1] what was replaced or exchanged, or 0.
 */
int store_secret_rename(struct store *store, const struct store_move *move, uint64_t ret_rows[2]);

/* -ENOENT: the secret is gone; -EEXIST; -EDQUOT: too many keys. A new version of the secret. */
int store_key_create(struct store *store, uint64_t row, const char *name, size_t name_len,
	const struct store_new *attr, struct store_touched *ret);

int store_key_remove(struct store *store, uint64_t row, const char *name, size_t name_len,
	uint32_t uid, struct store_touched *ret);

/* Replaces a key called to, unless NOREPLACE. Numbers stay. ret[1].key_no: what was replaced or
 * exchanged, or 0. */
int store_key_rename(struct store *store, uint64_t row, const char *from, size_t from_len,
	const char *to, size_t to_len, unsigned flags, uint32_t uid, struct store_touched ret[2]);

struct store_put {
	uint64_t row;
	uint32_t key_no;
	const uint8_t *bytes; /* secret memory */
	size_t len;
	uint32_t uid;  /* who opened the key */
	bool truncate; /* what is current at commit, cut or filled up with zeros to len; bytes is
			  not looked at */
	bool append;   /* to what is current at commit; bytes is then only the tail */
	uint64_t coalesce; /* version made by the same handle before: replaced if it is still
			      current; 0: none */
	int64_t mtime;     /* ns; 0: leave it alone (set explicitly after the last write) */
};

/* -ENOENT: the key or the secret is gone. -EFBIG: longer than max_value. */
int store_put(struct store *store, const struct store_put *put, struct store_touched *ret);

/* Several keys in one transaction: the .json and .env views. */
struct store_merge_key {
	const char *name;
	size_t name_len;
	bool remove;          /* bytes is not looked at; removing what is not there is fine */
	const uint8_t *bytes; /* secret memory */
	size_t len;
};

struct store_merge {
	uint64_t row;
	uint32_t uid; /* who opened the view */
	const struct store_merge_key *keys;
	size_t n;
	struct store_new attr; /* for keys that are new */
	/* Called after the change, by the caller's thread, for each key that was removed; may be
	 * NULL. */
	void (*removed)(uint64_t row, uint32_t key_no);
};

/* -EPERM: a key that is another's would be removed from a sticky secret. */
int store_merge(struct store *store, const struct store_merge *merge, struct store_touched *ret);

/*
 * Drops an earlier version (0: all of them), or one key out of it, with the values that no other
 * version names. For the secret's owner, in a public one for uid 0 too: -EACCES. -EBUSY: it is the
 * current version. -ENOENT: there is no such version or key. The numbers of other versions stay.
 */
int store_version_remove(struct store *store, uint64_t row, uint64_t version, uint32_t uid);
int store_version_key_remove(struct store *store, uint64_t row, uint64_t version, const char *name,
	size_t name_len, uint32_t uid);

enum store_attr_bits {
	STORE_ATTR_UID = 1,
	STORE_ATTR_GID = 2,
	STORE_ATTR_MODE = 4,
	STORE_ATTR_ATIME = 8,
	STORE_ATTR_MTIME = 16,
	STORE_ATTR_ACL = 32,
	STORE_ATTR_DEFAULT_ACL = 64,  /* namespaces and secrets */
	STORE_ATTR_EXPIRES = 128,     /* secrets */
	STORE_ATTR_DESCRIPTION = 256, /* secrets */
};

struct store_attr {
	unsigned set; /* enum store_attr_bits; ctime is always now */
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	int64_t atime;
	int64_t mtime;
	int64_t expires;
	uint16_t acl_len;
	const uint8_t *acl;
	uint16_t default_acl_len;
	const uint8_t *default_acl;
	uint16_t description_len;
	const char *description;
};

/* Of a secret (key_no 0) or a key. No new version. */
int store_attr_set(struct store *store, uint64_t row, uint32_t key_no, uint32_t uid,
	const struct store_attr *attr, struct store_touched *ret);

/* Of a namespace (public: by root; private: times only make sense). */
int store_ns_attr_set(struct store *store, struct store_ns ns, const struct store_attr *attr);

/* Lengths of a value in .json and .env (view.c of fs renders them the same way). */
uint32_t store_json_len(const uint8_t *bytes, size_t len);
uint32_t store_env_len(const char *name, size_t name_len, const uint8_t *bytes, size_t len);

#endif
