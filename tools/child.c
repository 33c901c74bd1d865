/* SPDX-License-Identifier: MIT */
/* child: running another program, in the place of this one or below it. */
#include "child.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

static int child_code(int err)
{
	return err == ENOENT || err == ENOTDIR ? CHILD_MISSING : CHILD_CANNOT;
}

static int child_why(const char *program, int err, struct why *why)
{
	if (err == E2BIG)
		why_set(why, -err,
			"%.300s: its arguments and variables are too long together; give it files "
			"(--files) instead",
			program);
	else
		why_set(why, -err, "%.300s: %s", program, strerror(err));
	return child_code(err);
}

int child_exec(char **argv, char **env, struct why *why)
{
	environ = env;
	execvp(argv[0], argv);
	return child_why(argv[0], errno, why);
}

/* ---- signals ---- */

/* Not to be held back: what stops and continues a job does so with us and the child alike, and what
 * a fault raises must end us. */
static bool child_passes_on(int signal)
{
	switch (signal) {
	case SIGKILL:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGPIPE:
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSEGV:
	case SIGSYS:
	case SIGTRAP:
		return false;
	default:
		return true;
	}
}

int child_signals(struct child *child, struct why *why)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 1; i <= SIGRTMAX; i++) {
		if (child_passes_on(i))
			sigaddset(&set, i); /* those that the C library keeps fail, rightly */
	}
	sigprocmask(SIG_BLOCK, &set, &child->before);
	child->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (child->fd < 0)
		return why_set(why, -errno, "cannot wait for signals: %s", strerror(errno));
	/* Whoever reads our output no longer does not end us, but the child. */
	child->pipe_before = signal(SIGPIPE, SIG_IGN);
	child->child_before = signal(SIGCHLD, SIG_DFL);
	return 0;
}

/* nohup(1) and its like ignore some: then so do we. */
static bool child_asks_to_end(int signo)
{
	struct sigaction action;

	if (signo != SIGHUP && signo != SIGINT && signo != SIGQUIT && signo != SIGTERM)
		return false;
	return sigaction(signo, NULL, &action) == 0 && action.sa_handler != SIG_IGN;
}

/* The kernel sends what a terminal's keys mean to the child as well: it need not come twice. That
 * the terminal is gone it may have to hear from us. */
static bool child_has_it(const struct signalfd_siginfo *info)
{
	return info->ssi_code > 0 && info->ssi_signo != SIGHUP;
}

static void child_reap(struct child *child)
{
	if (child->pid > 0 && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
		child->pid = 0;
}

void child_read_signals(struct child *child, bool *ret_resized)
{
	struct signalfd_siginfo info;

	*ret_resized = false;
	while (read(child->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int signo = (int)info.ssi_signo;

		if (signo == SIGWINCH)
			*ret_resized = true;
		if (signo == SIGWINCH || signo == SIGCHLD)
			continue;
		if (child_asks_to_end(signo))
			child->ended = signo;
		if (child->pid > 0 && !child_has_it(&info))
			kill(child->pid, signo);
	}
	child_reap(child);
}

void child_resized(const struct child *child)
{
	if (child->pid > 0)
		kill(child->pid, SIGWINCH);
}

/* ---- starting ---- */

struct child_start {
	const struct child *child;
	char **argv;
	int out;
	int err;
	pid_t parent;
	volatile int failed; /* errno; the child writes to our memory */
};

/* In the child, which borrows our memory: a fork would find the secret memory wiped. So it calls
 * only what keeps nothing, and never returns. */
static _Noreturn void child_become(struct child_start *start)
{
	signal(SIGPIPE, start->child->pipe_before);
	signal(SIGCHLD, start->child->child_before);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != start->parent)
		_exit(CHILD_CANNOT);
	if ((start->out >= 0 && dup2(start->out, STDOUT_FILENO) < 0) ||
		(start->err >= 0 && dup2(start->err, STDERR_FILENO) < 0)) {
		start->failed = errno;
		_exit(CHILD_CANNOT);
	}
	sigprocmask(SIG_SETMASK, &start->child->before, NULL);
	execvp(start->argv[0], start->argv);
	start->failed = errno;
	_exit(child_code(errno));
}

/* Its own frame: what the child does to its stack must not meet what the parent goes on with. */
static __attribute__((noinline)) pid_t child_vfork(struct child_start *start)
{
	pid_t pid = vfork();

	if (pid == 0)
		child_become(start);
	return pid;
}

int child_start(struct child *child, char **argv, char **env, int out, int err, struct why *why)
{
	struct child_start start = {
		.child = child, .argv = argv, .out = out, .err = err, .parent = getpid()};
	pid_t pid;

	environ = env;
	pid = child_vfork(&start);
	if (pid < 0)
		return child_why(argv[0], errno, why);
	if (start.failed != 0) {
		waitpid(pid, NULL, 0);
		return child_why(argv[0], start.failed, why);
	}
	child->pid = pid;
	return 0;
}

/* ---- ending ---- */

void child_die_of(int signo)
{
	sigset_t set;

	signal(signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int child_end_alike(const struct child *child)
{
	if (WIFSIGNALED(child->status)) {
		child_die_of(WTERMSIG(child->status));
		return 128 + WTERMSIG(child->status);
	}
	return WEXITSTATUS(child->status);
}

void child_close(struct child *child)
{
	fd_close(&child->fd);
}
