/* SPDX-License-Identifier: MIT */
/*
 * pieces: many small pieces of secret memory, packed into runs of several pages.
 *
 * A secbuf takes a page at least; a thousand values of ten bytes would fill the locked memory of a
 * plain user. Pieces never move. They are given back all at once, or back to a mark.
 */
#ifndef TOOLS_PIECES_H
#define TOOLS_PIECES_H

#include <stddef.h>

#include "secmem.h"

struct pieces {
	struct secbuf *runs;
	size_t n;
};

struct pieces_mark {
	size_t n;
	size_t len; /* of the last run */
};

/* len zeroed bytes, at least one. -ENOMEM. */
int pieces_take(struct pieces *pieces, size_t len, void **ret_piece);

/* Takes over a secbuf as it is; for large ones. The bytes stay where they are. -ENOMEM: it is still
 * the caller's. */
int pieces_adopt(struct pieces *pieces, struct secbuf *bytes);

struct pieces_mark pieces_mark(const struct pieces *pieces);

/* Wipes and gives back what was taken since. */
void pieces_rewind(struct pieces *pieces, struct pieces_mark mark);

void pieces_free(struct pieces *pieces);

#define AUTO_PIECES __attribute__((cleanup(pieces_free))) struct pieces

#endif
