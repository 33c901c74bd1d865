/* SPDX-License-Identifier: MIT */
/*
 * tamper: every row and every byte of a store file, changed in every way that somebody can who has
 * sqlite3, an older copy and no key.
 *
 * After each change the store is opened and everything is read in every way: what is answered is
 * what was there, or an error; no secret, value, owner, mode or ACL is ever another one's or an
 * earlier one. What is missing without an error (a row by its number), and whatever else is not
 * what it was, store_verify tells. Then Mallory, who is a user too, changes
 * something of hers: that makes nothing whole that was not.
 *
 *     SECRETFS_LONG=1    every change; otherwise a part of them, chosen by SECRETFS_SEED=N
 *     TAMPER_ONLY=TEXT   those whose description has this in it
 *
 * What verify may be silent about:
 *   - slots. They hold the master key and nothing else, sealed under what only their owners have,
 *     so verify cannot open them. Here each is opened after each change: it yields the same master
 *     key or none. A label is a note in clear.
 *   - done. Answers to requests of this mount, and notes of values that are kept for open files,
 *     with those values: dropped at the next start. Here the kept value is read: it is what it was,
 *     an error, or not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "anchor.h"
#include "image.h"
#include "world.h"

#define PAGE    4096
#define SECONDS 60 /* one change; more is a hang */
#define SAYS    40 /* failures that are told */

static struct world world;
static struct image_rows now[IMAGE_TABLES], before[IMAGE_TABLES];
static bool used[4096]; /* buckets that hold something, now or before */

static bool long_run;
static uint64_t seed, state;
static const char *only;

static unsigned total, budget; /* changes there are, and that are wanted */
static bool counting;
static unsigned done, failures, opened_count;
static char what[256]; /* is done to the store */

static const char *const behind_text[] = {"", " behind the index of tags", " behind its indexes"};

/* ---- choosing ---- */

static uint64_t chance(uint64_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % n;
}

static bool chosen(const char *format, ...) __attribute__((format(printf, 1, 2)));

static bool chosen(const char *format, ...)
{
	va_list args;

	if (counting) {
		total++;
		return false;
	}
	if (!only && !long_run && chance(total) >= budget)
		return false;
	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return !only || strstr(what, only);
}

/* Goes through all cases of one kind, or about as many as are wanted. */
static void through(void (*cases)(void), unsigned wanted)
{
	total = 0;
	budget = wanted;
	counting = true;
	cases();
	counting = false;
	cases();
}

/* ---- judging ---- */

static void failed(const char *how, const char *detail)
{
	if (++failures <= SAYS)
		print_message("FAILED: %s: %s%s%s\n", what, how, *detail ? ": " : "", detail);
}

static void hangs(int sig)
{
	(void)sig;
	fprintf(stderr, "it hangs, or takes more than %d s: %s\n", SECONDS, what);
	_exit(1);
}

static void place_image(const struct image *image)
{
	char path[256];

	snprintf(path, sizeof(path), "%s-wal", world.place.store);
	unlink(path);
	snprintf(path, sizeof(path), "%s-shm", world.place.store);
	unlink(path);
	image_write(image, world.place.store);
}

/* A slot yields the master key that it held, or none. */
static void judge_slots(void)
{
	struct keyslot slots[STORE_SLOTS];
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF memory = SECBUF_INIT;
	struct why why = {""};
	int n = store_read_slots(world.place.store, slots, &why);

	if (n < 0 || keyslot_read_file(world.place.key, &source, &why) < 0)
		return;
	must(secbuf_alloc(&memory, sizeof(struct keyslot_keys), SECMEM_SELF) == 0);
	for (int i = 0; i < n; i++) {
		AUTO_SECBUF master = SECBUF_INIT;
		/* Argon2id with costs that Mallory chose is keyslot's own test. */
		if (slots[i].kind != KEYSLOT_KEYFILE ||
			keyslot_open(&slots[i], KEYSLOT_KEYFILE, &source, &master, &why) < 0)
			continue;
		keyslot_derive(&master, (struct keyslot_keys *)(void *)memory.data);
		if (!secmem_equal(memory.data, world.place.keys, sizeof(struct keyslot_keys)))
			failed("a slot yields another key", "");
	}
}

