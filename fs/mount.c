// SPDX-License-Identifier: MIT
/* mount: owns mount(2), fusermount3, /dev/fuse and the INIT handshake. */
#include "mount.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "fd.h"

#define MOUNT_TYPE      "fuse.secretfs"
#define MOUNT_INIT_WAIT 10000 /* ms */

/* Newer than the header of Linux 6.1, which the oldest supported systems have. */
#ifndef FUSE_DIRECT_IO_ALLOW_MMAP
#define FUSE_DIRECT_IO_ALLOW_MMAP (1ULL << 36) /* Linux 6.6 */
#endif
#ifndef FUSE_NO_EXPORT_SUPPORT
#define FUSE_NO_EXPORT_SUPPORT (1ULL << 38) /* Linux 6.9 */
#endif
#ifndef FUSE_OVER_IO_URING
#define FUSE_OVER_IO_URING (1ULL << 41) /* Linux 6.14 */
#endif

/* The newest minor version whose messages the workers' libfuse knows. */
#define MOUNT_MINOR 38

/*
 * Without these a secret would be cut off at open, created with the wrong mode or shown to the
 * wrong user, so a kernel that lacks one is refused. All are older than Linux 5.
 */
#define FLAGS_REQUIRED                                                                             \
	((uint64_t)(FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_MAX_PAGES | FUSE_DONT_MASK |      \
		    FUSE_POSIX_ACL | FUSE_AUTO_INVAL_DATA))

#define FLAGS_WANTED                                                                               \
	(FLAGS_REQUIRED |                                                                          \
		(uint64_t)(FUSE_ASYNC_READ | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO |         \
			   FUSE_PARALLEL_DIROPS | FUSE_INIT_EXT) |                                 \
		FUSE_DIRECT_IO_ALLOW_MMAP | FUSE_NO_EXPORT_SUPPORT)

/* ---- the directory ---- */

/* The number in the line "mnt_id:" of /proc/self/fdinfo/FD: tells the mount without asking its file
 * system. */
static int mount_id(int fd, int *ret_id)
{
	char path[64];
	char line[128];
	FILE *f;
	int err = -ENOENT;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "mnt_id:", 7) == 0) {
			*ret_id = (int)strtol(line + 7, NULL, 10);
			err = 0;
		}
	}
	fclose(f);
	return err;
}

/* A line of mountinfo: id parent major:minor root mountpoint options [fields...] - type source
 * options */
static bool line_is_ours(const char *line, int id)
{
	const char *type;

	if (strtol(line, NULL, 10) != id)
		return false;
	type = strstr(line, " - ");
	return type && strncmp(type + 3, MOUNT_TYPE " ", sizeof(MOUNT_TYPE)) == 0;
}

static bool lies_in_secretfs(int fd)
{
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *f;
	int id = 0;

	if (mount_id(fd, &id) < 0)
		return false;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return false;
	while (!found && getline(&line, &size, f) > 0)
		found = line_is_ours(line, id);
	free(line);
	fclose(f);
	return found;
}

/* Opens the directory to mount on and fills in its path without links. */
static int open_place(const char *place, struct mount *mount, struct why *why)
{
	char link[64];
	ssize_t len;
	AUTO_FD fd = open(place, O_PATH | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return why_set(why, -ENOTDIR,
			"the mountpoint %s is not a directory (a link to one is not followed)",
			place);
	if (fd < 0)
		return why_set(
			why, -errno, "cannot open the mountpoint %s: %s", place, strerror(errno));
	if (lies_in_secretfs(fd))
		return why_set(why, -EBUSY, "%s is mounted by secretfs already", place);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, mount->path, sizeof(mount->path) - 1);
	if (len < 0)
		return why_set(
			why, -errno, "cannot tell the path of %s: %s", place, strerror(errno));
	mount->path[len] = '\0';
	return fd_take(&fd);
}

/* What is mounted at path, without a request to whatever serves it: an empty mask with DONT_SYNC is
 * answered by the kernel alone, even to those whom the mount does not allow in. */
