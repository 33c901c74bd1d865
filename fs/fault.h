/* SPDX-License-Identifier: MIT */
/*
 * fault: how the tests make a worker fail at a chosen point. Only in builds with SECRETFS_FAULTS
 * (the presets for development); in all others it is nothing.
 *
 * Looking one of these names up in the root of the tree:
 *
 *     .fault-segv .fault-abort      the worker dies of it, each time
 *     .fault-hang                   the request is never answered
 *     .fault-commit                 the worker is killed right after its next commit, before
 * anybody is told
 */
#ifndef FS_FAULT_H
#define FS_FAULT_H

#ifdef SECRETFS_FAULTS
void fault_lookup(const char *name);
#else
static inline void fault_lookup(const char *name)
{
	(void)name;
}
#endif

#endif
