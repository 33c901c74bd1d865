/* SPDX-License-Identifier: MIT */
/* near: which of some names a mistyped one was probably meant to be. */
#ifndef TOOLS_NEAR_H
#define TOOLS_NEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "name.h"

/* The best candidate so far; start with near_start. */
struct near {
	const char *wanted;
	size_t distance; /* of the best one; more than allowed while there is none */
	char best[NAME_MAX_BYTES + 16];
};

void near_start(struct near *near, const char *wanted);

/* Looks at a name; what is kept for it is prefix followed by name ("public/", "db"). */
void near_try(struct near *near, const char *prefix, const char *name);

bool near_found(const struct near *near);

#endif
