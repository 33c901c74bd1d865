/* SPDX-License-Identifier: MIT */
/* sandbox: owns the worker's namespaces, its Landlock rules, and which system calls it may make. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/io_uring.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot.h"
#include "fd.h"
#include "log.h"
#include "path.h"
#include "ring.h"

/* ---- namespaces ---- */

void sandbox_namespaces(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWIPC) < 0)
		log_warn(
			"the worker has no network and IPC namespace of its own: %s; the filter of "
			"system calls still keeps it from both",
			strerror(errno));
}

/* ---- files: Landlock ---- */

/* Newer than some headers. The kernel takes a longer form than it knows if the rest is zero. */
struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scoped;
};

#define FILES_TRUNCATE  (1ull << 14) /* ABI 3 */
#define FILES_IOCTL_DEV (1ull << 15) /* ABI 5 */
#define NET_ALL         3ull         /* ABI 4: bind, connect */
#define SCOPED_ALL      3ull         /* ABI 6: abstract sockets, signals to others */

/* What SQLite does: the store, its log and its index, made and removed. */
#define FILES_STORE                                                                                \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |                              \
		LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                      \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | FILES_TRUNCATE)

/* The audit log and what it was rotated to. */
#define FILES_LOG                                                                                  \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |                              \
		LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | FILES_TRUNCATE)

static struct ruleset all_of(int abi)
{
	struct ruleset rules = {.files = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1};

	if (abi >= 2)
		rules.files |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rules.files |= FILES_TRUNCATE;
	if (abi >= 4)
		rules.net = NET_ALL;
	if (abi >= 5)
		rules.files |= FILES_IOCTL_DEV;
	if (abi >= 6)
		rules.scoped = SCOPED_ALL;
	return rules;
}

static int allow(int set, const char *path, uint64_t files)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = files};
	AUTO_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	rule.parent_fd = fd;
	if (fd < 0 || syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static int restrict_files(const struct ruleset *rules, const char *folder, const char *log)
{
	AUTO_FD set = (int)syscall(SYS_landlock_create_ruleset, rules, sizeof(*rules), 0);
	int r = set < 0 ? -errno : allow(set, folder, FILES_STORE & rules->files);

	if (r == 0 && log)
		r = allow(set, log, FILES_LOG & rules->files);
	/* Of callers: how they end (stat), and for the audit log what they are (comm, cgroup). */
	if (r == 0)
		r = allow(set, "/proc", LANDLOCK_ACCESS_FS_READ_FILE);
#ifdef SECRETFS_SANITIZED
	if (r == 0)
		r = allow(set, "/",
			LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				LANDLOCK_ACCESS_FS_EXECUTE);
#endif
	if (r == 0 && syscall(SYS_landlock_restrict_self, set, 0) < 0)
		r = -errno;
	return r;
}

int sandbox_files(const char *store, const char *audit, bool first, struct why *why)
{
	char folder[PATH_MAX], log[PATH_MAX];
	int abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP)) {
		if (first)
			log_warn("this kernel has no Landlock, or it is off: what files the worker "
				 "can reach is up to the permissions of its user alone");
		return 0;
	}
	int r = abi < 0 ? -errno : path_folder(store, folder, why);
	if (r == 0 && audit)
		r = path_folder(audit, log, why);
	if (r == 0) {
		struct ruleset rules = all_of(abi);

		r = restrict_files(&rules, folder, audit ? log : NULL);
	}
	return r < 0 ? why_set(why, r, "cannot keep the worker to the store's folder: %s",
			       strerror(-r))
		     : 0;
}

/* ---- system calls: seccomp ---- */

#ifdef SECRETFS_SANITIZED
int sandbox_calls(bool first, struct why *why)
{
	(void)why;
	if (first)
		log_info("built with sanitizers: no filter of system calls");
	return 0;
}
#else

/*
 * By what needs them, on the machines with 64 bits. A name that this machine, or its libseccomp,
 * does not have is left out: some are one machine's form of what is another call elsewhere.
 * Anything that opens a way out is missing on purpose: new programs, sockets, descriptors of other
 * processes, tracing, credentials, namespaces, mounts, bpf, new io_urings, keyrings,
 * prctl.
 */
