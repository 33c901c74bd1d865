/* SPDX-License-Identifier: MIT */
/* test_header: the bytes of root, bucket and namespace, and what their decoders refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "header.h"

static const struct header_root root = {
	.format = 1,
	.store_id = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac,
		0xad, 0xae, 0xaf},
	.epoch = 0x0102030405060708,
	.commits = 9,
	.next_row = 0xfffffffe,
	.next_value = 0x0000fffffffffffe,
	.total = {{1, 2, 3, 0xf4f3f2f1f0efeeed}},
	.created = 1700000000000000000,
};

/* clang-format off */
static const uint8_t root_bytes[HEADER_ROOT] = {
	0x01, 0x00,
	0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
	0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
	0x09, 0, 0, 0, 0, 0, 0, 0,
	0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0,
	0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0,
	1, 0, 0, 0, 0, 0, 0, 0,
	2, 0, 0, 0, 0, 0, 0, 0,
	3, 0, 0, 0, 0, 0, 0, 0,
	0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf2, 0xf3, 0xf4,
	0x00, 0x00, 0x2a, 0x36, 0xfe, 0x9c, 0x97, 0x17,
};

static const uint8_t bucket_bytes[HEADER_BUCKET] = {
	0x11, 0, 0, 0, 0, 0, 0, 0,
	0x22, 0, 0, 0, 0, 0, 0, 0,
	0x33, 0, 0, 0, 0, 0, 0, 0,
	0x44, 0, 0, 0, 0, 0, 0, 0x80,
	0x78, 0x56, 0x34, 0x12,
};

static const uint8_t ns_bytes[HEADER_NS] = {
	2,
	0xe8, 0x03, 0, 0,
	0xe9, 0x03, 0, 0,
	0xea, 0x03, 0, 0,
	0xc0, 0x01,
	1, 0, 0, 0, 0, 0, 0, 0,
	2, 0, 0, 0, 0, 0, 0, 0,
	0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	4, 0, 0, 0, 0, 0, 0, 0,
	5, 0, 0, 0, 0, 0, 0, 0,
	6, 0, 0, 0, 0, 0, 0, 0,
	3, 0, 'a', 'c', 'l',
	2, 0, 'd', 'f',
};
/* clang-format on */

static struct header_ns make_ns(void)
{
	struct header_ns ns = {
		.kind = NS_PRIVATE,
		.uid = 1000,
		.owner = 1001,
		.gid = 1002,
		.mode = 0700,
		.atime = 1,
		.mtime = 2,
		.ctime = -3,
		.secrets = 4,
		.owned = 5,
		.bytes = 6,
		.acl_len = 3,
		.default_acl_len = 2,
	};

	memcpy(ns.acl, "acl", 3);
	memcpy(ns.default_acl, "df", 2);
	return ns;
}

static void test_root(void **state)
{
	struct header_root back;
	uint8_t bytes[HEADER_ROOT];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	header_root_encode(&root, bytes);
	assert_memory_equal(bytes, root_bytes, sizeof(bytes));
	assert_int_equal(header_root_decode(&back, bytes), 0);
	assert_int_equal(back.format, 1);
	assert_memory_equal(back.store_id, root.store_id, 16);
	assert_true(back.epoch == root.epoch && back.commits == root.commits);
	assert_true(back.next_row == root.next_row && back.next_value == root.next_value);
	assert_memory_equal(&back.total, &root.total, sizeof(root.total));
	assert_true(back.created == root.created);
}

static void test_root_refused(void **state)
{
	struct header_root h = root;
	struct header_root untouched = {.epoch = 77};
	uint8_t bytes[HEADER_ROOT];

	(void)state;
	for (unsigned format = 0; format < 4; format++) {
		h.format = (uint16_t)format;
		header_root_encode(&h, bytes);
		assert_int_equal(header_root_decode(&untouched, bytes),
			format == 1 || format == 2 ? 0 : -EPROTO);
	}
	memcpy(bytes, root_bytes, sizeof(bytes));
	untouched.epoch = 77;
	for (size_t i = 90; i < HEADER_ROOT; i++) {
		bytes[i] = 1;
		assert_int_equal(header_root_decode(&untouched, bytes), -EBADMSG);
		bytes[i] = 0;
	}
	assert_true(untouched.epoch == 77);

	h = root;
	h.next_row = (1ull << 32) + 1;
	header_root_encode(&h, bytes);
	assert_int_equal(header_root_decode(&untouched, bytes), -EBADMSG);
	h = root;
	h.next_value = (1ull << 48) + 1;
	header_root_encode(&h, bytes);
	assert_int_equal(header_root_decode(&untouched, bytes), -EBADMSG);
}

