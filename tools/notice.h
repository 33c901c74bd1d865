/* SPDX-License-Identifier: MIT */
/*
 * notice: when something may have happened to a secret.
 *
 * Watches of inotify on the secret and on the namespaces in which its name may come and go. They
 * belong to the kernel's side of the mount, so a daemon whose worker starts again loses none of
 * them. They hold nothing open: the tree can be unmounted meanwhile, which is noticed as well.
 *
 * An event only says "look": what has changed is found by looking.
 */
#ifndef TOOLS_NOTICE_H
#define TOOLS_NOTICE_H

#include <stdbool.h>

#include "tree.h"
#include "why.h"

struct notice {
	int fd;     /* inotify; for poll */
	int secret; /* watch of the secret, -1: none */
	char name[NAME_MAX_BYTES + 1];
};

#define NOTICE_INIT ((struct notice){.fd = -1, .secret = -1})

/* What notice_read has found. */
struct notice_news {
	bool any;     /* look again */
	bool open;    /* somebody writes: a commit by fsync(2) would come without an event */
	bool unmount; /* the tree is gone */
};

/* Watches the namespaces for the name: both, or the one that name says. */
int notice_open(struct notice *notice, const struct tree *tree, const struct tree_name *name,
	struct why *why);

/* Watches this directory instead of the one before; -1: none. May be the same again. */
int notice_secret(struct notice *notice, int dir);

/* Reads what has come; waits for nothing. -errno. */
int notice_read(struct notice *notice, struct notice_news *ret_news);

void notice_close(struct notice *notice);

#endif
