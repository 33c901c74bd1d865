/* SPDX-License-Identifier: MIT */
/*
 * seal: the only place that knows how a record is encrypted and bound to its place.
 *
 *     offset  0      24     40
 *             nonce  mac    ciphertext                                box
 *
 *     offset  0    1       2     8          24   32   40    56
 *             dom  format  0[6]  store_id   id   ns   tag   ver       associated data, 64 bytes
 */
#include "seal.h"

#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(SEAL_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(SEAL_MAC == crypto_aead_xchacha20poly1305_ietf_ABYTES, "mac");

static void put64(uint8_t *to, uint64_t n)
{
	n = htole64(n);
	memcpy(to, &n, sizeof(n));
}

static void place_encode(const struct seal_place *place, uint8_t aad[SEAL_AAD])
{
	memset(aad, 0, SEAL_AAD);
	aad[0] = place->dom;
	aad[1] = SEAL_FORMAT;
	memcpy(aad + 8, place->store_id, sizeof(place->store_id));
	put64(aad + 24, (uint64_t)place->id);
	put64(aad + 32, (uint64_t)place->ns);
	memcpy(aad + 40, place->tag, SEAL_TAG);
	put64(aad + 56, place->ver);
}

void seal_box(const uint8_t key[SEAL_KEY], const struct seal_place *place, const void *plain,
	size_t len, uint8_t *box)
{
	uint8_t aad[SEAL_AAD];

	place_encode(place, aad);
	randombytes_buf(box, SEAL_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt_detached(box + SEAL_OVERHEAD, box + SEAL_NONCE,
		NULL, plain, len, aad, sizeof(aad), NULL, box, key);
}

int seal_open(const uint8_t key[SEAL_KEY], const struct seal_place *place, const uint8_t *box,
	size_t box_len, void *plain)
{
	uint8_t aad[SEAL_AAD];
	size_t len;

	if (box_len < SEAL_OVERHEAD)
		return -EBADMSG;
	len = box_len - SEAL_OVERHEAD;
	place_encode(place, aad);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt_detached(plain, NULL, box + SEAL_OVERHEAD,
		    len, box + SEAL_NONCE, aad, sizeof(aad), box, key) == 0)
		return 0;
	if (len > 0)
		sodium_memzero(plain, len);
	return -EBADMSG;
}

static unsigned log2_floor(size_t n)
{
	return 63 - (unsigned)__builtin_clzll(n);
}

size_t seal_padme(size_t n)
{
	unsigned exponent, kept;
	size_t mask;

	if (n < 2)
		return n;
	/* Of the exponent + 1 bits of n only the first log2(exponent) + 2 stay as they are. */
	exponent = log2_floor(n);
	kept = log2_floor(exponent) + 1;
	mask = ((size_t)1 << (exponent - kept)) - 1;
	return n > SIZE_MAX - mask ? SIZE_MAX : (n + mask) & ~mask;
}
