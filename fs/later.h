/* SPDX-License-Identifier: MIT */
/*
 * later: one thread that does small things after a delay: an invalidation that is sent once more, a
 * parked OPEN whose time is up. Threads: any may add.
 */
#ifndef FS_LATER_H
#define FS_LATER_H

#include <stdint.h>

/* begin is called once in the thread before anything else, end as its last act; both may fail or be
 * NULL. */
int later_start(int (*begin)(void), void (*end)(void));
void later_stop(void);

/* Nothing is run from when this returns until later_go_on. */
void later_pause(void);
void later_go_on(void);

/* While paused: runs now, in this thread, what would call run later. */
void later_hurry(void (*run)(void *arg));

/* Calls run(arg) in the thread, delay_ms from now at the earliest. -ENOMEM. */
int later_add(unsigned delay_ms, void (*run)(void *arg), void *arg);

#endif
