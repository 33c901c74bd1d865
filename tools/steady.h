/* SPDX-License-Identifier: MIT */
/*
 * steady: reading values of a secret that belong together: again, if they have changed meanwhile.
 *
 * A secret says its version to whoever may list it; between two readings of one version only one
 * key can have changed, so all values are of one moment. Others, who only know names of keys, are
 * told by times: every commit to a key moves its ctime, every key that comes, goes or is renamed
 * the mtime of the secret, and both can be had without any right but x on the secret.
 */
#ifndef TOOLS_STEADY_H
#define TOOLS_STEADY_H

#include <stdbool.h>
#include <stddef.h>

struct steady {
	/* All keys that there are, so that a key which comes meanwhile counts. */
	bool whole;
	/* Begins a try: forgets what was read before, finds out what is to be read. Returns how
	 * many keys, -errno. */
	long (*begin)(void *arg);
	/* Name of the key that is read i-th. */
	const char *(*key)(void *arg, size_t i);
	/* Reads them. 0; 1: it has changed meanwhile, such as a key that is gone; -errno. */
	int (*read)(void *arg);
	void *arg;
};

/* 0, or what begin or read said. -EAGAIN: it changes all the time; -ENOMEM. dir may be an O_PATH
 * descriptor of a secret, or of an earlier version, which does not change. */
int steady_read(const struct steady *steady, int dir);

#endif
