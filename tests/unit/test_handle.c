/* SPDX-License-Identifier: MIT */
/* test_handle: what is open is noted where the next worker finds it, once for each request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <unistd.h>

#include "handle.h"
#include "openings.h"
#include "secmem.h"
#include "shown.h"

#define ROW   7
#define KEY   3
#define VALUE 99
#define UID   1000

static uint64_t node;

static int make(void **state)
{
	int fd = openings_create();

	(void)state;
	if (fd < 0 || secmem_init(1 << 20) < 0 || openings_map(fd) < 0)
		return -1;
	close(fd);
	handle_init(1);
	node = node_key(ROW, KEY);
	return 0;
}

static struct handle *open_one(void)
{
	struct secbuf data = SECBUF_INIT;
	struct handle *handle = handle_share(VALUE, node, ROW, UID, HANDLE_DIRECT);

	if (handle)
		return handle;
	assert_int_equal(secbuf_alloc(&data, 0, UID), 0);
	assert_int_equal(handle_open_read(node, ROW, KEY, VALUE, 0, UID, UID, 1, HANDLE_DIRECT,
				 &data, &handle),
		0);
	return handle;
}

static unsigned noted;

static bool count(const struct opening *opening, int place)
{
	(void)place;
	noted += opening->opens;
	return true;
}

static unsigned how_often(void)
{
	noted = 0;
	openings_inherit(OPENING_HANDLE, count);
	return noted;
}

static void test_opens_are_counted(void **state)
{
	(void)state;
	struct handle *handle = open_one();
	assert_int_equal(how_often(), 1);
	assert_ptr_equal(open_one(), handle);
	assert_int_equal(how_often(), 2);
	handle_close(handle);
	assert_int_equal(how_often(), 1);
	handle_close(handle);
	assert_int_equal(how_often(), 0);
	assert_int_equal(handle_count(), 0);
}

/* A thread that closes has a reference of its own: until that is gone, others find the handle. */
static void test_opened_again_while_it_is_closed(void **state)
{
	(void)state;
	struct handle *handle = open_one();
	struct handle *closing = handle_find(handle->fh, node);

	handle_close(closing);
	assert_int_equal(how_often(), 0);
	assert_ptr_equal(open_one(), handle);
	handle_release(closing);
	assert_int_equal(how_often(), 1);
	handle_close(handle);
	assert_int_equal(how_often(), 0);
	assert_int_equal(handle_count(), 0);
}

static struct handle *read_cached(uint64_t value_id, uint32_t uid, int64_t mark)
{
	struct secbuf data = SECBUF_INIT;
	struct handle *handle = NULL;

	assert_int_equal(secbuf_alloc(&data, 0, uid), 0);
	assert_int_equal(
		handle_open_read(node, ROW, KEY, value_id, 0, uid, uid, 1, mark, &data, &handle),
		0);
	assert_int_equal(handle_value_id(handle->fh), value_id);
	return handle;
}

static struct handle *write_node(uint64_t written)
{
	const struct handle_start start = {0};
	struct secbuf data = SECBUF_INIT;
	struct handle *handle = NULL;

	assert_int_equal(secbuf_alloc(&data, 0, UID), 0);
	assert_int_equal(
		handle_open_write(written, ROW, KEY, UID, UID, 1, &start, &data, &handle), 0);
	return handle;
}

static bool gets_page_cache(uint64_t value_id, int64_t mark)
{
	struct handle *handle = read_cached(value_id, UID + 1, mark);
	bool cached = handle_cached(handle->fh);

	handle_close(handle);
	return cached;
}

