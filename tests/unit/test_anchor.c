/* SPDX-License-Identifier: MIT */
/* The anchor: its record, its two slots, whose the file must be, and what counts as rolled back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "anchor.h"
#include "secmem.h"

static char base[64], folder[96], store[96];
static const uint8_t key[32] = {1, 2, 3};
static const uint8_t other_key[32] = {3, 2, 1};
static struct header_root root;

/* A shell command in which $p is a path. */
static void run(const char *command, const char *path)
{
	assert_int_equal(setenv("p", path, 1), 0);
	assert_int_equal(system(command), 0);
}

static int make(void **state)
{
	(void)state;
	strcpy(base, "/tmp/test_anchor.XXXXXX");
	if (!mkdtemp(base))
		return -1;
	snprintf(folder, sizeof(folder), "%s/anchor", base);
	snprintf(store, sizeof(store), "%s/store/store.db", base);
	run("mkdir -m 700 $p/anchor $p/store", base);
	root = (struct header_root){.format = 1, .epoch = 1, .commits = 1};
	memset(root.store_id, 7, sizeof(root.store_id));
	return 0;
}

static int destroy(void **state)
{
	(void)state;
	run("rm -r $p", base);
	return 0;
}

static struct anchor *open_key(const uint8_t *k, enum anchor_use use)
{
	struct anchor *anchor;
	struct why why = {""};

	if (anchor_open(folder, store, use, &anchor, &why) < 0 ||
		anchor_unlock(anchor, k, &why) < 0)
		fail_msg("%s", why.text);
	return anchor;
}

static int check(uint64_t epoch, uint64_t commits, uint64_t lane)
{
	struct anchor *anchor = open_key(key, ANCHOR_LOOK);
	struct header_root now = root;
	struct why why = {""};

	now.epoch = epoch;
	now.commits = commits;
	now.total.lane[3] = lane;
	int r = anchor_check(anchor, &now, &why);
	assert_true((r < 0) == (why.text[0] != '\0'));
	anchor_close(anchor);
	return r;
}

static void note(uint64_t epoch, uint64_t commits, uint64_t lane)
{
	struct anchor *anchor = open_key(key, ANCHOR_KEEP);

	root.epoch = epoch;
	root.commits = commits;
	root.total.lane[3] = lane;
	assert_int_equal(anchor_note(anchor, &root), 0);
	anchor_close(anchor);
}

static void file_path(char *path, size_t size)
{
	struct anchor *anchor = open_key(key, ANCHOR_LOOK);

	snprintf(path, size, "%s", anchor_path(anchor));
	anchor_close(anchor);
}

