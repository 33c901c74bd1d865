/* SPDX-License-Identifier: MIT */
/* checks_host: what the kernel and this machine offer: FUSE, locked memory, features. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "checks.h"
#include "fd.h"

#define FUSE_DEVICE   "/dev/fuse"
#define FUSE_CONF     "/etc/fuse.conf"
#define MEMLOCK_LEAST (4u << 20) /* a value of 1 MiB, its copy and its text */
#define MEMLOCK_GOOD  (8u << 20) /* what distributions give */

/* ---- FUSE ---- */

/* For a plain user: a fault if there is a tree of one's own to be mounted, else just so. */
static enum checks_state checks_own(const struct checks *checks)
{
	return checks->config.store[0] != '\0' ? CHECKS_BAD : CHECKS_NOTE;
}

static void checks_device(struct checks *checks)
{
	struct stat st;

	if (stat(FUSE_DEVICE, &st) < 0 || !S_ISCHR(st.st_mode))
		checks_add(checks, CHECKS_BAD, FUSE_DEVICE,
			"load the kernel's module with \"modprobe fuse\", or give the device to "
			"this "
			"container",
			"is not there");
	else if (access(FUSE_DEVICE, R_OK | W_OK) < 0)
		checks_add(checks, checks_own(checks), FUSE_DEVICE,
			"root has to open it to users (mode 0666, by udev's rule)",
			"mode %04o: you cannot mount a tree of your own",
			(unsigned)st.st_mode & 07777);
	else if (geteuid() == 0 && (st.st_mode & 06) != 06)
		checks_add(checks, CHECKS_NOTE, FUSE_DEVICE,
			"mode 0666, by udev's rule, if they shall",
			"mode %04o: plain users cannot mount trees of their own",
			(unsigned)st.st_mode & 07777);
	else
		checks_add(checks, CHECKS_OK, FUSE_DEVICE, NULL, "mode %04o",
			(unsigned)st.st_mode & 07777);
}

/* The first one in PATH, as secretfs finds it. */
static bool checks_fusermount_path(char *path, size_t size)
{
	const char *all = getenv("PATH");

	while (all != NULL && *all != '\0') {
		size_t len = strcspn(all, ":");

		snprintf(path, size, "%.*s/fusermount3", (int)len, all);
		if (access(path, X_OK) == 0)
			return true;
		all += len + (all[len] == ':');
	}
	return false;
}

static void checks_fusermount(struct checks *checks)
{
	char path[4096];
	struct stat st;

	if (geteuid() == 0)
		return;
	if (!checks_fusermount_path(path, sizeof(path)))
		checks_add(checks, checks_own(checks), "fusermount3", "install the package fuse3",
			"is not in PATH: you cannot mount a tree of your own");
	else if (stat(path, &st) < 0 || st.st_uid != 0 || !(st.st_mode & S_ISUID))
		checks_add(checks, checks_own(checks), "fusermount3",
			"root has to install the package fuse3 again, or chmod u+s it",
			"%s is not set-uid root: you cannot mount a tree of your own", path);
	else
		checks_add(checks, CHECKS_OK, "fusermount3", NULL, "%s", path);
}

/* 1: the line is there, 0: it is not. */
static int checks_user_allow_other(void)
{
	FILE *file = fopen(FUSE_CONF, "re");
	char line[256], word[32];
	int found = 0;

	if (file == NULL)
		return errno == ENOENT ? 0 : -errno;
	while (fgets(line, sizeof(line), file) != NULL)
		found |= sscanf(line, " %31s", word) == 1 && strcmp(word, "user_allow_other") == 0;
	fclose(file);
	return found;
}

