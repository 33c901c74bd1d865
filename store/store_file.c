/* SPDX-License-Identifier: MIT */
/* store_file: the store as a file: making it, and whose it must be. */
#include "store_int.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- paths ---- */

static int file_check(const char *path, uint32_t owner, struct why *why)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return why_set(why, -ENOENT,
				"there is no store at %s; make one with: secretctl store init %s "
				"--keyfile FILE",
				path, path);
		return why_set(
			why, -errno, "cannot look at the store %s: %s", path, strerror(errno));
	}
	if (!S_ISREG(st.st_mode))
		return why_set(why, -EINVAL, "the store %s is not a regular file", path);
	if (st.st_uid != owner && st.st_uid != 0)
		return why_set(why, -EPERM,
			"the store %s belongs to uid %u; it must belong to uid %u: chown %u %s",
			path, st.st_uid, owner, owner, path);
	if (st.st_mode & 077)
		return why_set(why, -EPERM,
			"the store %s has mode %04o, others can get at it: chmod 0600 %s", path,
			st.st_mode & 07777, path);
	return 0;
}

/* A folder whose writers could put another file in the store's place. */
static int folder_check(
	const char *folder, uint32_t owner, bool own, const char *what, struct why *why)
{
	struct stat st;

	if (lstat(folder, &st) < 0)
		return why_set(
			why, -errno, "cannot look at the folder %s: %s", folder, strerror(errno));
	/* SQLite keeps its log beside the store, so whoever opens it must be able to write there.
	 */
	if (own && st.st_uid != owner)
		return why_set(why, -EPERM,
			"the %s's folder %s belongs to uid %u, but must be uid %u's alone, who "
			"keeps files there: chown %u %s",
			what, folder, st.st_uid, owner, owner, folder);
	if (!own && st.st_mode & S_ISVTX)
		return 0;
	mode_t others = S_IWOTH;
	/* The group may write where it is root's, or in a folder of the owner's own above the
	 * store. */
	if (own || (st.st_gid != 0 && st.st_uid != owner))
		others |= S_IWGRP;
	if (st.st_mode & others)
		return why_set(why, -EPERM,
			"the folder %s above the %s has mode %04o, others can write to it: "
			"chmod go-w %s",
			folder, what, st.st_mode & 07777, folder);
	return 0;
}

/* A folder and all that are above it; changes its argument. */
static int folders_check(char *folder, uint32_t owner, const char *what, struct why *why)
{
	int r = folder_check(folder, owner, true, what, why);

	while (r == 0 && strcmp(folder, "/") != 0) {
		char *slash = strrchr(folder, '/');
		slash[slash == folder] = '\0';
		r = folder_check(folder, owner, false, what, why);
	}
	return r;
}

int store_check_folder(const char *folder, uint32_t owner, const char *what, struct why *why)
{
	char real[PATH_MAX];

	if (!realpath(folder, real))
		return why_set(
			why, -errno, "cannot find the folder %s: %s", folder, strerror(errno));
	return folders_check(real, owner, what, why);
}

int store_check_path(const char *path, uint32_t owner, struct why *why)
{
	char folder[PATH_MAX];
	int r = file_check(path, owner, why);

	if (r == 0)
		r = path_folder(path, folder, why);
	return r < 0 ? r : folders_check(folder, owner, "store", why);
}

/* ---- making a store ---- */

static int create_buckets(struct store *store)
{
	uint8_t plain[HEADER_BUCKET], box[HEADER_BUCKET + SEAL_OVERHEAD];
	struct seal_place place;
	int r = 0;

	for (int64_t i = 0; i < INDEX_BUCKETS && r == 0; i++) {
		AUTO_QUERY query = NULL;
		r = db_query(store->db, QUERY_BUCKET_INSERT, &query);
		if (r < 0)
			return r;
		header_bucket_encode(&store->buckets[i].header, plain);
		store->buckets[i].ver = 1;
		store_place(store, SEAL_BUCKET, i, 0, NULL, 1, &place);
		seal_box(store->keys->meta, &place, plain, sizeof(plain), box);
		db_bind_int(query, 1, i);
		db_bind_int(query, 2, 1);
		db_bind_blob(query, 3, box, sizeof(box));
		r = db_run(query, 1);
		atomic_store(&store->bucket_state[i], BUCKET_GOOD);
	}
	return r;
}

static int create_root(struct store *store)
{
	AUTO_QUERY query = NULL;
	int r = db_query(store->db, QUERY_ROOT_INSERT, &query);

	if (r < 0)
		return r;
	/* txn_seal writes the real one over it in the same transaction. */
	db_bind_blob(query, 1, "", 0);
	return db_run(query, 1);
}

int store_create_sums(struct store *store)
{
	int r = create_buckets(store);

	return r < 0 ? r : create_root(store);
}

static int create_public(
	struct store *store, int64_t now, uint32_t public_owner, uint32_t public_group)
{
	struct txn txn = {.store = store, .db = store->db, .now = now};
	struct store_ns ns = {NS_PUBLIC, 0};
	struct txn_ns change;
	int r = txn_ns_get(&txn, ns, &change);

	if (r == 0) {
		change.h.owner = public_owner;
		change.h.gid = public_group;
		change.h.mode = public_owner == 0 ? 01755 : 0755;
		r = txn_ns_put(&txn, ns, &change);
	}
	if (r == 0)
		r = txn_seal(&txn);
	txn_clear(&txn);
	return r;
}

