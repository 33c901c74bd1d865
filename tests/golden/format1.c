/* SPDX-License-Identifier: MIT */
/* format1: a store of format 1 is what it was when it has become one of this format, and from then
 * on tells what is done to its history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "anchor.h"
#include "fd.h"
#include "golden.h"
#include "store.h"

#define PUBLIC ((struct store_ns){NS_PUBLIC, 0})
#define ALICE  ((struct store_ns){NS_PRIVATE, 20001})
#define BOB    ((struct store_ns){NS_PRIVATE, 20002})

static struct place place;
static struct store *store;
static struct store_reader *reader;
static const struct store_limits limits = {.history = 10, .max_value = 4096, .max_keys = 16};

/* All that is in it: versions (0: the current one) of which a key has this value. */
static const struct {
	struct store_ns ns;
	const char *name;
	uint64_t version;
	const char *key;
	const char *value; /* NULL: there is no such key */
} known[] = {
	{{NS_PUBLIC, 0}, "db", 0, "user", "admin"},
	{{NS_PUBLIC, 0}, "db", 0, "password", "password 5"},
	{{NS_PUBLIC, 0}, "db", 6, "password", "password 4"},
	{{NS_PUBLIC, 0}, "db", 5, "password", "password 3"},
	{{NS_PUBLIC, 0}, "db", 3, "password", "password 1"},
	{{NS_PUBLIC, 0}, "db", 3, "user", NULL},
	{{NS_PUBLIC, 0}, "db", 2, "user", "admin"},
	{{NS_PUBLIC, 0}, "plain", 0, "k", "once"},
	{{NS_PUBLIC, 0}, "moved", 0, "k", "m2"},
	{{NS_PUBLIC, 0}, "moved", 2, "k", "m1"},
	{{NS_PRIVATE, 20001}, "bank", 0, "pin", "pin 14"},
	{{NS_PRIVATE, 20001}, "bank", 14, "pin", "pin 13"},
	{{NS_PRIVATE, 20001}, "bank", 5, "pin", "pin 4"},
	{{NS_PRIVATE, 20001}, "is", 2, "k", "v1"},
	{{NS_PRIVATE, 20001}, "is", 0, "k", "v2"},
	{{NS_PRIVATE, 20001}, "cleared", 0, "k", "b"},
	{{NS_PRIVATE, 20002}, "db", 0, "password", "bob's second"},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static void must(int r, const struct why *why)
{
	if (r < 0)
		fail_msg("%s: %s", strerror(-r), why ? why->text : "");
}

/* ---- short forms ---- */

static void open_it(void)
{
	struct why why = {""};

	must(store_open(place.store, place.keys, &limits, &store, &why), &why);
	must(store_start(store), NULL);
	must(store_reader_open(store, &reader), NULL);
}

static void close_it(void)
{
	store_reader_close(reader);
	store_close(store);
	reader = NULL;
	store = NULL;
}

static int migrate(char kept[PATH_MAX])
{
	struct why why = {""};
	int r = store_migrate(place.store, place.keys, NULL, NULL, kept, &why);

	must(r, &why);
	return r;
}

static unsigned format_of(const char *path)
{
	struct store_info info;
	struct why why = {""};

	must(store_info(path, &info, &why), &why);
	return info.format;
}

static struct store_verify_result verify(const char *path, bool accept, int want)
{
	struct store_verify_result result = {0};
	struct why why = {""};
	const struct store_verify ask = {.accept = accept};
	int r = store_verify(path, place.keys, &ask, &result, &why);

	if (r != want)
		fail_msg("verify: %d, not %d: %s", r, want, why.text);
	return result;
}

static void tamper(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(place.store, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_true(sqlite3_changes(db) > 0);
	sqlite3_close(db);
}

static uint64_t row_of(struct store_ns ns, const char *name)
{
	const struct store_secret *secret;

	must(store_begin(reader), NULL);
	must(store_secret_by_name(reader, ns, name, strlen(name), &secret), NULL);
	uint64_t row = secret->row;
	store_end(reader);
	return row;
}

/* 0 or what refuses a version; 0: the current one. */
static int version_of(uint64_t row, uint64_t version)
{
	const struct store_secret *secret;

	must(store_begin(reader), NULL);
	int r = version ? store_secret_version(reader, row, version, &secret)
			: store_secret_by_row(reader, row, &secret);
	store_end(reader);
	return r;
}

static int versions_check(uint64_t row)
{
	must(store_begin(reader), NULL);
	int r = store_versions_check(reader, row);
	store_end(reader);
	return r;
}

static void put(uint64_t row, uint32_t uid, const char *value)
{
	struct store_touched touched;
	const struct store_put change = {.row = row,
		.key_no = 1,
		.uid = uid,
		.bytes = (const uint8_t *)value,
		.len = strlen(value)};

	must(store_put(store, &change, &touched), NULL);
}

static void check_known(size_t i)
{
	AUTO_SECBUF value = SECBUF_INIT;
	const struct store_secret *secret;

	must(store_begin(reader), NULL);
	must(store_secret_by_name(
		     reader, known[i].ns, known[i].name, strlen(known[i].name), &secret),
		NULL);
	if (known[i].version)
		must(store_secret_version(reader, secret->row, known[i].version, &secret), NULL);
	const struct manifest_key *key =
		manifest_key_by_name(&secret->m, known[i].key, strlen(known[i].key));
	assert_true(!key == !known[i].value);
	if (key) {
		must(store_value(reader, secret->row, key, SECMEM_SELF, &value), NULL);
		assert_int_equal(value.len, strlen(known[i].value));
		assert_memory_equal(value.data, known[i].value, value.len);
	}
	store_end(reader);
}

static void check_all(void)
{
	open_it();
	for (size_t i = 0; i < KNOWN; i++)
		check_known(i);
	/* Purged, one by itself and all that were. */
	assert_int_equal(version_of(row_of(PUBLIC, "db"), 4), -ENOENT);
	assert_int_equal(version_of(row_of(ALICE, "cleared"), 2), -ENOENT);
	close_it();
}

static int make(void **state)
{
	(void)state;
	return golden_place(&place);
}

static int destroy(void **state)
{
	(void)state;
	if (store)
		close_it();
	place_remove(&place);
	return 0;
}

/* ---- becoming one of this format ---- */

static void test_migrate(void **state)
{
	struct store_verify_result before = verify(place.store, false, 0), after;
	char kept[PATH_MAX], again[PATH_MAX], want[PATH_MAX];

	(void)state;
	assert_int_equal(format_of(place.store), 1);
	assert_int_equal(migrate(kept), 1);
	assert_int_equal(format_of(place.store), STORE_FORMAT);
	after = verify(place.store, false, 0);
	assert_int_equal(before.secrets, after.secrets);
	assert_int_equal(before.versions, after.versions);
	assert_int_equal(before.values, after.values);
	assert_int_equal(after.waste, before.waste);
	check_all();
	/* Once. */
	assert_int_equal(migrate(again), 0);
	/* And what was before is there, nobody else's, and whole. */
	snprintf(want, sizeof(want), "%s.format1", place.store);
	assert_string_equal(kept, want);
	struct stat st;
	assert_int_equal(stat(kept, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(format_of(kept), 1);
	verify(kept, false, 0);
}

/* A daemon does not serve it as it is. */
static void test_not_served(void **state)
{
	struct why why = {""};

	(void)state;
	assert_int_equal(store_open(place.store, place.keys, &limits, &store, &why), -EPROTO);
	assert_non_null(strstr(why.text, "started anew"));
	assert_int_equal(format_of(place.store), 1);
}

/* Without an anchor, and with nothing wrong. */
static void test_accept(void **state)
{
	(void)state;
	assert_true(verify(place.store, true, 0).sealed);
	assert_int_equal(format_of(place.store), STORE_FORMAT);
	assert_false(verify(place.store, true, 0).sealed);
	check_all();
}

/* The anchor of before is not ahead of it, and knows an older copy. */
static void test_anchor(void **state)
{
	char kept[PATH_MAX], folder[160];
	struct why why = {""};
	struct anchor *anchor;
	const struct store_verify ask = {.accept = true};
	struct store_verify_result result;

	(void)state;
	snprintf(folder, sizeof(folder), "%s/anchor", place.folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	must(anchor_open(folder, place.store, ANCHOR_KEEP, &anchor, &why), &why);
	must(anchor_unlock(anchor, place.keys->anchor, &why), &why);
	struct store_verify with = ask;
	with.anchor = anchor;
	/* It has none yet: this makes it one, and brings the store to this format. */
	must(store_verify(place.store, place.keys, &with, &result, &why), &why);
	assert_true(result.sealed);
	assert_int_equal(format_of(place.store), STORE_FORMAT);
	with.accept = false;
	must(store_verify(place.store, place.keys, &with, &result, &why), &why);
	check_all();
	/* The copy that was kept is an old one. */
	snprintf(kept, sizeof(kept), "%s.format1", place.store);
	assert_int_equal(rename(kept, place.store), 0);
	assert_int_equal(migrate(kept), 1);
	assert_int_equal(store_verify(place.store, place.keys, &with, &result, &why), -ESTALE);
	anchor_close(anchor);
}

/* What is damaged stays so, and is in nobody's way. */
static void test_damaged(void **state)
{
	char kept[PATH_MAX];
	struct store_verify_result result;

	(void)state;
	tamper("UPDATE secret SET box = CAST(substr(box, 1, length(box) - 1) || x'ff' AS BLOB) "
	       "WHERE id = (SELECT max(id) FROM secret)");
	tamper("DELETE FROM secret WHERE id = (SELECT min(id) FROM secret)");
	result = verify(place.store, false, -EBADMSG);
	uint64_t damaged = result.damaged, doubtful = result.doubtful;
	assert_true(damaged > 0 && doubtful > 0);
	assert_int_equal(migrate(kept), 1);
	result = verify(place.store, false, -EBADMSG);
	assert_int_equal(result.damaged, damaged);
	assert_int_equal(result.doubtful, doubtful);
	open_it();
	check_known(KNOWN - 2);
	close_it();
}

/* ---- its copies ---- */

static void test_compact(void **state)
{
	struct store_compacted compacted;
	struct why why = {""};
	const struct store_verify ask = {.accept = false};
	char kept[PATH_MAX];

	(void)state;
	must(store_compact(place.store, place.keys, &ask, &compacted, &why), &why);
	assert_int_equal(format_of(place.store), 1);
	must(store_compact(place.store, NULL, &ask, &compacted, &why), &why);
	assert_int_equal(format_of(place.store), 1);
	verify(place.store, false, 0);
	assert_int_equal(migrate(kept), 1);
	check_all();
}

static void test_restore(void **state)
{
	struct store_restored restored;
	struct store_verify_result result;
	struct why why = {""};
	const struct store_verify ask = {.accept = false};
	char copy[PATH_MAX];

	(void)state;
	snprintf(copy, sizeof(copy), "%s/copy", place.folder);
	AUTO_FD fd = open(copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	must(store_backup(place.store, fd, NULL, NULL, &why), &why);
	must(store_restore(place.store, fd, copy, place.keys, NULL, &ask, &result, &restored, &why),
		&why);
	assert_int_equal(format_of(place.store), STORE_FORMAT);
	verify(place.store, false, 0);
	check_all();
	assert_int_equal(format_of(copy), 1);
}

static void test_rotate(void **state)
{
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;
	struct keyslot slot;
	struct store_verify_result result;
	struct why why = {""};
	struct secbuf memory = SECBUF_INIT;

	(void)state;
	must(keyslot_read_file(place.key, &source, &why), &why);
	must(secbuf_alloc(&master, KEYSLOT_MASTER, SECMEM_SELF), NULL);
	must(secbuf_alloc(&memory, sizeof(struct keyslot_keys), SECMEM_SELF), NULL);
	secmem_random(master.data, KEYSLOT_MASTER);
	master.len = KEYSLOT_MASTER;
	must(keyslot_seal(&slot, 1, KEYSLOT_KEYFILE, "new", &source, &master, &why), &why);
	keyslot_derive(&master, (struct keyslot_keys *)(void *)memory.data);
	const struct store_rotate rotate = {.keys = place.keys,
		.new_keys = (struct keyslot_keys *)(void *)memory.data,
		.slots = &slot,
		.nslots = 1};
	must(store_rotate(place.store, &rotate, &result, &why), &why);
	secbuf_free(&place.memory);
	place.memory = memory;
	place.keys = (struct keyslot_keys *)(void *)memory.data;
	assert_int_equal(format_of(place.store), STORE_FORMAT);
	verify(place.store, false, 0);
	check_all();
}

/* ---- what is done to a history from now on ---- */

/* Something of "db" (row) was changed: all but the current version is refused, and it can still be
 * written to, which mends nothing. */
static void check_told(struct store_ns ns, const char *name, uint32_t uid)
{
	assert_true(verify(place.store, false, -EBADMSG).doubtful > 0);
	open_it();
	uint64_t row = row_of(ns, name);
	const struct store_secret *secret;
	must(store_begin(reader), NULL);
	must(store_secret_by_row(reader, row, &secret), NULL);
	uint64_t oldest = secret->m.oldest, version = secret->m.version;
	for (uint64_t v = oldest; v < version; v++)
		assert_int_equal(store_secret_version(reader, row, v, &secret), -EBADMSG);
	must(store_secret_version(reader, row, version, &secret), NULL);
	store_end(reader);
	assert_int_equal(versions_check(row), -EBADMSG);
	/* Until all that there were have been pruned, and after. */
	for (int i = 0; i < 24; i++) {
		put(row, uid, "more");
		assert_int_equal(version_of(row, 0), 0);
		assert_int_equal(versions_check(row), -EBADMSG);
	}
	must(store_version_remove(store, row, 0, uid), NULL);
	assert_int_equal(versions_check(row), -EBADMSG);
	/* Others are as they were. */
	assert_int_equal(versions_check(row_of(BOB, "db")), 0);
	close_it();
	assert_true(verify(place.store, false, -EBADMSG).doubtful > 0);
	assert_true(verify(place.store, true, 0).sealed);
	verify(place.store, false, 0);
	open_it();
	assert_int_equal(versions_check(row), 0);
	put(row, uid, "after");
	assert_int_equal(versions_check(row), 0);
	close_it();
	verify(place.store, false, 0);
}

static void test_deleted(void **state)
{
	char kept[PATH_MAX];

	(void)state;
	migrate(kept);
	tamper("DELETE FROM history WHERE ver = 9"); /* of "bank" alone */
	check_told(ALICE, "bank", 20001);
}

/* The whole history, as if its owner had purged it. */
static void test_emptied(void **state)
{
	char kept[PATH_MAX];

	(void)state;
	migrate(kept);
	tamper("DELETE FROM history WHERE secret = (SELECT secret FROM history WHERE ver = 9)");
	check_told(ALICE, "bank", 20001);
}

/* An older copy, STORE.old, for what is put back later. */
static void keep_old(void)
{
	char path[PATH_MAX];
	struct why why = {""};

	snprintf(path, sizeof(path), "%s.old", place.store);
	AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(store_backup(place.store, fd, NULL, NULL, &why), &why);
}

static void test_put_back(void **state)
{
	char kept[PATH_MAX], sql[2 * PATH_MAX];

	(void)state;
	migrate(kept);
	keep_old();
	/* Its owner purges a version. */
	open_it();
	must(store_version_remove(store, row_of(ALICE, "bank"), 9, 20001), NULL);
	assert_int_equal(versions_check(row_of(ALICE, "bank")), 0);
	close_it();
	verify(place.store, false, 0);
	snprintf(sql, sizeof(sql),
		"ATTACH '%s.old' AS old; INSERT OR IGNORE INTO value SELECT * FROM old.value; "
		"INSERT OR IGNORE INTO history SELECT * FROM old.history",
		place.store);
	tamper(sql);
	check_told(ALICE, "bank", 20001);
}

/* A key that was taken out of a version, put back. */
static void test_key_put_back(void **state)
{
	char kept[PATH_MAX], sql[2 * PATH_MAX];

	(void)state;
	migrate(kept);
	keep_old();
	open_it();
	must(store_version_key_remove(store, row_of(ALICE, "bank"), 9, "pin", 3, 20001), NULL);
	assert_int_equal(versions_check(row_of(ALICE, "bank")), 0);
	close_it();
	verify(place.store, false, 0);
	snprintf(sql, sizeof(sql),
		"ATTACH '%s.old' AS old; INSERT OR IGNORE INTO value SELECT * FROM old.value; "
		"INSERT OR REPLACE INTO history SELECT * FROM old.history WHERE ver = 9",
		place.store);
	tamper(sql);
	check_told(ALICE, "bank", 20001);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, destroy)
	const struct CMUnitTest tests[] = {
		TEST(test_migrate),
		TEST(test_not_served),
		TEST(test_accept),
		TEST(test_anchor),
		TEST(test_damaged),
		TEST(test_compact),
		TEST(test_restore),
		TEST(test_rotate),
		TEST(test_deleted),
		TEST(test_emptied),
		TEST(test_put_back),
		TEST(test_key_put_back),
	};

	if (secmem_init(4u << 20) < 0)
		return 1;
	store_prepare();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
