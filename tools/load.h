/* SPDX-License-Identifier: MIT */
/* load: the keys of a secret, or of an earlier version of it, with their values, all of one moment.
 */
#ifndef TOOLS_LOAD_H
#define TOOLS_LOAD_H

#include <stddef.h>

#include "tree.h"
#include "values.h"
#include "why.h"

struct load {
	struct tree_list keys; /* sorted; with those whose names begin with a dot */
	struct values values;  /* of those that this user may read, in that order */
};

/*
 * dir may be an O_PATH descriptor; name is for messages. If the secret changes meanwhile it is read
 * again. That a key may not be read is no failure: it is in keys and not in values.
 */
int load_secret(struct load *ret_load, int dir, const struct tree_name *name, struct why *why);

/* How many keys could not be read. */
static inline size_t load_refused(const struct load *load)
{
	return load->keys.n - load->values.n;
}

/* Takes the keys out that the views do not show. */
void load_drop_dotted(struct load *load);

void load_free(struct load *load);

#define AUTO_LOAD __attribute__((cleanup(load_free))) struct load

#endif
