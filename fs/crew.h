/* SPDX-License-Identifier: MIT */
/*
 * crew: the threads that take requests from the kernel and serve them, one each at a time.
 *
 * Threads: all functions from the one that starts and ends the crew.
 */
#ifndef FS_CREW_H
#define FS_CREW_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>

/* Serves the request in a place of the slots. again: an earlier worker may have served it, in part
 * or whole. */
void crew_serve(unsigned place, size_t len, bool again);

/* Its caller gets EIO. The place is free then. */
void crew_refuse(unsigned place, const struct fuse_in_header *header);

/* Starts a thread for each of n slots; with fewer if there is no room for more. -errno: not one.
 * With rings (ring.h) the first one reads /dev/fuse, the others have one each, and all must start.
 */
int crew_start(unsigned n);

/* Becomes readable when the crew has ended: the connection is gone, or cannot be read. */
int crew_end_fd(void);

/* Has everybody finish what he has at hand and take nothing more. Waits at most wait_ms, and then
 * goes on as if nothing had been: -EBUSY. */
int crew_pause(unsigned wait_ms);
void crew_go_on(void);

/* While paused: nobody takes another request; they end. */
void crew_dismiss(void);

/* Waits until all have ended. 0: unmounted, or dismissed; -errno. */
int crew_join(void);

#endif
