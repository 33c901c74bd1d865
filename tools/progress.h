/* SPDX-License-Identifier: MIT */
/*
 * progress: a bar on standard error while long work goes on.
 *
 * It is drawn only on a terminal, not for work that is over soon, and not more often than people
 * can see. The width is asked for each time, so that a terminal may change its size.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
	const char *what; /* "exporting" */
	size_t total;
	size_t done;
	bool terminal;
	bool drawn;
	int64_t next; /* when to draw again: milliseconds of the monotonic clock */
};

void progress_start(struct progress *progress, const char *what, size_t total);

/* One more is done. */
void progress_step(struct progress *progress);

/* Takes the bar away, for a message or at the end. It comes back with the next step. */
void progress_hide(struct progress *progress);

#endif
