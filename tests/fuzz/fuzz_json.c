/* SPDX-License-Identifier: MIT */
/*
 * fuzz_json: what is written to .json (and, after a first byte of 1, to .env), with jansson in
 * locked memory and a real store behind it.
 *
 * What is merged, shown and merged into another secret is shown there as the same. No beginning of
 * what can be merged is refused by view_check. All memory comes back.
 */
#include "fuzz.h"

#include <errno.h>
#include <unistd.h>

#include "place.h"
#include "store.h"
#include "view.h"

#define OWNER 1000u

static const struct store_ns public_ns = {NS_PUBLIC, 0};
static const struct store_new made = {.uid = OWNER, .gid = OWNER, .mode = 0600};

static struct place place;
static struct store *store;
static struct store_reader *reader;

static void leave(void)
{
	store_reader_close(reader);
	store_close(store);
	place_remove(&place);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct store_limits limits = {.history = 0, .max_value = 4096, .max_keys = 16};
	struct why why = {""};

	(void)argc;
	(void)argv;
	must(secmem_init(64u << 20) == 0);
	must(place_make(&place) == 0);
	view_init();
	must(store_open(place.store, place.keys, &limits, &store, &why) == 0);
	must(store_start(store) == 0);
	must(store_reader_open(store, &reader) == 0);
	atexit(leave);
	return 0;
}

static uint64_t secret(const char *name)
{
	uint64_t row;

	must(store_secret_create(store, public_ns, name, strlen(name), &made, &row) == 0);
	return row;
}

/* Removes a secret with what is in it. */
static void drop(uint64_t row, const char *name)
{
	struct store_touched touched;
	const struct store_secret *s;
	char key[256];
	uint64_t gone;

	for (;;) {
		must(store_begin(reader) == 0);
		must(store_secret_by_row(reader, row, &s) == 0);
		bool empty = s->m.n == 0;
		if (!empty)
			strcpy(key, s->m.keys[0].name);
		store_end(reader);
		if (empty)
			break;
		must(store_key_remove(store, row, key, strlen(key), OWNER, &touched) == 0);
	}
	must(store_secret_remove(store, public_ns, name, strlen(name), &gone) == 0);
}

static void render(uint64_t row, enum node_kind kind, struct secbuf *ret_text)
{
	const struct store_secret *s;

	must(store_begin(reader) == 0);
	must(store_secret_by_row(reader, row, &s) == 0);
	must(view_render(reader, s, kind, SECMEM_SELF, ret_text) == 0);
	must(ret_text->len == view_size(&s->m, kind));
	store_end(reader);
}

static void check_beginnings(const uint8_t *text, size_t size, enum node_kind kind)
{
	for (size_t cut = size > 32 ? size - 32 : 1; cut < size; cut++)
		must(view_check(text, cut, kind) == 0);
	if (size > 2)
		must(view_check(text, size / 2, kind) == 0);
}

static void removed(uint64_t row, uint32_t key_no)
{
	(void)row;
	(void)key_no;
}

static void check_shown(uint64_t row, enum node_kind kind)
{
	struct store_touched touched;
	AUTO_SECBUF shown = SECBUF_INIT;
	AUTO_SECBUF again = SECBUF_INIT;
	uint64_t copy = secret("copy");

	render(row, kind, &shown);
	/* What .env leaves out is named in a comment. */
	bool partly = kind == NODE_ENV && memmem(shown.data, shown.len, "# Left out", 10);
	must(view_merge(store, copy, OWNER, shown.data, shown.len, kind, &made, removed,
		     &touched) == 0);
	render(copy, kind, &again);
	must(partly || (shown.len == again.len && memcmp(shown.data, again.data, shown.len) == 0));
	drop(copy, "copy");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum node_kind kind = size && data[0] == 1 ? NODE_ENV : NODE_JSON;
	struct store_touched touched;
	struct secmem_usage before, after;
	AUTO_SECBUF text = SECBUF_INIT;

	size_t skip = kind == NODE_ENV;
	secmem_usage(&before);
	must(secbuf_alloc(&text, size - skip, SECMEM_SELF) == 0);
	if (size > skip)
		memcpy(text.data, data + skip, size - skip);
	text.len = size - skip;
	uint64_t row = secret("s");
	int r = view_merge(store, row, OWNER, text.data, text.len, kind, &made, removed, &touched);
	must(r == 0 || r == -EINVAL || r == -EFBIG || r == -EDQUOT || r == -ENOMEM);
	if (r == 0) {
		check_beginnings(text.data, text.len, kind);
		check_shown(row, NODE_JSON);
		check_shown(row, NODE_ENV);
	}
	drop(row, "s");
	secbuf_free(&text);
	secmem_usage(&after);
	/* Manifests that were opened are dropped with their secrets. */
	must(before.used == after.used || after.used < 1u << 20);
	return 0;
}