static void flip(off_t at)
{
	char path[256];
	uint8_t byte;

	file_path(path, sizeof(path));
	int fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* Only a store that nobody has used yet may be without. */
static void test_none(void **state)
{
	(void)state;
	assert_int_equal(check(1, 1, 0), 0);
	assert_int_equal(check(1, 2, 0), -ESTALE);
	assert_int_equal(check(2, 1, 0), -ESTALE);
	/* Looking makes nothing; keeping makes an empty file, which is none. */
	struct anchor *anchor = open_key(key, ANCHOR_LOOK);
	assert_true(anchor_empty(anchor));
	assert_int_equal(access(anchor_path(anchor), F_OK), -1);
	anchor_close(anchor);
	anchor = open_key(key, ANCHOR_KEEP);
	assert_true(anchor_empty(anchor));
	assert_int_equal(access(anchor_path(anchor), F_OK), 0);
	anchor_close(anchor);
	assert_int_equal(check(1, 1, 0), 0);
	assert_int_equal(check(1, 2, 0), -ESTALE);
}

static void test_order(void **state)
{
	(void)state;
	note(2, 10, 5);
	assert_int_equal(check(2, 10, 5), 0);
	assert_int_equal(check(2, 11, 6), 0);
	assert_int_equal(check(2, 9, 4), -ESTALE);
	assert_int_equal(check(1, 100, 5), -ESTALE);
	assert_int_equal(check(3, 1, 5), 0);
	/* The same commit with another content is another history. */
	assert_int_equal(check(2, 10, 6), -ESTALE);
	assert_int_equal(check(1, 1, 0), -ESTALE);

	struct anchor *anchor = open_key(key, ANCHOR_LOOK);
	struct header_root now = root;
	now.epoch = 7;
	assert_int_equal(anchor_next_epoch(anchor, &now), 8);
	now.epoch = 1;
	assert_int_equal(anchor_next_epoch(anchor, &now), 3);
	memset(now.store_id, 8, sizeof(now.store_id));
	now.epoch = 9;
	assert_int_equal(anchor_check(anchor, &now, NULL), -ESTALE);
	anchor_close(anchor);
}

/* A torn write costs one slot: the other one is a commit older, and still a lower bound. */
static void test_slots(void **state)
{
	char path[256];
	struct stat st;

	(void)state;
	for (uint64_t i = 1; i <= 4; i++)
		note(1, i, i);
	file_path(path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 2 * ANCHOR_SLOT);
	assert_int_equal(st.st_mode & 07777, 0600);
	flip(ANCHOR_SLOT + 3); /* commit 4 */
	assert_int_equal(check(1, 4, 4), 0);
	assert_int_equal(check(1, 3, 3), 0);
	assert_int_equal(check(1, 2, 2), -ESTALE);
	/* What is written next goes over the damaged one. */
	note(1, 5, 5);
	flip(3);
	assert_int_equal(check(1, 5, 5), 0);
	assert_int_equal(check(1, 4, 4), -ESTALE);
	flip(ANCHOR_SLOT + 100);
	assert_int_equal(check(1, 9, 9), -ESTALE);
	assert_int_equal(check(1, 1, 0), -ESTALE);
	assert_int_equal(truncate(path, 100), 0);
	assert_int_equal(check(1, 9, 9), -ESTALE);
}

/* Every bit of a record counts. */
static void test_every_bit(void **state)
{
	(void)state;
	note(1, 5, 5);
	for (off_t i = 0; i < ANCHOR_RECORD + 40; i++) {
		flip(i);
		assert_int_equal(check(1, 5, 5), -ESTALE);
		flip(i);
	}
	assert_int_equal(check(1, 5, 5), 0);
}

static void test_another_store(void **state)
{
	(void)state;
	note(1, 5, 5);
	struct anchor *anchor = open_key(other_key, ANCHOR_LOOK);
	assert_false(anchor_empty(anchor));
	assert_int_equal(anchor_check(anchor, &root, NULL), -ESTALE);
	anchor_close(anchor);
	/* Another path has another anchor, and a link to the same store has the same. */
	char real[96];
	strcpy(real, store);
	run("mkdir -p $p/store2 && ln -s store $p/link", base);
	snprintf(store, sizeof(store), "%s/store2/store.db", base);
	anchor = open_key(key, ANCHOR_LOOK);
	assert_true(anchor_empty(anchor));
	anchor_close(anchor);
	snprintf(store, sizeof(store), "%s/link/store.db", base);
	assert_int_equal(check(1, 4, 5), -ESTALE);
	assert_int_equal(check(1, 5, 5), 0);
	assert_int_equal(anchor_forget(folder, store), 0);
	assert_int_equal(anchor_forget(folder, store), 0);
	strcpy(store, real);
	anchor = open_key(key, ANCHOR_LOOK);
	assert_true(anchor_empty(anchor));
	anchor_close(anchor);
}

/* While a store is replaced by its successor under another key, both pass; then only the new one.
 */
static void test_prepare(void **state)
{
	struct header_root next;

	(void)state;
	note(1, 4, 4);
	note(1, 5, 5);
	struct anchor *anchor = open_key(key, ANCHOR_KEEP);
	next = root;
	next.epoch = 2;
	next.commits = 6;
	assert_int_equal(anchor_prepare(anchor, &next, other_key), 0);
	anchor_close(anchor);
	assert_int_equal(check(1, 5, 5), 0);
	assert_int_equal(check(1, 4, 4), -ESTALE);
	anchor = open_key(other_key, ANCHOR_KEEP);
	assert_int_equal(anchor_check(anchor, &next, NULL), 0);
	assert_int_equal(anchor_check(anchor, &root, NULL), -ESTALE);
	assert_int_equal(anchor_seal(anchor, &next), 0);
	anchor_close(anchor);
	assert_int_equal(check(1, 5, 5), -ESTALE);
}

/* The same in one go, by who has both keys. */
static void test_renew(void **state)
{
	struct header_root next;

	(void)state;
	note(1, 5, 5);
	struct anchor *anchor = open_key(key, ANCHOR_KEEP);
	next = root;
	next.epoch = 2;
	next.commits = 6;
	next.store_id[0] ^= 1;
	assert_true(anchor_knows(anchor, &root));
	assert_false(anchor_knows(anchor, &next));
	assert_int_equal(anchor_prepare(anchor, &next, other_key), 0);
	assert_int_equal(anchor_renew(anchor, &next, other_key), 0);
	anchor_close(anchor);
	assert_int_equal(check(1, 5, 5), -ESTALE);
	anchor = open_key(other_key, ANCHOR_LOOK);
	assert_true(anchor_knows(anchor, &next));
	assert_int_equal(anchor_check(anchor, &next, NULL), 0);
	next.commits = 5;
	assert_int_equal(anchor_check(anchor, &next, NULL), -ESTALE);
	anchor_close(anchor);
}

static void test_audit(void **state)
{
	uint8_t hash[ANCHOR_HASH], got[ANCHOR_HASH];
	uint64_t number = 1;

	(void)state;
	memset(hash, 9, sizeof(hash));
	struct anchor *anchor = open_key(key, ANCHOR_KEEP);
	anchor_audit_get(anchor, &number, got);
	assert_int_equal(number, 0);
	/* Nothing is recorded of a store that was never compared. */
	assert_int_equal(anchor_audit_set(anchor, 3, hash), 0);
	assert_int_equal(anchor_seal(anchor, &root), 0);
	assert_int_equal(anchor_audit_set(anchor, 4, hash), 0);
	anchor_close(anchor);
	anchor = open_key(key, ANCHOR_KEEP);
	anchor_audit_get(anchor, &number, got);
	assert_int_equal(number, 4);
	assert_memory_equal(got, hash, sizeof(hash));
	root.commits = 2;
	assert_int_equal(anchor_note(anchor, &root), 0);
	anchor_close(anchor);
	anchor = open_key(key, ANCHOR_LOOK);
	anchor_audit_get(anchor, &number, got);
	assert_int_equal(number, 4);
	assert_int_equal(anchor_check(anchor, &root, NULL), 0);
	anchor_close(anchor);
}

static int tried(enum anchor_use use)
{
	struct anchor *anchor = NULL;
	struct why why = {""};
	int r = anchor_open(folder, store, use, &anchor, &why);

	if (r < 0)
		assert_true(why.text[0] != '\0');
	anchor_close(anchor);
	return r;
}

static void test_folder(void **state)
{
	char path[256];

	(void)state;
	note(1, 1, 1);
	file_path(path, sizeof(path));
	assert_int_equal(chmod(folder, 0770), 0);
	assert_int_equal(tried(ANCHOR_KEEP), -EPERM);
	assert_int_equal(tried(ANCHOR_LOOK), -EPERM);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(chmod(base, 0777), 0);
	assert_int_equal(tried(ANCHOR_KEEP), -EPERM);
	assert_int_equal(chmod(base, 0700), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(tried(ANCHOR_KEEP), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(tried(ANCHOR_KEEP), 0);
	run("mv $p $p.real", path);
	run("ln -s $p.real $p", path);
	assert_int_equal(tried(ANCHOR_KEEP), -ELOOP);
	run("rm -r $p", folder);
	assert_int_equal(tried(ANCHOR_KEEP), -ENOENT);
	assert_int_equal(tried(ANCHOR_LOOK), 0);
	/* Made with what is above it, closed to others. */
	snprintf(folder, sizeof(folder), "%s/a/b/c", base);
	assert_int_equal(anchor_make_folder(folder, NULL), 0);
	assert_int_equal(anchor_make_folder(folder, NULL), 0);
	assert_int_equal(tried(ANCHOR_KEEP), 0);
	run("test $(stat -c %a $p) = 700", folder);
	run("test $(stat -c %a $p/a) = 700", base);
	/* Not where it would be put back together with the store. */
	snprintf(folder, sizeof(folder), "%s/store", base);
	assert_int_equal(tried(ANCHOR_KEEP), -EINVAL);
	run("mkdir -m 700 $p/store/in", base);
	snprintf(folder, sizeof(folder), "%s/store/in", base);
	assert_int_equal(tried(ANCHOR_KEEP), -EINVAL);
	run("mkdir -m 700 $p/store-not", base);
	snprintf(folder, sizeof(folder), "%s/store-not", base);
	assert_int_equal(tried(ANCHOR_KEEP), 0);
}

static void test_removed(void **state)
{
	(void)state;
	struct anchor *anchor = open_key(key, ANCHOR_KEEP);
	assert_int_equal(anchor_seal(anchor, &root), 0);
	assert_int_equal(anchor_sync(anchor), 0);
	assert_int_equal(unlink(anchor_path(anchor)), 0);
	assert_int_equal(anchor_note(anchor, &root), 0);
	assert_int_equal(anchor_sync(anchor), 1);
	anchor_close(anchor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, make, destroy),
		cmocka_unit_test_setup_teardown(test_order, make, destroy),
		cmocka_unit_test_setup_teardown(test_slots, make, destroy),
		cmocka_unit_test_setup_teardown(test_every_bit, make, destroy),
		cmocka_unit_test_setup_teardown(test_another_store, make, destroy),
		cmocka_unit_test_setup_teardown(test_prepare, make, destroy),
		cmocka_unit_test_setup_teardown(test_renew, make, destroy),
		cmocka_unit_test_setup_teardown(test_audit, make, destroy),
		cmocka_unit_test_setup_teardown(test_folder, make, destroy),
		cmocka_unit_test_setup_teardown(test_removed, make, destroy),
	};

	umask(022);
	if (secmem_init(1 << 20) < 0)
		return 77;
	return cmocka_run_group_tests_name("anchor", tests, NULL, NULL);
}
