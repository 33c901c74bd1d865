/* SPDX-License-Identifier: MIT */
/* store_slots: the table of key slots, and what else a store tells without its key. */
#include "store_int.h"

#include "path.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A row that is no slot opens for nobody, and must not hide the others: its kind is 0. */
static void slot_read(struct db_query *query, struct keyslot *slot)
{
	size_t salt_len, box_len;
	const uint8_t *salt = db_blob(query, 2, &salt_len);
	const char *label = db_text(query, 5);
	const uint8_t *box = db_blob(query, 6, &box_len);

	if (salt_len != KEYSLOT_SALT || box_len != KEYSLOT_BOX || !label ||
		strlen(label) > KEYSLOT_LABEL) {
		*slot = (struct keyslot){.id = db_int(query, 0)};
		return;
	}
	*slot = (struct keyslot){.id = db_int(query, 0),
		.kind = db_int(query, 1),
		.ops = db_int(query, 3),
		.mem = db_int(query, 4)};
	memcpy(slot->salt, salt, KEYSLOT_SALT);
	memcpy(slot->label, label, strlen(label) + 1);
	memcpy(slot->box, box, KEYSLOT_BOX);
}

int store_slots_read(struct db *db, struct keyslot ret_slots[STORE_SLOTS], struct why *why)
{
	AUTO_QUERY query = NULL;
	int n = 0;
	int r = db_query(db, QUERY_SLOTS, &query);

	if (r < 0)
		return why_set(why, r, "cannot read the key slots: %s", strerror(-r));
	while (n < STORE_SLOTS && (r = db_step(query)) > 0)
		slot_read(query, &ret_slots[n++]);
	if (r < 0)
		return why_set(why, r, "cannot read the key slots: %s", strerror(-r));
	if (n == 0)
		return why_set(
			why, -EBADMSG, "the store has no key slot left; restore it from a backup");
	return n;
}

int store_read_slots(const char *path, struct keyslot ret_slots[STORE_SLOTS], struct why *why)
{
	AUTO_DB db = NULL;
	int r = reserve_db_open(path, DB_READER, &db, why);

	if (r == 0)
		r = schema_check(db, why);
	return r < 0 ? r : store_slots_read(db, ret_slots, why);
}

int store_read_slots_fd(
	int fd, const char *what, struct keyslot ret_slots[STORE_SLOTS], struct why *why)
{
	AUTO_DB db = NULL;
	int r = db_open_fd(fd, what, &db, why);

	if (r == 0)
		r = schema_check(db, why);
	return r < 0 ? r : store_slots_read(db, ret_slots, why);
}

static uint64_t file_bytes(const char *path, const char *suffix)
{
	char beside[PATH_MAX];
	struct stat st;

	if (path_beside(path, suffix, beside, NULL) < 0 || stat(beside, &st) < 0)
		return 0;
	return (uint64_t)st.st_size;
}

static int query_count(struct db *db, enum schema_query which, uint64_t *ret_count)
{
	AUTO_QUERY query = NULL;
	int r = db_query(db, which, &query);

	if (r == 0)
		r = db_step(query);
	if (r <= 0)
		return r < 0 ? r : -EBADMSG;
	*ret_count = (uint64_t)db_int(query, 0);
	return 0;
}

int store_info(const char *path, struct store_info *ret_info, struct why *why)
{
	struct store_info info = {0};
	AUTO_DB db = NULL;
	int r = store_db_open(path, DB_READER, &db, why);

	if (r == 0)
		r = store_slots_read(db, info.slots, why);
	if (r < 0)
		return r;
	info.nslots = (size_t)r;
	r = schema_format(db, &info.format);
	if (r == 0)
		r = query_count(db, QUERY_SECRET_COUNT, &info.secrets);
	if (r == 0)
		r = query_count(db, QUERY_VALUE_COUNT, &info.values);
	if (r < 0)
		return why_set(why, r, "cannot count the rows of the store: %s", strerror(-r));
	info.file_bytes = file_bytes(path, "") + file_bytes(path, "-wal");
	*ret_info = info;
	return 0;
}