static void test_bucket(void **state)
{
	const struct header_bucket h = {{{0x11, 0x22, 0x33, 0x8000000000000044}}, 0x12345678};
	struct header_bucket back = {.rows = 0};
	uint8_t bytes[HEADER_BUCKET];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	header_bucket_encode(&h, bytes);
	assert_memory_equal(bytes, bucket_bytes, sizeof(bytes));
	assert_int_equal(header_bucket_decode(&back, bytes), 0);
	assert_memory_equal(&back.sum, &h.sum, sizeof(h.sum));
	assert_int_equal(back.rows, h.rows);
	for (size_t i = 36; i < HEADER_BUCKET; i++) {
		bytes[i] = 0x80;
		assert_int_equal(header_bucket_decode(&back, bytes), -EBADMSG);
		bytes[i] = 0;
	}
}

static void test_ns(void **state)
{
	const struct header_ns h = make_ns();
	struct header_ns back;
	uint8_t bytes[HEADER_NS];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(header_ns_encode(&h, bytes), 0);
	assert_memory_equal(bytes, ns_bytes, sizeof(bytes));
	assert_int_equal(header_ns_decode(&back, bytes), 0);
	assert_true(back.kind == NS_PRIVATE && back.uid == 1000 && back.owner == 1001 &&
		    back.gid == 1002);
	assert_true(back.mode == 0700 && back.atime == 1 && back.mtime == 2 && back.ctime == -3);
	assert_true(back.secrets == 4 && back.owned == 5 && back.bytes == 6);
	assert_true(back.acl_len == 3 && back.default_acl_len == 2);
	assert_memory_equal(back.acl, h.acl, sizeof(h.acl));
	assert_memory_equal(back.default_acl, h.default_acl, sizeof(h.default_acl));
}

static void test_ns_acls(void **state)
{
	struct header_ns h = make_ns();
	struct header_ns back;
	uint8_t bytes[HEADER_NS];

	(void)state;
	for (uint16_t n = 0; n <= HEADER_NS_ACLS; n++) {
		h.acl_len = n;
		h.default_acl_len = (uint16_t)(HEADER_NS_ACLS - n);
		memset(h.acl, 0xaa, n);
		memset(h.default_acl, 0xdd, h.default_acl_len);
		assert_int_equal(header_ns_encode(&h, bytes), 0);
		assert_int_equal(header_ns_decode(&back, bytes), 0);
		assert_int_equal(back.acl_len, n);
		assert_memory_equal(back.acl, h.acl, n);
		assert_memory_equal(back.default_acl, h.default_acl, h.default_acl_len);
		h.default_acl_len++;
		assert_int_equal(header_ns_encode(&h, bytes), -ENOSPC);
	}
	h.acl_len = UINT16_MAX;
	h.default_acl_len = UINT16_MAX;
	assert_int_equal(header_ns_encode(&h, bytes), -ENOSPC);
}

/* Whatever one bit is turned: refused, or read as something that encodes to the same bytes. */
static void test_ns_bits(void **state)
{
	uint8_t bytes[HEADER_NS];
	uint8_t again[HEADER_NS];
	struct header_ns back;

	(void)state;
	memcpy(bytes, ns_bytes, sizeof(bytes));
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		int r;

		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		r = header_ns_decode(&back, bytes);
		if (r == 0) {
			assert_int_equal(header_ns_encode(&back, again), 0);
			assert_memory_equal(again, bytes, sizeof(bytes));
		} else {
			assert_int_equal(r, -EBADMSG);
		}
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned len = 0; len <= UINT16_MAX; len++) {
		bytes[63] = (uint8_t)len;
		bytes[64] = (uint8_t)(len >> 8);
		assert_true(header_ns_decode(&back, bytes) <= 0);
	}
	memcpy(bytes, ns_bytes, sizeof(bytes));
	for (unsigned kind = 0; kind < 256; kind++) {
		bytes[0] = (uint8_t)kind;
		assert_int_equal(
			header_ns_decode(&back, bytes), kind == 1 || kind == 2 ? 0 : -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_root_refused),
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_ns),
		cmocka_unit_test(test_ns_acls),
		cmocka_unit_test(test_ns_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
