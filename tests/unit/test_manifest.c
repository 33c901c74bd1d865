/* SPDX-License-Identifier: MIT */
/* test_manifest: the bytes of a manifest, round trips, and that nothing damaged is read beyond its
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "manifest.h"

static const uint8_t value_key[SEAL_KEY] = {0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8,
	0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7,
	0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf};

/* clang-format off */
static const uint8_t small_bytes[] = {
	3, 0, 0, 0, 0, 0, 0, 0,                               /* version */
	2, 0, 0, 0, 0, 0, 0, 0,                               /* oldest */
	0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7,
	0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf,       /* uuid */
	2,                                                    /* ns_kind */
	0xe8, 0x03, 0, 0,                                     /* ns_uid */
	0xe9, 0x03, 0, 0,                                     /* uid */
	0xea, 0x03, 0, 0,                                     /* gid */
	0xe8, 0x03,                                           /* mode 01750 */
	1, 0, 0, 0, 0, 0, 0, 0,                               /* created */
	2, 0, 0, 0, 0, 0, 0, 0,                               /* atime */
	3, 0, 0, 0, 0, 0, 0, 0,                               /* mtime */
	0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,       /* ctime -4 */
	0xf8, 0xf7, 0xf6, 0xf5, 0xf4, 0xf3, 0xf2, 0x01,       /* expires */
	8, 0, 0, 0,                                           /* next_key */
	2, 'd', 'b', 0,                                       /* name */
	3, 0, 'a', 0, 'b', 0,                                 /* description, any bytes */
	4, 0, 2, 0, 0, 0,                                     /* acl */
	0, 0,                                                 /* default_acl */
	2, 0, 0, 0,                                           /* n */

	1, 0, 0, 0,                                           /* key_no */
	5, 0, 0, 0,                                           /* uid */
	6, 0, 0, 0,                                           /* gid */
	0xa4, 0x01,                                           /* mode 0644 */
	10, 0, 0, 0, 0, 0, 0, 0,
	11, 0, 0, 0, 0, 0, 0, 0,
	12, 0, 0, 0, 0, 0, 0, 0,                              /* times */
	0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0, 0,             /* value_id */
	0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf,
	0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,
	7, 0, 0, 0,                                           /* len */
	9, 0, 0, 0,                                           /* json_len */
	0, 1, 0, 0,                                           /* env_len */
	4, 'u', 's', 'e', 'r', 0,                             /* name */
	0, 0,                                                 /* acl */

	7, 0, 0, 0,
	0, 0, 0, 0,
	0, 0, 0, 0,
	0x80, 0x01,                                           /* mode 0600 */
	0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0,                               /* never written */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0,
	2, 0, 0, 0,
	0, 0, 0, 0,
	1, 'p', 0,
	3, 0, 'x', 'y', 'z',
};
/* clang-format on */

/* Where the fields lie that tests damage. */
enum {
	AT_NEXT_KEY = 87,
	AT_NAME_LEN = 91,
	AT_NAME = 92,
	AT_DESCRIPTION_LEN = 95,
	AT_DESCRIPTION_NUL = 100,
	AT_ACL_LEN = 101,
	AT_DEFAULT_ACL_LEN = 107,
	AT_N = 109,
	AT_KEY_1 = 113,
	KEY_NAME_LEN = 90,
	KEY_NAME = 91,
	KEY_ACL_LEN = 96,
	AT_KEY_2 = AT_KEY_1 + 98,
};

