/* SPDX-License-Identifier: MIT */
/*
 * owner: whose public secret a bare name has led to.
 *
 * Whoever made public/NAME first is found by everybody who has no private/NAME. What is read there
 * is what its owner says, and what is written there its owner reads. So a secret that belongs to
 * neither the caller nor root is used by a bare name with a warning and changed not at all: who
 * means it says public/NAME.
 */
#ifndef TOOLS_OWNER_H
#define TOOLS_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "tree.h"
#include "why.h"

/* Is it the caller or root? */
bool owner_trusted(uid_t uid);

/* 1: it is somebody else's, public, and was found by a bare name; the sentence says so. 0: not so.
 */
int owner_foreign(const struct tree_name *name, int dir, struct why *why);

/* For what reads the secret that tree_find has found: warns, or with strict fails with -EPERM. */
int owner_check_use(const struct tree_name *name, int dir, bool strict, struct why *why);

/* For what changes it: -EPERM. */
int owner_check_change(const struct tree_name *name, int dir, struct why *why);

#endif
