/* SPDX-License-Identifier: MIT */
/* ident: secrets by their id, the UUID that stays when the name changes. */
#ifndef TOOLS_IDENT_H
#define TOOLS_IDENT_H

#include <stdbool.h>

#include "tree.h"

/* Has it the form of an id? */
bool ident_is_id(const char *text);

/*
 * Looks for the secret whose id is name->name, in name->ns or in both. 1: found, name is now what
 * it is called, and the caller gets an O_PATH descriptor; 0: none that this user can see; -errno:
 * none, and one could not be asked.
 */
int ident_find(const struct tree *tree, struct tree_name *name, int *ret_dir, struct why *why);

#endif
