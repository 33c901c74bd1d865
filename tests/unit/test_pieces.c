/* SPDX-License-Identifier: MIT */
/* Pieces are packed, do not overlap, do not move, and are wiped by rewinding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "pieces.h"

static int setup(void **state)
{
	(void)state;
	return secmem_init(1u << 20);
}

static void test_packed(void **state)
{
	AUTO_PIECES pieces = {0};
	struct secmem_usage usage;
	unsigned char *piece[1000];

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(pieces_take(&pieces, 1 + i % 50, (void **)&piece[i]), 0);
		memset(piece[i], (int)i, 1 + i % 50);
	}
	for (size_t i = 0; i < 1000; i++) {
		for (size_t j = 0; j < 1 + i % 50; j++)
			assert_int_equal(piece[i][j], (unsigned char)i);
	}
	secmem_usage(&usage);
	assert_true(usage.used <= 64u << 10);
	pieces_free(&pieces);
	secmem_usage(&usage);
	assert_int_equal(usage.used, 0);
}

static void test_rewind(void **state)
{
	AUTO_PIECES pieces = {0};
	struct pieces_mark mark;
	struct secmem_usage usage;
	char *first, *second, *again;

	(void)state;
	mark = pieces_mark(&pieces);
	assert_int_equal(pieces_take(&pieces, 10, (void **)&first), 0);
	pieces_rewind(&pieces, mark);
	secmem_usage(&usage);
	assert_int_equal(usage.used, 0);

	assert_int_equal(pieces_take(&pieces, 10, (void **)&first), 0);
	memcpy(first, "0123456789", 10);
	mark = pieces_mark(&pieces);
	assert_int_equal(pieces_take(&pieces, 10, (void **)&second), 0);
	memcpy(second, "abcdefghij", 10);
	assert_int_equal(pieces_take(&pieces, 100000, (void **)&again), 0);
	pieces_rewind(&pieces, mark);
	assert_memory_equal(first, "0123456789", 10);
	assert_int_equal(pieces_take(&pieces, 10, (void **)&again), 0);
	assert_ptr_equal(again, second);
	assert_memory_equal(again, "\0\0\0\0\0\0\0\0\0\0", 10);
}

static void test_adopt(void **state)
{
	AUTO_PIECES pieces = {0};
	AUTO_SECBUF large = SECBUF_INIT;
	struct secmem_usage usage;
	uint8_t *bytes;
	void *piece;

	(void)state;
	assert_int_equal(secbuf_alloc(&large, 100000, SECMEM_SELF), 0);
	memset(large.data, 'x', 10);
	large.len = 10;
	bytes = large.data;
	assert_int_equal(pieces_adopt(&pieces, &large), 0);
	assert_null(large.data);
	assert_int_equal(pieces_take(&pieces, 10, &piece), 0);
	memset(piece, 'y', 10);
	assert_memory_equal(bytes, "xxxxxxxxxx", 10);
	assert_true((uint8_t *)piece < bytes || (uint8_t *)piece >= bytes + 100000);
	pieces_free(&pieces);
	secmem_usage(&usage);
	assert_int_equal(usage.used, 0);
}

static void test_no_room(void **state)
{
	AUTO_PIECES pieces = {0};
	void *piece, *small = NULL;
	size_t n = 0;

	(void)state;
	assert_int_equal(pieces_take(&pieces, 2u << 20, &piece), -ENOMEM);
	assert_int_equal(pieces_take(&pieces, 0, &piece), 0);
	/* The last pages are used too, though no whole run fits into them. */
	assert_int_equal(pieces_take(&pieces, (1u << 20) - (32u << 10) - 8192, &piece), 0);
	while (pieces_take(&pieces, 4000, &small) == 0)
		n++;
	assert_int_equal(n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packed),
		cmocka_unit_test(test_rewind),
		cmocka_unit_test(test_adopt),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
