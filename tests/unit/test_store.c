/* SPDX-License-Identifier: MIT */
/* The store as a whole (store, store_file, store_read, store_write, txn, writer, db, schema): every
 * change, what it leaves, and that the sums hold afterwards; and what is refused of a file that
 * somebody else has changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db.h"
#include "schema.h"
#include "store.h"

#define PUBLIC ((struct store_ns){NS_PUBLIC, 0})

static char folder[64], path[96], store_path[96];
static struct keyslot_keys keys;
static struct store *store;
static struct store_reader *reader;
static struct store_limits limits;

static void must(int r)
{
	if (r < 0)
		fail_msg("%s", strerror(-r));
}

static void open_it(void)
{
	struct why why = {""};

	if (store_open(store_path, &keys, &limits, &store, &why) < 0)
		fail_msg("%s", why.text);
	must(store_start(store));
	must(store_reader_open(store, &reader));
}

static void close_it(void)
{
	store_reader_close(reader);
	store_close(store);
	reader = NULL;
	store = NULL;
}

static int make(void **state)
{
	struct why why = {""};
	struct keyslot slots[STORE_SLOTS];
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;

	(void)state;
	strcpy(folder, "/tmp/test_store.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/key", folder);
	snprintf(store_path, sizeof(store_path), "%s/s/store.db", folder);
	limits = (struct store_limits){.history = 3, .max_value = 4096, .max_keys = 4};
	if (keyslot_make_file(path, &source, &why) < 0 ||
		store_create(store_path, geteuid(), getegid(), 0, KEYSLOT_KEYFILE, &source, &why) <
			0 ||
		store_check_path(store_path, geteuid(), &why) < 0) {
		print_error("%s\n", why.text);
		return -1;
	}
	int n = store_read_slots(store_path, slots, &why);
	if (n != 1 || keyslot_open_any(slots, 1, KEYSLOT_KEYFILE, &source, &master, &why) < 0)
		return -1;
	keyslot_derive(&master, &keys);
	open_it();
	return 0;
}

static int destroy(void **state)
{
	char command[128];

	(void)state;
	if (store)
		close_it();
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

/* ---- short forms ---- */

static uint64_t secret_in(struct store_ns ns, const char *name, uint32_t uid)
{
	const struct store_new attr = {.uid = uid, .gid = uid, .mode = 0755};
	uint64_t row = 0;

	must(store_secret_create(store, ns, name, strlen(name), &attr, &row));
	return row;
}

static uint32_t key_in(uint64_t row, const char *name, uint32_t uid)
{
	const struct store_new attr = {.uid = uid, .gid = uid, .mode = 0644};
	struct store_touched touched;

	must(store_key_create(store, row, name, strlen(name), &attr, &touched));
	return touched.key_no;
}

static int put(uint64_t row, uint32_t key_no, const char *value, uint64_t coalesce,
	struct store_touched *ret)
{
	struct store_touched touched = {0};
	const struct store_put change = {.row = row,
		.key_no = key_no,
		.uid = 7,
		.bytes = (const uint8_t *)value,
		.len = strlen(value),
		.coalesce = coalesce,
		.mtime = 1};
	int r = store_put(store, &change, &touched);

	if (ret)
		*ret = touched;
	return r;
}

/* The value of a key in a version (0: the current one) must be this; NULL: there is no such key. */
static void holds(uint64_t row, uint64_t version, const char *name, const char *value)
{
	const struct store_secret *secret;
	AUTO_SECBUF bytes = SECBUF_INIT;

	must(store_begin(reader));
	if (version)
		must(store_secret_version(reader, row, version, &secret));
	else
		must(store_secret_by_row(reader, row, &secret));
	const struct manifest_key *key = manifest_key_by_name(&secret->m, name, strlen(name));
	if (!value) {
		assert_null(key);
	} else {
		assert_non_null(key);
		must(store_value(reader, row, key, SECMEM_SELF, &bytes));
		assert_int_equal(bytes.len, strlen(value));
		assert_memory_equal(bytes.data, value, bytes.len);
		assert_int_equal(key->len, bytes.len);
	}
	store_end(reader);
}

static int count_one(void *arg, const struct store_secret *secret)
{
	(void)secret;
	(*(unsigned *)arg)++;
	return 0;
}