static void make_small(struct manifest *m)
{
	struct manifest_key *key;

	*m = (struct manifest){
		.version = 3,
		.oldest = 2,
		.uuid = {0xb0, 0xb1, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb,
			0xbc, 0xbd, 0xbe, 0xbf},
		.ns_kind = 2,
		.ns_uid = 1000,
		.uid = 1001,
		.gid = 1002,
		.mode = 01750,
		.created = 1,
		.atime = 2,
		.mtime = 3,
		.ctime = -4,
		.expires = 0x01f2f3f4f5f6f7f8,
		.next_key = 1,
		.name_len = 2,
		.name = "db",
		.description_len = 3,
		.description = "a\0b",
		.acl_len = 4,
		.acl = (const uint8_t *)"\2\0\0",
	};
	assert_int_equal(manifest_key_add(m, &key), 0);
	assert_int_equal(key->no, 1);
	key->uid = 5;
	key->gid = 6;
	key->mode = 0644;
	key->atime = 10;
	key->mtime = 11;
	key->ctime = 12;
	key->value_id = 0xaabbccddeeff;
	key->value_key = value_key;
	key->len = 7;
	key->json_len = 9;
	key->env_len = 256;
	key->name_len = 4;
	key->name = "user";
	m->next_key = 7;
	assert_int_equal(manifest_key_add(m, &key), 0);
	assert_int_equal(key->no, 7);
	assert_int_equal(m->next_key, 8);
	assert_null(key->value_key);
	key->mode = 0600;
	key->json_len = 2;
	key->name_len = 1;
	key->name = "p";
	key->acl_len = 3;
	key->acl = (const uint8_t *)"xyz";
}

/* The small manifest, padded, in a buffer of exactly its size. */
static uint8_t *small_padded(void)
{
	uint8_t *bytes = calloc(1, MANIFEST_MIN);

	assert_non_null(bytes);
	memcpy(bytes, small_bytes, sizeof(small_bytes));
	return bytes;
}

static void assert_same_key(const struct manifest_key *a, const struct manifest_key *b)
{
	static const uint8_t zeros[SEAL_KEY];

	assert_true(a->no == b->no && a->uid == b->uid && a->gid == b->gid && a->mode == b->mode);
	assert_true(a->atime == b->atime && a->mtime == b->mtime && a->ctime == b->ctime);
	assert_true(a->value_id == b->value_id && a->len == b->len);
	assert_true(a->json_len == b->json_len && a->env_len == b->env_len);
	assert_memory_equal(a->value_key ? a->value_key : zeros, b->value_key, SEAL_KEY);
	assert_int_equal(a->name_len, b->name_len);
	assert_memory_equal(a->name, b->name, a->name_len);
	assert_int_equal(b->name[b->name_len], 0);
	assert_int_equal(a->acl_len, b->acl_len);
	if (a->acl_len > 0)
		assert_memory_equal(a->acl, b->acl, a->acl_len);
}

/* a as it was made, b as it came back. */
static void assert_same(const struct manifest *a, const struct manifest *b)
{
	assert_true(a->version == b->version && a->oldest == b->oldest);
	assert_memory_equal(a->uuid, b->uuid, sizeof(a->uuid));
	assert_true(a->ns_kind == b->ns_kind && a->ns_uid == b->ns_uid);
	assert_true(a->uid == b->uid && a->gid == b->gid && a->mode == b->mode);
	assert_true(a->created == b->created && a->atime == b->atime && a->mtime == b->mtime);
	assert_true(a->ctime == b->ctime && a->expires == b->expires && a->next_key == b->next_key);
	assert_int_equal(a->name_len, b->name_len);
	assert_memory_equal(a->name, b->name, a->name_len);
	assert_int_equal(b->name[b->name_len], 0);
	assert_int_equal(a->description_len, b->description_len);
	if (a->description_len > 0)
		assert_memory_equal(a->description, b->description, a->description_len);
	assert_int_equal(b->description[b->description_len], 0);
	assert_int_equal(a->acl_len, b->acl_len);
	if (a->acl_len > 0)
		assert_memory_equal(a->acl, b->acl, a->acl_len);
	assert_int_equal(a->default_acl_len, b->default_acl_len);
	if (a->default_acl_len > 0)
		assert_memory_equal(a->default_acl, b->default_acl, a->default_acl_len);
	assert_int_equal(a->n, b->n);
	for (uint32_t i = 0; i < a->n; i++)
		assert_same_key(&a->keys[i], &b->keys[i]);
}

/* Encodes m into a buffer of exactly its size, full of what must not stay. */
static uint8_t *encode(const struct manifest *m, size_t *ret_len)
{
	size_t len = manifest_size(m, MANIFEST_EARLIER);
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	memset(bytes, 0xee, len);
	manifest_encode(m, MANIFEST_EARLIER, bytes);
	*ret_len = len;
	return bytes;
}

