/* SPDX-License-Identifier: MIT */
/*
 * by_name: .by-name/UID, where each name leads to the user's private secret if there is one, else
 * to the public one.
 *
 * Its entries are symbolic links, relative, so that they resolve wherever the tree is bound. A name
 * may lead elsewhere with the next change, so the kernel never keeps one.
 */
#ifndef FS_BY_NAME_H
#define FS_BY_NAME_H

#include <fuse_lowlevel.h>
#include <stdint.h>

#include "node.h"
#include "store.h"

/* Within a snapshot. -EACCES: another user's. -ENOENT; -EBADMSG for a damaged private one: it never
 * falls through to public. */
int by_name_lookup(fuse_req_t req, uint32_t uid, const char *name, struct node *ret_node);

/* Visits all names that the caller has, from offset on: next is the offset after it. As store_list.
 */
typedef int (*by_name_visit)(void *arg, const struct store_secret *secret, off_t next);
int by_name_list(fuse_req_t req, uint32_t uid, off_t off, by_name_visit visit, void *arg);

/* The target of an entry. size: room. -errno. */
int by_name_target(const struct store_secret *secret, char *ret_target, size_t size);

#endif
