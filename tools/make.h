/* SPDX-License-Identifier: MIT */
/* make: bundles put into the tree, each as a whole or not at all. */
#ifndef TOOLS_MAKE_H
#define TOOLS_MAKE_H

#include "bundle.h"
#include "tree.h"
#include "why.h"

/* The namespace of bundle->name is definite in all of these. */

/* 1: there is a secret of this name. 0: there is none. */
int make_exists(const struct bundle *bundle, const struct tree *tree, struct why *why);

/*
 * Makes a new secret. All keys appear at once, and to nobody else before it is complete. -EEXIST:
 * there is one, which was not changed. After an error nothing is left, or the sentence says so.
 */
int make_new(const struct bundle *bundle, const struct tree *tree, struct why *why);

/* Sets the keys, expiry and description of the bundle in the secret that is there; other keys and
 * the mode stay. After an error nothing is changed. */
int make_merged(const struct bundle *bundle, const struct tree *tree, struct why *why);

#endif