int store_slot_insert(struct db *db, const struct keyslot *slot)
{
	AUTO_QUERY query = NULL;
	int r = db_query(db, QUERY_SLOT_INSERT, &query);

	if (r < 0)
		return r;
	db_bind_int(query, 1, slot->id);
	db_bind_int(query, 2, slot->kind);
	db_bind_blob(query, 3, slot->salt, KEYSLOT_SALT);
	db_bind_int(query, 4, slot->ops);
	db_bind_int(query, 5, slot->mem);
	db_bind_text(query, 6, slot->label);
	db_bind_blob(query, 7, slot->box, KEYSLOT_BOX);
	return db_run(query, 1);
}

/* ---- changing them ---- */

static bool slot_taken(const struct keyslot *slots, int n, int64_t id)
{
	for (int i = 0; i < n; i++)
		if (slots[i].id == id)
			return true;
	return false;
}

static int slot_add(struct db *db, enum keyslot_kind kind, const char *label,
	const struct secbuf *source, const struct secbuf *master, int64_t *ret_id, struct why *why)
{
	struct keyslot slots[STORE_SLOTS], slot;
	int64_t id = 1;
	int n = store_slots_read(db, slots, why);

	if (n < 0)
		return n;
	if (n == STORE_SLOTS)
		return why_set(why, -ENOSPC,
			"the store has %d key slots, which is all there can be; remove one first",
			STORE_SLOTS);
	while (slot_taken(slots, n, id))
		id++;
	int r = keyslot_seal(&slot, id, kind, label, source, master, why);
	if (r < 0)
		return r;
	r = store_slot_insert(db, &slot);
	if (r < 0)
		return why_set(why, r, "cannot write the key slot: %s", strerror(-r));
	*ret_id = id;
	return 0;
}

static int slot_remove(struct db *db, int64_t id, struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	AUTO_QUERY query = NULL;
	int n = store_slots_read(db, slots, why);

	if (n < 0)
		return n;
	if (!slot_taken(slots, n, id))
		return why_set(why, -ENOENT, "the store has no key slot %lld", (long long)id);
	if (n == 1)
		return why_set(why, -EINVAL,
			"key slot %lld is the last one: nothing would open the store any more; add "
			"another first",
			(long long)id);
	int r = db_query(db, QUERY_SLOT_DELETE, &query);
	if (r < 0)
		return why_set(why, r, "cannot remove the key slot: %s", strerror(-r));
	db_bind_int(query, 1, id);
	r = db_run(query, 1);
	return r < 0 ? why_set(why, r, "cannot remove the key slot: %s", strerror(-r)) : 0;
}

/* Opens the store to change its slots in one transaction. */
static int slots_begin(const char *path, struct db **ret_db, struct why *why)
{
	AUTO_DB db = NULL;
	int r = store_db_open(path, DB_WRITER, &db, why);

	if (r < 0)
		return r;
	r = db_exec(db, "BEGIN IMMEDIATE");
	if (r < 0)
		return why_set(why, r, "cannot change the store: %s", strerror(-r));
	*ret_db = db;
	db = NULL;
	return 0;
}

/* The log goes with the connection, so that nothing of a removed slot stays in it. */
static int slots_commit(struct db *db, struct why *why)
{
	int r = db_exec(db, "COMMIT");

	return r < 0 ? why_set(why, r, "cannot change the store: %s", strerror(-r)) : 0;
}

int store_slot_add(const char *path, enum keyslot_kind kind, const char *label,
	const struct secbuf *source, const struct secbuf *master, int64_t *ret_id, struct why *why)
{
	AUTO_DB db = NULL;
	int r = slots_begin(path, &db, why);

	if (r == 0)
		r = slot_add(db, kind, label, source, master, ret_id, why);
	return r < 0 ? r : slots_commit(db, why);
}

int store_slot_remove(const char *path, int64_t id, struct why *why)
{
	AUTO_DB db = NULL;
	int r = slots_begin(path, &db, why);

	if (r == 0)
		r = slot_remove(db, id, why);
	return r < 0 ? r : slots_commit(db, why);
}