/* One version at a time, and not beside a writer or what could be older than it. */
static void test_who_reads_through_the_page_cache(void **state)
{
	const uint64_t json = node_id(&(struct node){.kind = NODE_JSON, .row = ROW});
	const uint64_t env = node_id(&(struct node){.kind = NODE_ENV, .row = ROW});
	const uint64_t other = node_key(ROW, KEY + 1);
	int64_t mark = handle_cache_mark(ROW);

	(void)state;
	assert_false(gets_page_cache(VALUE, HANDLE_DIRECT));
	assert_false(handle_cached_at(node));
	struct handle *first = read_cached(VALUE, UID, mark);
	assert_true(handle_cached(first->fh));
	assert_true(handle_cached_at(node) && handle_cached_at(json) && handle_cached_at(env));
	assert_false(handle_cached_at(other));
	assert_true(gets_page_cache(VALUE, mark));
	assert_false(gets_page_cache(VALUE + 1, mark));
	handle_close(first);
	assert_false(handle_cached_at(node));
	assert_true(gets_page_cache(VALUE + 1, mark));

	handle_writer_comes(ROW);
	assert_false(gets_page_cache(VALUE, mark));
	handle_writer_is_there(ROW);
	assert_true(gets_page_cache(VALUE, mark));
	for (int i = 0; i < 4; i++) {
		struct handle *writer = write_node((const uint64_t[]){node, json, env, other}[i]);
		assert_int_equal(gets_page_cache(VALUE, mark), i == 3);
		assert_false(handle_cached(writer->fh));
		handle_close(writer);
	}
	handle_note_change(node);
	assert_false(gets_page_cache(VALUE, mark));
	assert_true(gets_page_cache(VALUE, handle_cache_mark(ROW)));
	assert_int_equal(handle_count(), 0);
}

static void test_a_change_is_known_as_long_as_it_is_open(void **state)
{
	(void)state;
	struct handle *handle = read_cached(VALUE, UID, handle_cache_mark(ROW));
	handle_note_change(node_key(ROW, KEY + 1));
	assert_false(handle_cached_changed(node));
	handle_note_change(node);
	assert_true(handle_cached_changed(node));
	handle_close(handle);
	assert_false(handle_cached_changed(node));
}

static void test_pages_are_kept_once_the_kernel_has_dropped_older_ones(void **state)
{
	(void)state;
	assert_int_equal(shown_open(node, 1), SHOWN_FIRST);
	assert_int_equal(shown_open(node, 1), SHOWN_DROP);
	shown_opened(node, 2);
	assert_int_equal(shown_open(node, 1), SHOWN_DROP);
	shown_opened(node, 1);
	assert_int_equal(shown_open(node, 1), SHOWN_KEEP);
	shown_fill(node, 1);
	assert_int_equal(shown_open(node, 1), SHOWN_KEEP);
	shown_fill(node, 2);
	assert_int_equal(shown_open(node, 1), SHOWN_FIRST);
	shown_opened(node, 1);
	assert_int_equal(shown_open(node, 2), SHOWN_FIRST);
	shown_opened(node, 1);
	assert_int_equal(shown_open(node, 2), SHOWN_DROP);
	/* Another key in the same place. */
	for (uint64_t row = 1; row < 300000; row++)
		shown_open(node_key(row, 1), 1);
	assert_int_equal(shown_open(node, 2), SHOWN_FIRST);
}

/* Requests that were served when the worker died come again. */
static void test_what_a_request_did(void **state)
{
	const struct openings_request opener = {1, 100, false}, closer = {2, 102, false};
	const struct openings_request opener_again = {1, 100, true}, closer_again = {2, 102, true};

	(void)state;
	openings_for(opener);
	struct handle *handle = open_one();
	assert_int_equal(openings_did(), -1);
	openings_for(opener_again);
	assert_int_equal(openings_did(), handle->place);
	openings_for(closer_again);
	assert_int_equal(openings_did(), -1);
	openings_for((struct openings_request){0});
	open_one();
	openings_for(closer);
	handle_close(handle);
	openings_for(closer_again);
	assert_int_equal(openings_did(), handle->place);
	/* The opener is answered with what it had. */
	openings_for(opener_again);
	AUTO_HANDLE there = handle_at(openings_did());
	assert_ptr_equal(there, handle);
	openings_for((struct openings_request){0});
	handle_close(handle);
	assert_null(handle_at(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opens_are_counted),
		cmocka_unit_test(test_opened_again_while_it_is_closed),
		cmocka_unit_test(test_who_reads_through_the_page_cache),
		cmocka_unit_test(test_a_change_is_known_as_long_as_it_is_open),
		cmocka_unit_test(test_pages_are_kept_once_the_kernel_has_dropped_older_ones),
		cmocka_unit_test(test_what_a_request_did),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
