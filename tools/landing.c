/* SPDX-License-Identifier: MIT */
/* landing: a file that is written by a process which gives up its rights meanwhile. */
#include "landing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"

struct answer {
	int r;
	struct why why;
};

/* ---- the helper ---- */

static int sync_folder(const struct outfile *out, struct why *why)
{
	AUTO_FD folder = openat(out->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0 || fsync(folder) < 0)
		return why_set(why, -errno,
			"%.600s: it is there, but its folder cannot be synced: %s", out->path,
			strerror(errno));
	return 0;
}

static void helper_commit(struct landing *landing, struct answer *answer)
{
	answer->r = outfile_commit(&landing->out, &answer->why);
	if (answer->r == 0)
		answer->r = sync_folder(&landing->out, &answer->why);
}

/* One byte says commit, the end says that it is not wanted. Never returns: the memory of secrets is
 * not this process's. */
static void helper_main(struct landing *landing)
{
	struct answer answer = {0};
	char word;
	ssize_t n;

	do
		n = read(landing->helper, &word, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1) {
		helper_commit(landing, &answer);
		if (send(landing->helper, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			_exit(1);
	}
	if (landing->out.temp[0] != '\0')
		unlinkat(landing->out.dir, landing->out.temp, 0);
	_exit(0);
}

/* What ends the others must not keep it from tidying up. */
static void helper_signals(void)
{
	static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGPIPE};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

static int helper_start(struct landing *landing)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	pid_t pid = fork();
	int err = -errno;
	landing->helper = ends[pid == 0];
	close(ends[pid != 0]);
	if (pid == 0) {
		helper_signals();
		helper_main(landing);
	}
	return pid < 0 ? err : 0;
}

/* ---- the process ---- */

int landing_open(struct landing *landing, const char *path, bool replace, struct why *why)
{
	struct stat st;

	if (strcmp(path, "-") == 0)
		return why_set(
			why, -EINVAL, "a store is not written to standard output; name a file");
	int r = outfile_plan(&landing->out, path, replace, why);
	if (r < 0)
		return r;
	landing->replaces =
		fstatat(landing->out.dir, landing->out.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	r = outfile_open(&landing->out, why);
	if (r < 0)
		return r;
	r = helper_start(landing);
	return r < 0 ? why_set(why, r, "cannot start a helper: %s", strerror(-r)) : 0;
}

int landing_commit(struct landing *landing, struct why *why)
{
	struct answer answer;
	ssize_t n = -1;

	if (send(landing->helper, "c", 1, MSG_NOSIGNAL) == 1)
		do
			n = recv(landing->helper, &answer, sizeof(answer), 0);
		while (n < 0 && errno == EINTR);
	fd_close(&landing->helper);
	if (n != (ssize_t)sizeof(answer))
		return why_set(why, -EIO, "%.600s: the helper that gives it its name is gone",
			landing->out.path);
	landing->out.temp[0] = '\0'; /* it was the helper's */
	if (answer.r < 0 && why)
		*why = answer.why;
	return answer.r;
}

/* The helper takes the file away; where there is none, outfile_close does. */
void landing_close(struct landing *landing)
{
	char gone;

	if (landing->helper >= 0) {
		landing->out.temp[0] = '\0';
		shutdown(landing->helper, SHUT_WR);
		while (recv(landing->helper, &gone, 1, 0) < 0 && errno == EINTR)
			continue;
		fd_close(&landing->helper);
	}
	outfile_close(&landing->out);
}
