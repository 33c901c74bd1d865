/* SPDX-License-Identifier: MIT */
/* clock: the time that deadlines are counted in: CLOCK_MONOTONIC, the same for all processes of a
 * mount. */
#ifndef FS_CLOCK_H
#define FS_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds. */
static inline int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
