/* SPDX-License-Identifier: MIT */
/*
 * cmd_complete: candidates for the completion of a shell. For the scripts in tools/completion, so
 * it is not in the list of verbs.
 *
 * A process of its own asks the tree: a mount that hangs shall not make a shell hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"
#include "secretctl.h"
#include "suggest.h"

#define COMPLETE_MS 2000

/* Passes on what the other one says, until it ends or the time is up between two pieces. */
static int complete_pass_on(int from, pid_t child)
{
	char bytes[4096];

	for (;;) {
		struct pollfd wait = {.fd = from, .events = POLLIN};
		ssize_t n;

		if (poll(&wait, 1, COMPLETE_MS) == 0) {
			kill(child, SIGKILL);
			return 0;
		}
		n = read(from, bytes, sizeof(bytes));
		if (n <= 0) {
			waitpid(child, NULL, 0);
			return 0;
		}
		if (io_write_all(STDOUT_FILENO, bytes, (size_t)n) < 0)
			return -EIO;
	}
}

static int complete_run(struct ctl *ctl, int argc, char **argv)
{
	int ends[2], r;
	pid_t child;

	(void)ctl;
	if (argc > 0 && strcmp(argv[0], "--") == 0) {
		argc--;
		argv++;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		suggest(argc, argv);
		fflush(stdout);
		_exit(0);
	}
	close(ends[1]);
	r = child < 0 ? -errno : complete_pass_on(ends[0], child);
	close(ends[0]);
	return r;
}

const struct verb cmd_complete = {
	.name = "complete",
	.summary = "candidates for a shell",
	.help = "usage: secretctl complete -- WORD...\n"
		"\n"
		"Prints what could stand in place of the last WORD of a command line. For the "
		"completion of\n"
		"shells.\n",
	.hidden = true,
	.run = complete_run,
};
