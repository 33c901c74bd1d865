/* SPDX-License-Identifier: MIT */
/*
 * request: a request of the kernel, as it was read, on its way into libfuse.
 *
 *     fuse_in_header | arguments of the operation | names, each with its NUL, or bytes
 *
 * libfuse believes what the arguments say of lengths. The kernel always tells the truth; but what
 * is served may also be what a worker that died has left behind.
 */
#ifndef FS_REQUEST_H
#define FS_REQUEST_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is it as long as it says, with all its arguments and names? 0 or -EPROTO. Operations that
 * nobody knows are fine: libfuse answers them. */
int request_check(const void *bytes, size_t len);

/*
 * Has libfuse serve the request in a place of ops.slots, in the calling thread, and ends the place.
 * again: an earlier worker may have served it, in part or whole. -EPROTO: it is not whole; nobody
 * has answered it, and its place is not ended.
 */
int request_serve(unsigned place, size_t len, bool again);

/* Answers a request with an error, past libfuse. -errno: it could not be; that who asked was
 * interrupted is fine. */
int request_refuse(const struct fuse_in_header *header, int error);

#endif