static unsigned count(struct store_ns ns)
{
	unsigned n = 0;

	must(store_begin(reader));
	must(store_list(reader, ns, 0, count_one, &n));
	store_end(reader);
	return n;
}

static int look(struct store_ns ns, const char *name)
{
	const struct store_secret *secret;

	must(store_begin(reader));
	int r = store_secret_by_name(reader, ns, name, strlen(name), &secret);
	store_end(reader);
	return r;
}

/* ---- changes ---- */

static void test_values(void **state)
{
	struct store_touched touched;
	uint64_t row = secret_in(PUBLIC, "s", 7);
	uint32_t key = key_in(row, "k", 7);

	(void)state;
	holds(row, 0, "k", "");
	must(put(row, key, "one", 0, NULL));
	must(put(row, key, "two", 0, &touched));
	holds(row, 0, "k", "two");
	holds(row, touched.version - 1, "k", "one");
	/* The same handle again replaces its own version. */
	uint64_t version = touched.version;
	must(put(row, key, "three", version, &touched));
	assert_int_equal(touched.version, version);
	holds(row, version - 1, "k", "one");
	holds(row, 0, "k", "three");
	const struct store_put tail = {.row = row,
		.key_no = key,
		.bytes = (const uint8_t *)"+tail",
		.len = 5,
		.append = true,
		.mtime = 1};
	must(store_put(store, &tail, &touched));
	holds(row, 0, "k", "three+tail");
	const struct store_put cut = {
		.row = row, .key_no = key, .len = 4, .truncate = true, .mtime = 1};
	must(store_put(store, &cut, &touched));
	holds(row, 0, "k", "thre");
	assert_int_equal(put(row, key + 1, "x", 0, NULL), -ENOENT);
	assert_int_equal(put(row + 1000, key, "x", 0, NULL), -ENOENT);
}

static void test_history(void **state)
{
	struct store_touched touched;
	const struct store_secret *secret;
	char value[16];
	uint64_t row = secret_in(PUBLIC, "s", 7);
	uint32_t key = key_in(row, "k", 7);

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(value, sizeof(value), "value %d", i);
		must(put(row, key, value, 0, &touched));
	}
	for (int back = 0; back <= 3; back++) {
		snprintf(value, sizeof(value), "value %d", 9 - back);
		holds(row, touched.version - (uint64_t)back, "k", value);
	}
	must(store_begin(reader));
	assert_int_equal(store_secret_version(reader, row, touched.version - 4, &secret), -ENOENT);
	assert_int_equal(store_secret_version(reader, row, touched.version + 1, &secret), -ENOENT);
	store_end(reader);
	/* What no version names any more is gone from the file. */
	struct store_info info;
	must(store_info(store_path, &info, NULL));
	assert_int_equal(info.values, 4);
}

static void test_names(void **state)
{
	struct store_touched touched[2];
	uint64_t row = secret_in(PUBLIC, "s", 7), other, gone;
	uint32_t a = key_in(row, "a", 7), b = key_in(row, "b", 7);
	const struct store_new attr = {.uid = 7, .mode = 0600};

	(void)state;
	must(put(row, a, "A", 0, NULL));
	must(put(row, b, "B", 0, NULL));
	assert_int_equal(store_key_create(store, row, "a", 1, &attr, touched), -EEXIST);
	assert_int_equal(
		store_key_rename(store, row, "a", 1, "b", 1, STORE_RENAME_NOREPLACE, 7, touched),
		-EEXIST);
	assert_int_equal(store_key_rename(store, row, "x", 1, "b", 1, 0, 7, touched), -ENOENT);
	must(store_key_rename(store, row, "a", 1, "b", 1, STORE_RENAME_EXCHANGE, 7, touched));
	holds(row, 0, "a", "B");
	holds(row, 0, "b", "A");
	must(store_key_rename(store, row, "a", 1, "b", 1, 0, 7, touched));
	assert_int_equal(touched[0].key_no, b);
	assert_int_equal(touched[1].key_no, a);
	holds(row, 0, "a", NULL);
	holds(row, 0, "b", "B");
	assert_int_equal(store_secret_remove(store, PUBLIC, "s", 1, &gone), -ENOTEMPTY);
	must(store_key_remove(store, row, "b", 1, 7, touched));
	assert_int_equal(store_key_remove(store, row, "b", 1, 7, touched), -ENOENT);
	other = secret_in(PUBLIC, "other", 7);
	must(store_secret_remove(store, PUBLIC, "s", 1, &gone));
	assert_int_equal(gone, row);
	assert_int_equal(look(PUBLIC, "s"), -ENOENT);
	assert_int_equal(look(PUBLIC, "other"), 0);
	assert_int_not_equal(other, row);
	struct store_info info;
	must(store_info(store_path, &info, NULL));
	assert_int_equal(info.values, 0);
}