static int device_of(const char *path, uint32_t *ret_major, uint32_t *ret_minor)
{
	struct statx stx;
	int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;

	if (statx(AT_FDCWD, path, flags, 0, &stx) < 0)
		return -errno;
	*ret_major = stx.stx_dev_major;
	*ret_minor = stx.stx_dev_minor;
	return 0;
}

bool mount_present(const struct mount *mount)
{
	uint32_t major;
	uint32_t minor;

	return device_of(mount->path, &major, &minor) == 0 && major == mount->dev_major &&
	       minor == mount->dev_minor;
}

/* ---- as root ---- */

static int device_sentence(struct why *why, int err)
{
	if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
		return why_set(why, -ENODEV,
			"cannot open /dev/fuse: %s; load the kernel's module with \"modprobe "
			"fuse\"",
			strerror(-err));
	return why_set(
		why, err == -EPERM ? -EACCES : err, "cannot open /dev/fuse: %s", strerror(-err));
}

static bool allow_other(const struct config *config, bool root)
{
	return config->allow_other == CONFIG_AUTO ? root : config->allow_other != 0;
}

static int open_as_root(const struct config *config, int place, struct why *why)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME;
	char target[64];
	char data[160];
	AUTO_FD fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return device_sentence(why, -errno);
	snprintf(target, sizeof(target), "/proc/self/fd/%d", place);
	snprintf(data, sizeof(data),
		"fd=%d,rootmode=40755,user_id=%u,group_id=%u,default_permissions%s", fd, getuid(),
		getgid(), allow_other(config, true) ? ",allow_other" : "");
	if (mount(config->store, target, MOUNT_TYPE, flags, data) < 0) {
		int err = -errno;

		/* -EPERM would say that some file's permissions are too loose. */
		return why_set(why, err == -EPERM ? -EACCES : err, "cannot mount at %s: %s%s",
			config->mountpoint, strerror(-err),
			err == -EPERM ? "; mounting needs CAP_SYS_ADMIN, which this root lacks"
				      : "");
	}
	return fd_take(&fd);
}

/* ---- as a plain user ---- */

struct fusermount {
	int commfd; /* its end of the socket pair; -1: none */
	int output; /* where its words go; -1: nowhere */
	const char *argv[8];
};

__attribute__((noreturn)) static void exec_fusermount(const struct fusermount *run)
{
	char number[16];
	sigset_t none;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int output = run->output >= 0 ? run->output : null;

	dup2(null, 0);
	dup2(output, 1);
	dup2(output, 2);
	if (run->commfd >= 0) {
		fcntl(run->commfd, F_SETFD, 0);
		snprintf(number, sizeof(number), "%d", run->commfd);
		setenv("_FUSE_COMMFD", number, 1);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* execvp does not change the strings; its prototype is older than const. */
	execvp(run->argv[0], (char *const *)(uintptr_t)run->argv);
	dprintf(2, "%s: %s; install the package fuse3\n", run->argv[0], strerror(errno));
	_exit(127);
}

static pid_t spawn_fusermount(const struct fusermount *run)
{
	pid_t pid = fork();

	if (pid == 0)
		exec_fusermount(run);
	return pid < 0 ? -errno : pid;
}

static int wait_exit(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Everything up to the end of the pipe; the first line of it is kept. */
static void read_line(int fd, char *ret_line, size_t size)
{
	char scrap[256];
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, scrap, sizeof(scrap))) > 0 || (n < 0 && errno == EINTR)) {
		for (ssize_t i = 0; i < n && len + 1 < size; i++)
			ret_line[len++] = scrap[i];
	}
	ret_line[len] = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
}

static int receive_fd(int sock)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return -EPROTO;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static const char *user_hint(const char *said)
{
	if (strstr(said, "user_allow_other"))
		return "; leave allow_other out, or let root put that line there";
	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return "; root has to open /dev/fuse to users (mode 0666, by udev's rule)";
	return "";
}

/* fusermount3 splits its options at commas; a backslash keeps one. */
static void escape_option(const char *value, char *out, size_t size)
{
	size_t n = 0;

	for (; *value && n + 2 < size; value++) {
		if (*value == ',' || *value == '\\')
			out[n++] = '\\';
		out[n++] = *value;
	}
	out[n] = '\0';
}

