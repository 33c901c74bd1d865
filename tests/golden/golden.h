/* SPDX-License-Identifier: MIT */
/*
 * golden: stores of earlier formats, as the secretfs of then made them. The .sql files hold every
 * row but those of buckets that were never touched, which are sealed here: 4096 would be too many.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include "place.h"

/* Makes the store and its key file, neither of which may be there. Says on stderr what went wrong
 * and returns -errno. */
int golden_make(const char *store, const char *key);

/* The same as place_make, but for the store. There is no image of it. */
int golden_place(struct place *place);

#endif