static void test_visibility(void **state)
{
	const struct store_ns mine = {NS_PRIVATE, 7};
	uint64_t row = secret_in(mine, "s", 7), rows[2];
	uint32_t key = key_in(row, "k", 7);
	struct store_move move = {.from_ns = mine,
		.from = "s",
		.from_len = 1,
		.to_ns = PUBLIC,
		.to = "t",
		.to_len = 1,
		.uid = 8,
		.public_mode = 0755};

	(void)state;
	struct store_touched none;
	const struct store_put stranger = {.row = row, .key_no = key, .uid = 0, .mtime = 1};
	assert_int_equal(store_put(store, &stranger, &none), -EACCES);
	assert_int_equal(store_secret_rename(store, &move, rows), -EPERM);
	move.uid = 7;
	must(store_secret_rename(store, &move, rows));
	assert_int_equal(rows[0], row);
	assert_int_equal(look(mine, "s"), -ENOENT);
	assert_int_equal(look(PUBLIC, "t"), 0);
	must(put(row, key, "v", 0, NULL));
	/* Somebody else's key in it keeps it from
	 * becoming private. */
	key_in(row, "foreign", 8);
	struct store_move back = {.from_ns = PUBLIC,
		.from = "t",
		.from_len = 1,
		.to_ns = mine,
		.to = "s",
		.to_len = 1,
		.uid = 7};
	assert_int_equal(store_secret_rename(store, &back, rows), -EPERM);
	struct store_touched touched;
	must(store_key_remove(store, row, "foreign", 7, 7, &touched));
	secret_in(mine, "s", 7);
	assert_int_equal(store_secret_rename(store, &back, rows), -ENOTEMPTY);
	back.flags = STORE_RENAME_NOREPLACE;
	assert_int_equal(store_secret_rename(store, &back, rows), -EEXIST);
	back.flags = STORE_RENAME_EXCHANGE;
	must(store_secret_rename(store, &back, rows));
	holds(row, 0, "k", "v");
	must(store_begin(reader));
	const struct store_secret *secret;
	must(store_secret_by_name(reader, mine, "s", 1, &secret));
	assert_int_equal(secret->row, row);
	assert_int_equal(secret->m.mode, 0700);
	assert_int_equal(secret->m.keys[0].mode, 0600);
	store_end(reader);
}

static void test_merge(void **state)
{
	struct store_touched touched;
	uint64_t row = secret_in(PUBLIC, "s", 7);
	uint32_t key = key_in(row, "a", 7);
	struct store_merge_key changes[] = {
		{.name = "a", .name_len = 1, .remove = true},
		{.name = "b", .name_len = 1, .bytes = (const uint8_t *)"B", .len = 1},
		{.name = "c", .name_len = 1, .bytes = (const uint8_t *)"C", .len = 1},
		{.name = "none", .name_len = 4, .remove = true},
	};
	struct store_merge merge = {
		.row = row, .keys = changes, .n = 4, .attr = {.uid = 7, .mode = 0600}};

	(void)state;
	must(put(row, key, "A", 0, &touched));
	uint64_t version = touched.version;
	must(store_merge(store, &merge, &touched));
	assert_int_equal(touched.version, version + 1);
	holds(row, 0, "a", NULL);
	holds(row, 0, "b", "B");
	holds(row, 0, "c", "C");
	holds(row, version, "a", "A");
	/* All or nothing: the fifth key is one too many. */
	struct store_merge_key many[] = {
		{.name = "b", .name_len = 1, .bytes = (const uint8_t *)"new", .len = 3},
		{.name = "d", .name_len = 1, .bytes = (const uint8_t *)"D", .len = 1},
		{.name = "e", .name_len = 1, .bytes = (const uint8_t *)"E", .len = 1},
		{.name = "f", .name_len = 1, .bytes = (const uint8_t *)"F", .len = 1},
	};
	merge.keys = many;
	assert_int_equal(store_merge(store, &merge, &touched), -EDQUOT);
	holds(row, 0, "b", "B");
	holds(row, 0, "d", NULL);
}

