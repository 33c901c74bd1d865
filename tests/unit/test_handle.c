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
	struct handle *handle = handle_share(VALUE, node, UID);

	if (handle)
		return handle;
	assert_int_equal(secbuf_alloc(&data, 0, UID), 0);
	assert_int_equal(
		handle_open_read(node, ROW, KEY, VALUE, 0, UID, UID, 1, &data, &handle), 0);
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
		cmocka_unit_test(test_what_a_request_did),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
