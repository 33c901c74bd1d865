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

#include <stddef.h>
#include <stdint.h>

struct fuse_session;

/* Is it as long as it says, with all its arguments and names? 0 or -EPROTO. Operations that
 * nobody knows are fine: libfuse answers them. */
int request_check(const void *bytes, size_t len);

/* Has libfuse serve it in the calling thread. -EPROTO: refused, nobody has answered it. */
int request_serve(struct fuse_session *session, void *bytes, size_t len);

#endif
