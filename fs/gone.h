/* SPDX-License-Identifier: MIT */
/*
 * gone: keys that have left their secret while somebody still has them: open files, bind mounts,
 * working directories of a sort. As files on a disk do, they go on with their last value.
 *
 * A key that was unlinked, or replaced by a rename, stays until the kernel forgets its node, which
 * it does when nothing refers to it any more. A key that went in another way (null in .json) the
 * kernel still has under its name, which must be looked up again: so such a key is there for who
 * has it open alone, and not to be opened.
 *
 * Threads: any. Locks: its own, and below it held's.
 */
#ifndef FS_GONE_H
#define FS_GONE_H

#include <stdbool.h>
#include <stdint.h>

#include "node.h"
#include "store.h"

/* Takes over what an earlier worker of this mount knew. Before the threads start. */
void gone_inherit(void);

/* For struct store_files. */
void gone_removing(const struct store_gone *gone);

/* Within store_begin and store_end: the key of a node that its secret has no more, and a manifest
 * that has it. opened: only what is asked for by who has it open. -ESTALE: there is none. */
int gone_find(const struct node *node, bool opened, const struct store_secret **ret_secret,
	const struct manifest_key **ret_key);

/* The kernel's FORGET. */
void gone_forget(uint64_t node);

/* A handle of the node was closed. */
void gone_closed(uint64_t node);

#endif
