/* SPDX-License-Identifier: MIT */
/*
 * ask: keys and values that are typed at a terminal.
 *
 *     Key (empty: done): user
 *     Value of user:                      hidden
 *     The same again:                     hidden
 *     Another key? [y/N, r: remove one]
 */
#ifndef TOOLS_ASK_H
#define TOOLS_ASK_H

#include "change.h"
#include "tree.h"
#include "why.h"

/*
 * Asks until there is nothing more to say. have: the keys that the secret has already, or NULL for
 * a new one: what is removed is forgotten if it was typed before, and else removed from the secret.
 * -ENOTTY: there is no terminal; -EINVAL: no answer.
 */
int ask_change(struct change *change, const struct tree_list *have, struct why *why);

#endif