static bool verify_is_silent(void)
{
	struct store_verify_result result = {0};
	struct why why = {""};
	AUTO_ANCHOR anchor = NULL;

	if (anchor_open(world.anchors, world.place.store, ANCHOR_LOOK, &anchor, &why) < 0 ||
		anchor_unlock(anchor, world.place.keys->anchor, &why) < 0)
		must(!"the anchor");
	const struct store_verify ask = {.anchor = anchor};
	int r = store_verify(world.place.store, world.place.keys, &ask, &result, &why);
	return r == 0 && result.waste == 0;
}

static bool is_among(const struct image_rows *rows, const struct image_row *row)
{
	for (size_t i = 0; i < rows->n; i++)
		if (image_row_equal(rows->table, &rows->rows[i], row))
			return true;
	return false;
}

static bool same_rows(const struct image *image)
{
	static const enum image_table bound[] = {ROOT, BUCKET, NS, SECRET, HISTORY};

	for (size_t i = 0; i < sizeof(bound) / sizeof(bound[0]); i++)
		if (!image_same(image, &world.now, bound[i]))
			return false;
	return true;
}

static bool has_values_of(const struct image_rows *a, const struct image_rows *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->rows[i].cells[0].number != (int64_t)world.kept && !is_among(a, &b->rows[i]))
			return false;
	return true;
}

/* But for the one that is kept for an open file. */
static bool same_values(const struct image *image)
{
	struct image_rows rows;
	bool same = image_rows_try(image, VALUE, &rows) && has_values_of(&rows, &now[VALUE]) &&
		    has_values_of(&now[VALUE], &rows);

	image_rows_free(&rows);
	return same;
}

static void judge_silence(const struct image *image, const struct found *found)
{
	if (found->missing)
		failed("verify is silent about what is missing", found->text);
	else if (!same_rows(image) || !same_values(image))
		failed("verify is silent", found->refused ? "something is refused" : "");
}

static void judge_found(const struct found *found, const char *when)
{
	if (found->wrong)
		failed(when, found->text);
}

static struct found judge_reading(bool with_anchor, bool change, const char *but)
{
	struct found found = {0};
	struct store *store = NULL;

	if (with_anchor)
		image_write(&world.anchor_now, world.anchor);
	if (world_open(&world, with_anchor, &store) < 0) {
		found.refused = 1;
		return found;
	}
	opened_count++;
	if (change && store_start(store) == 0)
		world_change(
			store, world_row(&world, (struct store_ns){NS_PRIVATE, MALLORY}, "bait"));
	else
		found = world_compare(&world, store, (unsigned)chance(6), but);
	store_close(store);
	return found;
}

/* After a change of Mallory's own: as before, and silence only over what is whole. */
static void judge_change(void)
{
	/* Her change moves the root: here the anchor is left alone. */
	judge_reading(false, true, NULL);
	struct found found = judge_reading(false, false, "bait");
	judge_found(&found, "after a change it is wrong");
	struct store_verify_result result = {0};
	struct why why = {""};
	const struct store_verify ask = {.accept = false};
	int r = store_verify(world.place.store, world.place.keys, &ask, &result, &why);
	if (r == 0 && result.waste == 0 && found.missing + found.refused > 0)
		failed("after a change verify is silent", found.text);
}

static void judge(struct image image, bool with_anchor)
{
	done++;
	alarm(SECONDS);
	place_image(&image);
	judge_slots();
	struct found found = judge_reading(with_anchor, false, NULL);
	judge_found(&found, "it is wrong");
	if (with_anchor)
		image_write(&world.anchor_now, world.anchor);
	if (verify_is_silent())
		judge_silence(&image, &found);
	/* What the anchor refuses is never served. */
	if (!with_anchor && (long_run || chance(4) == 0))
		judge_change();
	alarm(0);
	image_free(&image);
}

/* ---- single rows ---- */

