/* SPDX-License-Identifier: MIT */
/* Tags, buckets and sums; the known answers come from Python's hashlib.blake2b with key 00..1f. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "index.h"
#include "manifest.h"
#include "secmem.h"

static uint8_t key[32];

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	return secmem_init(1 << 20);
}

static void test_tag_secret(void **state)
{
	static const uint8_t db_prod[INDEX_TAG] = {0x1d, 0xec, 0xcf, 0x9f, 0xef, 0x53, 0xdb, 0x5d,
		0xa9, 0x7a, 0xf2, 0x33, 0xcf, 0xbb, 0x68, 0x44};
	static const uint8_t longest[INDEX_TAG] = {0xbc, 0xca, 0x31, 0xaf, 0xab, 0x25, 0x46, 0xdf,
		0xcc, 0x8d, 0x8b, 0x0a, 0x51, 0xea, 0x9e, 0x05};
	uint8_t tag[INDEX_TAG];
	char name[255];

	(void)state;
	index_tag_secret(key, 1, "db_prod", 7, tag);
	assert_memory_equal(tag, db_prod, INDEX_TAG);
	memset(name, 'x', sizeof(name));
	index_tag_secret(key, -5, name, sizeof(name), tag);
	assert_memory_equal(tag, longest, INDEX_TAG);

	index_tag_secret(key, 2, "db_prod", 7, tag);
	assert_memory_not_equal(tag, db_prod, INDEX_TAG);
	index_tag_secret(key, 1, "db_prod", 6, tag);
	assert_memory_not_equal(tag, db_prod, INDEX_TAG);
	key[31] ^= 1;
	index_tag_secret(key, 1, "db_prod", 7, tag);
	key[31] ^= 1;
	assert_memory_not_equal(tag, db_prod, INDEX_TAG);
}

static void test_tag_ns(void **state)
{
	static const uint8_t user[INDEX_TAG] = {0x2c, 0xa1, 0x59, 0xa9, 0x42, 0x78, 0xb5, 0x86,
		0x45, 0x44, 0x80, 0xc2, 0x36, 0xd2, 0x35, 0x14};
	uint8_t tag[INDEX_TAG];

	(void)state;
	index_tag_ns(key, 2, 1000, tag);
	assert_memory_equal(tag, user, INDEX_TAG);
	index_tag_ns(key, 1, 1000, tag);
	assert_memory_not_equal(tag, user, INDEX_TAG);
	index_tag_ns(key, 2, 1001, tag);
	assert_memory_not_equal(tag, user, INDEX_TAG);
}

static void test_element(void **state)
{
	static const struct index_sum known = {
		{0xa66abf41ba6562ac, 0x6af6e097597c1d67, 0x1d0cbfc06465f5a6, 0xeddf01be1b4e27bb}};
	struct index_sum element;
	uint8_t tag[INDEX_TAG], box[40];

	(void)state;
	for (unsigned i = 0; i < sizeof(tag); i++)
		tag[i] = (uint8_t)(0xc0 + i);
	for (unsigned i = 0; i < sizeof(box); i++)
		box[i] = (uint8_t)(0x80 + i);
	index_element(key, 7, 1, tag, 9, box, &element);
	assert_true(index_sum_equal(&element, &known));

	index_element(key, 8, 1, tag, 9, box, &element);
	assert_false(index_sum_equal(&element, &known));
	index_element(key, 7, 2, tag, 9, box, &element);
	assert_false(index_sum_equal(&element, &known));
	index_element(key, 7, 1, tag, 8, box, &element);
	assert_false(index_sum_equal(&element, &known));
	for (unsigned i = 0; i < sizeof(tag); i++) {
		tag[i] ^= 1;
		index_element(key, 7, 1, tag, 9, box, &element);
		tag[i] ^= 1;
		assert_false(index_sum_equal(&element, &known));
	}
	for (unsigned i = 0; i < sizeof(box); i++) {
		box[i] ^= 0x80;
		index_element(key, 7, 1, tag, 9, box, &element);
		box[i] ^= 0x80;
		assert_false(index_sum_equal(&element, &known));
	}
}

static void test_element_history(void **state)
{
	static const struct index_sum known = {
		{0xc0961bcc88e2a86a, 0x9b670170f7d9cd24, 0x5eb9d3f16fe5e64c, 0xd3772457fba549c8}};
	struct index_sum element;
	uint8_t box[40];

	(void)state;
	for (unsigned i = 0; i < sizeof(box); i++)
		box[i] = (uint8_t)(0x80 + i);
	index_element_history(key, 7, 9, box, &element);
	assert_true(index_sum_equal(&element, &known));
	index_element_history(key, 8, 9, box, &element);
	assert_false(index_sum_equal(&element, &known));
	index_element_history(key, 7, 8, box, &element);
	assert_false(index_sum_equal(&element, &known));
	box[39] ^= 1;
	index_element_history(key, 7, 9, box, &element);
	assert_false(index_sum_equal(&element, &known));
}

/* As the database compares blobs: bytes first, then the shorter one is the smaller. */
static int blob_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int r = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return r != 0 ? r : (a_len > b_len) - (a_len < b_len);
}

