/* SPDX-License-Identifier: MIT */
/* mounts: the secretfs mounts that this process sees, from /proc/self/mountinfo. */
#ifndef TOOLS_MOUNTS_H
#define TOOLS_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mounts_entry {
	dev_t dev;
	bool whole;    /* the root of the tree, not a bind of something in it */
	uid_t owner;   /* who mounted it, as the kernel says */
	bool open;     /* this user may enter it: allow_other, or mounted by this user */
	char *point;   /* unescaped */
	char *source;  /* unescaped: the store, as the daemon says */
	char *flags;   /* "rw,nosuid,...": of this mount point */
	char *options; /* "rw,user_id=0,...": of the file system */
	char *line;    /* all these lie in it */
};

struct mounts {
	struct mounts_entry *entries;
	size_t n;
};

/* Reads all mounts of type fuse.secretfs. -errno of reading mountinfo, -ENOMEM. */
int mounts_read(struct mounts *ret_mounts);

void mounts_free(struct mounts *mounts);

/* The first entry of the file system dev, or NULL: it is no secretfs. */
const struct mounts_entry *mounts_find(const struct mounts *mounts, dev_t dev);

/* Mounted by root or by this user: the daemon behind it is nobody else's program. */
bool mounts_trusted(const struct mounts_entry *entry);

/* Is this word one of these flags or options? */
bool mounts_option(const char *options, const char *word);

#define AUTO_MOUNTS __attribute__((cleanup(mounts_free))) struct mounts

#endif
