/* SPDX-License-Identifier: MIT */
/* known: bits, in pieces that are made when a row in them comes up. */
#include "known.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PIECE_ROWS 32768u
#define PIECES     65536u /* rows up to 2^31; beyond that each is looked for */

struct piece {
	_Atomic uint64_t bits[PIECE_ROWS / 64];
};

struct known {
	struct piece *_Atomic pieces[PIECES];
};

struct known *known_new(void)
{
	return calloc(1, sizeof(struct known));
}

void known_free(struct known *known)
{
	for (unsigned i = 0; known && i < PIECES; i++)
		free(atomic_load(&known->pieces[i]));
	free(known);
}

static bool in_range(int64_t row)
{
	return row >= 0 && row < (int64_t)PIECES * PIECE_ROWS;
}

bool known_has(const struct known *known, int64_t row)
{
	const struct piece *piece =
		known && in_range(row) ? atomic_load(&known->pieces[row / PIECE_ROWS]) : NULL;

	return piece && atomic_load(&piece->bits[row % PIECE_ROWS / 64]) >> (row % 64) & 1;
}

void known_add(struct known *known, int64_t row)
{
	struct piece *piece, *fresh, *there = NULL;

	if (!known || !in_range(row))
		return;
	piece = atomic_load(&known->pieces[row / PIECE_ROWS]);
	if (!piece) {
		fresh = calloc(1, sizeof(*fresh));
		if (!fresh)
			return;
		piece = fresh;
		if (!atomic_compare_exchange_strong(
			    &known->pieces[row / PIECE_ROWS], &there, fresh)) {
			free(fresh);
			piece = there;
		}
	}
	atomic_fetch_or(&piece->bits[row % PIECE_ROWS / 64], 1ull << (row % 64));
}
