/* SPDX-License-Identifier: MIT */
/*
 * power: power cuts. A store is worked on over a disk that writes everything down; then the folder
 * is made again as it was at each moment, with all writes, with the synced ones only, and with any
 * part of the others, and opened. Every commit that was acknowledged must be there, whole; one that
 * was on its way is there as a whole or not at all; the store goes on; and a store that is being
 * made is not there or complete. Some key opens it always, while slots come and go; its anchor
 * never says that it was rolled back; and one of an earlier format is that or one of this, whole.
 *
 * SECRETFS_LONG=1 looks at every moment, and longer. SECRETFS_SEED=N: instead of a random seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "anchor.h"
#include "disk.h"
#include "golden.h"
#include "place.h"
#include "store.h"
#include "whole.h"

#define STATES  512
#define STRANDS 4
#define PUBLIC  ((struct store_ns){NS_PUBLIC, 0})
#define MINE    ((struct store_ns){NS_PRIVATE, 7})

static const struct store_limits limits = {.history = 2, .max_value = 1u << 20, .max_keys = 16};

static struct place place;
static char cut_folder[160], cut_store[192];
static struct store *store;
static struct store_reader *reader;
static uint64_t seed;
static bool long_run;

static void must(int r)
{
	if (r < 0)
		fail_msg("%s", strerror(-r));
}

/* xorshift64* */
static uint64_t draw(uint64_t n)
{
	static uint64_t state;

	if (state == 0)
		state = seed | 1;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull >> 24) % n;
}

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

/* Where the store is as a cut has left it. */
static void make_cut_folder(void)
{
	snprintf(cut_folder, sizeof(cut_folder), "%s/cut", place.folder);
	snprintf(cut_store, sizeof(cut_store), "%s/store.db", cut_folder);
	must(mkdir(cut_folder, 0700));
}

static int setup(void **state)
{
	(void)state;
	must(place_make(&place));
	make_cut_folder();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	disk_unwatch();
	if (store)
		close_it();
	place_remove(&place);
	return 0;
}

static void watch(void)
{
	char folder[160];

	snprintf(folder, sizeof(folder), "%s/s", place.folder);
	disk_watch(folder);
}

/* What is there by now is safe. */
static void reopen_watched(void)
{
	close_it();
	watch();
	open_it();
}

/* ---- changes ---- */

static uint64_t secret_in(struct store_ns ns, const char *name)
{
	const struct store_new attr = {.uid = 7, .gid = 7, .mode = 0755};
	uint64_t row = 0;

	must(store_secret_create(store, ns, name, strlen(name), &attr, &row));
	return row;
}

static uint32_t key_in(uint64_t row, const char *name)
{
	const struct store_new attr = {.uid = 7, .gid = 7, .mode = 0644};
	struct store_touched touched;

	must(store_key_create(store, row, name, strlen(name), &attr, &touched));
	return touched.key_no;
}

static void put(uint64_t row, uint32_t key, const void *bytes, size_t len)
{
	struct store_touched touched;
	const struct store_put change = {
		.row = row, .key_no = key, .uid = 7, .bytes = bytes, .len = len, .mtime = 5};

	must(store_put(store, &change, &touched));
}

static void merge(uint64_t row, unsigned n)
{
	char value[32];
	struct store_touched touched;
	snprintf(value, sizeof(value), "merged %u", n);
	const struct store_merge_key keys[] = {{.name = "user",
						       .name_len = 4,
						       .bytes = (const uint8_t *)value,
						       .len = strlen(value)},
		{.name = "word",
			.name_len = 4,
			.bytes = (const uint8_t *)value,
			.len = strlen(value)},
		{.name = n % 2 ? "odd" : "even",
			.name_len = n % 2 ? 3 : 4,
			.bytes = (const uint8_t *)value,
			.len = 1},
		{.name = n % 2 ? "even" : "odd", .name_len = n % 2 ? 4 : 3, .remove = true}};
	const struct store_merge change = {.row = row,
		.uid = 7,
		.keys = keys,
		.n = 4,
		.attr = {.uid = 7, .gid = 7, .mode = 0600}};

	must(store_merge(store, &change, &touched));
}

static void move(struct store_ns from, const char *name, struct store_ns to, const char *new_name,
	unsigned flags)
{
	uint64_t rows[2];
	const struct store_move change = {.from_ns = from,
		.from = name,
		.from_len = strlen(name),
		.to_ns = to,
		.to = new_name,
		.to_len = strlen(new_name),
		.flags = flags,
		.uid = 7,
		.public_mode = 0755};

	must(store_secret_rename(store, &change, rows));
}

