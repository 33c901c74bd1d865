/* SPDX-License-Identifier: MIT */
/*
 * fd: descriptors that close themselves at the end of their scope.
 *
 *     AUTO_FD fd = open(...);
 *     return fd_take(&fd);        handing it over to the caller
 */
#ifndef STORE_FD_H
#define STORE_FD_H

#include <unistd.h>

static inline void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#define AUTO_FD __attribute__((cleanup(fd_close))) int

#endif
