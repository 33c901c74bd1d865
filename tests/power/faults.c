/* SPDX-License-Identifier: MIT */
/*
 * faults: a disk that fails (EIO), one that is full (ENOSPC), and memory that runs out (ENOMEM), at
 * every point of every operation of the store: the nth call fails, and then all from the nth on, n
 * upward until the operation meets none.
 *
 * An operation that says it failed has the errno of what failed and has changed nothing; one that
 * says it succeeded is there, whole. In both cases what another process sees in the file is the
 * same, the next operation succeeds, and nothing leaks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "golden.h"
#include "place.h"
#include "store.h"
#include "whole.h"

#define PUBLIC ((struct store_ns){NS_PUBLIC, 0})
#define MINE   ((struct store_ns){NS_PRIVATE, 7})
#define LARGE  (40u << 10)
#define POINTS 4000 /* none has more but those that seal every bucket, of which few are tried */

static const struct store_limits limits = {.history = 2, .max_value = 1u << 20, .max_keys = 16};

static struct place place;
static struct place earlier; /* of format 1, with its image */
static struct store *store;
static struct store_reader *reader;

static void must(int r)
{
	if (r < 0)
		fail_msg("%s", strerror(-r));
}

/* ---- memory that runs out ---- */

static _Atomic bool memory_breaks, memory_lasting;
static _Atomic long memory_left; /* allocations until it breaks */
static _Atomic unsigned memory_failed;

static bool no_memory(void)
{
	if (!atomic_load(&memory_breaks))
		return false;
	long left = atomic_fetch_sub(&memory_left, 1);
	if (left > 1 || (left < 1 && !atomic_load(&memory_lasting)))
		return false;
	atomic_fetch_add(&memory_failed, 1);
	return true;
}

static void memory_break(unsigned nth, bool lasting)
{
	atomic_store(&memory_failed, 0);
	atomic_store(&memory_left, (long)nth);
	atomic_store(&memory_lasting, lasting);
	atomic_store(&memory_breaks, true);
}

static unsigned memory_mend(void)
{
	atomic_store(&memory_breaks, false);
	return atomic_load(&memory_failed);
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
int __real_secbuf_alloc(struct secbuf *b, size_t cap, uint32_t uid);
int __wrap_secbuf_alloc(struct secbuf *b, size_t cap, uint32_t uid);
int __real_secbuf_grow(struct secbuf *b, size_t cap);
int __wrap_secbuf_grow(struct secbuf *b, size_t cap);

void *__wrap_malloc(size_t n)
{
	return no_memory() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return no_memory() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return no_memory() ? NULL : __real_strdup(s);
}

int __wrap_secbuf_alloc(struct secbuf *b, size_t cap, uint32_t uid)
{
	return no_memory() ? -ENOMEM : __real_secbuf_alloc(b, cap, uid);
}

int __wrap_secbuf_grow(struct secbuf *b, size_t cap)
{
	return no_memory() ? -ENOMEM : __real_secbuf_grow(b, cap);
}

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_malloc(int n)
{
	return no_memory() ? NULL : sqlite_memory.xMalloc(n);
}

static void *sqlite_realloc(void *p, int n)
{
	return no_memory() ? NULL : sqlite_memory.xRealloc(p, n);
}

/* Before SQLite starts. Without its lookaside memory every small piece is asked for here. */
static void sqlite_memory_install(void)
{
	static sqlite3_mem_methods breaking;

	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
	breaking = sqlite_memory;
	breaking.xMalloc = sqlite_malloc;
	breaking.xRealloc = sqlite_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &breaking);
	sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}

/* ---- the store that is worked on ---- */

