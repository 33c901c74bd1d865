/* SPDX-License-Identifier: MIT */
/*
 * store_lock: who may do what with a store at the same time.
 *
 *     flock on STORE.lock, shared     the daemon; backup, verify, listing slots
 *     flock on STORE.lock, exclusive  what changes the file itself: rotate, restore, compact, slots
 *     its first byte (OFD lock)       the daemon: there is one
 */
#include "store.h"

#include "fd.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define ANYONE ((uint32_t)-1)

static struct flock daemon_byte(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
}

static bool daemon_there(int fd)
{
	struct flock byte = daemon_byte(F_WRLCK);

	return fcntl(fd, F_OFD_GETLK, &byte) == 0 && byte.l_type != F_UNLCK;
}

static int lock_open(const char *lock, uint32_t owner, uint32_t group, int *ret_fd, struct why *why)
{
	struct stat st;
	AUTO_FD fd =
		open(lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);

	if (fd < 0 || fstat(fd, &st) < 0)
		return why_set(why, -errno, "cannot open the lock %s: %s", lock, strerror(errno));
	/* With a second name it may be somebody's file that was linked here, to be given away
	 * below. */
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return why_set(why, -EINVAL, "the lock %s is not a regular file", lock);
	if (owner != ANYONE && geteuid() == 0 && st.st_uid != owner && fchown(fd, owner, group) < 0)
		return why_set(why, -errno, "cannot give the lock %s to uid %u: %s", lock, owner,
			strerror(errno));
	*ret_fd = fd_take(&fd);
	return 0;
}

static int lock_busy(const char *path, int fd, enum store_use use, struct why *why)
{
	if (!daemon_there(fd))
		return why_set(why, -EBUSY,
			"the store %s is being worked on by another command; try again when it is "
			"done",
			path);
	if (use == STORE_USE_DAEMON)
		return why_set(why, -EBUSY, "the store %s is in use by another daemon", path);
	return why_set(why, -EBUSY,
		"the store %s is in use by a daemon; stop it first: umount what it has mounted",
		path);
}

int store_lock(
	const char *path, uint32_t owner, uint32_t group, enum store_use use, struct why *why)
{
	char lock[PATH_MAX];
	AUTO_FD fd = -1;
	int r = path_beside(path, ".lock", lock, why);

	if (r == 0)
		r = lock_open(lock, owner, group, &fd, why);
	if (r < 0)
		return r;
	if (flock(fd, (use == STORE_USE_ALONE ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return lock_busy(path, fd, use, why);
		return why_set(why, -errno, "cannot lock %s: %s", lock, strerror(errno));
	}
	struct flock byte = daemon_byte(F_WRLCK);
	if (use == STORE_USE_DAEMON && fcntl(fd, F_OFD_SETLK, &byte) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return lock_busy(path, fd, use, why);
		return why_set(why, -errno, "cannot lock %s: %s", lock, strerror(errno));
	}
	return fd_take(&fd);
}

int store_in_use(const char *path)
{
	char lock[PATH_MAX];

	if (path_beside(path, ".lock", lock, NULL) < 0)
		return -ENAMETOOLONG;
	AUTO_FD fd = open(lock, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return daemon_there(fd);
}