static void check_round_trip(const struct manifest *m)
{
	AUTO_MANIFEST back = {0};
	size_t len;
	uint8_t *bytes = encode(m, &len);

	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes, len), 0);
	assert_same(m, &back);
	free(bytes);
}

/* What it has that an earlier version has not stands behind the keys. */
static void test_history(void **state)
{
	const struct manifest_history history = {
		.sum = {{0x0102030405060708, 2, UINT64_MAX, 4}}, .n = 0x0a0b0c0d};
	AUTO_MANIFEST m;
	AUTO_MANIFEST back = {0};
	size_t len, earlier_len;

	(void)state;
	make_small(&m);
	m.history = history;
	uint8_t *earlier = encode(&m, &earlier_len);
	len = manifest_size(&m, MANIFEST_CURRENT);
	uint8_t *bytes = malloc(len);
	assert_non_null(bytes);
	memset(bytes, 0xee, len);
	manifest_encode(&m, MANIFEST_CURRENT, bytes);
	assert_int_equal(manifest_decode(&back, MANIFEST_CURRENT, bytes, len), 0);
	assert_same(&m, &back);
	assert_memory_equal(&back.history.sum, &history.sum, sizeof(history.sum));
	assert_int_equal(back.history.n, history.n);
	/* The same but for 36 bytes. */
	size_t at = 0;
	while (at < earlier_len && bytes[at] == earlier[at])
		at++;
	static const uint8_t want[36] = {8, 7, 6, 5, 4, 3, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 255, 255,
		255, 255, 255, 255, 255, 255, 4, 0, 0, 0, 0, 0, 0, 0, 13, 12, 11, 10};
	assert_true(at + sizeof(want) <= len);
	assert_memory_equal(bytes + at, want, sizeof(want));
	/* One is not taken for the other: what is left must be zeros. */
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes, len), -EBADMSG);
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, earlier, earlier_len), 0);
	assert_true(back.history.n == 0 && back.history.sum.lane[0] == 0);
	/* Cut off within it. */
	for (size_t cut = at; cut < at + sizeof(want); cut++)
		assert_int_equal(manifest_decode(&back, MANIFEST_CURRENT, bytes, cut), -EBADMSG);
	free(bytes);
	free(earlier);
}

static void test_bytes(void **state)
{
	AUTO_MANIFEST m;
	AUTO_MANIFEST back = {0};
	uint8_t *want = small_padded();
	uint8_t *bytes;
	size_t len;

	(void)state;
	make_small(&m);
	bytes = encode(&m, &len);
	assert_int_equal(len, MANIFEST_MIN);
	assert_memory_equal(bytes, want, len);
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, want, MANIFEST_MIN), 0);
	assert_same(&m, &back);
	free(bytes);
	free(want);
}

static void test_small_ones(void **state)
{
	AUTO_MANIFEST m = {.next_key = 1, .name_len = 1, .name = "x"};
	char name[256];
	char text[MANIFEST_DESCRIPTION];
	uint8_t acl[MANIFEST_ACL_MAX];

	(void)state;
	check_round_trip(&m);
	assert_int_equal(manifest_size(&m, MANIFEST_EARLIER), MANIFEST_MIN);

	memset(name, 'n', 255);
	name[255] = '\0';
	memset(text, 't', sizeof(text));
	memset(acl, 0xac, sizeof(acl));
	m.name_len = 255;
	m.name = name;
	m.description_len = sizeof(text);
	m.description = text;
	m.acl_len = sizeof(acl);
	m.acl = acl;
	m.default_acl_len = sizeof(acl);
	m.default_acl = acl;
	m.next_key = MANIFEST_KEY_NO_MAX + 1;
	check_round_trip(&m);
}

