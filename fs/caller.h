/* SPDX-License-Identifier: MIT */
/*
 * caller: the command and the container of a process, from /proc. Kept by pid for a second, so that
 * a program that opens many files costs one look.
 *
 * Threads: any.
 */
#ifndef FS_CALLER_H
#define FS_CALLER_H

#include <stdint.h>

#define CALLER_COMM   15
#define CALLER_CGROUP 384 /* the end of it, where the container's name is */

struct caller {
	uint16_t comm_len; /* 0: not known */
	uint16_t cgroup_len;
	char comm[CALLER_COMM];     /* any bytes */
	char cgroup[CALLER_CGROUP]; /* any bytes */
};

/* pid: as FUSE gives it, 0: not in our namespace. */
void caller_find(int32_t pid, struct caller *ret_caller);

#endif
