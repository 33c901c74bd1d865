/* SPDX-License-Identifier: MIT */
/*
 * meter: how far long work has come, as one line on standard error that is drawn over and gone at
 * the end. Nothing at all unless standard error is a terminal, nor within the first second.
 */
#ifndef TOOLS_METER_H
#define TOOLS_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter {
	const char *what; /* "verifying" */
	int64_t began;    /* ms */
	int64_t drawn;    /* ms; 0: never */
	bool on;
};

void meter_begin(struct meter *meter, const char *what);

/* done of total; may be called as often as one likes. */
void meter_tell(struct meter *meter, uint64_t done, uint64_t total);

/* Takes the line away: before anything else is printed. */
void meter_end(struct meter *meter);

#endif
