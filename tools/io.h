/* SPDX-License-Identifier: MIT */
/* io: full reads and writes between descriptors and secret memory. */
#ifndef TOOLS_IO_H
#define TOOLS_IO_H

#include <stddef.h>

#include "secmem.h"

/*
 * Reads to the end of fd. ret_bytes must be empty. -ENOMEM: the arena has no room for it; the
 * errno of read(2) otherwise.
 */
int io_read_all(int fd, struct secbuf *ret_bytes);

/* Writes all len bytes or says why not. */
int io_write_all(int fd, const void *bytes, size_t len);

/* Appends to b, growing it. -ENOMEM. */
int io_append(struct secbuf *b, const void *bytes, size_t len);

#endif
