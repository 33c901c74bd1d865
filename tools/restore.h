/* SPDX-License-Identifier: MIT */
/* restore: the content of a secret as it was in an earlier version, in one transaction. */
#ifndef TOOLS_RESTORE_H
#define TOOLS_RESTORE_H

#include <stdint.h>

#include "change.h"
#include "tree.h"
#include "why.h"

/*
 * What must be set and removed so that the secret has exactly the keys and values of that version:
 * nothing where it has them. Keys whose names begin with a dot are no part of it. -ENOENT: the
 * version is not kept; -EACCES, -EKEYEXPIRED.
 */
int restore_plan(struct change *ret_change, int dir, const struct tree_name *name, uint64_t version,
	struct why *why);

/* Plans it and does it. */
int restore_version(int dir, const struct tree_name *name, uint64_t version, struct why *why);

#endif
