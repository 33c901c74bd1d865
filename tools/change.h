/* SPDX-License-Identifier: MIT */
/*
 * change: keys of a secret to be set and removed, all in one transaction or not at all.
 *
 * Several keys go through the view .json, which is as strict as the strictest key in it. One key
 * alone may be open to a user whom the view refuses, so it goes through its file where that is one
 * transaction, too: an existing key that is set, a key that is removed.
 *
 * Keys whose names begin with a dot are no part of the view: they are changed one at a time.
 */
#ifndef TOOLS_CHANGE_H
#define TOOLS_CHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "secmem.h"
#include "tree.h"
#include "values.h"
#include "why.h"

struct change {
	struct values set;
	char **removes;
	size_t nremoves;
};

#define CHANGE_INIT ((struct change){0})

/* Once more is fine. -EINVAL: no key has this name; -ENOMEM. */
int change_remove(struct change *change, const char *key, struct why *why);

/* Takes a removal back. false: there was none. */
bool change_keep(struct change *change, const char *key);

bool change_removes(const struct change *change, const char *key);

static inline bool change_empty(const struct change *change)
{
	return change->set.n == 0 && change->nremoves == 0;
}

/*
 * Can be known before anything is changed: that what is removed is there and nothing is both set
 * and removed, that the caller may, that it fits. -ENOENT, -EINVAL, -EACCES, -EFBIG.
 */
int change_check(
	const struct change *change, int dir, const struct tree_name *name, struct why *why);

/* Does it. After an error nothing is changed. */
int change_apply(
	const struct change *change, int dir, const struct tree_name *name, struct why *why);

/* For a secret that the caller has just made: sets all keys, those with a dot before the others. */
int change_fill(
	const struct change *change, int dir, const struct tree_name *name, struct why *why);

void change_free(struct change *change);

#define AUTO_CHANGE __attribute__((cleanup(change_free))) struct change

#endif
