/* SPDX-License-Identifier: MIT */
/*
 * flood: one user who makes more lines in the audit log than audit_rate a second waits with his
 * next request until he has caught up. His requests wait, not a thread, so nobody else does.
 *
 * Each line costs its part of a second; a user may be a second ahead, and is never kept waiting for
 * more than some seconds, however many lines he has made before. Threads: any.
 */
#ifndef FS_FLOOD_H
#define FS_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOOD_WAITING 24 /* requests of one user that are put aside at most, */
#define FLOOD_ALL     48 /* and of all */

/* Lines a second of one user; 0: any number. */
void flood_init(unsigned rate);

/* A line was written for uid. */
void flood_line(uint32_t uid);

/* How long a request of uid must wait, ms; 0: not at all. */
unsigned flood_wait(uint32_t uid);

/* Puts a request aside, as the kernel sent it; serve is called with it and arg, once it is time, in
 * the thread of flood_serve. false: too many, or no memory: serve it now. */
bool flood_park(uint32_t uid, const void *request, size_t len,
	void (*serve)(void *request, size_t len, uintptr_t arg), uintptr_t arg);

/* Serves what is due. Returns in how many ms the next one is, or -1: none waits. */
int flood_serve(void);

#endif
