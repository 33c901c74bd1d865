/* SPDX-License-Identifier: MIT */
/*
 * worker: the process that serves requests. Entered by exec ("--worker"), see boot.h.
 */
#ifndef FS_WORKER_H
#define FS_WORKER_H

/* Does everything and returns the exit code: 0 after an unmount, otherwise an exitcode. */
int worker_main(void);

#endif
