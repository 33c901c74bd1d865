/* SPDX-License-Identifier: MIT */
/* near: which of some names a mistyped one was probably meant to be. */
#include "near.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* How many slips of the finger a name of this length may hold. */
static size_t near_allowed(size_t len)
{
	return len <= 3 ? 1 : len <= 8 ? 2 : 3;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
static size_t near_distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	size_t rows[3][NAME_MAX_BYTES + 1];

	if (la > NAME_MAX_BYTES || lb > NAME_MAX_BYTES)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *row = rows[i % 3];
		const size_t *up = rows[(i - 1) % 3], *upup = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] =
				min3(up[j] + 1, row[j - 1] + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				upup[j - 2] + 1 < row[j])
				row[j] = upup[j - 2] + 1;
		}
	}
	return rows[la % 3][lb];
}

void near_start(struct near *near, const char *wanted)
{
	near->wanted = wanted;
	near->distance = near_allowed(strlen(wanted)) + 1;
	near->best[0] = '\0';
}

void near_try(struct near *near, const char *prefix, const char *name)
{
	size_t distance = near_distance(near->wanted, name);

	/* A name as long as the slips themselves has nothing in common with it. */
	if (distance >= near->distance || distance >= strlen(name))
		return;
	near->distance = distance;
	snprintf(near->best, sizeof(near->best), "%s%s", prefix, name);
}

bool near_found(const struct near *near)
{
	return near->best[0] != '\0';
}