static int open_as_user(const struct config *config, const struct mount *mount, struct why *why)
{
	char source[2 * CONFIG_PATH];
	char options[2 * CONFIG_PATH + 160];
	char said[256];
	int pair[2];
	int pipe_fd[2];

	escape_option(config->store, source, sizeof(source));
	snprintf(options, sizeof(options),
		"rw,nosuid,nodev,noexec,noatime,default_permissions,subtype=secretfs,fsname=%s%s",
		source, allow_other(config, false) ? ",allow_other" : "");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return why_set(why, -errno, "cannot make a socket pair: %s", strerror(errno));

	AUTO_FD ours = pair[0];
	AUTO_FD theirs = pair[1];

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return why_set(why, -errno, "cannot make a pipe: %s", strerror(errno));

	AUTO_FD words = pipe_fd[0];
	AUTO_FD output = pipe_fd[1];
	struct fusermount run = {
		.commfd = theirs,
		.output = output,
		.argv = {"fusermount3", "-o", options, "--", mount->path, NULL},
	};
	pid_t pid = spawn_fusermount(&run);

	if (pid < 0)
		return why_set(why, pid, "cannot start fusermount3: %s", strerror(-pid));
	fd_close(&theirs);
	fd_close(&output);
	read_line(words, said, sizeof(said));

	int code = wait_exit(pid);
	int fd = code == 0 ? receive_fd(ours) : code == 127 ? -EIO : -EACCES;

	if (fd < 0)
		return why_set(why, fd, "cannot mount at %s: %s%s", mount->path,
			said[0] ? said : "fusermount3 failed", user_hint(said));
	return fd;
}

static int run_quietly(const struct mount *mount, const char *how)
{
	struct fusermount run = {
		.commfd = -1,
		.output = -1,
		.argv = {"fusermount3", how, "--", mount->path, NULL},
	};
	pid_t pid = spawn_fusermount(&run);

	return pid < 0 ? pid : wait_exit(pid);
}

/* ---- both ---- */

int mount_open(const struct config *config, struct mount *ret_mount, struct why *why)
{
	struct mount mount = {.root = geteuid() == 0};
	int fd;
	int err;
	AUTO_FD place = open_place(config->mountpoint, &mount, why);

	if (place < 0)
		return place;
	fd = mount.root ? open_as_root(config, place, why) : open_as_user(config, &mount, why);
	if (fd < 0)
		return fd;
	err = device_of(mount.path, &mount.dev_major, &mount.dev_minor);
	if (err < 0) {
		close(fd); /* ends the connection */
		if (mount.root)
			umount2(mount.path, UMOUNT_NOFOLLOW | MNT_DETACH);
		else
			run_quietly(&mount, "-uz");
		return why_set(why, err, "cannot look at the new mount at %s: %s", mount.path,
			strerror(-err));
	}
	*ret_mount = mount;
	return fd;
}

int mount_end(const struct mount *mount)
{
	if (!mount_present(mount))
		return 0;
	if (mount->root)
		return umount2(mount->path, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
	/* fusermount3 has one exit code for every reason; the mount itself tells. */
	run_quietly(mount, "-u");
	return mount_present(mount) ? -EBUSY : 0;
}

/* Works for the user who owns the connection, where the control file system is mounted. */
bool mount_cut(const struct mount *mount)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%u/abort", mount->dev_minor);

	AUTO_FD fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "1", 1) == 1;
}

bool mount_abort(const struct mount *mount)
{
	bool cut = mount_cut(mount);

	/* Each round takes one away: a bind mount of the tree onto its own place has the same
	 * device. */
	for (int round = 0; mount->root && round < 16 && mount_present(mount); round++) {
		if (umount2(mount->path, UMOUNT_NOFOLLOW | MNT_FORCE | MNT_DETACH) == 0)
			cut = true;
	}
	if (!mount->root && mount_present(mount))
		run_quietly(mount, "-uz");
	return cut;
}

/* ---- INIT ---- */

struct init_request {
	struct fuse_in_header header;
	struct fuse_init_in in;
};

