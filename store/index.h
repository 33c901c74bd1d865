/* SPDX-License-Identifier: MIT */
/*
 * index: the blind index (name -> tag) and the sums that notice missing and rolled-back rows.
 *
 *     tag     = BLAKE2b-128(K_index, 'S' | ns i64 | name)  or  BLAKE2b-128(K_index, 'N' | kind u8 |
 * uid u32) element = BLAKE2b-256(K_sum, id i64 | ns i64 | tag | ver u64 | nonce[24] | mac[16])
 * little endian sum     = four u64, elements added and subtracted mod 2^64 bucket  = the first 12
 * bits of the tag
 *
 * A row of table ns is an element of its tag's bucket just as a row of table secret is (its ns is
 * 0).
 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#define INDEX_TAG     16
#define INDEX_BUCKETS 4096

struct manifest;

struct index_sum {
	uint64_t lane[4];
};

void index_tag_secret(const uint8_t key[32], int64_t ns, const char *name, size_t name_len,
	uint8_t ret_tag[INDEX_TAG]);
void index_tag_ns(const uint8_t key[32], uint8_t kind, uint32_t uid, uint8_t ret_tag[INDEX_TAG]);

unsigned index_bucket(const uint8_t tag[INDEX_TAG]);

/* The half-open range of tags of a bucket: low is inclusive; high is exclusive, and for the
 * last bucket 17 bytes of 0xff compare above every tag: *ret_high_len says how many count. */
void index_bucket_range(unsigned bucket, uint8_t ret_low[INDEX_TAG],
	uint8_t ret_high[INDEX_TAG + 1], size_t *ret_high_len);

/* box: the row's box, of which the first 40 bytes (nonce and mac) are hashed. */
void index_element(const uint8_t key[32], int64_t id, int64_t ns, const uint8_t tag[INDEX_TAG],
	uint64_t ver, const uint8_t box[40], struct index_sum *ret_element);

/* The same of a row of table history. It has neither ns nor tag: both are zeros, which no row of
 * another table has. */
void index_element_history(const uint8_t key[32], int64_t secret, uint64_t version,
	const uint8_t box[40], struct index_sum *ret_element);

#define INDEX_GENERATION_KEY 16

/* BLAKE2b(K_index, 'G'), 16 bytes: a listing needs a generation for each entry, and a short hash is
 * much quicker. */
void index_generation_key(const uint8_t key[32], uint8_t ret_key[INDEX_GENERATION_KEY]);

/* A number that nobody can guess for an id (a node's generation): SipHash-2-4 of id u64, its first
 * 63 bits; never 0. */
uint64_t index_generation(const uint8_t key[INDEX_GENERATION_KEY], uint64_t id);

/* A number for what a secret's keys are called and hold, the same wherever both are:
 * BLAKE2b(K_index, 'C' | name_len u8 | name | value id u64 | ... for each key), first 8 bytes. */
uint64_t index_content(const uint8_t key[32], const struct manifest *m);

void index_sum_add(struct index_sum *sum, const struct index_sum *element);
void index_sum_sub(struct index_sum *sum, const struct index_sum *element);
int index_sum_equal(const struct index_sum *a, const struct index_sum *b);

#endif