static void test_limits(void **state)
{
	const struct store_new attr = {.uid = 7, .mode = 0700};
	struct store_touched touched;
	static char big[4098];
	uint64_t row;

	(void)state;
	close_it();
	limits.max_secrets = 2;
	limits.max_bytes = 8192;
	open_it();
	row = secret_in(PUBLIC, "a", 7);
	uint32_t key = key_in(row, "k", 7);
	secret_in((struct store_ns){NS_PRIVATE, 7}, "b", 7);
	uint64_t none;
	assert_int_equal(store_secret_create(store, PUBLIC, "c", 1, &attr, &none), -EDQUOT);
	secret_in(PUBLIC, "c", 8);
	memset(big, 'x', 4097);
	assert_int_equal(put(row, key, big, 0, NULL), -EFBIG);
	big[4096] = '\0';
	must(put(row, key, big, 0, NULL));
	uint32_t second = key_in(row, "k2", 7);
	assert_int_equal(put(row, second, big, 0, NULL), -EDQUOT);
	holds(row, 0, "k2", "");
	must(put(row, key, "small", 0, NULL));
	must(put(row, second, big, 0, NULL));
	key_in(row, "k3", 7);
	key_in(row, "k4", 7);
	assert_int_equal(store_key_create(store, row, "k5", 2, &attr, &touched), -EDQUOT);
}

static void test_again(void **state)
{
	uint64_t row = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "name %d", i);
		row = secret_in(PUBLIC, name, 7);
	}
	must(put(row, key_in(row, "k", 7), "stays", 0, NULL));
	close_it();
	open_it();
	assert_int_equal(count(PUBLIC), 300);
	assert_int_equal(store_secret_count(store), 300);
	holds(row, 0, "k", "stays");
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "name %d", i);
		assert_int_equal(look(PUBLIC, name), 0);
	}
}

static void *writes(void *arg)
{
	uint64_t row = *(uint64_t *)arg;
	char value[16];

	for (int i = 0; i < 50; i++) {
		snprintf(value, sizeof(value), "%d", i);
		if (put(row, 1, value, 0, NULL) < 0)
			return "a put failed";
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[8];
	uint64_t rows[8];
	char name[8];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		rows[i] = secret_in(PUBLIC, name, 7);
		assert_int_equal(key_in(rows[i], "k", 7), 1);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, writes, &rows[i]), 0);
	for (unsigned i = 0; i < 8; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	close_it();
	open_it();
	for (unsigned i = 0; i < 8; i++)
		holds(rows[i], 0, "k", "49");
}

/* ---- removing earlier versions ---- */

static uint64_t values(void)
{
	struct store_info info;

	must(store_info(store_path, &info, NULL));
	return info.values;
}

/* What done has of values that are kept. */
static int64_t notes(void)
{
	struct db *db;
	int64_t n;

	must(db_open(store_path, DB_READER, &db, NULL));
	must(db_number(db, "SELECT count(*) FROM done", &n));
	db_close(db);
	return n;
}

static int version_is(uint64_t row, uint64_t version)
{
	const struct store_secret *secret;

	must(store_begin(reader));
	int r = store_secret_version(reader, row, version, &secret);
	store_end(reader);
	return r;
}

/* Secret "s" of uid 7: versions 2 to 6 are key "k" with "one" to "five", and "l", which is always
 * "same". The current one is 6. */
static uint64_t six_versions(uint32_t *ret_key)
{
	static const char *const value[] = {"one", "two", "three", "four", "five"};
	struct store_touched touched;
	uint64_t row;

	close_it();
	limits.history = 10;
	open_it();
	row = secret_in(PUBLIC, "s", 7);
	const struct store_merge_key both[] = {
		{.name = "k", .name_len = 1, .bytes = (const uint8_t *)"one", .len = 3},
		{.name = "l", .name_len = 1, .bytes = (const uint8_t *)"same", .len = 4}};
	const struct store_merge merge = {.row = row, .uid = 7, .keys = both, .n = 2};
	must(store_merge(store, &merge, &touched));
	*ret_key = 1;
	for (int i = 1; i < 5; i++)
		must(put(row, *ret_key, value[i], 0, &touched));
	assert_int_equal(touched.version, 6);
	assert_int_equal(values(), 6);
	return row;
}