uint64_t mount_flags(uint64_t offered, bool rings)
{
	return offered & (FLAGS_WANTED | (rings ? FUSE_OVER_IO_URING : 0));
}

static int wait_readable(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct timespec start;
	struct timespec now;
	int left = timeout_ms;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		int n = poll(&p, 1, left);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		clock_gettime(CLOCK_MONOTONIC, &now);
		left = timeout_ms - (int)((now.tv_sec - start.tv_sec) * 1000 +
					    (now.tv_nsec - start.tv_nsec) / 1000000);
		if (n == 0 || left <= 0)
			return -ETIMEDOUT;
	}
}

static int read_request(int fuse_fd, struct boot_state *state, struct init_request *ret_request)
{
	char buffer[FUSE_MIN_READ_BUFFER];
	ssize_t n;
	int err = wait_readable(fuse_fd, MOUNT_INIT_WAIT);

	if (err)
		return err;
	do {
		n = read(fuse_fd, buffer, sizeof(buffer));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(*ret_request) || (size_t)n > sizeof(state->init_request))
		return -EPROTO;
	memcpy(ret_request, buffer, sizeof(*ret_request));
	memcpy(state->init_request, buffer, (size_t)n);
	state->init_len = (uint32_t)n;
	return ret_request->header.opcode == FUSE_INIT ? 0 : -EPROTO;
}

static int check_offer(
	const struct init_request *request, uint64_t offered, bool rings, struct why *why)
{
	uint64_t missing = FLAGS_REQUIRED & ~offered;

	if (request->in.major != FUSE_KERNEL_VERSION || request->in.minor < 31)
		return why_set(why, -EPROTO,
			"the kernel speaks FUSE %u.%u; secretfs needs 7.31 or newer",
			request->in.major, request->in.minor);
	if (missing)
		return why_set(why, -EPROTO,
			"the kernel's FUSE lacks what secrets need (flags %#llx); use Linux 6.1 or "
			"newer",
			(unsigned long long)missing);
	if (rings && !(offered & FUSE_OVER_IO_URING))
		return why_set(why, -ENOTSUP,
			"the kernel does not offer FUSE over io_uring: that takes Linux 6.14 and "
			"\"echo Y > /sys/module/fuse/parameters/enable_uring\"; or set transport = "
			"dev");
	return 0;
}

static void make_reply(
	const struct init_request *request, uint64_t flags, struct fuse_init_out *out)
{
	uint32_t minor = request->in.minor;

	*out = (struct fuse_init_out){
		.major = FUSE_KERNEL_VERSION,
		.minor = minor < MOUNT_MINOR ? minor : MOUNT_MINOR,
		.max_readahead = request->in.max_readahead,
		.flags = (uint32_t)flags,
		.flags2 = (uint32_t)(flags >> 32),
		.max_background = 64,
		.congestion_threshold = 48,
		.max_write = BOOT_MAX_WRITE,
		.time_gran = 1,
		.max_pages = BOOT_MAX_WRITE / 4096,
	};
}

int mount_init(int fuse_fd, bool rings, struct boot_state *state, struct why *why)
{
	struct init_request request;
	struct {
		struct fuse_out_header header;
		struct fuse_init_out out;
	} reply;
	uint64_t offered;
	int err = read_request(fuse_fd, state, &request);

	if (err)
		return why_set(
			why, err, "the kernel did not start the connection: %s", strerror(-err));
	offered = request.in.flags;
	if (offered & FUSE_INIT_EXT)
		offered |= (uint64_t)request.in.flags2 << 32;
	err = check_offer(&request, offered, rings, why);
	if (err)
		return err;
	make_reply(&request, mount_flags(offered, rings), &reply.out);
	reply.header = (struct fuse_out_header){
		.len = sizeof(reply),
		.unique = request.header.unique,
	};
	/* One write: the kernel takes a reply whole or not at all. */
	if (write(fuse_fd, &reply, sizeof(reply)) < 0)
		return why_set(why, -errno, "the kernel refused the start of the connection: %s",
			strerror(errno));
	memcpy(state->init_reply, &reply.out, sizeof(reply.out));
	state->reply_len = sizeof(reply.out);
	return 0;
}