static void test_many_keys(void **state)
{
	static char names[MANIFEST_KEYS_MAX][16];
	AUTO_MANIFEST m = {.next_key = 1, .name_len = 4, .name = "many"};
	struct manifest_key *key;

	(void)state;
	for (uint32_t i = 0; i < MANIFEST_KEYS_MAX; i++) {
		assert_int_equal(manifest_key_add(&m, &key), 0);
		snprintf(names[i], sizeof(names[i]), "key%u", i);
		key->name = names[i];
		key->name_len = (uint8_t)strlen(names[i]);
		key->value_id = i + 1;
		key->value_key = value_key;
		m.next_key += i % 3;
		if (i % 100 == 0)
			check_round_trip(&m);
	}
	check_round_trip(&m);
	assert_int_equal(manifest_key_add(&m, &key), -EDQUOT);
	assert_int_equal(m.n, MANIFEST_KEYS_MAX);
	for (uint32_t i = 0; i < MANIFEST_KEYS_MAX; i++) {
		assert_ptr_equal(manifest_key_by_no(&m, m.keys[i].no), &m.keys[i]);
		assert_ptr_equal(manifest_key_by_name(&m, names[i], strlen(names[i])), &m.keys[i]);
	}
	assert_null(manifest_key_by_no(&m, 0));
	assert_null(manifest_key_by_no(&m, m.next_key));
	assert_null(manifest_key_by_no(&m, UINT32_MAX));
}

/* The padding is Padme's, and a manifest with more or less of it is none. */
static void test_padding(void **state)
{
	static const char text[MANIFEST_DESCRIPTION];
	AUTO_MANIFEST m = {.next_key = 1, .name_len = 1, .name = "x", .description = text};

	(void)state;
	for (uint16_t n = 0; n <= MANIFEST_DESCRIPTION; n++) {
		AUTO_MANIFEST back = {0};
		size_t len;
		uint8_t *bytes;
		uint8_t *longer;

		m.description_len = n;
		bytes = encode(&m, &len);
		assert_int_equal(len, seal_padme(105 + n > MANIFEST_MIN ? 105u + n : MANIFEST_MIN));
		longer = calloc(1, len + 1);
		assert_non_null(longer);
		memcpy(longer, bytes, len);
		assert_int_equal(
			manifest_decode(&back, MANIFEST_EARLIER, longer, len + 1), -EBADMSG);
		assert_int_equal(
			manifest_decode(&back, MANIFEST_EARLIER, longer, len - 1), -EBADMSG);
		free(longer);
		free(bytes);
	}
}

static void test_truncated(void **state)
{
	AUTO_MANIFEST m = {0};
	uint8_t *whole = small_padded();

	(void)state;
	for (size_t len = 0; len < MANIFEST_MIN; len++) {
		uint8_t *bytes = malloc(len ? len : 1);

		assert_non_null(bytes);
		memcpy(bytes, whole, len);
		assert_int_equal(manifest_decode(&m, MANIFEST_EARLIER, bytes, len), -EBADMSG);
		assert_int_equal(m.n, 0);
		assert_null(m.name);
		free(bytes);
	}
	free(whole);
}

/* Refused, or read as something that encodes to the same bytes. */
static void check_damaged(struct manifest *m, const uint8_t *bytes)
{
	int r = manifest_decode(m, MANIFEST_EARLIER, bytes, MANIFEST_MIN);
	uint8_t *again;
	size_t len;

	if (r < 0) {
		assert_int_equal(r, -EBADMSG);
		assert_int_equal(m->n, 0);
		return;
	}
	again = encode(m, &len);
	assert_int_equal(len, MANIFEST_MIN);
	assert_memory_equal(again, bytes, len);
	free(again);
}

static void test_bits(void **state)
{
	AUTO_MANIFEST m = {0};
	uint8_t *bytes = small_padded();

	(void)state;
	for (size_t bit = 0; bit < 8 * MANIFEST_MIN; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		check_damaged(&m, bytes);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(manifest_decode(&m, MANIFEST_EARLIER, bytes, MANIFEST_MIN), 0);
	free(bytes);
}

/* Every value of every length field, in a buffer of exactly the manifest's size. */
static void test_lengths(void **state)
{
	static const size_t fields[] = {
		AT_DESCRIPTION_LEN, AT_ACL_LEN, AT_DEFAULT_ACL_LEN, AT_N, AT_KEY_1 + KEY_ACL_LEN};
	AUTO_MANIFEST m = {0};
	uint8_t *bytes = small_padded();

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint8_t *field = bytes + fields[i];
		uint8_t saved[2] = {field[0], field[1]};

		for (unsigned len = 0; len <= UINT16_MAX; len++) {
			field[0] = (uint8_t)len;
			field[1] = (uint8_t)(len >> 8);
			check_damaged(&m, bytes);
		}
		memcpy(field, saved, 2);
	}
	for (unsigned len = 0; len <= UINT8_MAX; len++) {
		bytes[AT_NAME_LEN] = (uint8_t)len;
		check_damaged(&m, bytes);
		bytes[AT_NAME_LEN] = 2;
		bytes[AT_KEY_1 + KEY_NAME_LEN] = (uint8_t)len;
		check_damaged(&m, bytes);
		bytes[AT_KEY_1 + KEY_NAME_LEN] = 4;
	}
	assert_int_equal(manifest_decode(&m, MANIFEST_EARLIER, bytes, MANIFEST_MIN), 0);
	free(bytes);
}