static void test_version_remove(void **state)
{
	uint32_t key;
	uint64_t row = six_versions(&key);

	(void)state;
	assert_int_equal(store_version_remove(store, row, 6, 7), -EBUSY);
	assert_int_equal(store_version_remove(store, row, 7, 7), -ENOENT);
	assert_int_equal(store_version_remove(store, row, 3, 8), -EACCES);
	assert_int_equal(store_version_remove(store, row + 1, 3, 8), -ENOENT);
	/* One of the middle. */
	must(store_version_remove(store, row, 4, 7));
	assert_int_equal(store_version_remove(store, row, 4, 7), -ENOENT);
	assert_int_equal(version_is(row, 4), -ENOENT);
	assert_int_equal(values(), 5);
	holds(row, 3, "k", "two");
	holds(row, 5, "k", "four");
	/* By root, the oldest. */
	must(store_version_remove(store, row, 1, 0));
	must(store_version_remove(store, row, 2, 0));
	assert_int_equal(values(), 4);
	holds(row, 3, "l", "same");
	/* Across the gap: pruning looks at the next version that is there. */
	close_it();
	limits.history = 2;
	open_it();
	must(put(row, key, "six", 0, NULL));
	assert_int_equal(version_is(row, 3), -ENOENT);
	holds(row, 5, "k", "four");
	holds(row, 5, "l", "same");
	holds(row, 0, "l", "same");
	assert_int_equal(values(), 4);
	/* All. */
	must(store_version_remove(store, row, 0, 7));
	must(store_version_remove(store, row, 0, 7));
	assert_int_equal(version_is(row, 5), -ENOENT);
	assert_int_equal(values(), 2);
	holds(row, 7, "k", "six");
	close_it();
	open_it();
	holds(row, 0, "l", "same");
	must(put(row, key, "seven", 0, NULL));
	holds(row, 7, "k", "six");
}

static void test_version_key_remove(void **state)
{
	uint32_t key;
	uint64_t row = six_versions(&key);

	(void)state;
	assert_int_equal(store_version_key_remove(store, row, 6, "k", 1, 7), -EBUSY);
	assert_int_equal(store_version_key_remove(store, row, 3, "x", 1, 7), -ENOENT);
	assert_int_equal(store_version_key_remove(store, row, 3, "k", 1, 8), -EACCES);
	must(store_version_key_remove(store, row, 3, "k", 1, 7));
	assert_int_equal(store_version_key_remove(store, row, 3, "k", 1, 7), -ENOENT);
	assert_int_equal(store_version_key_remove(store, row, 3, "/", 1, 7), -ENOENT);
	assert_int_equal(values(), 5);
	holds(row, 3, "k", NULL);
	holds(row, 3, "l", "same");
	/* Others name this value, on both sides of the gap. */
	must(store_version_key_remove(store, row, 3, "l", 1, 7));
	must(store_version_key_remove(store, row, 4, "l", 1, 7));
	assert_int_equal(values(), 5);
	close_it();
	limits.history = 4;
	open_it();
	must(put(row, key, "six", 0, NULL)); /* prunes 1 and 2 */
	assert_int_equal(version_is(row, 2), -ENOENT);
	holds(row, 3, "l", NULL);
	holds(row, 5, "l", "same");
	holds(row, 0, "l", "same");
	assert_int_equal(values(), 5);
	/* The last one that names it. */
	const struct store_merge_key gone = {.name = "l", .name_len = 1, .remove = true};
	const struct store_merge merge = {.row = row, .uid = 7, .keys = &gone, .n = 1};
	struct store_touched touched;
	must(store_merge(store, &merge, &touched));
	holds(row, 7, "l", "same");
	must(store_version_key_remove(store, row, 5, "l", 1, 7));
	must(store_version_key_remove(store, row, 7, "l", 1, 7));
	holds(row, 6, "l", "same");
	assert_int_equal(values(), 5);
	must(store_version_key_remove(store, row, 6, "l", 1, 7));
	assert_int_equal(values(), 4);
}

/* ---- values that are open ---- */

static uint64_t open_values[4];
static struct store_gone last_gone;
static unsigned settled;

static bool is_held(uint64_t value_id)
{
	for (unsigned i = 0; i < 4; i++)
		if (open_values[i] == value_id)
			return true;
	return false;
}

static void note_removing(const struct store_gone *gone)
{
	last_gone = *gone;
}