static uint8_t large[200 << 10];
static uint64_t work_row, other_row;
static uint32_t work_key;

/* Step n of a workload that does one of everything. */
static void work(unsigned n)
{
	struct store_touched touched[2];
	char name[16], value[32];
	uint64_t gone;

	snprintf(name, sizeof(name), "s%u", n / 12);
	snprintf(value, sizeof(value), "value of step %u", n);
	switch (n % 12) {
	case 0:
		work_row = secret_in(n % 24 ? MINE : PUBLIC, name);
		break;
	case 1:
		work_key = key_in(work_row, "k");
		break;
	case 2:
	case 3:
		put(work_row, work_key, value, strlen(value));
		break;
	case 4:
		memset(large, (int)n, sizeof(large));
		put(work_row, work_key, large, 1000 + draw(sizeof(large) - 1000));
		break;
	case 5:
	case 6:
		merge(work_row, n);
		break;
	case 7:
		must(store_key_rename(store, work_row, "k", 1, "user", 4, 0, 7, touched));
		break;
	case 8:
		move(n % 24 < 12 ? PUBLIC : MINE, name, n % 24 < 12 ? MINE : PUBLIC, name, 0);
		break;
	case 9:
		must(store_attr_set(store, work_row, 0, 7,
			&(struct store_attr){.set = STORE_ATTR_MODE | STORE_ATTR_DESCRIPTION,
				.mode = 0700,
				.description = value,
				.description_len = (uint16_t)strlen(value)},
			touched));
		break;
	case 10:
		must(store_key_remove(store, work_row, "word", 4, 7, touched));
		break;
	default:
		/* A secret comes and goes. */
		if (!other_row) {
			other_row = secret_in(PUBLIC, "other");
		} else {
			must(store_secret_remove(store, PUBLIC, "other", 5, &gone));
			other_row = 0;
		}
	}
}

/* ---- what must be there ---- */

static char *states[STRANDS][STATES];

static void states_clear(void)
{
	for (size_t s = 0; s < STRANDS; s++)
		for (size_t i = 0; i < STATES; i++) {
			free(states[s][i]);
			states[s][i] = NULL;
		}
}

struct cut {
	struct store *store;
	struct store_reader *reader;
};

static void cut_close(struct cut *cut)
{
	store_reader_close(cut->reader);
	store_close(cut->store);
}

static void cut_open(struct cut *cut, const char *where)
{
	struct why why = {""};
	int r = store_open(cut_store, place.keys, &limits, &cut->store, &why);

	if (r < 0)
		fail_msg("%s: the store cannot be read any more: %s", where, why.text);
	must(store_reader_open(cut->store, &cut->reader));
}

/* The text must be a state from the last acknowledged to the last begun one. Which? */
static unsigned check_state(
	const char *text, unsigned strand, const struct disk_replay *replay, const char *where)
{
	unsigned acknowledged = disk_replay_acknowledged(replay, strand);
	unsigned begun = disk_replay_begun(replay, strand);

	for (unsigned i = acknowledged; i <= begun; i++)
		if (states[strand][i] && strcmp(states[strand][i], text) == 0)
			return i;
	for (unsigned i = 0; i < STATES; i++)
		if (states[strand][i] && strcmp(states[strand][i], text) == 0)
			fail_msg(
				"%s: %u is there, but %u was acknowledged", where, i, acknowledged);
	fail_msg("%s: half of something is there (between %u and %u):\n%s", where, acknowledged,
		begun, text);
	return 0;
}

static void check_whole(const struct disk_replay *replay, const char *where)
{
	struct cut cut;
	char *text;

	cut_open(&cut, where);
	int r = whole_text(cut.reader, &text);
	if (r < 0)
		fail_msg("%s: not everything can be read: %s", where, strerror(-r));
	check_state(text, 0, replay, where);
	free(text);
	cut_close(&cut);
}

/* It can be written to again, and what is written then is there after another start. */
static void check_goes_on(const char *where)
{
	struct cut cut;
	const struct store_new attr = {.uid = 8, .mode = 0700};
	const struct store_secret *found;
	struct why why = {""};
	uint64_t row;

	for (int again = 0; again < 2; again++) {
		cut_open(&cut, where);
		must(store_begin(cut.reader));
		int r = store_secret_by_name(cut.reader, PUBLIC, "after", 5, &found);
		store_end(cut.reader);
		assert_int_equal(r, again ? 0 : -ENOENT);
		must(store_start(cut.store));
		if (!again)
			must(store_secret_create(cut.store, PUBLIC, "after", 5, &attr, &row));
		cut_close(&cut);
	}
	struct store_info info;
	must(store_info(cut_store, &info, &why));
}