static void expect_refused(size_t at, uint8_t byte)
{
	AUTO_MANIFEST m = {0};
	uint8_t *bytes = small_padded();

	assert_int_equal(manifest_decode(&m, MANIFEST_EARLIER, bytes, MANIFEST_MIN), 0);
	assert_int_not_equal(bytes[at], byte);
	bytes[at] = byte;
	assert_int_equal(manifest_decode(&m, MANIFEST_EARLIER, bytes, MANIFEST_MIN), -EBADMSG);
	assert_int_equal(m.n, 0);
	assert_null(m.name);
	assert_true(m.version == 0);
	free(bytes);
}

static void test_refused(void **state)
{
	(void)state;
	expect_refused(AT_NEXT_KEY, 0);
	expect_refused(AT_NEXT_KEY, 7);     /* not above key 7 */
	expect_refused(AT_NEXT_KEY + 3, 1); /* above 2^24 */
	expect_refused(AT_NAME, 0);         /* a name that ends early */
	expect_refused(AT_NAME + 2, 'x');   /* no NUL behind the name */
	expect_refused(AT_DESCRIPTION_NUL, 'x');
	expect_refused(AT_KEY_1, 0); /* numbers begin at 1, rise, and are not repeated */
	expect_refused(AT_KEY_1, 7);
	expect_refused(AT_KEY_1, 8);
	expect_refused(AT_KEY_2, 1);
	expect_refused(AT_KEY_2, 8);
	expect_refused(AT_NAME_LEN, 0);
	expect_refused(AT_NAME_LEN, 1);
	expect_refused(AT_NAME_LEN, 3);
	expect_refused(AT_DESCRIPTION_LEN, 2);
	expect_refused(AT_DESCRIPTION_LEN + 1, 0xff);
	expect_refused(AT_ACL_LEN, 3);
	expect_refused(AT_ACL_LEN + 1, 0xff);
	expect_refused(AT_DEFAULT_ACL_LEN, 1);
	expect_refused(AT_N, 0);
	expect_refused(AT_N, 1);
	expect_refused(AT_N, 3);
	expect_refused(AT_N + 3, 0xff);
	expect_refused(AT_KEY_1 + KEY_NAME_LEN, 3);
	expect_refused(AT_KEY_1 + KEY_ACL_LEN + 1, 0xff);
	expect_refused(AT_KEY_1 + KEY_NAME, 0);
	expect_refused(AT_KEY_1 + KEY_NAME + 4, 'x');
	for (size_t at = sizeof(small_bytes); at < MANIFEST_MIN; at++)
		expect_refused(at, 1);
}

/* Lengths that are consistent but above their limits, which only a wrong writer makes. */
static void test_limits(void **state)
{
	static const uint8_t zeros[MANIFEST_DESCRIPTION + 1];
	AUTO_MANIFEST back = {0};

	(void)state;
	for (int field = 0; field < 3; field++) {
		AUTO_MANIFEST m = {.next_key = 1, .name_len = 1, .name = "x"};
		uint8_t *bytes;
		size_t len;

		m.description = (const char *)zeros;
		m.acl = zeros;
		m.default_acl = zeros;
		m.description_len = field == 0 ? MANIFEST_DESCRIPTION + 1 : 0;
		m.acl_len = field == 1 ? MANIFEST_ACL_MAX + 1 : 0;
		m.default_acl_len = field == 2 ? MANIFEST_ACL_MAX + 1 : 0;
		bytes = encode(&m, &len);
		assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes, len), -EBADMSG);
		free(bytes);
	}
}