static void note_settled(void)
{
	settled++;
}

static const struct store_files files = {
	.held = is_held, .removing = note_removing, .settled = note_settled};

static int reads_on(const struct store_gone *gone, const char *value)
{
	const struct store_secret *secret;
	AUTO_SECBUF bytes = SECBUF_INIT;

	must(store_begin(reader));
	int r = gone->version ? store_secret_gone(reader, gone, &secret)
			      : store_secret_kept(reader, gone->row, gone->value_id, &secret);
	if (r == 0) {
		const struct manifest_key *key = manifest_key_by_no(&secret->m, gone->key_no);
		assert_string_equal(key->name, "k");
		assert_int_equal(key->uid, 7);
		must(store_value(reader, gone->row, key, SECMEM_SELF, &bytes));
		assert_int_equal(bytes.len, strlen(value));
		assert_memory_equal(bytes.data, value, bytes.len);
	}
	store_end(reader);
	return r;
}

static void tidied(uint64_t left)
{
	for (int i = 0; i < 5000 && values() != left; i++)
		usleep(1000);
	assert_int_equal(values(), left);
}

static void test_kept(void **state)
{
	struct store_touched first, touched;

	(void)state;
	close_it();
	limits.history = 0;
	limits.files = &files;
	open_it();
	uint64_t row = secret_in(PUBLIC, "s", 7);
	uint32_t key = key_in(row, "k", 7);
	must(put(row, key, "first", 0, &first));
	open_values[0] = first.value_id;
	must(put(row, key, "second", 0, &touched));
	must(put(row, key, "third", touched.version, &touched));
	must(put(row, key, "fourth", 0, &touched));
	assert_true(settled >= 5);
	assert_int_equal(values(), 2);
	assert_int_equal(notes(), 1);
	const struct store_gone gone = {.row = row, .key_no = key, .value_id = first.value_id};
	assert_int_equal(reads_on(&gone, "first"), 0);
	/* A worker died: the next one knows what is open. */
	close_it();
	open_it();
	assert_int_equal(reads_on(&gone, "first"), 0);
	/* Removed, and nobody but the one above has it open. */
	must(store_key_remove(store, row, "k", 1, 7, &touched));
	assert_int_equal(last_gone.key_no, key);
	assert_int_equal(last_gone.value_id, touched.value_id);
	assert_true(last_gone.by_name);
	assert_int_equal(values(), 1);
	assert_int_equal(reads_on(&last_gone, "fourth"), -ENOENT);
	/* The secret goes too. */
	uint64_t none;
	must(store_secret_remove(store, PUBLIC, "s", 1, &none));
	assert_int_equal(reads_on(&gone, "first"), 0);
	/* Closed. */
	open_values[0] = 0;
	store_settle(store);
	store_tidy(store);
	tidied(0);
	assert_int_equal(notes(), 0);
	assert_int_equal(reads_on(&gone, "first"), -ENOENT);
}

/* What was open is removed; then everything ends without a word. */
static void test_kept_is_no_leak(void **state)
{
	struct store_touched touched;

	(void)state;
	close_it();
	limits.history = 1;
	limits.files = &files;
	open_it();
	uint64_t row = secret_in(PUBLIC, "s", 7);
	uint32_t key = key_in(row, "k", 7);
	for (unsigned i = 0; i < 4; i++) {
		must(put(row, key, "open", 0, &touched));
		open_values[i] = touched.value_id;
	}
	must(store_key_remove(store, row, "k", 1, 7, &touched));
	/* The last one is in the history. */
	assert_int_equal(values(), 4);
	assert_int_equal(notes(), 3);
	assert_int_equal(reads_on(&last_gone, "open"), 0);
	must(store_version_remove(store, row, 0, 7));
	assert_int_equal(values(), 4);
	assert_int_equal(notes(), 4);
	assert_int_equal(reads_on(&last_gone, "open"), 0);
	close_it();
	memset(open_values, 0, sizeof(open_values));
	open_it();
	tidied(0);
	assert_int_equal(notes(), 0);
}