/* The last way there is to change a table: only secret has an index of what is not unique. */
static enum image_behind last_way(enum image_table table)
{
	return table == SECRET                   ? BEHIND_ALL
	       : table == NS || table == HISTORY ? BEHIND_TAGS
						 : BEHIND_NOTHING;
}

/* Of the empty buckets a few stand for all. */
static bool wanted_row(enum image_table table, const struct image_row *row)
{
	int64_t id = row->cells[0].number;

	return table != BUCKET || (id >= 0 && id < 4096 && (used[id] || id % 500 == 0));
}

static void put_one(enum image_table table, const struct image_row *old,
	const struct image_row *new, enum image_behind behind)
{
	struct image_edit *edit = image_edit(&world.now, behind);

	if (old)
		image_delete(edit, table, old);
	image_put(edit, table, new);
	judge(image_edited(edit), table == ROOT);
}

static void case_delete(
	enum image_table table, const struct image_row *row, enum image_behind behind)
{
	if (!chosen("delete from %s %lld%s", image_table_name(table),
		    (long long)row->cells[0].number, behind_text[behind]))
		return;
	struct image_edit *edit = image_edit(&world.now, behind);
	image_delete(edit, table, row);
	judge(image_edited(edit), table == ROOT);
}

static void case_flip(
	enum image_table table, const struct image_row *row, int column, enum image_behind behind)
{
	const struct cell *cell = &row->cells[column];
	const size_t places[] = {0, cell->len / 2, cell->len - 1};

	for (size_t i = 0; i < 3 && cell->len > 0; i++) {
		if (!chosen("flip a bit of byte %zu of %s %lld %s%s", places[i],
			    image_table_name(table), (long long)row->cells[0].number,
			    image_column_name(table, column), behind_text[behind]))
			continue;
		struct image_row new = *row;
		uint8_t *bytes = malloc(cell->len);
		must(bytes);
		memcpy(bytes, cell->bytes, cell->len);
		bytes[places[i]] ^= (uint8_t)(1u << chance(7));
		new.cells[column].bytes = bytes;
		put_one(table, row, &new, behind);
		free(bytes);
	}
}

static void case_length(enum image_table table, const struct image_row *row, int column)
{
	const struct cell *cell = &row->cells[column];
	const size_t lengths[] = {0, 1, cell->len / 2, cell->len - 1, cell->len + 1};

	for (size_t i = 0; i < 5 && cell->len > 0; i++) {
		if (!chosen("make %s %lld %s %zu bytes long", image_table_name(table),
			    (long long)row->cells[0].number, image_column_name(table, column),
			    lengths[i]))
			continue;
		struct image_row new = *row;
		uint8_t *bytes = calloc(1, cell->len + 1);
		must(bytes);
		memcpy(bytes, cell->bytes, cell->len);
		new.cells[column].bytes = bytes;
		new.cells[column].len = lengths[i];
		put_one(table, row, &new, BEHIND_NOTHING);
		free(bytes);
	}
}

/* The same bytes, said to be text. */
static void case_type(
	enum image_table table, const struct image_row *row, int column, enum image_behind behind)
{
	if (!chosen("change the type of %s %lld %s%s", image_table_name(table),
		    (long long)row->cells[0].number, image_column_name(table, column),
		    behind_text[behind]))
		return;
	struct image_row new = *row;
	new.cells[column].is_text = !new.cells[column].is_text;
	put_one(table, row, &new, behind);
}

static void case_number(enum image_table table, const struct image_row *row, int column,
	int64_t number, enum image_behind behind)
{
	if (number == row->cells[column].number ||
		!chosen("set %s %lld %s to %lld%s", image_table_name(table),
			(long long)row->cells[0].number, image_column_name(table, column),
			(long long)number, behind_text[behind]))
		return;
	struct image_row new = *row;
	new.cells[column].number = number;
	put_one(table, row, &new, behind);
}

