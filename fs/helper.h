/* SPDX-License-Identifier: MIT */
/*
 * helper: a process that outlives the supervisor by a moment: when the supervisor dies without a
 * goodbye it kills the worker and unmounts, so that nobody is left with a mount that answers
 * nothing. It has no key, no store and no fuse descriptor.
 *
 *     pipe, supervisor to helper: pid of each new worker, 4 bytes; 0 is the goodbye
 */
#ifndef FS_HELPER_H
#define FS_HELPER_H

#include <sys/types.h>

#include "mount.h"

struct helper {
	pid_t pid; /* 0: none runs */
	int fd;    /* write end of its pipe; -1: none runs */
};

#define HELPER_INIT ((struct helper){.pid = 0, .fd = -1})

/* Forks it (no exec). helper must be empty. -errno. */
int helper_start(struct helper *helper, const struct mount *mount);

/* Tells it the worker of now. A helper that is gone is not an error: its death is reported by
 * SIGCHLD. */
void helper_worker(const struct helper *helper, pid_t worker);

/* Says goodbye and waits until it has ended. Leaves helper empty. */
void helper_stop(struct helper *helper);

/* For a helper that was found dead: closes what is left. */
void helper_lost(struct helper *helper);

#endif
