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
 *     .fault-open .fault-close      it is killed when it next opens or closes a key for reading,
 * before anybody is told
 *     .fault-exec -fork -clone3 -socket -internet -code -code-later -dumpable -ptrace -kill -ioctl
 *     -unshare -root -read-etc -list -write-tmp -write-proc
 *                                   it tries to get out of its sandbox; if it lives, the log says
 * "NAME: done" or the errno's name
 */
#ifndef FS_FAULT_H
#define FS_FAULT_H

#ifdef SECRETFS_FAULTS
enum fault_at { FAULT_OPEN = 1, FAULT_CLOSE = 2 };

void fault_lookup(const char *name);
void fault_here(enum fault_at at);
#else
#define fault_here(at) ((void)0)

static inline void fault_lookup(const char *name)
{
	(void)name;
}
#endif

#endif