static void cases_of_row(
	enum image_table table, const struct image_row *row, enum image_behind behind)
{
	case_delete(table, row, behind);
	for (int i = 0; i < image_columns(table); i++) {
		if (!row->cells[i].is_number) {
			case_flip(table, row, i, behind);
			case_type(table, row, i, behind);
			if (!behind)
				case_length(table, row, i);
			continue;
		}
		int64_t number = row->cells[i].number;
		case_number(table, row, i, 0, behind);
		case_number(table, row, i, -1, behind);
		case_number(table, row, i, (int64_t)((uint64_t)number - 1), behind);
		case_number(table, row, i, (int64_t)((uint64_t)number + 1), behind);
		case_number(table, row, i, INT64_MAX, behind);
	}
}

static void each_row(void (*visit)(enum image_table, const struct image_row *, enum image_behind))
{
	for (enum image_table table = ROOT; table < IMAGE_TABLES; table++)
		for (size_t i = 0; i < now[table].n; i++) {
			if (!wanted_row(table, &now[table].rows[i]))
				continue;
			for (enum image_behind behind = 0; behind <= last_way(table); behind++)
				visit(table, &now[table].rows[i], behind);
		}
}

static void cases_single(void)
{
	each_row(cases_of_row);
}

/* ---- two rows ---- */

static void swap_cells(struct image_row *a, struct image_row *b, int from, int to)
{
	for (int i = from; i < to; i++) {
		struct cell kept = a->cells[i];
		a->cells[i] = b->cells[i];
		b->cells[i] = kept;
	}
}

static void case_swap(enum image_table table, const struct image_row *a, const struct image_row *b,
	int from, int to, enum image_behind behind)
{
	if (!chosen("swap %s to %s of %s %lld and %lld%s", image_column_name(table, from),
		    image_column_name(table, to - 1), image_table_name(table),
		    (long long)a->cells[0].number, (long long)b->cells[0].number,
		    behind_text[behind]))
		return;
	struct image_row x = *a, y = *b;
	struct image_edit *edit = image_edit(&world.now, behind);
	swap_cells(&x, &y, from, to);
	image_delete(edit, table, a);
	image_delete(edit, table, b);
	image_put(edit, table, &x);
	image_put(edit, table, &y);
	judge(image_edited(edit), false);
}

/* The content of b under the number of a, or one column of it. */
static void case_copy(enum image_table table, const struct image_row *a, const struct image_row *b,
	int from, int to, enum image_behind behind)
{
	if (!chosen("copy %s to %s of %s %lld over %lld%s", image_column_name(table, from),
		    image_column_name(table, to - 1), image_table_name(table),
		    (long long)b->cells[0].number, (long long)a->cells[0].number,
		    behind_text[behind]))
		return;
	struct image_row new = *a;
	for (int i = from; i < to; i++)
		new.cells[i] = b->cells[i];
	put_one(table, a, &new, behind);
}

static void case_double(
	enum image_table table, const struct image_row *row, enum image_behind behind)
{
	struct image_row new = *row;

	if (!chosen("add %s %lld again under another number%s", image_table_name(table),
		    (long long)row->cells[0].number, behind_text[behind]))
		return;
	new.cells[0].number = 60;
	put_one(table, NULL, &new, behind);
}

static void cases_of_pair(enum image_table table, const struct image_row *a,
	const struct image_row *b, enum image_behind behind)
{
	int columns = image_columns(table), keys = image_key_columns(table);

	for (int i = 0; i < columns; i++) {
		case_swap(table, a, b, i, i + 1, behind);
		case_copy(table, a, b, i, i + 1, behind);
		case_copy(table, b, a, i, i + 1, behind);
	}
	case_swap(table, a, b, keys, columns, behind);
	case_copy(table, a, b, keys, columns, behind);
	case_copy(table, b, a, keys, columns, behind);
}

/* Buckets with one neighbour that is used: they are bound to their number alike. */
static bool wanted_pair(enum image_table table, size_t i, size_t j)
{
	if (!wanted_row(table, &now[table].rows[i]) || !wanted_row(table, &now[table].rows[j]))
		return false;
	if (table != BUCKET)
		return true;
	for (size_t k = i + 1; k < j; k++)
		if (wanted_row(table, &now[table].rows[k]))
			return false;
	return true;
}

