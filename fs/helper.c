// SPDX-License-Identifier: MIT
/* helper: owns the process that cleans up after a supervisor that was killed. */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fd.h"
#include "log.h"

#define HELPER_PIPE 3 /* where the helper keeps its end, below all that is closed */

/* Only what it needs: the pipe as HELPER_PIPE, /dev/null for the rest. */
static void keep_only(int pipe_fd)
{
	int null = open("/dev/null", O_RDWR);

	closelog(); /* its descriptor is about to be closed behind its back */
	if (null < 0)
		_exit(1);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (pipe_fd != HELPER_PIPE && dup2(pipe_fd, HELPER_PIPE) < 0)
		_exit(1);
	close_range(HELPER_PIPE + 1, ~0u, 0);
}

/* Everything that a terminal, a service manager or killall may send to the daemon is meant for the
 * supervisor. */
static void ignore_signals(void)
{
	sigset_t none;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 1: a pid, 0: end of the pipe. */
static int next_pid(int32_t *ret_pid)
{
	ssize_t n;

	do {
		n = read(HELPER_PIPE, ret_pid, sizeof(*ret_pid));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*ret_pid); /* pipes keep 4 bytes together */
}

__attribute__((noreturn)) static void run(const struct mount *mount)
{
	int worker = -1; /* a pidfd: the number may be someone else's by the time it counts */
	int32_t pid;

	while (next_pid(&pid)) {
		if (pid == 0)
			_exit(0);
		fd_close(&worker);
		worker = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	}
	if (worker >= 0)
		syscall(SYS_pidfd_send_signal, worker, SIGKILL, NULL, 0);
	mount_abort(mount);
	log_init("secretfs-helper", true, false);
	log_err("the supervisor of %s was killed: unmounted it", mount->path);
	_exit(0);
}

int helper_start(struct helper *helper, const struct mount *mount)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(ends[0]);
		close(ends[1]);
		return err;
	}
	if (pid == 0) {
		setsid();
		ignore_signals();
		prctl(PR_SET_NAME, "secretfs-helper", 0, 0, 0);
		keep_only(ends[0]);
		run(mount);
	}
	close(ends[0]);
	*helper = (struct helper){.pid = pid, .fd = ends[1]};
	return 0;
}

static void tell(const struct helper *helper, int32_t pid)
{
	ssize_t n;

	if (helper->fd < 0)
		return;
	do {
		n = write(helper->fd, &pid, sizeof(pid)); /* SIGPIPE is ignored */
	} while (n < 0 && errno == EINTR);
}

void helper_worker(const struct helper *helper, pid_t worker)
{
	tell(helper, worker);
}

void helper_stop(struct helper *helper)
{
	tell(helper, 0);
	fd_close(&helper->fd);
	while (helper->pid > 0 && waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*helper = HELPER_INIT;
}

void helper_lost(struct helper *helper)
{
	fd_close(&helper->fd);
	*helper = HELPER_INIT;
}
