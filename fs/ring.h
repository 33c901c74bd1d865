/* SPDX-License-Identifier: MIT */
/*
 * ring: requests and answers over io_uring instead of read and write on /dev/fuse (Linux 6.14).
 *
 *     CPU 0   queue 0   entries of rings 0, 2, 4 ...
 *     CPU 1   queue 1   entries of rings 1, 3, 5 ...      or, with more CPUs than rings, several
 *                                                         queues for one ring
 *
 * The kernel puts a request into an entry that waits in the queue of the CPU that asks; the entry's
 * answer is handed in together with the wish for another request, so that it costs one passage.
 * Each ring is one thread's, which runs on the CPU of its queue. FORGET, interrupts and
 * notifications stay with /dev/fuse.
 *
 * What lies in an entry dies with the worker: the kernel takes its answer from nobody else.
 */
#ifndef FS_RING_H
#define FS_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "why.h"

/* Was it built with liburing? */
bool ring_built(void);

/* Is FUSE over io_uring there in this kernel, and not switched off? */
bool ring_offered(void);

/*
 * Makes n rings, and the memory of their entries: locked, not dumped. spare: entries that each has
 * beside the one that waits, for as many requests that are laid aside at once. Before the sandbox,
 * which forbids to make more; until ring_begin nothing comes over them, and afterwards each can do
 * nothing but carry requests of fuse_fd. -ENOSYS, -EPERM: not in this kernel, or not allowed;
 * -ENOMEM.
 */
int ring_open(int fuse_fd, unsigned n, unsigned spare, struct why *why);

/* Were rings made? */
bool ring_on(void);

/* The calling thread takes the ring with this number, and has the kernel know its entries. Requests
 * come once every queue has one. */
int ring_begin(unsigned number);

/*
 * Hands in what was answered, waits for a request on the calling thread's ring and copies it to
 * buffer in the form that a read would give it. 1: there is one; 0: the connection has ended;
 * -errno: the ring is of no use any more.
 */
int ring_next(void *buffer, size_t size, size_t *ret_len);

/* May the request at hand be laid aside, its thread going on with others? In a thread with a ring
 * only while another entry is left for its queue. */
bool ring_may_wait(void);

/* What writev(2) is for libfuse (ring.c says how): ring_answer, or the system call. */
ssize_t ring_writev(int fd, const struct iovec *parts, int count);

/* Has an answer of libfuse come by there? */
bool ring_hears(void);

/* An answer: a fuse_out_header, and what follows it. From any thread. false: the request did not
 * come over a ring. */
bool ring_answer(const struct iovec *parts, int count);

#endif