static void test_too_many_keys(void **state)
{
	AUTO_MANIFEST m = {.next_key = 1, .name_len = 1, .name = "x"};
	AUTO_MANIFEST back = {0};
	struct manifest_key *keys = calloc(MANIFEST_KEYS_MAX + 1, sizeof(*keys));
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_non_null(keys);
	for (uint32_t i = 0; i <= MANIFEST_KEYS_MAX; i++)
		keys[i] = (struct manifest_key){.no = i + 1, .name = "k", .name_len = 1};
	m.keys = keys;
	m.keys_cap = MANIFEST_KEYS_MAX + 1;
	m.next_key = MANIFEST_KEYS_MAX + 2;
	m.n = MANIFEST_KEYS_MAX + 1;
	bytes = encode(&m, &len);
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes, len), -EBADMSG);
	free(bytes);
	m.n = MANIFEST_KEYS_MAX;
	check_round_trip(&m);
}

/* A manifest is used again and again: a large one, one that is refused, a small one. */
static void test_reuse(void **state)
{
	AUTO_MANIFEST m = {.next_key = 1, .name_len = 1, .name = "x"};
	AUTO_MANIFEST small;
	AUTO_MANIFEST back = {0};
	struct manifest_key *key;
	struct manifest_key *room;
	uint8_t *bytes;
	uint8_t *bytes2;
	size_t len;

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(manifest_key_add(&m, &key), 0);
		key->name = "k";
		key->name_len = 1;
	}
	bytes = encode(&m, &len);
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes, len), 0);
	assert_int_equal(back.n, 100);
	room = back.keys;
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes, len - 1), -EBADMSG);
	assert_int_equal(back.n, 0);
	make_small(&small);
	bytes2 = small_padded();
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes2, MANIFEST_MIN), 0);
	assert_ptr_equal(back.keys, room);
	assert_same(&small, &back);
	assert_int_equal(manifest_decode(&back, MANIFEST_EARLIER, bytes, len), 0);
	assert_same(&m, &back);
	free(bytes);
	free(bytes2);
	manifest_clear(&back);
	assert_null(back.keys);
	assert_int_equal(back.keys_cap, 0);
}

static void test_find_and_remove(void **state)
{
	static const char *const names[] = {"a", "ab", "abc", "b", "c"};
	AUTO_MANIFEST m = {.next_key = 1, .name_len = 1, .name = "x"};
	struct manifest_key *key;

	(void)state;
	assert_null(manifest_key_by_no(&m, 1));
	assert_null(manifest_key_by_name(&m, "a", 1));
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(manifest_key_add(&m, &key), 0);
		key->name = names[i];
		key->name_len = (uint8_t)strlen(names[i]);
	}
	assert_int_equal(manifest_key_by_name(&m, "abcd", 2)->no, 2);
	assert_null(manifest_key_by_name(&m, "abcd", 4));
	assert_null(manifest_key_by_name(&m, "", 0));

	manifest_key_remove(&m, manifest_key_by_no(&m, 1));
	manifest_key_remove(&m, manifest_key_by_no(&m, 3));
	manifest_key_remove(&m, manifest_key_by_no(&m, 5));
	assert_int_equal(m.n, 2);
	assert_int_equal(m.keys[0].no, 2);
	assert_int_equal(m.keys[1].no, 4);
	assert_null(manifest_key_by_no(&m, 3));
	check_round_trip(&m);
	/* A number is not used again. */
	assert_int_equal(manifest_key_add(&m, &key), 0);
	assert_int_equal(key->no, 6);
}

static void test_last_number(void **state)
{
	AUTO_MANIFEST m = {.next_key = MANIFEST_KEY_NO_MAX, .name_len = 1, .name = "x"};
	struct manifest_key *key;

	(void)state;
	assert_int_equal(manifest_key_add(&m, &key), 0);
	assert_int_equal(key->no, MANIFEST_KEY_NO_MAX);
	key->name = "k";
	key->name_len = 1;
	check_round_trip(&m);
	assert_int_equal(manifest_key_add(&m, &key), -ENOSPC);
	assert_int_equal(m.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_small_ones),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_too_many_keys),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_find_and_remove),
		cmocka_unit_test(test_last_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
