/* SPDX-License-Identifier: MIT */
/*
 * seal: authenticated encryption of one record.
 *
 *     box = nonce[24] | mac[16] | ciphertext     XChaCha20-Poly1305-IETF, detached, random nonce
 *     AAD = dom u8 | format u8 | 0[6] | store_id[16] | id i64 | ns i64 | tag[16] | ver u64     (64
 * bytes, little endian)
 *
 * The AAD is the record's place; a box moved anywhere else does not open.
 * The root ('R') and the key slots ('K') are what tells the store's id, so theirs is sealed
 * with zeros in store_id; both hang on the random master key all the same.
 */
#ifndef STORE_SEAL_H
#define STORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY      32
#define SEAL_NONCE    24
#define SEAL_MAC      16
#define SEAL_OVERHEAD (SEAL_NONCE + SEAL_MAC)
#define SEAL_AAD      64
#define SEAL_TAG      16
#define SEAL_FORMAT   1

enum seal_dom {
	SEAL_ROOT = 'R',
	SEAL_BUCKET = 'B',
	SEAL_NS = 'N',
	SEAL_SECRET = 'S',
	SEAL_HISTORY = 'H',
	SEAL_VALUE = 'V',
	SEAL_DONE = 'D',
	SEAL_ANCHOR = 'A',
	SEAL_KEPT = 'P',
	SEAL_SLOT = 'K', /* + kind */
};

struct seal_place {
	uint8_t dom;
	uint8_t store_id[16];
	int64_t id;
	int64_t ns;
	uint8_t tag[SEAL_TAG];
	uint64_t ver;
};

/* Writes len + SEAL_OVERHEAD bytes to box, which must not overlap plain. */
void seal_box(const uint8_t key[SEAL_KEY], const struct seal_place *place, const void *plain,
	size_t len, uint8_t *box);

/*
 * Writes box_len - SEAL_OVERHEAD bytes to plain.
 * -EBADMSG: shorter than SEAL_OVERHEAD, or does not authenticate for this place; plain is then
 * zeros.
 */
int seal_open(const uint8_t key[SEAL_KEY], const struct seal_place *place, const uint8_t *box,
	size_t box_len, void *plain);

/* n rounded up by Padme (Nikitin et al., PETS 2019): leaks O(log log n) bits of the length,
 * costs at most 12 %. padme(0) = 0. */
size_t seal_padme(size_t n);

#endif