static int create_content(struct store *store, uint32_t public_owner, const struct keyslot *slot)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	secmem_random(store->id, sizeof(store->id));
	store->root = (struct header_root){.format = STORE_FORMAT,
		.epoch = 1,
		.next_row = 1,
		.next_value = 1,
		.created = now_ns};
	memcpy(store->root.store_id, store->id, sizeof(store->id));
	atomic_store(&store->next_value, 1);
	int r = db_exec(store->db, "BEGIN IMMEDIATE");
	if (r == 0)
		r = schema_create(store->db, STORE_FORMAT);
	if (r == 0)
		r = store_create_sums(store);
	if (r == 0)
		r = create_public(
			store, now_ns, public_owner, public_owner == 0 ? 0 : (uint32_t)getgid());
	if (r == 0)
		r = store_slot_insert(store->db, slot);
	return r < 0 ? r : db_exec(store->db, "COMMIT");
}

/* Fills an empty file with a whole store. */
static int create_file(const char *path, uint32_t public_owner, enum keyslot_kind kind,
	const struct secbuf *source, struct why *why)
{
	AUTO_SECBUF master = SECBUF_INIT;
	AUTO_SECBUF keys = SECBUF_INIT;
	struct keyslot slot;
	int r = secbuf_alloc(&master, KEYSLOT_MASTER, SECMEM_SELF);

	if (r == 0)
		r = secbuf_alloc(&keys, sizeof(struct keyslot_keys), SECMEM_SELF);
	if (r < 0)
		return why_set(why, r,
			"out of locked memory; raise the limit of locked memory (ulimit -l)");
	secmem_random(master.data, KEYSLOT_MASTER);
	master.len = KEYSLOT_MASTER;
	r = keyslot_seal(&slot, 1, kind, keyslot_kind_word((int64_t)kind), source, &master, why);
	if (r < 0)
		return r;
	keyslot_derive(&master, (struct keyslot_keys *)(void *)keys.data);
	struct store *store = calloc(1, sizeof(*store));
	if (!store)
		return why_set(why, -ENOMEM, "out of memory");
	pthread_rwlock_init(&store->ns_lock, NULL);
	store->keys = (const struct keyslot_keys *)(const void *)keys.data;
	r = db_open(path, DB_CREATE, &store->db, why);
	if (r == 0) {
		r = create_content(store, public_owner, &slot);
		if (r < 0)
			why_set(why, r, "cannot write the store: %s", strerror(-r));
	}
	store_close(store);
	return r;
}

static int create_folder(const char *path, uint32_t owner, uint32_t group,
	char ret_folder[PATH_MAX], struct why *why)
{
	char copy[PATH_MAX];
	int r = path_beside(path, "", copy, why);

	if (r < 0)
		return r;
	const char *folder = dirname(copy);
	bool made = mkdir(folder, 0700) == 0;
	if (!made && errno != EEXIST)
		return why_set(
			why, -errno, "cannot make the folder %s: %s", folder, strerror(errno));
	if (geteuid() == 0 && made) {
		AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fchown(fd, owner, group) < 0 || fchmod(fd, 0700) < 0)
			return why_set(why, -errno, "cannot give the folder %s to uid %u: %s",
				folder, owner, strerror(errno));
	}
	return path_folder(path, ret_folder, why);
}

/* Syncs the finished file, gives it to its owner and puts it in its place, never over something. */
static int create_settle(const char *made, const char *path, const char *folder, uint32_t owner,
	uint32_t group, struct why *why)
{
	AUTO_FD fd = open(made, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || dir < 0 || (geteuid() == 0 && fchown(fd, owner, group) < 0) || fsync(fd) < 0)
		return why_set(why, -errno, "cannot finish the store: %s", strerror(errno));
	if (renameat2(AT_FDCWD, made, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
		if (errno == EEXIST)
			return why_set(why, -EEXIST,
				"%s is there already; a store is never overwritten", path);
		return why_set(
			why, -errno, "cannot put the store at %s: %s", path, strerror(errno));
	}
	if (fsync(dir) < 0) {
		int r = why_set(
			why, -errno, "cannot sync the folder %s: %s", folder, strerror(errno));
		/* It may be gone after a power cut: then it was never there. */
		unlink(path);
		return r;
	}
	return 0;
}

/* SQLite would apply the log of a store that was here to the new one. */
static int create_no_log(const char *path, struct why *why)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
	char log[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		int r = path_beside(path, suffixes[i], log, why);
		if (r < 0)
			return r;
		if (lstat(log, &st) == 0)
			return why_set(why, -EEXIST,
				"%s is there: it was left by another store, which it belongs to; "
				"remove it, or put that one back",
				log);
	}
	return 0;
}

int store_create(const char *path, uint32_t owner, uint32_t group, uint32_t public_owner,
	enum keyslot_kind kind, const struct secbuf *source, struct why *why)
{
	char made[PATH_MAX], folder[PATH_MAX], suffix[24];
	struct stat st;
	uint64_t random;

	if (lstat(path, &st) == 0)
		return why_set(
			why, -EEXIST, "%s is there already; a store is never overwritten", path);
	int r = create_no_log(path, why);
	if (r == 0)
		r = create_folder(path, owner, group, folder, why);
	if (r == 0)
		r = folder_check(folder, owner, true, "store", why);
	if (r < 0)
		return r;
	secmem_random(&random, sizeof(random));
	snprintf(suffix, sizeof(suffix), ".%016llx", (unsigned long long)random);
	r = path_beside(path, suffix, made, why);
	if (r < 0)
		return r;
	AUTO_FD fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return why_set(
			why, -errno, "cannot make the store in %s: %s", folder, strerror(errno));
	/* Before SQLite opens it: closing a second descriptor of the file would drop its locks. */
	fd_close(&fd);
	r = create_file(made, public_owner, kind, source, why);
	if (r == 0)
		r = create_settle(made, path, folder, owner, group, why);
	if (r < 0)
		unlink(made);
	return r;
}