static void cases_pairs(void)
{
	for (enum image_table table = ROOT; table < IMAGE_TABLES; table++)
		for (size_t i = 0; i < now[table].n; i++) {
			if (!wanted_row(table, &now[table].rows[i]))
				continue;
			for (enum image_behind behind = 0; behind <= last_way(table); behind++) {
				case_double(table, &now[table].rows[i], behind);
				for (size_t j = i + 1; j < now[table].n; j++)
					if (wanted_pair(table, i, j))
						cases_of_pair(table, &now[table].rows[i],
							&now[table].rows[j], behind);
			}
		}
}

/* ---- the index that listings use ---- */

/* Another secret, or the same one twice, where one was: as many entries as before. */
static void cases_index(void)
{
	const struct image_rows *rows = &now[SECRET];

	for (size_t i = 0; i < rows->n; i++) {
		long long id = (long long)rows->rows[i].cells[0].number;
		for (size_t j = 0; j < rows->n; j++) {
			long long other = (long long)rows->rows[j].cells[0].number;
			if (i != j && chosen("name secret %lld in the place of %lld in the index",
					      other, id))
				judge(image_index_edited(&world.now, id, other), false);
		}
	}
}

/* What was once found by this test, always: the first and the last secret of a listing. */
static void cases_once_found(void)
{
	const struct image_rows *rows = &now[SECRET];

	for (size_t i = 0; i < rows->n; i += rows->n - 1) {
		case_number(SECRET, &rows->rows[i], 0, 0, BEHIND_NOTHING);
		case_number(SECRET, &rows->rows[i], 0, -1, BEHIND_TAGS);
	}
	int64_t bank = (int64_t)world_row(&world, (struct store_ns){NS_PRIVATE, ANN}, "bank");
	int64_t hist = (int64_t)world_row(&world, (struct store_ns){NS_PRIVATE, ANN}, "hist");
	if (chosen("name bank in the place of hist"))
		judge(image_index_edited(&world.now, hist, bank), false);
	if (chosen("name hist in the place of bank"))
		judge(image_index_edited(&world.now, bank, hist), false);
}

/* ---- older copies ---- */

static const struct image_row *row_in(const struct image_rows *rows, const struct image_row *row)
{
	for (size_t i = 0; i < rows->n; i++)
		if (image_row_is(rows->table, &rows->rows[i], row))
			return &rows->rows[i];
	return NULL;
}

static void cases_old_rows(void)
{
	for (enum image_table table = ROOT; table < IMAGE_TABLES; table++)
		for (size_t i = 0; i < before[table].n; i++) {
			const struct image_row *old = &before[table].rows[i];
			const struct image_row *new = row_in(&now[table], old);
			if (new &&image_row_equal(table, new, old))
				continue;
			for (enum image_behind behind = 0; behind <= last_way(table); behind++)
				if (chosen("put back an older %s %lld%s", image_table_name(table),
					    (long long)old->cells[0].number, behind_text[behind]))
					put_one(table, new, old, behind);
		}
}

/* Puts the rows of a table back to what they were; wanted: which (NULL: all). */
static void roll_back(struct image_edit *edit, enum image_table table,
	bool (*wanted)(const struct image_row *, int64_t), int64_t arg)
{
	for (size_t i = 0; i < now[table].n; i++)
		if ((!wanted || wanted(&now[table].rows[i], arg)) &&
			!row_in(&before[table], &now[table].rows[i]))
			image_delete(edit, table, &now[table].rows[i]);
	for (size_t i = 0; i < before[table].n; i++) {
		const struct image_row *old = &before[table].rows[i];
		const struct image_row *new = row_in(&now[table], old);
		if ((!wanted || wanted(old, arg)) && !(new &&image_row_equal(table, new, old)))
			image_put(edit, table, old);
	}
}

