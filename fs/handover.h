/* SPDX-License-Identifier: MIT */
/*
 * handover: a worker that serves makes room for another one (SIGHUP), and nothing that somebody has
 * open is lost. What readers have open and what is in flight lies in memory that outlives workers
 * anyway (openings.h, slots.h); this is about bytes that are in the worker alone: writers' buffers,
 * and views and states that somebody is reading.
 *
 *     supervisor    worker
 *     PAUSE   ->            stop taking requests, finish those at hand
 *             <-  NEED n    so many bytes are needed (n = 0 with NO, and a sentence: goes on)
 *     ROOM fd ->            memory, locked by the supervisor
 *             <-  DONE      all is in it; the worker closes the store and ends
 *     GO_ON   ->            instead of ROOM: there is no memory, go on serving
 *
 * And to each new worker, as the first message: TAKE, with the memory if an earlier one left any.
 * The messages go over a socket (SOCK_SEQPACKET) as struct handover_message.
 *
 * The memory begins with a magic number and the size of a record; then the records, each with its
 * bytes behind it, padded to 8.
 */
#ifndef FS_HANDOVER_H
#define FS_HANDOVER_H

#include <stddef.h>
#include <stdint.h>

#include "why.h"

enum handover_kind {
	HANDOVER_TAKE = 'T',
	HANDOVER_PAUSE = 'P',
	HANDOVER_NEED = 'N',
	HANDOVER_NO = 'X',
	HANDOVER_ROOM = 'R',
	HANDOVER_DONE = 'D',
	HANDOVER_GO_ON = 'G',
};

struct handover_message {
	uint32_t kind;
	uint64_t size;  /* bytes of the memory */
	char text[160]; /* of NO */
};

/* Sends one; fd -1: without a descriptor. Does not wait. -errno. */
int handover_send(int socket, const struct handover_message *message, int fd);

/* Receives one, and its descriptor (the caller's), -1 if there is none. Waits unless the socket is
 * non-blocking. -EPIPE: the other side is gone; -EPROTO: no such message; -errno. */
int handover_receive(int socket, struct handover_message *ret_message, int *ret_fd);

/* ---- the supervisor's memory ---- */

struct handover_memory {
	int fd; /* -1: none */
	void *bytes;
	size_t size;
};

#define HANDOVER_MEMORY_NONE ((struct handover_memory){.fd = -1})

/* Makes and locks it. -ENOMEM, -EAGAIN, -EPERM: cannot be locked; -errno. */
int handover_memory_make(size_t size, struct handover_memory *ret_memory);

/* Wipes and frees it. */
void handover_memory_free(struct handover_memory *memory);

/* ---- the worker's side; no request is being served meanwhile ---- */

/* What handover_save will write. */
size_t handover_size(void);

/* Writes all of them. -ENOSPC: more than handover_size said; -errno. */
int handover_save(int fd, size_t size);

/* Takes over what is in the memory. -EPROTO: another version's; -ENOMEM. With a sentence. */
int handover_load(int fd, struct why *why);

#endif