static void check_new(const struct disk_replay *replay, const char *where);
static void check_slots(const struct disk_replay *replay, const char *where);

/* Calls check for the folder as it was left at many moments: all (long), or one in every. */
static void cut_anywhere(
	unsigned every, void (*check)(const struct disk_replay *replay, const char *where))
{
	struct disk_replay *replay = disk_replay_new();
	enum disk_event event;
	unsigned moment = 0, checked = 0;
	char where[64];

	while ((event = disk_replay_next(replay)) != DISK_END) {
		moment++;
		/* The acknowledgement of the only change is a moment that counts. */
		bool few = check == check_new || check == check_slots;
		unsigned share = event != DISK_NOTE ? every : few ? 1 : 4;
		if (!long_run && draw(share) > 0)
			continue;
		bool synced = event == DISK_SYNC || event == DISK_NAME || event == DISK_NOTE;
		for (unsigned kept = DISK_ALL; kept <= DISK_TORN + 2u * long_run; kept++) {
			/* What is durable changes with a sync. */
			if (kept == DISK_SYNCED && !synced && !long_run)
				continue;
			uint64_t tear = draw(UINT32_MAX);
			snprintf(where, sizeof(where), "moment %u, kept %u, tear %llu", moment,
				kept, (unsigned long long)tear);
			disk_replay_write(
				replay, kept > DISK_TORN ? DISK_TORN : kept, tear, cut_folder);
			check(replay, where);
			if (checked++ % 16 == 0 && check == check_whole)
				check_goes_on(where);
		}
	}
	disk_replay_free(replay);
	print_message("%u moments, %u looked at\n", moment, checked);
	assert_true(checked > 20);
}

/* ---- tests ---- */

/* One writer who does everything; with checkpoints in between. */
static void test_one_writer(void **state)
{
	unsigned steps = long_run ? 120 : 48;

	(void)state;
	other_row = 0;
	watch();
	open_it();
	must(whole_text(reader, &states[0][0]));
	for (unsigned n = 0; n < steps; n++) {
		disk_begun(0, n + 1);
		work(n);
		disk_acknowledged(0, n + 1);
		must(whole_text(reader, &states[0][n + 1]));
		/* Closing copies the log into the file and deletes it. */
		if (n % 20 == 19) {
			close_it();
			open_it();
		}
	}
	close_it();
	disk_unwatch();
	cut_anywhere(10, check_whole);
	states_clear();
}

/* Checkpoints while others write: the log is longer than a thousand pages. */
static void test_long_log(void **state)
{
	(void)state;
	open_it();
	uint64_t row = secret_in(PUBLIC, "s");
	uint32_t key = key_in(row, "k");
	must(whole_text(reader, &states[0][0]));
	reopen_watched();
	for (unsigned n = 0; n < 40; n++) {
		disk_begun(0, n + 1);
		memset(large, (int)n, sizeof(large));
		put(row, key, large, sizeof(large) - n);
		disk_acknowledged(0, n + 1);
		must(whole_text(reader, &states[0][n + 1]));
	}
	close_it();
	disk_unwatch();
	cut_anywhere(200, check_whole);
	states_clear();
}

/* ---- several writers ---- */

struct writer_thread {
	pthread_t thread;
	unsigned strand;
	unsigned steps;
	char name[8];
	uint64_t row;
	uint32_t key;
};

static void *write_on(void *arg)
{
	struct writer_thread *w = arg;
	struct store_reader *own;
	char value[64];

	if (store_reader_open(store, &own) < 0)
		return "no reader";
	for (unsigned n = 1; n <= w->steps; n++) {
		disk_begun(w->strand, n);
		snprintf(value, sizeof(value), "strand %u, step %u", w->strand, n);
		struct store_touched touched;
		const struct store_put change = {.row = w->row,
			.key_no = w->key,
			.uid = 7,
			.bytes = (const uint8_t *)value,
			.len = strlen(value),
			.mtime = n};
		if (store_put(store, &change, &touched) < 0)
			return "put";
		disk_acknowledged(w->strand, n);
		if (whole_secret(own, PUBLIC, w->name, &states[w->strand][n]) < 0)
			return "look";
	}
	store_reader_close(own);
	return NULL;
}