/* Every set of whole tables. The last one is an old copy of all of it. */
static void cases_old_tables(void)
{
	for (unsigned set = 1; set < 1u << (VALUE + 1); set++) {
		if (!chosen("put back whole tables: set %u", set))
			continue;
		struct image_edit *edit = image_edit(&world.now, BEHIND_NOTHING);
		for (enum image_table table = ROOT; table <= VALUE; table++)
			if (set & 1u << table)
				roll_back(edit, table, NULL, 0);
		judge(image_edited(edit), true);
	}
}

static bool first_is(const struct image_row *row, int64_t id)
{
	return row->cells[0].number == id;
}

static int64_t bucket_of(const struct cell *tag)
{
	return tag->bytes[0] << 4 | tag->bytes[1] >> 4;
}

static bool ns_in_bucket(const struct image_row *row, int64_t bucket)
{
	return bucket_of(&row->cells[1]) == bucket;
}

static bool secret_in_bucket(const struct image_row *row, int64_t bucket)
{
	return bucket_of(&row->cells[2]) == bucket;
}

/* A secret, and what belongs to it, in every combination. */
static void case_old_secret(const struct image_row *row, int64_t bucket, unsigned set)
{
	int64_t id = row->cells[0].number;

	if (!chosen("put back secret %lld as of then with what belongs to it: set %u",
		    (long long)id, set))
		return;
	struct image_edit *edit = image_edit(&world.now, BEHIND_NOTHING);
	if (set & 1)
		roll_back(edit, SECRET, first_is, id);
	if (set & 2)
		roll_back(edit, BUCKET, first_is, bucket);
	if (set & 4)
		roll_back(edit, HISTORY, first_is, id);
	if (set & 8)
		roll_back(edit, VALUE, NULL, 0);
	if (set & 16)
		roll_back(edit, ROOT, NULL, 0);
	if (set & 32)
		roll_back(edit, NS, NULL, 0);
	judge(image_edited(edit), set & 16);
}

static void cases_old_secrets(void)
{
	for (int i = 0; i < 2; i++) {
		const struct image_rows *rows = i ? &now[SECRET] : &before[SECRET];
		for (size_t j = 0; j < rows->n; j++)
			for (unsigned set = 1; set < 64; set++)
				case_old_secret(
					&rows->rows[j], bucket_of(&rows->rows[j].cells[2]), set);
	}
}

/* All that lies in a bucket, with its sum, and with the root. */
static void cases_old_buckets(void)
{
	for (int64_t bucket = 0; bucket < 4096; bucket++)
		for (unsigned set = 0; used[bucket] && set < 4; set++) {
			if (!chosen("put back bucket %lld: set %u", (long long)bucket, set))
				continue;
			struct image_edit *edit = image_edit(&world.now, BEHIND_NOTHING);
			roll_back(edit, SECRET, secret_in_bucket, bucket);
			roll_back(edit, NS, ns_in_bucket, bucket);
			if (set & 1)
				roll_back(edit, BUCKET, first_is, bucket);
			if (set & 2)
				roll_back(edit, ROOT, NULL, 0);
			judge(image_edited(edit), set & 2);
		}
}

/* ---- bytes ---- */

static void case_byte(size_t at)
{
	if (!chosen("flip a bit of byte %zu of page %zu", at % PAGE, at / PAGE + 1))
		return;
	struct image image = {malloc(world.now.len), world.now.len};
	must(image.data);
	memcpy(image.data, world.now.data, image.len);
	image.data[at] ^= (uint8_t)(1u << chance(8));
	judge(image, false);
}

static void cases_first_page(void)
{
	for (size_t at = 0; at < PAGE; at++)
		case_byte(at);
}

/* The head of each page says most; behind it a sample. */
static void cases_pages(void)
{
	for (size_t page = PAGE; page < world.now.len; page += PAGE) {
		for (size_t at = 0; at < 16; at++)
			case_byte(page + at);
		for (size_t i = 0; i < 16; i++)
			case_byte(page + 16 + chance(PAGE - 16));
	}
}

/* ---- all of it ---- */