static void in_bucket(const uint8_t tag[INDEX_TAG], unsigned bucket)
{
	uint8_t low[INDEX_TAG], high[INDEX_TAG + 1];
	size_t high_len;

	assert_int_equal(index_bucket(tag), bucket);
	index_bucket_range(bucket, low, high, &high_len);
	assert_true(blob_compare(tag, INDEX_TAG, low, INDEX_TAG) >= 0);
	assert_true(blob_compare(tag, INDEX_TAG, high, high_len) < 0);
}

static void test_buckets(void **state)
{
	uint8_t low[INDEX_TAG], high[INDEX_TAG + 1], tag[INDEX_TAG], end[INDEX_TAG + 1] = {0};
	size_t high_len, end_len = INDEX_TAG;

	(void)state;
	for (unsigned bucket = 0; bucket < INDEX_BUCKETS; bucket++) {
		index_bucket_range(bucket, low, high, &high_len);
		/* Each begins where the one before ended. */
		assert_int_equal(blob_compare(low, INDEX_TAG, end, end_len), 0);
		memcpy(end, high, sizeof(end));
		end_len = high_len;

		in_bucket(low, bucket);
		memset(tag, 0xff, sizeof(tag));
		tag[0] = low[0];
		tag[1] = low[1] | 0x0f;
		in_bucket(tag, bucket);
	}
	assert_int_equal(end_len, INDEX_TAG + 1);
	for (unsigned i = 0; i < 1000; i++) {
		secmem_random(tag, sizeof(tag));
		in_bucket(tag, (unsigned)(tag[0] * 256 + tag[1]) / 16);
	}
}

static void test_sums(void **state)
{
	struct index_sum sum = {{0}}, zero = {{0}}, elements[50];

	(void)state;
	secmem_random(elements, sizeof(elements));
	elements[0] = (struct index_sum){{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
	elements[1] = (struct index_sum){{1, 2, 3, 4}};
	index_sum_add(&sum, &elements[0]);
	index_sum_add(&sum, &elements[1]);
	assert_true(index_sum_equal(&sum, &(struct index_sum){{0, 1, 2, 3}}));
	for (unsigned i = 2; i < 50; i++)
		index_sum_add(&sum, &elements[i]);
	/* In any other order they cancel out. */
	for (unsigned i = 0; i < 50; i++)
		index_sum_sub(&sum, &elements[i * 7 % 50]);
	assert_true(index_sum_equal(&sum, &zero));
	for (unsigned lane = 0; lane < 4; lane++) {
		sum = zero;
		sum.lane[lane] = UINT64_C(1) << 63;
		assert_false(index_sum_equal(&sum, &zero));
	}
}

/* The same for the same names and values alone. */
/* The reference's SipHash-2-4 under BLAKE2b's key. */
static void test_generation(void **state)
{
	uint8_t short_key[INDEX_GENERATION_KEY];

	(void)state;
	index_generation_key(key, short_key);
	assert_int_equal(index_generation(short_key, 1), 0x6932db93efb1788cull);
	assert_int_equal(index_generation(short_key, 0x0500000002000001ull), 0x68c4cb4371b66aadull);
}

static void test_content(void **state)
{
	struct manifest_key keys[2] = {{.no = 1, .name = "a", .name_len = 1, .value_id = 7},
		{.no = 2, .name = "bc", .name_len = 2, .value_id = 8}};
	struct manifest m = {.version = 3, .n = 2, .keys = keys};
	uint64_t was = index_content(key, &m);

	(void)state;
	m.version = 4;
	keys[0].mode = 0600;
	keys[0].no = 9;
	assert_true(index_content(key, &m) == was);
	m.n = 1;
	assert_true(index_content(key, &m) != was);
	m.n = 2;
	keys[1].value_id = 9;
	assert_true(index_content(key, &m) != was);
	keys[1].value_id = 8;
	keys[0].name = "ab", keys[0].name_len = 2;
	keys[1].name = "c", keys[1].name_len = 1;
	assert_true(index_content(key, &m) != was);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tag_secret),
		cmocka_unit_test(test_tag_ns),
		cmocka_unit_test(test_element),
		cmocka_unit_test(test_element_history),
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_generation),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_content),
	};

	return cmocka_run_group_tests_name("index", tests, setup, NULL);
}
