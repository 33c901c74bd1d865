/* SPDX-License-Identifier: MIT */
/* mask: hides known values in a stream of bytes. */
#include "mask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is hidden ---- */

static bool mask_space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct mask_word mask_trim(const uint8_t *bytes, size_t len)
{
	while (len > 0 && mask_space(bytes[0])) {
		bytes++;
		len--;
	}
	while (len > 0 && mask_space(bytes[len - 1]))
		len--;
	return (struct mask_word){bytes, len};
}

static int mask_add_word(struct mask_words *words, struct mask_word word)
{
	struct mask_word *bigger = words->words;

	if ((words->n & (words->n - 1)) == 0)
		bigger = reallocarray(bigger, words->n > 0 ? 2 * words->n : 1, sizeof(*bigger));
	if (bigger == NULL)
		return -ENOMEM;
	words->words = bigger;
	words->words[words->n++] = word;
	if (word.len > words->longest)
		words->longest = word.len;
	return 0;
}

static int mask_add_lines(struct mask_words *words, struct mask_word all)
{
	const uint8_t *at = all.bytes, *end = all.bytes + all.len, *newline;
	int r = 0;

	if (memchr(at, '\n', all.len) == NULL)
		return 0;
	for (; r == 0 && at < end; at = newline + 1) {
		struct mask_word line;

		newline = memchr(at, '\n', (size_t)(end - at));
		if (newline == NULL)
			newline = end;
		line = mask_trim(at, (size_t)(newline - at));
		if (line.len >= MASK_LEAST_LINE)
			r = mask_add_word(words, line);
	}
	return r;
}

int mask_add(struct mask_words *words, const uint8_t *bytes, size_t len, bool *ret_hidden)
{
	struct mask_word word = mask_trim(bytes, len);
	int r;

	*ret_hidden = word.len >= MASK_LEAST;
	if (!*ret_hidden)
		return 0;
	r = mask_add_word(words, word);
	return r < 0 ? r : mask_add_lines(words, word);
}

static int mask_cmp(const void *a, const void *b)
{
	const struct mask_word *x = a, *y = b;
	int r = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);

	return r != 0 ? r : (x->len > y->len) - (x->len < y->len);
}

static unsigned mask_pair(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

void mask_ready(struct mask_words *words)
{
	if (words->n > 0)
		qsort(words->words, words->n, sizeof(*words->words), mask_cmp);
	for (size_t i = 0; i < words->n; i++) {
		unsigned pair = mask_pair(words->words[i].bytes);

		words->begins[pair / 8] |= (uint8_t)(1u << pair % 8);
	}
}

void mask_words_free(struct mask_words *words)
{
	free(words->words);
	*words = (struct mask_words){0};
}

/* ---- finding it ---- */

/* The first word that does not begin with less than these two bytes. */
static size_t mask_first(const struct mask_words *words, unsigned pair)
{
	size_t low = 0, high = words->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (mask_pair(words->words[mid].bytes) < pair)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Does any word begin with this byte? */
static bool mask_begins(const struct mask_words *words, uint8_t c)
{
	size_t first = mask_first(words, (unsigned)c << 8);

	return first < words->n && words->words[first].bytes[0] == c;
}

/* The length of the longest word that stands at p; *ret_more: with more bytes there may be a longer
 * one. */
static size_t mask_match(
	const struct mask_words *words, const uint8_t *p, size_t len, bool *ret_more)
{
	size_t found = 0;
	unsigned pair;

	*ret_more = false;
	if (len == 1) {
		*ret_more = mask_begins(words, p[0]);
		return 0;
	}
	pair = mask_pair(p);
	if ((words->begins[pair / 8] >> pair % 8 & 1) == 0)
		return 0;
	for (size_t i = mask_first(words, pair); i < words->n; i++) {
		const struct mask_word *word = &words->words[i];

		if (mask_pair(word->bytes) != pair)
			break;
		if (memcmp(word->bytes, p, word->len < len ? word->len : len) != 0)
			continue;
		if (word->len > len)
			*ret_more = true;
		else if (word->len > found)
			found = word->len;
	}
	return found;
}

/* ---- a stream ---- */

/* A word of MASK_LEAST bytes becomes one of MASK_TEXT at most. */
static size_t mask_worst(size_t len)
{
	return len / MASK_LEAST * sizeof(MASK_TEXT) + sizeof(MASK_TEXT) + len;
}

int mask_open(struct mask *mask, const struct mask_words *words)
{
	size_t most = words->longest + MASK_CHUNK;
	int r;

	*mask = (struct mask){.words = words};
	r = secbuf_alloc(&mask->held, most, SECMEM_SELF);
	if (r == 0)
		r = secbuf_alloc(&mask->out, mask_worst(most), SECMEM_SELF);
	if (r < 0)
		mask_close(mask);
	return r;
}

uint8_t *mask_room(struct mask *mask)
{
	return mask->held.data + mask->held.len;
}

static void mask_put(struct mask *mask, const void *bytes, size_t len)
{
	memcpy(mask->out.data + mask->out.len, bytes, len);
	mask->out.len += len;
}

/* Drops the first n held bytes. */
static void mask_drop(struct mask *mask, size_t n)
{
	memmove(mask->held.data, mask->held.data + n, mask->held.len - n);
	mask->held.len -= n;
	mask->until = mask->until > n ? mask->until - n : 0;
}

void mask_feed(struct mask *mask, size_t n, bool end)
{
	size_t at;

	mask->held.len += n;
	mask->out.len = mask->done = 0;
	for (at = 0; at < mask->held.len; at++) {
		bool more;
		size_t len =
			mask_match(mask->words, mask->held.data + at, mask->held.len - at, &more);

		if (more && !end)
			break;
		if (len > 0 && at >= mask->until)
			mask_put(mask, MASK_TEXT, strlen(MASK_TEXT));
		/* Two values may overlap: all of both is hidden. */
		if (len > 0 && at + len > mask->until)
			mask->until = at + len;
		if (at >= mask->until)
			mask_put(mask, mask->held.data + at, 1);
	}
	mask_drop(mask, at);
}

void mask_close(struct mask *mask)
{
	secbuf_free(&mask->held);
	secbuf_free(&mask->out);
	*mask = (struct mask){0};
}