static void test_nothing(void **arg)
{
	(void)arg;
	snprintf(what, sizeof(what), "nothing");
	place_image(&world.now);
	struct found found = judge_reading(true, false, NULL);
	if (found.wrong + found.missing + found.refused)
		fail_msg("untouched it is not what it was: %s", found.text);
	assert_true(verify_is_silent());
	/* And an edit that edits nothing, in both ways. */
	for (enum image_behind behind = 0; behind <= BEHIND_ALL; behind++) {
		struct image image = image_edited(image_edit(&world.now, behind));
		place_image(&image);
		found = judge_reading(true, false, NULL);
		assert_int_equal(found.wrong + found.missing + found.refused, 0);
		assert_true(verify_is_silent());
		image_free(&image);
	}
	judge_reading(false, true, NULL);
	found = judge_reading(false, false, "bait");
	if (found.wrong + found.missing + found.refused)
		fail_msg("after a change it is not what it was: %s", found.text);
}

/* The checks themselves see what they are for: with the earlier file everything is different. */
static void test_checks(void **arg)
{
	(void)arg;
	place_image(&world.before);
	struct found found = judge_reading(false, false, NULL);
	assert_true(found.wrong > 0);
	assert_false(verify_is_silent());
	assert_int_equal(judge_reading(true, false, NULL).refused, 1);
	assert_false(same_rows(&world.before));
}

static void run(void (*cases)(void), unsigned wanted)
{
	unsigned first = done, opened_first = opened_count;

	failures = 0;
	through(cases, wanted);
	print_message("  %u of %u changes, opened %u times\n", done - first, total,
		opened_count - opened_first);
	if (failures)
		fail_msg("%u of %u", failures, done - first);
}

static void test_single(void **arg)
{
	(void)arg;
	run(cases_single, 80);
}

static void test_pairs(void **arg)
{
	(void)arg;
	run(cases_pairs, 80);
	run(cases_index, 10);
	run(cases_once_found, UINT32_MAX);
}

static void test_old_rows(void **arg)
{
	(void)arg;
	run(cases_old_rows, UINT32_MAX); /* always all: they are few */
}

static void test_old_together(void **arg)
{
	(void)arg;
	run(cases_old_tables, 20);
	run(cases_old_secrets, 30);
	run(cases_old_buckets, 20);
}

static void test_bytes(void **arg)
{
	(void)arg;
	run(cases_first_page, 40);
	run(cases_pages, 40);
}

static int setup(void **arg)
{
	(void)arg;
	world_make(&world);
	for (enum image_table table = ROOT; table < IMAGE_TABLES; table++) {
		now[table] = image_rows(&world.now, table);
		before[table] = image_rows(&world.before, table);
	}
	for (int i = 0; i < 2; i++) {
		const struct image_rows *all = i ? now : before;
		for (size_t j = 0; j < all[SECRET].n; j++)
			used[bucket_of(&all[SECRET].rows[j].cells[2])] = true;
		for (size_t j = 0; j < all[NS].n; j++)
			used[bucket_of(&all[NS].rows[j].cells[1])] = true;
	}
	return 0;
}

static int teardown(void **arg)
{
	(void)arg;
	for (enum image_table table = ROOT; table < IMAGE_TABLES; table++) {
		image_rows_free(&now[table]);
		image_rows_free(&before[table]);
	}
	world_free(&world);
	return 0;
}

int main(void)
{
	const char *wanted = getenv("SECRETFS_SEED");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_old_rows),
		cmocka_unit_test(test_old_together),
		cmocka_unit_test(test_bytes),
	};

	long_run = getenv("SECRETFS_LONG") && *getenv("SECRETFS_LONG");
	only = getenv("TAMPER_ONLY");
	seed = wanted ? strtoull(wanted, NULL, 10)
		      : (uint64_t)time(NULL) * 1000 + (uint64_t)getpid() % 1000;
	state = seed * 0x9e3779b97f4a7c15 + 1;
	print_message("SECRETFS_SEED=%llu\n", (unsigned long long)seed);
	signal(SIGALRM, hangs);
	if (secmem_init(16u << 20) < 0)
		return 1;
	store_prepare();
	return cmocka_run_group_tests(tests, setup, teardown);
}
