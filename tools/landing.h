/* SPDX-License-Identifier: MIT */
/*
 * landing: a file that is written by a process which gives up its rights meanwhile.
 *
 * A helper, which keeps the rights of the beginning and knows no secret, gives the file its name
 * when it is told to, and takes it away again if it is not: also if the process is killed. The file
 * is written aside with mode 0600, and synced with its folder.
 */
#ifndef TOOLS_LANDING_H
#define TOOLS_LANDING_H

#include <stdbool.h>

#include "outfile.h"

struct landing {
	struct outfile out; /* out.fd: open for reading and writing, empty */
	bool replaces;      /* there is a file already, which is to be replaced */
	int helper;         /* socket */
};

#define LANDING_INIT ((struct landing){.out = OUTFILE_INIT, .helper = -1})

/* Makes the file and the helper: before a lock is taken or a key is read. What outfile_plan
 * refuses; -ENOSPC and others of open(2) and fork(2). */
int landing_open(struct landing *landing, const char *path, bool replace, struct why *why);

/* -EEXIST: somebody made a file of that name meanwhile. */
int landing_commit(struct landing *landing, struct why *why);

/* Without a commit nothing is left. */
void landing_close(struct landing *landing);

#endif
