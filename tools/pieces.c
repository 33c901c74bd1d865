/* SPDX-License-Identifier: MIT */
/* pieces: many small pieces of secret memory, packed into runs of several pages. */
#include "pieces.h"

#include <errno.h>
#include <stdlib.h>

#define PIECES_RUN (32u << 10)

static int pieces_add(struct pieces *pieces, struct secbuf *run)
{
	struct secbuf *runs = reallocarray(pieces->runs, pieces->n + 1, sizeof(*runs));

	if (runs == NULL)
		return -ENOMEM;
	pieces->runs = runs;
	runs[pieces->n++] = secbuf_take(run);
	return 0;
}

static int pieces_more(struct pieces *pieces, size_t len)
{
	AUTO_SECBUF run = SECBUF_INIT;
	int r = secbuf_alloc(&run, len > PIECES_RUN ? len : PIECES_RUN, SECMEM_SELF);

	/* Where there is no room for what will be needed, there may be for what is. */
	if (r == -ENOMEM && len < PIECES_RUN)
		r = secbuf_alloc(&run, len, SECMEM_SELF);
	return r < 0 ? r : pieces_add(pieces, &run);
}

int pieces_take(struct pieces *pieces, size_t len, void **ret_piece)
{
	struct secbuf *run = pieces->n > 0 ? &pieces->runs[pieces->n - 1] : NULL;

	if (len == 0)
		len = 1;
	if (run == NULL || run->cap - run->len < len) {
		int r = pieces_more(pieces, len);

		if (r < 0)
			return r;
		run = &pieces->runs[pieces->n - 1];
	}
	*ret_piece = run->data + run->len;
	run->len += len;
	return 0;
}

int pieces_adopt(struct pieces *pieces, struct secbuf *bytes)
{
	bytes->len = bytes->cap; /* nothing is packed behind them */
	return pieces_add(pieces, bytes);
}

struct pieces_mark pieces_mark(const struct pieces *pieces)
{
	return (struct pieces_mark){
		.n = pieces->n, .len = pieces->n > 0 ? pieces->runs[pieces->n - 1].len : 0};
}

void pieces_rewind(struct pieces *pieces, struct pieces_mark mark)
{
	while (pieces->n > mark.n)
		secbuf_free(&pieces->runs[--pieces->n]);
	if (mark.n > 0) {
		struct secbuf *run = &pieces->runs[mark.n - 1];

		secmem_wipe(run->data + mark.len, run->len - mark.len);
		run->len = mark.len;
	}
}

void pieces_free(struct pieces *pieces)
{
	pieces_rewind(pieces, (struct pieces_mark){0});
	free(pieces->runs);
	*pieces = (struct pieces){0};
}
