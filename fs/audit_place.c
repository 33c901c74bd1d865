/* SPDX-License-Identifier: MIT */
/* audit_place: owns whose the audit log's folder, and what is above it, must be. */
#include "audit_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"

#define SYSTEM_GROUPS 1000 /* below: groups that no person is in by default */

/* Up to the last slash; "/" for what lies there. */
static int folder_of(const char *path, char ret_folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == path ? 1 : (size_t)(slash - path);

	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(ret_folder, path, len);
	ret_folder[len] = '\0';
	return 0;
}

/* Those above it too, which root leaves to the administrator. */
static int make_above(char *folder)
{
	for (char *at = folder + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		int r = mkdir(folder, 0700) < 0 && errno != EEXIST ? -errno : 0;
		*at = '/';
		if (r < 0)
			return r;
	}
	return 0;
}

/* root's new folder is given to the writer by descriptor: what is at its name may change. */
static int give(const char *folder, const struct unlock_reader *writer)
{
	AUTO_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || fchown(fd, writer->uid, writer->gid) < 0 ? -errno : 0;
}

static int make(char *folder, const struct unlock_reader *writer, struct why *why)
{
	int r = 0;

	if (!writer->drop)
		r = make_above(folder);
	if (r == 0 && mkdir(folder, 0700) < 0)
		return errno == EEXIST
			       ? 0
			       : why_set(why, -errno, "cannot make the audit log's folder %s: %s",
					 folder, strerror(errno));
	if (r == 0 && writer->drop)
		r = give(folder, writer);
	return r < 0 ? why_set(why, r, "cannot make the audit log's folder %s: %s", folder,
			       strerror(-r))
		     : 0;
}

static int check_own(const char *folder, const struct unlock_reader *writer, struct why *why)
{
	struct stat st;

	if (lstat(folder, &st) < 0)
		return why_set(why, -errno, "cannot look at the audit log's folder %s: %s", folder,
			strerror(errno));
	if (st.st_uid != writer->uid)
		return why_set(why, -EPERM,
			"the audit log's folder %s belongs to uid %u, but must be uid %u's, who "
			"writes it: chown %u %s",
			folder, st.st_uid, writer->uid, writer->uid, folder);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return why_set(why, -EPERM,
			"the audit log's folder %s has mode %04o, others can write to it: chmod "
			"go-w %s",
			folder, st.st_mode & 07777, folder);
	return 0;
}

static bool others_may_write(const struct stat *st, const struct unlock_reader *writer)
{
	if (st->st_mode & S_ISVTX)
		return false;
	if (st->st_mode & S_IWOTH)
		return true;
	if (!(st->st_mode & S_IWGRP) || st->st_uid == writer->uid)
		return false;
	return st->st_uid != 0 || st->st_gid >= SYSTEM_GROUPS;
}

static int check_above(char *folder, const struct unlock_reader *writer, struct why *why)
{
	struct stat st;

	while (strcmp(folder, "/") != 0) {
		char *slash = strrchr(folder, '/');

		slash[slash == folder] = '\0';
		if (lstat(folder, &st) < 0)
			return why_set(why, -errno, "cannot look at the folder %s: %s", folder,
				strerror(errno));
		if (others_may_write(&st, writer))
			return why_set(why, -EPERM,
				"the folder %s above the audit log has mode %04o, others can write "
				"to it: chmod go-w %s",
				folder, st.st_mode & 07777, folder);
	}
	return 0;
}

int audit_place(const struct config *config, const struct unlock_reader *writer, struct why *why)
{
	char folder[PATH_MAX], real[PATH_MAX];
	int r;

	if (config->audit == CONFIG_AUDIT_OFF)
		return 0;
	r = folder_of(config->audit_file, folder);
	if (r < 0)
		return why_set(why, r, "the path of the audit log is too long");
	r = make(folder, writer, why);
	if (r < 0)
		return r;
	if (!realpath(folder, real))
		return why_set(why, -errno, "cannot find the audit log's folder %s: %s", folder,
			strerror(errno));
	r = check_own(real, writer, why);
	return r < 0 ? r : check_above(real, writer, why);
}
