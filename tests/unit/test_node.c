/* SPDX-License-Identifier: MIT */
/* Node ids: packing, unpacking, what is refused, and inode numbers that are nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "node.h"

/* One of each kind, and the edges of those that carry something. */
static const struct node samples[] = {
	{.kind = NODE_ROOT},
	{.kind = NODE_PUBLIC},
	{.kind = NODE_PRIVATE, .uid = 0},
	{.kind = NODE_PRIVATE, .uid = 1},
	{.kind = NODE_PRIVATE, .uid = UINT32_MAX},
	{.kind = NODE_BY_NAME, .uid = 0},
	{.kind = NODE_BY_NAME, .uid = UINT32_MAX},
	{.kind = NODE_SECRET, .row = 1},
	{.kind = NODE_SECRET, .row = 0x12345678},
	{.kind = NODE_SECRET, .row = UINT32_MAX},
	{.kind = NODE_KEY, .row = 1, .key_no = 1},
	{.kind = NODE_KEY, .row = 1, .key_no = 0xffffff},
	{.kind = NODE_KEY, .row = 2, .key_no = 1},
	{.kind = NODE_KEY, .row = UINT32_MAX, .key_no = 0xffffff},
	{.kind = NODE_PRIVATE_LINK},
	{.kind = NODE_BY_NAME_LINK},
	{.kind = NODE_DOT_PRIVATE},
	{.kind = NODE_DOT_BY_NAME},
	{.kind = NODE_BY_NAME_ENTRY, .row = 1},
	{.kind = NODE_JSON, .row = 1},
	{.kind = NODE_ENV, .row = UINT32_MAX},
	{.kind = NODE_VERSIONS, .row = 1},
	{.kind = NODE_VERSIONS, .row = UINT32_MAX, .removals = NODE_REMOVALS_MAX},
	{.kind = NODE_VERSION, .row = 1, .version = 1, .which = 0},
	{.kind = NODE_VERSION, .row = 1, .version = 1, .which = NODE_WHICH_KEY_MAX},
	{.kind = NODE_VERSION, .row = 1, .version = NODE_VERSION_MAX, .which = NODE_WHICH_DIR},
	{.kind = NODE_VERSION, .row = 0x1ffff, .version = 2, .which = NODE_WHICH_JSON},
	{.kind = NODE_VERSION, .row = 2, .version = 2, .which = NODE_WHICH_ENV},
	{.kind = NODE_STATUS_DIR},
	{.kind = NODE_STATUS},
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		struct node node;

		assert_true(node_parse(node_id(&samples[i]), &node));
		assert_int_equal(node.kind, samples[i].kind);
		assert_int_equal(node.uid, samples[i].uid);
		assert_int_equal(node.row, samples[i].row);
		assert_int_equal(node.key_no, samples[i].key_no);
		assert_int_equal(node.version, samples[i].version);
		assert_int_equal(node.which, samples[i].which);
		assert_int_equal(node.removals, samples[i].removals);
	}
}

/* The layout is kept by the kernel over a restart of the worker: it must not change by accident. */
static void test_layout(void **state)
{
	(void)state;
	assert_int_equal(node_id(&samples[0]), 1);
	assert_int_equal(node_secret(0x12345678), 0x0400000012345678u);
	assert_int_equal(node_key(0x12345678, 0xabcdef), 0x0512345678abcdefu);
	assert_int_equal(
		node_id(&(struct node){.kind = NODE_PRIVATE, .uid = 1000}), 0x02000000000003e8u);
}

static void test_distinct(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(node_id(&samples[i]), node_id(&samples[j]));
			assert_int_not_equal(node_ino(&samples[i]), node_ino(&samples[j]));
		}
	}
}

static void test_refused(void **state)
{
	static const uint64_t foreign[] = {
		0, 2,                                     /* kind root, but not the root */
		0x0100000000000001u,                      /* public carries nothing */
		0x0200000100000000u,                      /* no such uid */
		0x0400000000000000u,                      /* rows start at 1 */
		0x0400000100000000u,                      /* a row above 32 bits */
		0x0500000000000001u,                      /* a key of no secret */
		0x0500000001000000u,                      /* keys start at 1 */
		0x0600000000000001u, 0x0a00000000000000u, /* a link to no secret */
		0x0e00000000000001u,                      /* an earlier version is never a byte */
		0x1100000000000001u,                      /* no such kind */
		0x8000000000000801u,                      /* a version of no secret */
		0x8000000080000000u,                      /* versions start at 1 */
		0x8000000080000c00u,                      /* neither a key nor a view */
	};
	struct node node;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_false(node_parse(foreign[i], &node));
}

static void test_ino(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++)
		assert_int_not_equal(node_ino(&samples[i]), 0);
	/* What programs that keep it in a double can still hold. */
	assert_true(node_ino(&(struct node){.kind = NODE_SECRET, .row = UINT32_MAX}) < 1ull << 53);
	assert_true(
		node_ino(&(struct node){
			.kind = NODE_KEY, .row = (1u << 25) - 1, .key_no = 0xffffff}) < 1ull << 53);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_distinct),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ino),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