static const char *const calls[] = {
	/* requests and answers, the store, the anchor, the log */
	"read",
	"write",
	"writev",
	"pread64",
	"pwrite64",
	"openat",
	"close",
	"lseek",
	"ftruncate",
	"fallocate",
	"flock",
	"getdents64",
	"pipe2",
	"fdatasync",
	"fsync",
	"newfstatat",
	"fstat",
	"stat",
	"lstat",
	"statx",
	"statfs",
	"access",
	"faccessat",
	"faccessat2",
	"readlink",
	"readlinkat",
	"unlink",
	"unlinkat",
	"getcwd",
	/* memory; mmap and mprotect are below */
	"munmap",
	"madvise",
	"mremap",
	"brk",
	"sysinfo", /* qsort asks how much there is */
	/* threads; clone is below */
	"futex",
	"set_robust_list",
	"rseq",
	"sched_yield",
	"sched_getaffinity",
	"getpid",
	"gettid",
	"getuid",
	"geteuid",
	"exit",
	"exit_group",
	"eventfd2",
	/* signals; tgkill is below */
	"rt_sigprocmask",
	"rt_sigaction",
	"rt_sigreturn",
	"restart_syscall", /* after SIGSTOP and SIGCONT */
	/* time and chance */
	"clock_gettime",
	"gettimeofday",
	"time",
	"clock_nanosleep",
	"nanosleep",
	"poll",
	"ppoll",
	"getrandom",
};

/* What pthread_create asks for; musl adds CLONE_DETACHED, which means nothing. */
#define THREAD_FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
		CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#ifdef __s390x__
#define CLONE_FLAGS_AT 1
#else
#define CLONE_FLAGS_AT 0
#endif

/* -EDOM: not on this machine. */
static int rule(scmp_filter_ctx filter, uint32_t action, const char *name,
	const struct scmp_arg_cmp *args, unsigned n)
{
	int nr = seccomp_syscall_resolve_name(name);
	int r = nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add_array(filter, action, nr, n, args);

	return r == -EDOM ? 0 : r;
}

static int allow_if(
	scmp_filter_ctx filter, const char *name, const struct scmp_arg_cmp *args, unsigned n)
{
	return rule(filter, SCMP_ACT_ALLOW, name, args, n);
}

/* SQLite's locks, and what libraries ask. */
static int allow_fcntl(scmp_filter_ctx filter)
{
	static const int commands[] = {
		F_GETLK, F_SETLK, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		r = allow_if(
			filter, "fcntl", &SCMP_A1_32(SCMP_CMP_EQ, (scmp_datum_t)commands[i]), 1);
	return r;
}

/* Rings that are there (ring.h): switched on, with the restrictions that they have, and used. */
static int allow_rings(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp on = SCMP_A1_32(SCMP_CMP_EQ, IORING_REGISTER_ENABLE_RINGS);
	const struct scmp_arg_cmp self = SCMP_A0_32(SCMP_CMP_EQ, 0);
	int r = allow_if(filter, "io_uring_register", &on, 1);

	if (r == 0)
		r = allow_if(filter, "sched_setaffinity", &self, 1);
	return r < 0 ? r : rule(filter, SCMP_ACT_ALLOW, "io_uring_enter", NULL, 0);
}

/* Calls that are fine only with some arguments. */
static int allow_some(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp thread = SCMP_CMP64(
		CLONE_FLAGS_AT, SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)CLONE_DETACHED, THREAD_FLAGS);
	/* abort and raise */
	const struct scmp_arg_cmp self = SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	const struct scmp_arg_cmp supervisor = SCMP_A0_32(SCMP_CMP_EQ, BOOT_HANDOVER_FD);
	const struct scmp_arg_cmp ask_limit[] = {
		SCMP_A0_32(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)};
	int r = allow_fcntl(filter);

	if (r == 0)
		r = allow_if(filter, "mmap", &no_code, 1);
	if (r == 0)
		r = allow_if(filter, "mprotect", &no_code, 1);
	if (r == 0)
		r = allow_if(filter, "clone", &thread, 1);
	/* Its flags lie in memory, where no filter can look: libc then takes clone. */
	if (r == 0)
		r = rule(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3", NULL, 0);
	if (r == 0)
		r = allow_if(filter, "tgkill", &self, 1);
	if (r == 0)
		r = allow_if(filter, "prlimit64", ask_limit, 2);
	/* Making room for another worker. There is no other socket. */
	if (r == 0)
		r = allow_if(filter, "sendmsg", &supervisor, 1);
	if (r == 0)
		r = allow_if(filter, "recvmsg", &supervisor, 1);
	return r;
}

static int fill(scmp_filter_ctx filter)
{
	/* All threads, should a library have started one. */
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A tree instead of a chain. */
	if (r == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
		r = rule(filter, SCMP_ACT_ALLOW, calls[i], NULL, 0);
	if (r == 0)
		r = allow_some(filter);
	return r == 0 && ring_on() ? allow_rings(filter) : r;
}

int sandbox_calls(bool first, struct why *why)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = filter ? fill(filter) : -ENOMEM;

	(void)first;
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r < 0 ? why_set(why, r, "cannot filter the worker's system calls: %s", strerror(-r))
		     : 0;
}
#endif
