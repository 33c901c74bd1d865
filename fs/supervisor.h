/* SPDX-License-Identifier: MIT */
/*
 * supervisor: the process that holds a mount together: it owns the lock, the keys and the
 * connection, and starts a worker, and another one whenever one dies, without the mount's users
 * noticing. One thread, no libfuse, no store.
 */
#ifndef FS_SUPERVISOR_H
#define FS_SUPERVISOR_H

#include "config.h"
#include "why.h"

/* What a worker tells the supervisor, and the supervisor the launcher: the report of boot.h. */
struct supervisor_report {
	char kind; /* BOOT_READY, BOOT_FAILED, BOOT_BUSY, or 0: the other side ended without a word
		    */
	int code;  /* exit code, of BOOT_FAILED */
	struct why why;
};

/* Waits for one report. Reads up to the end of the pipe only for BOOT_FAILED. */
void supervisor_read_report(int fd, struct supervisor_report *ret_report);

/* How this program was started: to do it again with what its files say by then. */
struct supervisor_command {
	int argc;
	char **argv;
	const char *program; /* its absolute path */
};

/*
 * Mounts, serves, and returns the exit code when it is over. launcher_fd: where to report the
 * start, after which this process has left terminal and folder; -1: stay in the foreground.
 */
int supervisor_run(
	const struct config *config, const struct supervisor_command *command, int launcher_fd);

#endif