static void open_it(void)
{
	struct why why = {""};

	if (store_open(place.store, place.keys, &limits, &store, &why) < 0)
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

static uint64_t row;       /* secret "s" in public/ with keys "k" and "l" */
static uint32_t key, tail; /* their numbers */
static unsigned serial;    /* of names that are used once */
static char name[16];

static uint64_t secret_in(struct store_ns ns, const char *secret)
{
	const struct store_new attr = {.uid = 7, .gid = 7, .mode = 0755};
	uint64_t made = 0;

	must(store_secret_create(store, ns, secret, strlen(secret), &attr, &made));
	return made;
}

static uint32_t key_in(uint64_t secret, const char *key_name)
{
	const struct store_new attr = {.uid = 7, .gid = 7, .mode = 0644};
	struct store_touched touched;

	must(store_key_create(store, secret, key_name, strlen(key_name), &attr, &touched));
	return touched.key_no;
}

static int put_any(struct store_put put, const char *value)
{
	struct store_touched touched;

	put.row = row;
	put.uid = 7;
	put.mtime = 5;
	if (value) {
		put.bytes = (const uint8_t *)value;
		put.len = strlen(value);
	}
	return store_put(store, &put, &touched);
}

static int setup(void **state)
{
	(void)state;
	must(place_make(&place));
	must(golden_place(&earlier));
	must(place_keep(&earlier));
	open_it();
	row = secret_in(PUBLIC, "s");
	key = key_in(row, "k");
	tail = key_in(row, "l");
	must(put_any((struct store_put){.key_no = key}, "first"));
	must(put_any((struct store_put){.key_no = tail}, "tail"));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	disk_mend();
	memory_mend();
	if (store)
		close_it();
	place_remove(&place);
	place_remove(&earlier);
	return 0;
}

/* ---- operations: what is prepared without failures, and what meets them ---- */

static void new_name(void)
{
	snprintf(name, sizeof(name), "n%u", serial++);
}

static int do_create(void)
{
	const struct store_new attr = {.uid = 7, .gid = 7, .mode = 0755};
	uint64_t made;

	return store_secret_create(store, PUBLIC, name, strlen(name), &attr, &made);
}

static void drop_created(void)
{
	const struct store_secret *found;
	uint64_t gone;

	must(store_begin(reader));
	int r = store_secret_by_name(reader, PUBLIC, name, strlen(name), &found);
	store_end(reader);
	if (r == 0)
		must(store_secret_remove(store, PUBLIC, name, strlen(name), &gone));
}

static int do_key_create(void)
{
	const struct store_new attr = {.uid = 7, .gid = 7, .mode = 0600};
	struct store_touched touched;

	return store_key_create(store, row, name, strlen(name), &attr, &touched);
}

static void drop_key(void)
{
	struct store_touched touched;
	int r = store_key_remove(store, row, name, strlen(name), 7, &touched);

	if (r != -ENOENT)
		must(r);
}

static int do_put(void)
{
	char value[32];

	snprintf(value, sizeof(value), "value %s", name);
	return put_any((struct store_put){.key_no = key}, value);
}

static int do_put_large(void)
{
	static uint8_t large[LARGE];

	memset(large, (int)serial, sizeof(large));
	return put_any((struct store_put){.key_no = key, .bytes = large, .len = LARGE}, NULL);
}

static int do_append(void)
{
	return put_any((struct store_put){.key_no = tail, .append = true}, name);
}

static int do_truncate(void)
{
	return put_any(
		(struct store_put){.key_no = tail, .truncate = true, .len = serial % 7}, NULL);
}

static int do_merge(void)
{
	struct store_touched touched;
	const struct store_merge_key keys[] = {
		{.name = name, .name_len = strlen(name), .bytes = (const uint8_t *)"m", .len = 1},
		{.name = "k", .name_len = 1, .bytes = (const uint8_t *)name, .len = strlen(name)},
		{.name = "none", .name_len = 4, .remove = true}};
	const struct store_merge merge = {.row = row,
		.uid = 7,
		.keys = keys,
		.n = 3,
		.attr = {.uid = 7, .gid = 7, .mode = 0600}};

	return store_merge(store, &merge, &touched);
}

static int do_key_rename(void)
{
	struct store_touched touched[2];

	return store_key_rename(store, row, "l", 1, name, strlen(name), 0, 7, touched);
}

static void undo_key_rename(void)
{
	struct store_touched touched[2];
	int r = store_key_rename(store, row, name, strlen(name), "l", 1, 0, 7, touched);

	if (r != -ENOENT)
		must(r);
}

static int rename_secret(struct store_ns from, const char *old, struct store_ns to, const char *new)
{
	uint64_t rows[2];
	const struct store_move move = {.from_ns = from,
		.from = old,
		.from_len = strlen(old),
		.to_ns = to,
		.to = new,
		.to_len = strlen(new),
		.uid = 7,
		.public_mode = 0755};

	return store_secret_rename(store, &move, rows);
}

static int do_rename(void)
{
	return rename_secret(PUBLIC, "s", MINE, name);
}

static void undo_rename(void)
{
	int r = rename_secret(MINE, name, PUBLIC, "s");

	if (r != -ENOENT)
		must(r);
}

static void prepare_key(void)
{
	new_name();
	must(put_any((struct store_put){.key_no = key_in(row, name)}, "to be removed"));
}

static int do_key_remove(void)
{
	struct store_touched touched;

	return store_key_remove(store, row, name, strlen(name), 7, &touched);
}

/* With earlier versions and their values, which are pruned with it. */
static void prepare_secret(void)
{
	struct store_touched touched;

	new_name();
	uint64_t made = secret_in(PUBLIC, name);
	const struct store_put put = {.row = made,
		.key_no = key_in(made, "k"),
		.uid = 7,
		.len = 3,
		.bytes = (const uint8_t *)"old",
		.mtime = 5};
	must(store_put(store, &put, &touched));
	must(store_key_remove(store, made, "k", 1, 7, &touched));
}

static int do_remove(void)
{
	uint64_t gone;

	return store_secret_remove(store, PUBLIC, name, strlen(name), &gone);
}

static int do_attr(void)
{
	struct store_touched touched;
	const struct store_attr attr = {.set = STORE_ATTR_DESCRIPTION | STORE_ATTR_MODE,
		.mode = 0700 | (serial & 7),
		.description = name,
		.description_len = (uint16_t)strlen(name)};

	return store_attr_set(store, row, 0, 7, &attr, &touched);
}

static int do_chown(void)
{
	struct store_touched touched;
	const struct store_attr attr = {.set = STORE_ATTR_UID, .uid = 8};

	return store_attr_set(store, row, 0, 7, &attr, &touched);
}

static void undo_chown(void)
{
	struct store_touched touched;
	const struct store_attr attr = {.set = STORE_ATTR_UID, .uid = 7};

	must(store_attr_set(store, row, 0, 7, &attr, &touched));
}

static int do_ns_attr(void)
{
	const struct store_attr attr = {.set = STORE_ATTR_MODE, .mode = serial & 0777};

	return store_ns_attr_set(store, PUBLIC, &attr);
}

/* Reading everything with a connection of its own: nothing is known beforehand. */
static int do_read(void)
{
	struct store_reader *fresh;
	char *text = NULL;
	int r = store_reader_open(store, &fresh);

	if (r < 0)
		return r;
	const struct store_secret *secret;
	AUTO_SECBUF value = SECBUF_INIT;
	r = store_begin(fresh);
	if (r == 0)
		r = store_secret_by_name(fresh, PUBLIC, "s", 1, &secret);
	if (r == 0)
		r = store_value(fresh, row, manifest_key_by_name(&secret->m, "k", 1), 7, &value);
	store_end(fresh);
	if (r == 0)
		r = whole_text(fresh, &text);
	free(text);
	store_reader_close(fresh);
	return r;
}

static int do_open(void)
{
	struct store *second = NULL;
	struct store_reader *fresh = NULL;
	struct why why = {""};
	int r = store_open(place.store, place.keys, &limits, &second, &why);

	if (r < 0) {
		assert_true(why.text[0] != '\0');
		return r;
	}
	r = store_reader_open(second, &fresh);
	if (r == 0)
		store_reader_close(fresh);
	store_close(second);
	return r;
}

static int do_start(void)
{
	struct store *second = NULL;
	struct why why = {""};
	int r = store_open(place.store, place.keys, &limits, &second, &why);

	if (r == 0)
		r = store_start(second);
	store_close(second);
	return r;
}

static int do_info(void)
{
	struct store_info info;
	struct why why = {""};
	int r = store_info(place.store, &info, &why);

	assert_true(r == 0 || why.text[0] != '\0');
	return r;
}

static int do_init(void)
{
	char path[192];
	struct stat st;
	struct why why = {""};
	AUTO_SECBUF source = SECBUF_INIT;

	snprintf(path, sizeof(path), "%s/new.db", place.folder);
	int r = keyslot_read_file(place.key, &source, &why);
	if (r == 0)
		r = store_create(path, geteuid(), getegid(), 0, KEYSLOT_KEYFILE, &source, &why);
	/* There is a whole one or none. */
	assert_int_equal(lstat(path, &st), r == 0 ? 0 : -1);
	assert_true(r == 0 || why.text[0] != '\0');
	unlink(path);
	return r;
}

/* A store of format 1, anew. */
static void prepare_old(void)
{
	char kept[200];

	snprintf(kept, sizeof(kept), "%s.format1", earlier.store);
	unlink(kept);
	must(place_reset(&earlier));
}

static int do_migrate(void)
{
	char kept[PATH_MAX];
	struct why why = {""};
	int r = store_migrate(earlier.store, earlier.keys, NULL, NULL, kept, &why);

	assert_true(r > 0 || why.text[0] != '\0');
	return r > 0 ? 0 : r;
}

/* Whether it failed or not, it is whole, and can become one of this format. */
static void check_migrated(void)
{
	char kept[PATH_MAX];
	const struct store_verify ask = {.accept = false};
	struct store_verify_result result;
	struct store_info info;
	struct why why = {""};

	if (store_info(earlier.store, &info, &why) < 0 ||
		store_verify(earlier.store, earlier.keys, &ask, &result, &why) < 0 ||
		store_migrate(earlier.store, earlier.keys, NULL, NULL, kept, &why) !=
			(info.format == 1) ||
		store_verify(earlier.store, earlier.keys, &ask, &result, &why) < 0)
		fail_msg("the store of format %u: %s", info.format, why.text);
}

static const struct operation {
	const char *what;
	void (*prepare)(void);
	int (*run)(void);
	void (*undo)(void);
	bool changes;
	unsigned step; /* short form: every how many-th point */
} operations[] = {
	{"create a secret", new_name, do_create, drop_created, true, 3},
	{"create a key", new_name, do_key_create, drop_key, true, 3},
	{"put", new_name, do_put, NULL, true, 1},
	{"put a large value", new_name, do_put_large, NULL, true, 3},
	{"append", new_name, do_append, NULL, true, 3},
	{"truncate", new_name, do_truncate, NULL, true, 3},
	{"merge", new_name, do_merge, drop_key, true, 3},
	{"rename a key", new_name, do_key_rename, undo_key_rename, true, 3},
	{"rename a secret", new_name, do_rename, undo_rename, true, 3},
	{"remove a key", prepare_key, do_key_remove, drop_key, true, 3},
	{"remove a secret", prepare_secret, do_remove, drop_created, true, 3},
	{"set attributes", new_name, do_attr, NULL, true, 5},
	{"change the owner", new_name, do_chown, undo_chown, true, 5},
	{"set a namespace's attributes", new_name, do_ns_attr, NULL, true, 5},
	{"read", NULL, do_read, NULL, false, 3},
	{"open", NULL, do_open, NULL, false, 17},
	{"start", NULL, do_start, NULL, false, 29},
	{"info", NULL, do_info, NULL, false, 3},
	{"migrate", prepare_old, do_migrate, check_migrated, false, 151},
	{"init", NULL, do_init, NULL, false, 151},
};

/* ---- the loops ---- */

static char *text_of(struct store_reader *from, const char *where)
{
	char *text = NULL;
	int r = whole_text(from, &text);

	if (r < 0)
		fail_msg("%s: not everything can be read: %s", where, strerror(-r));
	return text;
}

/* What another process, that has just started, finds. */
static char *text_in_file(const char *where)
{
	struct store *second;
	struct store_reader *fresh;
	struct why why = {""};

	if (store_open(place.store, place.keys, &limits, &second, &why) < 0)
		fail_msg("%s: the store cannot be opened: %s", where, why.text);
	must(store_reader_open(second, &fresh));
	char *text = text_of(fresh, where);
	store_reader_close(fresh);
	store_close(second);
	return text;
}

struct breaking {
	const char *what;
	unsigned calls; /* enum disk_call; 0: memory */
	int err;
};

/* Runs it once with the nth point broken. Were there so many points? */
static bool run_broken(const struct operation *op, const struct breaking *breaking, unsigned nth,
	bool lasting, bool look_at_file)
{
	char where[160];
	struct secmem_usage before, after;

	snprintf(where, sizeof(where), "%s, %s at %u%s", op->what, breaking->what, nth,
		lasting ? " and later" : "");
	if (op->prepare)
		op->prepare();
	char *old = text_of(reader, where);
	secmem_usage(&before);
	if (breaking->calls)
		disk_break(breaking->calls, nth, lasting, breaking->err);
	else
		memory_break(nth, lasting);
	int r = op->run();
	unsigned failed = disk_mend() + memory_mend();
	secmem_usage(&after);
	if (r != 0 && r != -breaking->err)
		fail_msg("%s: says %s", where, strerror(-r));
	if (r != 0 && failed == 0)
		fail_msg("%s: says %s, but nothing failed", where, strerror(-r));
	/* Scratch grows once; what is lost grows with every point. */
	if (after.used > before.used + (256u << 10))
		fail_msg("%s: keeps %zu bytes", where, after.used - before.used);
	char *now = text_of(reader, where);
	bool same = strcmp(old, now) == 0;
	if (r != 0 && !same)
		fail_msg("%s: failed, and changed something:\n%s\nto\n%s", where, old, now);
	if (r == 0 && op->changes && same)
		fail_msg("%s: succeeded, and nothing is there", where);
	if (look_at_file) {
		char *file = text_in_file(where);
		if (strcmp(file, now) != 0)
			fail_msg("%s: in the file is\n%s\nnot\n%s", where, file, now);
		free(file);
	}
	/* It goes on. */
	int next = put_any((struct store_put){.key_no = key}, "next");
	if (next < 0)
		fail_msg("%s: the next operation: %s", where, strerror(-next));
	if (op->undo)
		op->undo();
	free(old);
	free(now);
	return failed > 0;
}

static void run_all(const struct breaking *breaking)
{
	bool long_run = getenv("SECRETFS_LONG") && *getenv("SECRETFS_LONG");
	unsigned points = 0;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const struct operation *op = &operations[i];
		unsigned step = long_run ? 1 : op->step;
		for (unsigned lasting = 0; lasting < 2; lasting++) {
			unsigned n = 1;
			while (run_broken(op, breaking, n, lasting, long_run || n % 8 == 1)) {
				/* The first ones are each looked at. */
				n += n < 4 ? 1 : step;
				points++;
				assert_true(n < POINTS || op->step > 50);
			}
		}
	}
	print_message("%s: %u points\n", breaking->what, points);
	assert_true(points > 20);
}

static void test_write(void **state)
{
	(void)state;
	run_all(&(struct breaking){"EIO at a write", DISK_CALL_WRITE | DISK_CALL_TRUNCATE, EIO});
}

static void test_full(void **state)
{
	(void)state;
	run_all(&(struct breaking){"a full disk", DISK_CALL_WRITE, ENOSPC});
}

static void test_sync(void **state)
{
	(void)state;
	run_all(&(struct breaking){"EIO at a sync", DISK_CALL_SYNC, EIO});
}

static void test_read(void **state)
{
	(void)state;
	run_all(&(struct breaking){"EIO at a read",
		DISK_CALL_READ | DISK_CALL_SHM | DISK_CALL_SIZE | DISK_CALL_OPEN, EIO});
}

static void test_memory(void **state)
{
	(void)state;
	run_all(&(struct breaking){"no memory", 0, ENOMEM});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sync, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};
	struct store_info info;

	if (secmem_init(16u << 20) < 0)
		return 1;
	sqlite_memory_install();
	store_info("/nonexistent/store", &info, NULL);
	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
