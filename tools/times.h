/* SPDX-License-Identifier: MIT */
/* times: moments as people write them and as they are shown. Seconds since 1970, UTC. */
#ifndef TOOLS_TIMES_H
#define TOOLS_TIMES_H

#include <stddef.h>
#include <stdint.h>

/* Room for every text of times_print and times_print_local. */
#define TIMES_TEXT 32

/*
 * 2026-01-31, 2026-01-31T12:00, 2026-01-31 12:00:00.5+02:00, ...Z, or digits alone: seconds since
 * 1970. UTC where it does not say; parts of a second are read over. -EINVAL: anything else, and
 * days that there are not.
 */
int times_parse(const char *text, int64_t *ret_seconds);

/* 2026-01-31T12:00:00Z. */
void times_print(int64_t seconds, char ret_text[static TIMES_TEXT]);

/* 2026-01-31T13:00:00+0100, where this process is. */
void times_print_local(int64_t seconds, char ret_text[static TIMES_TEXT]);

#endif
