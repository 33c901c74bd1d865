/* SPDX-License-Identifier: MIT */
/*
 * mask: hides known values in a stream of bytes.
 *
 * A value is found wherever it stands, in pieces that come one after the other too: what may be the
 * beginning of one is held back until it is clear. Of a value with several lines each line of some
 * length is hidden as well, because programs indent and prefix lines. White space at both ends of a
 * value does not count. Values that were changed (encoded, cut, joined) are not found.
 */
#ifndef TOOLS_MASK_H
#define TOOLS_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secmem.h"

#define MASK_TEXT       "********"
#define MASK_LEAST      4 /* bytes; shorter values would hide half of every text */
#define MASK_LEAST_LINE 8 /* of a line of a longer value */
#define MASK_CHUNK      (16u << 10)

struct mask_word {
	const uint8_t *bytes; /* the caller's secret memory */
	size_t len;
};

/* What is to be hidden. Starts as zeros. */
struct mask_words {
	struct mask_word *words;
	size_t n;
	size_t longest;
	uint8_t begins[65536 / 8]; /* which two bytes begin a word */
};

/* false: too short, it will not be hidden. -ENOMEM. */
int mask_add(struct mask_words *words, const uint8_t *bytes, size_t len, bool *ret_hidden);

/* After the last mask_add. */
void mask_ready(struct mask_words *words);

void mask_words_free(struct mask_words *words);

/* One stream. */
struct mask {
	const struct mask_words *words;
	struct secbuf held; /* read, and not decided */
	struct secbuf out;  /* to be written, from done on */
	size_t done;
	size_t until; /* held bytes up to here are behind a MASK_TEXT */
};

/* -ENOMEM. */
int mask_open(struct mask *mask, const struct mask_words *words);

/* Where up to MASK_CHUNK more bytes can be put. out must be empty. */
uint8_t *mask_room(struct mask *mask);

/* n bytes were put there; end: nothing more comes. out then has what is decided. */
void mask_feed(struct mask *mask, size_t n, bool end);

void mask_close(struct mask *mask);

#endif