/* Root needs no leave. */
static void checks_fuse_conf(struct checks *checks)
{
	int allowed = checks_user_allow_other();

	if (geteuid() == 0)
		return;
	if (allowed < 0)
		checks_add(checks, CHECKS_NOTE, FUSE_CONF, NULL, "%s", strerror(-allowed));
	else if (allowed == 0 && checks->config.allow_other > 0)
		checks_add(checks, CHECKS_BAD, FUSE_CONF,
			"take allow_other out of your settings, or let root put that line there",
			"has no line user_allow_other, which \"allow_other = yes\" needs");
	else
		checks_add(checks, CHECKS_OK, FUSE_CONF, NULL, "user_allow_other is %s",
			allowed ? "there" : "not there, and not needed");
}

void checks_fuse(struct checks *checks)
{
	checks_device(checks);
	checks_fusermount(checks);
	checks_fuse_conf(checks);
}

/* ---- locked memory ---- */

void checks_memory(struct checks *checks)
{
	static const char help[] =
		"raise it: ulimit -l, LimitMEMLOCK= of a service, or /etc/security/limits.conf";
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
		return;
	if (limit.rlim_cur == RLIM_INFINITY)
		checks_add(checks, CHECKS_OK, "locked memory", NULL, "unlimited");
	else if (limit.rlim_cur < MEMLOCK_LEAST)
		checks_add(checks, CHECKS_BAD, "locked memory", help,
			"%llu KiB: not enough for long values, here and for a daemon that you "
			"start",
			(unsigned long long)limit.rlim_cur >> 10);
	else if (limit.rlim_cur < MEMLOCK_GOOD)
		checks_add(checks, CHECKS_NOTE, "locked memory", help,
			"%llu KiB: little, if many values are open at once",
			(unsigned long long)limit.rlim_cur >> 10);
	else
		checks_add(checks, CHECKS_OK, "locked memory", NULL, "%llu KiB",
			(unsigned long long)limit.rlim_cur >> 10);
}

/* ---- the kernel ---- */

/* Can what is open with direct I/O be mapped for all to see? Tried out on the tree. */
static int checks_can_map(const struct checks *checks)
{
	char path[PATH_MAX + 32];
	AUTO_FD fd = -1;
	void *map;

	snprintf(path, sizeof(path), "%s/.secretfs/status", checks->serving.path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	map = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fd >= 0 && errno == ENODEV ? 0 : -errno;
	munmap(map, 1);
	return 1;
}

static bool checks_has_memfd_secret(void)
{
#ifdef SYS_memfd_secret
	AUTO_FD fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	return fd >= 0;
#else
	return false;
#endif
}

void checks_kernel(struct checks *checks)
{
	struct utsname name;
	int major = 0, minor = 0, release;
	size_t before;

	if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
		major = 0;
	release = major * 100 + minor;
	if (release < 601)
		checks_add(checks, CHECKS_BAD, "kernel", "use Linux 6.1 or later",
			"Linux %s is too old", name.release);
	before = checks->n;
	if (checks->serving.status != NULL && checks_can_map(checks) == 0)
		checks_add(checks, CHECKS_NOTE, "kernel", "Linux 6.6 or later",
			"no direct I/O with mappings: programs that map values shared (Java, Rust, "
			"Python's mmap) get ENODEV");
	if (release < 609)
		checks_add(checks, CHECKS_NOTE, "kernel", "Linux 6.9 or later",
			"no FUSE_NOTIFY_RESEND: a request may hang if a worker dies just when it "
			"takes "
			"it; umount -f ends that");
	if (release < 609)
		checks_add(checks, CHECKS_NOTE, "kernel",
			"give no container CAP_DAC_READ_SEARCH together with a part of the tree",
			"no FUSE_NO_EXPORT_SUPPORT: that a secret is opened by its file handle "
			"cannot be "
			"switched off");
	if (!checks_has_memfd_secret())
		checks_add(checks, CHECKS_NOTE, "kernel", "boot with secretmem.enable=1",
			"no memfd_secret: the master key lies in plain locked memory");
	if (checks->n == before)
		checks_add(checks, CHECKS_OK, "kernel", NULL,
			"Linux %s, with all that secretfs can use", name.release);
}
