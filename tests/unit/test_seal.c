/* SPDX-License-Identifier: MIT */
/* One record, sealed: known answer, every flipped byte, every field of its place, Padme. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "seal.h"
#include "secmem.h"

static const char plain[] = "a manifest, so to say";
#define PLAIN_LEN (sizeof(plain) - 1)
#define BOX_LEN   (PLAIN_LEN + SEAL_OVERHEAD)

/* Made with another implementation (HChaCha20 and the AEAD of the Python package cryptography): key
 * 00..1f, nonce 40..57, place_golden. */
static const uint8_t golden[BOX_LEN] = {
	0x40,
	0x41,
	0x42,
	0x43,
	0x44,
	0x45,
	0x46,
	0x47,
	0x48,
	0x49,
	0x4a,
	0x4b,
	0x4c,
	0x4d,
	0x4e,
	0x4f,
	0x50,
	0x51,
	0x52,
	0x53,
	0x54,
	0x55,
	0x56,
	0x57,
	0x22,
	0x02,
	0xa2,
	0x3a,
	0x34,
	0x3e,
	0x15,
	0x1f,
	0xc0,
	0xdd,
	0xac,
	0xcd,
	0xdb,
	0xd1,
	0x26,
	0x9c,
	0xb5,
	0x19,
	0x68,
	0x11,
	0xbe,
	0x89,
	0x1f,
	0x73,
	0xfc,
	0x80,
	0xab,
	0x9e,
	0xdc,
	0xf3,
	0x45,
	0xe6,
	0xfd,
	0x9a,
	0xde,
	0xa5,
	0x6a,
};

static uint8_t key[SEAL_KEY];

static struct seal_place place_golden(void)
{
	struct seal_place place = {
		.dom = SEAL_SECRET, .id = 0x0102030405060708, .ns = -2, .ver = 0x1122334455667788};

	for (unsigned i = 0; i < 16; i++) {
		place.store_id[i] = (uint8_t)(0xa0 + i);
		place.tag[i] = (uint8_t)(0xc0 + i);
	}
	return place;
}

static int setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	return secmem_init(1 << 20);
}

static void test_known(void **state)
{
	struct seal_place place = place_golden();
	uint8_t out[PLAIN_LEN];

	(void)state;
	assert_int_equal(seal_open(key, &place, golden, BOX_LEN, out), 0);
	assert_memory_equal(out, plain, PLAIN_LEN);
}

static void test_round_trip(void **state)
{
	static const size_t lens[] = {0, 1, 16, 63, 64, 65, 4096, 100000};
	static uint8_t in[100000], out[100000], box[100000 + SEAL_OVERHEAD], other[sizeof(box)];
	struct seal_place place = place_golden();

	(void)state;
	secmem_random(in, sizeof(in));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		seal_box(key, &place, in, lens[i], box);
		seal_box(key, &place, in, lens[i], other);
		assert_memory_not_equal(box, other, SEAL_OVERHEAD); /* nonces are random */
		assert_int_equal(seal_open(key, &place, box, lens[i] + SEAL_OVERHEAD, out), 0);
		if (lens[i] > 0)
			assert_memory_equal(in, out, lens[i]);
	}
	seal_box(key, &place, NULL, 0, box);
	assert_int_equal(seal_open(key, &place, box, SEAL_OVERHEAD, NULL), 0);
}

static void refused(
	const uint8_t *k, const struct seal_place *place, const uint8_t *box, size_t len)
{
	static const uint8_t zeros[PLAIN_LEN];
	uint8_t out[PLAIN_LEN];

	memset(out, 0xee, sizeof(out));
	assert_int_equal(seal_open(k, place, box, len, out), -EBADMSG);
	if (len >= SEAL_OVERHEAD)
		assert_memory_equal(out, zeros, len - SEAL_OVERHEAD);
}

static void test_every_byte(void **state)
{
	struct seal_place place = place_golden();
	uint8_t box[BOX_LEN];

	(void)state;
	for (size_t i = 0; i < BOX_LEN; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(box, golden, BOX_LEN);
			box[i] ^= (uint8_t)(1u << bit);
			refused(key, &place, box, BOX_LEN);
		}
	}
}

static void test_every_length(void **state)
{
	struct seal_place place = place_golden();

	(void)state;
	for (size_t len = 0; len < BOX_LEN; len++)
		refused(key, &place, golden, len);
}

static void test_every_place(void **state)
{
	struct seal_place place;

	(void)state;
	for (unsigned bit = 0; bit < 8; bit++) {
		place = place_golden();
		place.dom ^= (uint8_t)(1u << bit);
		refused(key, &place, golden, BOX_LEN);
	}
	for (unsigned i = 0; i < 128; i++) {
		place = place_golden();
		place.store_id[i / 8] ^= (uint8_t)(1u << i % 8);
		refused(key, &place, golden, BOX_LEN);
		place = place_golden();
		place.tag[i / 8] ^= (uint8_t)(1u << i % 8);
		refused(key, &place, golden, BOX_LEN);
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		place = place_golden();
		place.id ^= (int64_t)(UINT64_C(1) << bit);
		refused(key, &place, golden, BOX_LEN);
		place = place_golden();
		place.ns ^= (int64_t)(UINT64_C(1) << bit);
		refused(key, &place, golden, BOX_LEN);
		place = place_golden();
		place.ver ^= UINT64_C(1) << bit;
		refused(key, &place, golden, BOX_LEN);
	}
}

static void test_key(void **state)
{
	struct seal_place place = place_golden();
	uint8_t other[SEAL_KEY];

	(void)state;
	for (unsigned bit = 0; bit < 8 * SEAL_KEY; bit++) {
		memcpy(other, key, sizeof(key));
		other[bit / 8] ^= (uint8_t)(1u << bit % 8);
		refused(other, &place, golden, BOX_LEN);
	}
}

static void test_padme(void **state)
{
	static const size_t rows[][2] = {
		{0, 0},
		{1, 1},
		{2, 2},
		{3, 3},
		{7, 7},
		{8, 8},
		{9, 10},
		{15, 16},
		{16, 16},
		{17, 18},
		{33, 36},
		{63, 64},
		{64, 64},
		{65, 72},
		{100, 104},
		{127, 128},
		{129, 144},
		{200, 208},
		{255, 256},
		{257, 272},
		{511, 512},
		{512, 512},
		{513, 544},
		{544, 544},
		{1000, 1024},
		{1025, 1088},
		{4097, 4352},
		{65537, 67584},
		{100000, 100352},
		{1048576, 1048576},
		{1048577, 1081344},
		{(size_t)1 << 40, (size_t)1 << 40},
		{((size_t)1 << 40) + 1, 1116691496960},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(seal_padme(rows[i][0]), rows[i][1]);
	for (size_t n = 1; n < (1 << 20); n++) {
		size_t padded = seal_padme(n);

		if (padded < n || (padded - n) * 100 > n * 12 || seal_padme(padded) != padded ||
			padded < seal_padme(n - 1))
			fail_msg("%zu is padded to %zu", n, padded);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_every_place),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_padme),
	};

	return cmocka_run_group_tests_name("seal", tests, setup, NULL);
}
