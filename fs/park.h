/* SPDX-License-Identifier: MIT */
/*
 * park: requests that wait for others who have the same file open. Between the truncation of a key
 * (O_TRUNC) and the first write or the last close nobody knows yet what the key will hold: who asks
 * then waits a moment for what comes. And who comes to write waits a moment for those who read
 * through the page cache (handle.h). The request waits, not a thread, and it lies where the next
 * worker finds it.
 *
 * Threads: any.
 */
#ifndef FS_PARK_H
#define FS_PARK_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

/* Answers a request that has waited; fi as it came, NULL if there was none. */
typedef void park_answer(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

/* What a request waits for: true as long as it has to. */
typedef bool park_reason(fuse_ino_t ino);

/* Lays the thread's request aside until the reason is over (park_go_on), at most for ms, but longer
 * while what a writer wrote is on its way into the store; then answer is called. false: could not
 * be laid aside, answer at once. */
bool park(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi, unsigned ms,
	park_reason *reason, park_answer *answer);

/* Somebody went on (wrote, committed, closed): who waits for this node without a reason now is
 * answered. */
void park_go_on(fuse_ino_t ino);

#endif
