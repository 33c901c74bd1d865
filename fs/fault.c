/* SPDX-License-Identifier: MIT */
/* fault: failures on demand, for the tests. */
#include "fault.h"

#ifdef SECRETFS_FAULTS
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot.h"
#include "log.h"
#include "store.h"

static void die(void)
{
	raise(SIGKILL);
}

static _Atomic int armed;

void fault_here(enum fault_at at)
{
	if (armed == (int)at)
		die();
}

/* ---- ways out of the sandbox; each returns what the call did ---- */

static int try_exec(void)
{
	char *argv[] = {(char[]){"true"}, NULL};

	return execv("/bin/true", argv);
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid;
}

/* clone3 hides its flags from a filter. */
static int try_clone3(void)
{
	uint64_t args[8] = {[4] = SIGCHLD};
	long pid = syscall(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return (int)pid;
}

static int try_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static int try_internet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_code(void)
{
	void *page = mmap(
		NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? -1 : 0;
}

static int try_code_later(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int try_ptrace(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int try_kill(void)
{
	return kill(getppid(), 0);
}

static int try_ioctl(void)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x");
}

static int try_unshare(void)
{
	return unshare(CLONE_NEWUSER);
}

/* More of them, or one without the limits of those that there are. */
static int try_ring(void)
{
	struct io_uring_params params = {0};

	return (int)syscall(SYS_io_uring_setup, 1, &params);
}

static int try_ring_change(void)
{
	return (int)syscall(SYS_io_uring_register, BOOT_FUSE_FD, IORING_UNREGISTER_FILES, NULL, 0);
}

static int try_root(void)
{
	return setuid(0);
}

static int try_read(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int try_read_etc(void)
{
	return try_read("/etc/passwd");
}

static int try_list(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int try_write_tmp(void)
{
	return open("/tmp/secretfs-fault", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int try_write_proc(void)
{
	return open("/proc/self/comm", O_WRONLY | O_CLOEXEC);
}

static const struct {
	const char *name;
	int (*try)(void);
} ways_out[] = {
	{".fault-exec", try_exec},
	{".fault-fork", try_fork},
	{".fault-clone3", try_clone3},
	{".fault-socket", try_socket},
	{".fault-internet", try_internet},
	{".fault-code", try_code},
	{".fault-code-later", try_code_later},
	{".fault-dumpable", try_dumpable},
	{".fault-ptrace", try_ptrace},
	{".fault-kill", try_kill},
	{".fault-ioctl", try_ioctl},
	{".fault-unshare", try_unshare},
	{".fault-ring", try_ring},
	{".fault-ring-change", try_ring_change},
	{".fault-root", try_root},
	{".fault-read-etc", try_read_etc},
	{".fault-list", try_list},
	{".fault-write-tmp", try_write_tmp},
	{".fault-write-proc", try_write_proc},
};

/* Says how it went, if there is anybody left to say it. */
static void fault_way_out(const char *name)
{
	for (size_t i = 0; i < sizeof(ways_out) / sizeof(ways_out[0]); i++) {
		if (strcmp(name, ways_out[i].name) != 0)
			continue;
		int r = ways_out[i].try();

		log_info("%s: %s", name, r < 0 ? strerrorname_np(errno) : "done");
	}
}

void fault_lookup(const char *name)
{
	if (strncmp(name, ".fault-", 7) != 0)
		return;
	if (strcmp(name, ".fault-segv") == 0) {
		signal(SIGSEGV, SIG_DFL);
		raise(SIGSEGV);
	}
	if (strcmp(name, ".fault-abort") == 0)
		abort();
	while (strcmp(name, ".fault-hang") == 0)
		sleep(60);
	if (strcmp(name, ".fault-commit") == 0)
		store_fault_committed = die;
	if (strcmp(name, ".fault-open") == 0)
		armed = FAULT_OPEN;
	if (strcmp(name, ".fault-close") == 0)
		armed = FAULT_CLOSE;
	fault_way_out(name);
}
#endif
