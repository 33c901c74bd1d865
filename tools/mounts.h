/* SPDX-License-Identifier: MIT */
/* mounts: the secretfs mounts that this process sees, from /proc/self/mountinfo. */
#ifndef TOOLS_MOUNTS_H
#define TOOLS_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mounts_entry {
	dev_t dev;
	char *point; /* unescaped */
	bool whole;  /* the root of the tree, not a bind of something in it */
	bool open;   /* this user may enter it: allow_other, or mounted by this user */
};

struct mounts {
	struct mounts_entry *entries;
	size_t n;
};

/* Reads all mounts of type fuse.secretfs. -errno of reading mountinfo, -ENOMEM. */
int mounts_read(struct mounts *ret_mounts);

void mounts_free(struct mounts *mounts);

/* Is dev that of a secretfs? */
bool mounts_has(const struct mounts *mounts, dev_t dev);

#define AUTO_MOUNTS __attribute__((cleanup(mounts_free))) struct mounts

#endif