static void check_strands(const struct disk_replay *replay, const char *where)
{
	struct cut cut;
	char name[8], *text;

	cut_open(&cut, where);
	for (unsigned strand = 0; strand < STRANDS; strand++) {
		snprintf(name, sizeof(name), "s%u", strand);
		must(whole_secret(cut.reader, PUBLIC, name, &text));
		check_state(text, strand, replay, where);
		free(text);
	}
	cut_close(&cut);
}

/* Writers that share a commit: each finds his own last acknowledged change. */
static void test_group(void **state)
{
	struct writer_thread writers[STRANDS] = {0};
	void *failed;

	(void)state;
	open_it();
	for (unsigned i = 0; i < STRANDS; i++) {
		struct writer_thread *w = &writers[i];
		w->strand = i;
		w->steps = long_run ? 60 : 20;
		snprintf(w->name, sizeof(w->name), "s%u", i);
		w->row = secret_in(PUBLIC, w->name);
		w->key = key_in(w->row, "k");
		must(whole_secret(reader, PUBLIC, w->name, &states[i][0]));
	}
	reopen_watched();
	for (unsigned i = 0; i < STRANDS; i++)
		assert_int_equal(
			pthread_create(&writers[i].thread, NULL, write_on, &writers[i]), 0);
	for (unsigned i = 0; i < STRANDS; i++) {
		pthread_join(writers[i].thread, &failed);
		if (failed)
			fail_msg("%s", (char *)failed);
	}
	close_it();
	disk_unwatch();
	cut_anywhere(8, check_strands);
	states_clear();
}

/* ---- making a store ---- */

static void check_new(const struct disk_replay *replay, const char *where)
{
	struct keyslot slots[STORE_SLOTS];
	struct keyslot_keys *keys;
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;
	AUTO_SECBUF derived = SECBUF_INIT;
	struct why why = {""};
	struct cut cut;
	char *text;

	must(keyslot_read_file(place.key, &source, &why));
	if (access(cut_store, F_OK) < 0) {
		/* Not there: not acknowledged, and it can be made now. */
		assert_int_equal(disk_replay_acknowledged(replay, 0), 0);
		if (store_create(
			    cut_store, geteuid(), getegid(), 0, KEYSLOT_KEYFILE, &source, &why) < 0)
			fail_msg("%s: it cannot be made again: %s", where, why.text);
	}
	int n = store_read_slots(cut_store, slots, &why);
	if (n != 1 || keyslot_open_any(slots, 1, KEYSLOT_KEYFILE, &source, &master, &why) < 0)
		fail_msg("%s: half a store is there: %s", where, why.text);
	must(secbuf_alloc(&derived, sizeof(*keys), SECMEM_SELF));
	keys = (struct keyslot_keys *)(void *)derived.data;
	keyslot_derive(&master, keys);
	if (store_open(cut_store, keys, &limits, &cut.store, &why) < 0)
		fail_msg("%s: half a store is there: %s", where, why.text);
	must(store_reader_open(cut.store, &cut.reader));
	must(whole_text(cut.reader, &text));
	free(text);
	cut_close(&cut);
}

static void test_init(void **state)
{
	AUTO_SECBUF source = SECBUF_INIT;
	struct why why = {""};

	(void)state;
	must(keyslot_read_file(place.key, &source, &why));
	must(unlink(place.store));
	watch();
	must(store_create(place.store, geteuid(), getegid(), 0, KEYSLOT_KEYFILE, &source, &why));
	disk_acknowledged(0, 1);
	disk_unwatch();
	cut_anywhere(4, check_new);
}

/* ---- key slots ---- */

#define KEYS 3

static struct secbuf sources[KEYS];

/* Which of the keys open the store after so many changes. */
static const bool opens[][KEYS] = {{true, false, false}, {true, true, false}, {false, true, false},
	{false, true, true}, {false, false, true}};

static bool key_opens(const struct keyslot *slots, int n, unsigned key)
{
	AUTO_SECBUF master = SECBUF_INIT;
	AUTO_SECBUF derived = SECBUF_INIT;
	struct why why = {""};

	if (keyslot_open_any(slots, (size_t)n, KEYSLOT_KEYFILE, &sources[key], &master, &why) < 0)
		return false;
	must(secbuf_alloc(&derived, sizeof(struct keyslot_keys), SECMEM_SELF));
	keyslot_derive(&master, (struct keyslot_keys *)(void *)derived.data);
	assert_memory_equal(derived.data, place.keys, sizeof(struct keyslot_keys));
	return true;
}