/* Who writes to the file cannot have a value deleted by a note. */
static void test_kept_forged(void **state)
{
	char sql[128];
	struct db *db;
	struct store_touched touched;
	uint64_t row = secret_in(PUBLIC, "s", 7);
	uint32_t key = key_in(row, "k", 7);

	(void)state;
	must(put(row, key, "stays", 0, &touched));
	close_it();
	must(db_open(store_path, DB_WRITER, &db, NULL));
	snprintf(sql, sizeof(sql), "INSERT INTO done VALUES(-%llu, 1, randomblob(600))",
		(unsigned long long)touched.value_id);
	must(db_exec(db, sql));
	db_close(db);
	open_it();
	for (int i = 0; i < 5000 && notes(); i++)
		usleep(1000);
	assert_int_equal(notes(), 0);
	holds(row, 0, "k", "stays");
}

/* ---- what somebody else changed ---- */

static void tamper(const char *sql)
{
	struct db *db;

	close_it();
	must(db_open(store_path, DB_WRITER, &db, NULL));
	must(db_exec(db, sql));
	db_close(db);
}

static void refused(int err, const char *word)
{
	struct why why = {""};
	struct store *none = NULL;

	assert_int_equal(store_open(store_path, &keys, &limits, &none, &why), err);
	assert_null(none);
	if (!strstr(why.text, word))
		fail_msg("\"%s\" does not say %s", why.text, word);
}

static void test_schema(void **state)
{
	(void)state;
	tamper("CREATE TRIGGER t AFTER DELETE ON value BEGIN SELECT 1; END");
	refused(-EBADMSG, "not ours");
}

static void test_version(void **state)
{
	(void)state;
	tamper("PRAGMA user_version = 3");
	refused(-EPROTO, "format 3");
	/* One that could be read, but is not what the root says. */
	tamper("PRAGMA user_version = 1");
	refused(-EPROTO, "another format");
}

static void test_bucket_gone(void **state)
{
	(void)state;
	tamper("DELETE FROM bucket WHERE id = 4095");
	refused(-EBADMSG, "add up");
}

static void test_row_gone(void **state)
{
	uint64_t row = secret_in(PUBLIC, "s", 7);

	(void)state;
	secret_in(PUBLIC, "other", 7);
	assert_int_equal(row, 2); /* the first row is public's own */
	tamper("DELETE FROM secret WHERE id = 2");
	open_it();
	assert_int_equal(look(PUBLIC, "s"), -EBADMSG);
	assert_int_equal(look(PUBLIC, "other"), 0);
	unsigned n = 0;
	must(store_begin(reader));
	assert_int_equal(store_list(reader, PUBLIC, 0, count_one, &n), -EBADMSG);
	assert_int_equal(n, 1);
	store_end(reader);
}

static void test_create_refuses(void **state)
{
	struct why why = {""};
	AUTO_SECBUF source = SECBUF_INIT;

	(void)state;
	must(keyslot_read_file(path, &source, &why));
	assert_int_equal(
		store_create(store_path, geteuid(), getegid(), 0, KEYSLOT_KEYFILE, &source, &why),
		-EEXIST);
	must(chmod(store_path, 0640) == 0 ? 0 : -errno);
	assert_int_equal(store_check_path(store_path, geteuid(), &why), -EPERM);
	must(chmod(store_path, 0600) == 0 ? 0 : -errno);
}

static int locked(enum store_use use)
{
	struct why why = {""};
	int r = store_lock(store_path, geteuid(), getegid(), use, &why);

	assert_true((r < 0) == (why.text[0] != '\0'));
	return r;
}

/* One daemon, beside any number of those who look, or one who changes the file. */
static void test_lock(void **state)
{
	(void)state;
	assert_int_equal(store_in_use(store_path), 0);
	int daemon = locked(STORE_USE_DAEMON);
	must(daemon);
	assert_int_equal(store_in_use(store_path), 1);
	int look = locked(STORE_USE_LOOK);
	must(look);
	assert_int_equal(locked(STORE_USE_DAEMON), -EBUSY);
	assert_int_equal(locked(STORE_USE_ALONE), -EBUSY);
	close(daemon);
	assert_int_equal(store_in_use(store_path), 0);
	assert_int_equal(locked(STORE_USE_ALONE), -EBUSY);
	daemon = locked(STORE_USE_DAEMON);
	must(daemon);
	close(daemon);
	close(look);
	int alone = locked(STORE_USE_ALONE);
	must(alone);
	assert_int_equal(store_in_use(store_path), 0);
	assert_int_equal(locked(STORE_USE_DAEMON), -EBUSY);
	assert_int_equal(locked(STORE_USE_LOOK), -EBUSY);
	assert_int_equal(locked(STORE_USE_ALONE), -EBUSY);
	close(alone);
}

