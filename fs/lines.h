/* SPDX-License-Identifier: MIT */
/*
 * lines: the log of the workers on its way to the supervisor's own: a pipe of "<N>text" lines with
 * the priority N (log_init_pipe). A worker may have been taken over, so what comes is believed in
 * nothing: what is not printable is escaped, priorities that would wake everybody are not passed
 * on, and no flood keeps the supervisor from its other work.
 *
 * Threads: the supervisor's only one.
 */
#ifndef FS_LINES_H
#define FS_LINES_H

#include <stddef.h>

#include "why.h"

#define LINES_TEXT 4096

struct lines {
	int in;
	int out; /* the workers' end; neither end blocks */
	size_t len;
	unsigned lost;         /* lines that stderr had no room for */
	char text[LINES_TEXT]; /* a line that has not ended yet */
};

#define LINES_INIT ((struct lines){.in = -1, .out = -1})

int lines_open(struct lines *lines, struct why *why);
void lines_close(struct lines *lines);

/* Passes on what is there, a buffer of it at most. */
void lines_read(struct lines *lines);

/* The worker is gone: passes on all that it has left, half a line too. */
void lines_end(struct lines *lines);

#endif
