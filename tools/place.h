/* SPDX-License-Identifier: MIT */
/*
 * place: which mounted tree is meant, and whether it may be trusted.
 *
 * What is read from a tree may be run, and what is written to it may be a secret: so the tree must
 * be root's or the caller's own, at a place where nobody else can put another one.
 */
#ifndef TOOLS_PLACE_H
#define TOOLS_PLACE_H

#include <limits.h>

#include "why.h"

/*
 * The tree at dir; dir NULL: at $SECRETFS_MOUNT, else at the mountpoint of the caller's
 * secretfs.conf, else the only one that is mounted. The one that is named counts, or it is an
 * error: no other takes its place. ret_path has PATH_MAX bytes; *ret_root is an O_PATH descriptor
 * of the tree's top, the caller's.
 *
 * -ENOENT: no secretfs there, or none at all. -ENOTUNIQ: several, and none is named. -ESRMNT:
 * another user mounted it, or could put another one there. -EPERM, -EINVAL: secretfs.conf is
 * refused.
 */
int place_find(const char *dir, char *ret_path, int *ret_root, struct why *why);

/* Is nobody but root and the caller able to change a folder above this descriptor's? -ESRMNT. */
int place_check_folders(int root, struct why *why);

#endif