static void check_slots(const struct disk_replay *replay, const char *where)
{
	struct keyslot slots[STORE_SLOTS];
	struct why why = {""};
	struct cut cut;
	bool found[KEYS], any = false;
	int n = store_read_slots(cut_store, slots, &why);

	if (n < 0)
		fail_msg("%s: no slot can be read: %s", where, why.text);
	for (unsigned i = 0; i < KEYS; i++)
		found[i] = key_opens(slots, n, i);
	for (unsigned i = disk_replay_acknowledged(replay, 0); i <= disk_replay_begun(replay, 0);
		i++)
		any |= memcmp(found, opens[i], sizeof(found)) == 0;
	if (!any)
		fail_msg("%s: %u changes were acknowledged, and these keys open it: %d %d %d",
			where, disk_replay_acknowledged(replay, 0), found[0], found[1], found[2]);
	cut_open(&cut, where);
	cut_close(&cut);
}

static void slot_change(unsigned n, unsigned key, int64_t *slot, const struct secbuf *master)
{
	struct why why = {""};
	int r;

	disk_begun(0, n);
	if (master)
		r = store_slot_add(
			place.store, KEYSLOT_KEYFILE, "another", &sources[key], master, slot, &why);
	else
		r = store_slot_remove(place.store, *slot, &why);
	if (r < 0)
		fail_msg("%s", why.text);
	disk_acknowledged(0, n);
}

static void test_slots(void **state)
{
	AUTO_SECBUF master = SECBUF_INIT;
	struct keyslot slots[STORE_SLOTS];
	struct why why = {""};
	char path[192];
	int64_t ids[KEYS] = {1};

	(void)state;
	must(keyslot_read_file(place.key, &sources[0], &why));
	for (unsigned i = 1; i < KEYS; i++) {
		snprintf(path, sizeof(path), "%s/key%u", place.folder, i);
		must(keyslot_make_file(path, &sources[i], &why));
	}
	must(store_read_slots(place.store, slots, &why));
	must(keyslot_open_any(slots, 1, KEYSLOT_KEYFILE, &sources[0], &master, &why));
	watch();
	slot_change(1, 1, &ids[1], &master);
	slot_change(2, 0, &ids[0], NULL);
	slot_change(3, 2, &ids[2], &master);
	slot_change(4, 1, &ids[1], NULL);
	disk_unwatch();
	cut_anywhere(1, check_slots);
	for (unsigned i = 0; i < KEYS; i++)
		secbuf_free(&sources[i]);
}

/* ---- the anchor ---- */

static char anchors[160], cut_anchors[192];

static struct anchor *anchor_at(const char *folder, const char *path)
{
	struct why why = {""};
	struct anchor *anchor;

	if (anchor_open(folder, path, ANCHOR_KEEP, &anchor, &why) < 0 ||
		anchor_unlock(anchor, place.keys->anchor, &why) < 0)
		fail_msg("%s", why.text);
	return anchor;
}

/* The file lies beside the store here, and is called after the place of the other. */
static struct anchor *cut_anchor(void)
{
	char from[400], to[400];
	struct anchor *anchor = anchor_at(anchors, place.store);

	snprintf(from, sizeof(from), "%s%s", cut_folder, strrchr(anchor_path(anchor), '/'));
	anchor_close(anchor);
	anchor = anchor_at(cut_anchors, cut_store);
	snprintf(to, sizeof(to), "%s", anchor_path(anchor));
	anchor_close(anchor);
	must(rename(from, to) < 0 ? -errno : 0);
	return anchor_at(cut_anchors, cut_store);
}

static void check_anchor(const struct disk_replay *replay, const char *where)
{
	struct why why = {""};
	struct cut cut;
	char *text;

	cut_open(&cut, where);
	if (store_anchor(cut.store, cut_anchor(), false, &why) != 0)
		fail_msg("%s: %s", where, why.text);
	must(whole_text(cut.reader, &text));
	check_state(text, 0, replay, where);
	free(text);
	/* And goes on, with it. */
	const struct store_new attr = {.uid = 8, .mode = 0700};
	uint64_t row;
	must(store_start(cut.store));
	must(store_secret_create(cut.store, PUBLIC, "after", 5, &attr, &row));
	cut_close(&cut);
	cut_open(&cut, where);
	if (store_anchor(cut.store, anchor_at(cut_anchors, cut_store), false, &why) != 0)
		fail_msg("%s: once more: %s", where, why.text);
	cut_close(&cut);
}

