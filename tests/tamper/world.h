/* SPDX-License-Identifier: MIT */
/*
 * world: a small store of Ann (uid 7), Bob (8) and Mallory (9), what it held at an earlier time and
 * what it holds now, and the comparison of a store that was tampered with, with that.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "image.h"
#include "place.h"
#include "store.h"

#define ANN     7
#define BOB     8
#define MALLORY 9

struct world {
	struct place place;
	char anchors[160];       /* folder */
	char anchor[256];        /* file */
	struct image before;     /* the store file, as it was earlier */
	struct image now;        /* and as it is */
	struct image anchor_now; /* the anchor that belongs to it */
	struct known *known;     /* what it holds */
	size_t n;
	char *ns_text[5];
	uint64_t kept; /* id of a value that no version names, but which was open at the end */
	uint64_t kept_row;
};

/* What was found in a store. */
struct found {
	unsigned refused; /* answered with an error */
	unsigned missing; /* not there, without an error */
	unsigned wrong;   /* something else than it was */
	char text[400];   /* the first that is wrong, or else one that is missing */
};

/* Ends the program if it cannot be made. */
void world_make(struct world *world);
void world_free(struct world *world);

/* The store as it is now, opened as a daemon does (with its anchor); -errno: it is refused. */
int world_open(const struct world *world, bool with_anchor, struct store **ret_store);

/*
 * Reads everything in every way; turn: which way comes first. but: a secret of Mallory's that may
 * have changed (NULL: none).
 */
struct found world_compare(
	const struct world *world, struct store *store, unsigned turn, const char *but);

/* Mallory changes her secret "bait", and makes and removes another. */
void world_change(struct store *store, uint64_t bait);
uint64_t world_row(const struct world *world, struct store_ns ns, const char *name);

#endif
