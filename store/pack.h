/* SPDX-License-Identifier: MIT */
/*
 * pack: fields of a record one after another, little endian, without gaps.
 *
 * Reading is bounded: what would pass the end yields zeros (NULL for bytes) and sets bad, once and
 * for all, so that a decoder asks once at its end. Writing is not: the writer knows the size
 * beforehand.
 */
#ifndef STORE_PACK_H
#define STORE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct unpack {
	const uint8_t *at;
	size_t left;
	bool bad;
};

/* The next n bytes where they lie; NULL if there are not so many. */
static inline const uint8_t *unpack_bytes(struct unpack *u, size_t n)
{
	const uint8_t *at = u->at;

	if (u->bad || n > u->left) {
		u->bad = true;
		return NULL;
	}
	u->at += n;
	u->left -= n;
	return at;
}

static inline uint64_t unpack_uint(struct unpack *u, size_t n)
{
	const uint8_t *at = unpack_bytes(u, n);
	uint64_t v = 0;

	for (size_t i = n; at && i > 0; i--)
		v = v << 8 | at[i - 1];
	return v;
}

static inline uint8_t unpack_u8(struct unpack *u)
{
	return (uint8_t)unpack_uint(u, 1);
}

static inline uint16_t unpack_u16(struct unpack *u)
{
	return (uint16_t)unpack_uint(u, 2);
}

static inline uint32_t unpack_u32(struct unpack *u)
{
	return (uint32_t)unpack_uint(u, 4);
}

static inline uint64_t unpack_u64(struct unpack *u)
{
	return unpack_uint(u, 8);
}

static inline int64_t unpack_i64(struct unpack *u)
{
	return (int64_t)unpack_uint(u, 8);
}

static inline void unpack_copy(struct unpack *u, void *to, size_t n)
{
	const uint8_t *at = unpack_bytes(u, n);

	if (at && n > 0)
		memcpy(to, at, n);
}

/* Are all the bytes that are left zero? */
static inline bool unpack_zeros(const struct unpack *u)
{
	uint8_t any = 0;

	for (size_t i = 0; i < u->left; i++)
		any |= u->at[i];
	return !u->bad && any == 0;
}

struct pack {
	uint8_t *at;
};

/* bytes may be NULL if n is 0. */
static inline void pack_bytes(struct pack *p, const void *bytes, size_t n)
{
	if (n > 0)
		memcpy(p->at, bytes, n);
	p->at += n;
}

static inline void pack_uint(struct pack *p, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		*p->at++ = (uint8_t)v;
}

static inline void pack_u8(struct pack *p, uint8_t v)
{
	pack_uint(p, v, 1);
}

static inline void pack_u16(struct pack *p, uint16_t v)
{
	pack_uint(p, v, 2);
}

static inline void pack_u32(struct pack *p, uint32_t v)
{
	pack_uint(p, v, 4);
}

static inline void pack_u64(struct pack *p, uint64_t v)
{
	pack_uint(p, v, 8);
}

static inline void pack_i64(struct pack *p, int64_t v)
{
	pack_uint(p, (uint64_t)v, 8);
}

#endif