/* ---- the journal of answered requests ---- */

static int make_secret(const char *name, uint64_t *ret_row)
{
	const struct store_new attr = {.uid = 0, .mode = 0755};

	return store_secret_create(
		store, (struct store_ns){NS_PUBLIC, 0}, name, strlen(name), &attr, ret_row);
}

static void reopen_as(uint64_t mount, uint32_t generation)
{
	struct why why = {""};

	close_it();
	if (store_open(store_path, &keys, &limits, &store, &why) < 0)
		fail_msg("%s", why.text);
	store_journal(store, mount, generation);
	must(store_start(store));
	must(store_reader_open(store, &reader));
}

static int was_done(uint64_t unique)
{
	store_request_begin(unique, true);
	must(store_begin(reader));
	int r = store_request_was_done(reader);
	store_end(reader);
	store_request_begin(0, false);
	return r;
}

static void test_journal_answers_again(void **state)
{
	uint64_t first = 0, again = 0;

	(void)state;
	reopen_as(7, 1);
	store_request_begin(2, false);
	must(make_secret("a", &first));
	/* The worker dies here: the next one has the request once more. */
	reopen_as(7, 2);
	assert_int_equal(was_done(2), 1);
	assert_int_equal(was_done(4), 0);
	store_request_begin(2, true);
	must(make_secret("a", &again));
	assert_int_equal(again, first);
	store_request_end(store);
	/* Another request of the same kind is another change. */
	store_request_begin(4, true);
	assert_int_equal(make_secret("a", &again), -EEXIST);
	store_request_end(store);
	/* Answered: the next commit forgets it. */
	must(make_secret("b", &again));
	assert_int_equal(was_done(2), 0);
}

static void test_journal_is_of_one_mount(void **state)
{
	uint64_t row = 0;

	(void)state;
	reopen_as(7, 1);
	store_request_begin(2, false);
	must(make_secret("a", &row));
	store_request_begin(0, false);
	/* A worker of another mount that calls itself the second one: the record does not
	 * authenticate for it. */
	reopen_as(8, 2);
	assert_int_equal(was_done(2), -EBADMSG);
	reopen_as(8, 1);
	assert_int_equal(was_done(2), 0);
}

static void test_journal_keeps_failures_out(void **state)
{
	uint64_t row = 0;

	(void)state;
	reopen_as(7, 1);
	must(make_secret("a", &row));
	store_request_begin(2, false);
	assert_int_equal(make_secret("a", &row), -EEXIST);
	assert_int_equal(was_done(2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_journal_answers_again, make, destroy),
		cmocka_unit_test_setup_teardown(test_journal_is_of_one_mount, make, destroy),
		cmocka_unit_test_setup_teardown(test_journal_keeps_failures_out, make, destroy),
		cmocka_unit_test_setup_teardown(test_values, make, destroy),
		cmocka_unit_test_setup_teardown(test_history, make, destroy),
		cmocka_unit_test_setup_teardown(test_names, make, destroy),
		cmocka_unit_test_setup_teardown(test_visibility, make, destroy),
		cmocka_unit_test_setup_teardown(test_merge, make, destroy),
		cmocka_unit_test_setup_teardown(test_limits, make, destroy),
		cmocka_unit_test_setup_teardown(test_again, make, destroy),
		cmocka_unit_test_setup_teardown(test_threads, make, destroy),
		cmocka_unit_test_setup_teardown(test_version_remove, make, destroy),
		cmocka_unit_test_setup_teardown(test_version_key_remove, make, destroy),
		cmocka_unit_test_setup_teardown(test_kept, make, destroy),
		cmocka_unit_test_setup_teardown(test_kept_is_no_leak, make, destroy),
		cmocka_unit_test_setup_teardown(test_kept_forged, make, destroy),
		cmocka_unit_test_setup_teardown(test_schema, make, destroy),
		cmocka_unit_test_setup_teardown(test_version, make, destroy),
		cmocka_unit_test_setup_teardown(test_bucket_gone, make, destroy),
		cmocka_unit_test_setup_teardown(test_row_gone, make, destroy),
		cmocka_unit_test_setup_teardown(test_create_refuses, make, destroy),
		cmocka_unit_test_setup_teardown(test_lock, make, destroy),
	};

	if (secmem_init(4u << 20) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
