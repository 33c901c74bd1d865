/* SPDX-License-Identifier: MIT */
/* index: tags of the blind index, elements and sums of its buckets. */
#include "index.h"

#include <endian.h>
#include <sodium.h>
#include <string.h>

#include "manifest.h"

#define ELEMENT_INPUT (8 + 8 + INDEX_TAG + 8 + 40)

static void put64(uint8_t *to, uint64_t n)
{
	n = htole64(n);
	memcpy(to, &n, sizeof(n));
}

static uint64_t get64(const uint8_t *from)
{
	uint64_t n;

	memcpy(&n, from, sizeof(n));
	return le64toh(n);
}

void index_tag_secret(const uint8_t key[32], int64_t ns, const char *name, size_t name_len,
	uint8_t ret_tag[INDEX_TAG])
{
	crypto_generichash_state state;
	uint8_t head[9] = {'S'};

	put64(head + 1, (uint64_t)ns);
	crypto_generichash_init(&state, key, 32, INDEX_TAG);
	crypto_generichash_update(&state, head, sizeof(head));
	crypto_generichash_update(&state, (const uint8_t *)name, name_len);
	crypto_generichash_final(&state, ret_tag, INDEX_TAG);
	sodium_memzero(&state, sizeof(state)); /* the key was in its first block */
}

void index_tag_ns(const uint8_t key[32], uint8_t kind, uint32_t uid, uint8_t ret_tag[INDEX_TAG])
{
	uint8_t input[6] = {'N', kind};

	uid = htole32(uid);
	memcpy(input + 2, &uid, sizeof(uid));
	crypto_generichash(ret_tag, INDEX_TAG, input, sizeof(input), key, 32);
}

uint64_t index_content(const uint8_t key[32], const struct manifest *m)
{
	crypto_generichash_state state;
	uint8_t hash[32];

	crypto_generichash_init(&state, key, 32, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)"C", 1);
	for (uint32_t i = 0; i < m->n; i++) {
		uint8_t value[8];

		put64(value, m->keys[i].value_id);
		crypto_generichash_update(&state, &m->keys[i].name_len, 1);
		crypto_generichash_update(
			&state, (const uint8_t *)m->keys[i].name, m->keys[i].name_len);
		crypto_generichash_update(&state, value, sizeof(value));
	}
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_memzero(&state, sizeof(state)); /* the key was in its first block */
	return get64(hash);
}

unsigned index_bucket(const uint8_t tag[INDEX_TAG])
{
	return (unsigned)tag[0] << 4 | tag[1] >> 4;
}

void index_bucket_range(unsigned bucket, uint8_t ret_low[INDEX_TAG],
	uint8_t ret_high[INDEX_TAG + 1], size_t *ret_high_len)
{
	unsigned next = bucket + 1;

	memset(ret_low, 0, INDEX_TAG);
	ret_low[0] = (uint8_t)(bucket >> 4);
	ret_low[1] = (uint8_t)(bucket << 4);
	if (next >= INDEX_BUCKETS) {
		memset(ret_high, 0xff, INDEX_TAG + 1);
		*ret_high_len = INDEX_TAG + 1;
		return;
	}
	memset(ret_high, 0, INDEX_TAG + 1);
	ret_high[0] = (uint8_t)(next >> 4);
	ret_high[1] = (uint8_t)(next << 4);
	*ret_high_len = INDEX_TAG;
}

void index_element(const uint8_t key[32], int64_t id, int64_t ns, const uint8_t tag[INDEX_TAG],
	uint64_t ver, const uint8_t box[40], struct index_sum *ret_element)
{
	uint8_t input[ELEMENT_INPUT];
	uint8_t hash[32];

	put64(input, (uint64_t)id);
	put64(input + 8, (uint64_t)ns);
	memcpy(input + 16, tag, INDEX_TAG);
	put64(input + 32, ver);
	memcpy(input + 40, box, 40);
	crypto_generichash(hash, sizeof(hash), input, sizeof(input), key, 32);
	for (size_t i = 0; i < 4; i++)
		ret_element->lane[i] = get64(hash + 8 * i);
}

void index_element_history(const uint8_t key[32], int64_t secret, uint64_t version,
	const uint8_t box[40], struct index_sum *ret_element)
{
	static const uint8_t no_tag[INDEX_TAG];

	index_element(key, secret, 0, no_tag, version, box, ret_element);
}

_Static_assert(crypto_shorthash_KEYBYTES == INDEX_GENERATION_KEY, "SipHash-2-4");
_Static_assert(crypto_shorthash_BYTES == sizeof(uint64_t), "SipHash-2-4");

void index_generation_key(const uint8_t key[32], uint8_t ret_key[INDEX_GENERATION_KEY])
{
	crypto_generichash(ret_key, INDEX_GENERATION_KEY, (const uint8_t *)"G", 1, key, 32);
}

uint64_t index_generation(const uint8_t key[INDEX_GENERATION_KEY], uint64_t id)
{
	uint8_t input[8];
	uint8_t hash[crypto_shorthash_BYTES];

	put64(input, id);
	crypto_shorthash(hash, input, sizeof(input), key);
	uint64_t generation = get64(hash) >> 1;
	return generation ? generation : 1;
}

void index_sum_add(struct index_sum *sum, const struct index_sum *element)
{
	for (size_t i = 0; i < 4; i++)
		sum->lane[i] += element->lane[i];
}

void index_sum_sub(struct index_sum *sum, const struct index_sum *element)
{
	for (size_t i = 0; i < 4; i++)
		sum->lane[i] -= element->lane[i];
}

int index_sum_equal(const struct index_sum *a, const struct index_sum *b)
{
	return sodium_memcmp(a->lane, b->lane, sizeof(a->lane)) == 0;
}