/* As a daemon opens it. */
static void open_anchored(void)
{
	struct why why = {""};

	if (store_open(place.store, place.keys, &limits, &store, &why) < 0 ||
		store_anchor(store, anchor_at(anchors, place.store), false, &why) != 0)
		fail_msg("%s", why.text);
	must(store_start(store));
	must(store_reader_open(store, &reader));
}

/* The audit log moves on in it, too. */
static void test_anchor(void **state)
{
	unsigned steps = long_run ? 96 : 36;
	const uint8_t hash[32] = {1};

	(void)state;
	other_row = 0;
	snprintf(anchors, sizeof(anchors), "%s/anchors", place.folder);
	snprintf(cut_anchors, sizeof(cut_anchors), "%s/cut-anchors", place.folder);
	must(mkdir(anchors, 0700) < 0 || mkdir(cut_anchors, 0700) < 0 ? -errno : 0);
	/* Its name is durable before anything is written to it. */
	anchor_close(anchor_at(anchors, place.store));
	watch();
	disk_watch_also(anchors);
	open_anchored();
	must(whole_text(reader, &states[0][0]));
	for (unsigned n = 0; n < steps; n++) {
		disk_begun(0, n + 1);
		work(n);
		disk_acknowledged(0, n + 1);
		must(whole_text(reader, &states[0][n + 1]));
		if (n % 5 == 4)
			must(store_anchor_audit(store, n, hash));
		if (n % 12 == 11) {
			close_it();
			open_anchored();
		}
	}
	close_it();
	disk_unwatch();
	cut_anywhere(8, check_anchor);
	states_clear();
}

/* ---- an earlier format ---- */

static int setup_golden(void **state)
{
	(void)state;
	must(golden_place(&place));
	make_cut_folder();
	return 0;
}

static struct store_verify_result golden_before;

static void check_golden(const char *path, unsigned format, const char *where)
{
	struct store_verify_result result = {0};
	struct store_verify ask = {.accept = false};
	struct store_info info;
	struct why why = {""};

	if (store_info(path, &info, &why) < 0 ||
		store_verify(path, place.keys, &ask, &result, &why) < 0)
		fail_msg("%s: %s: %s", where, path, why.text);
	assert_int_equal(info.format, format);
	assert_int_equal(result.secrets, golden_before.secrets);
	assert_int_equal(result.versions, golden_before.versions);
	assert_int_equal(result.values, golden_before.values);
}

static void check_migrated(const struct disk_replay *replay, const char *where)
{
	char kept[4096], want[256];
	struct store_info info;
	struct why why = {""};

	if (store_info(cut_store, &info, &why) < 0)
		fail_msg("%s: %s", where, why.text);
	if (info.format == 1) {
		assert_int_equal(disk_replay_acknowledged(replay, 0), 0);
		check_golden(cut_store, 1, where);
		/* At the next start. */
		if (store_migrate(cut_store, place.keys, NULL, NULL, kept, &why) != 1)
			fail_msg("%s: %s", where, why.text);
	}
	check_golden(cut_store, STORE_FORMAT, where);
	/* What was before is kept, whichever time it was. */
	snprintf(want, sizeof(want), "%s.format1", cut_store);
	check_golden(want, 1, where);
	check_goes_on(where);
}

static void test_migrate(void **state)
{
	struct store_verify ask = {.accept = false};
	struct why why = {""};
	char kept[4096];

	(void)state;
	must(store_verify(place.store, place.keys, &ask, &golden_before, &why));
	watch();
	assert_int_equal(store_migrate(place.store, place.keys, NULL, NULL, kept, &why), 1);
	disk_acknowledged(0, 1);
	disk_unwatch();
	cut_anywhere(12, check_migrated);
}

int main(void)
{
	const char *wanted = getenv("SECRETFS_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_long_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_init, setup, teardown),
		cmocka_unit_test_setup_teardown(test_slots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_anchor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_migrate, setup_golden, teardown),
	};
	struct store_info info;

	long_run = getenv("SECRETFS_LONG") && *getenv("SECRETFS_LONG");
	seed = wanted ? strtoull(wanted, NULL, 10)
		      : (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
	print_message("SECRETFS_SEED=%llu\n", (unsigned long long)seed);
	if (secmem_init(16u << 20) < 0)
		return 1;
	store_info("/nonexistent/store", &info, NULL);
	disk_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
