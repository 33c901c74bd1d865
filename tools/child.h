/* SPDX-License-Identifier: MIT */
/*
 * child: running another program, in the place of this one or below it.
 *
 * Exit codes as those of env(1): 127 not found, 126 found and not to be run. One child at a time;
 * not for programs with threads.
 */
#ifndef TOOLS_CHILD_H
#define TOOLS_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "why.h"

#define CHILD_CANNOT  126
#define CHILD_MISSING 127

/* Becomes the program; it is looked for in the PATH of env. Returns only when that fails: an exit
 * code. */
int child_exec(char **argv, char **env, struct why *why);

/* Signals are read from fd while children run; what arrives for us is passed on to them. */
struct child {
	pid_t pid; /* 0: none runs */
	int fd;    /* signalfd */
	int ended; /* the last signal that asks us to end; 0: none */
	int status;
	sigset_t before; /* what we were started with, for the child */
	void (*pipe_before)(int);
	void (*child_before)(int);
};

#define CHILD_INIT ((struct child){.fd = -1})

/* From here on signals wait in fd. -errno. */
int child_signals(struct child *child, struct why *why);

/*
 * Starts the program with out and err as its standard output and error (-1: ours). It is killed
 * when we die. 0, or an exit code if it cannot be run.
 */
int child_start(struct child *child, char **argv, char **env, int out, int err, struct why *why);

/*
 * Reads the signals that wait: passes them on, sees the end. *ret_resized: the terminal was; that
 * is the caller's to pass on by child_resized, when it has done its part.
 */
void child_read_signals(struct child *child, bool *ret_resized);
void child_resized(const struct child *child);

/* Ends as it ended: by the same signal, or returns its exit code. */
int child_end_alike(const struct child *child);

/* Ends by a signal, as if it had not been held back. */
void child_die_of(int signo);

void child_close(struct child *child);

#endif
