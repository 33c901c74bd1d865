/* SPDX-License-Identifier: MIT */
/*
 * slots: where requests lie while they are served, in memory that outlives the worker.
 *
 *     head    one page or two without payload: for each place when it was begun and what it is
 * blamed for parked  SLOTS_PARKED places of SLOTS_PARKED_BYTES: requests that wait without a thread
 *     slots   n places of SLOTS_BYTES: one for each thread, the buffer that it reads its requests
 * into
 *
 * The supervisor makes the memory (a sealed memfd), maps and locks it for the life of the mount, so
 * that it is never swapped; each worker maps and locks it too. A place holds a request if its FUSE
 * header has a length: the kernel copies that first, and whoever has answered wipes it first. So
 * what a dead worker had read and not answered is found by the next one, on every kernel.
 *
 * Places are numbered: the threads' slots from 0, then the parked ones.
 *
 * Threads: a place belongs to the thread that holds it; parking takes a lock; the supervisor only
 * looks.
 */
#ifndef FS_SLOTS_H
#define FS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "boot.h"
#include "why.h"

#define SLOTS_BYTES        (BOOT_MAX_WRITE + 4096) /* the largest request, with its header */
#define SLOTS_MAX          64                      /* threads */
#define SLOTS_PARKED       64
#define SLOTS_PARKED_BYTES 512
#define SLOTS_AGAIN        (1ull << 63) /* in the number of a request that the kernel sends again */

/* A request that its own death is blamed on so often is not tried again. A worker's crash counts
 * SLOTS_BLAME_CRASH, a kill from outside, which says little about the request, SLOTS_BLAME_KILL. */
#define SLOTS_BLAME_CRASH 3
#define SLOTS_BLAME_KILL  1
#define SLOTS_BLAME_MOST  (2 * SLOTS_BLAME_CRASH)

struct slots_head;

struct slots {
	struct slots_head *head;
	uint8_t *parked;
	uint8_t *bytes;
	size_t size; /* of the mapping */
	unsigned n;  /* threads' slots */
};

/* Makes the memory for n threads. Returns a descriptor or -errno. */
int slots_create(unsigned n);

/* Maps and locks it. -EPROTO: not such a memory; -ENOMEM, -EAGAIN, -EPERM: cannot be locked. */
int slots_map(int fd, struct slots *ret_slots, struct why *why);
void slots_unmap(struct slots *slots);

/* All places: the slots and the parked ones. */
unsigned slots_places(const struct slots *slots);

/* A thread's buffer of SLOTS_BYTES. */
void *slots_buffer(const struct slots *slots, unsigned place);

/* The request in a place, and its length; 0: none. */
size_t slots_request(const struct slots *slots, unsigned place, const void **ret_request);

/* A request was read into a place, or is tried again: from now on it may hang or kill the worker.
 */
void slots_begin(const struct slots *slots, unsigned place);

/* It is answered, or parked: the place is wiped (len bytes of it; 0: all). */
void slots_end(const struct slots *slots, unsigned place, size_t len);

/* Copies a request aside. Returns its place, to be ended by slots_end, or -ENOSPC: none is free or
 * it is too long. */
int slots_park(const struct slots *slots, const void *request, size_t len);

/* Charges what was being served when the last worker died. Once at the start of a worker, before
 * any place is begun. */
void slots_blame(const struct slots *slots, unsigned blame);

/* What a place is blamed for. */
unsigned slots_blamed(const struct slots *slots, unsigned place);

/* ---- the supervisor's looks ---- */

/* Was a request being served? */
bool slots_suspect(const struct slots *slots);

/* A worker that lives says so now and then. */
void slots_beat(const struct slots *slots);

/* For how long has a request been served, or the worker been silent? ms, the longer of the two.
 * What was begun or said before since (clock_ms) was another worker's and does not count. */
int64_t slots_silence(const struct slots *slots, int64_t since);

#endif
