/* SPDX-License-Identifier: MIT */
/* checks_store: the store file, the key file and who may touch them. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"
#include "mounts.h"
#include "store.h"

/* The path of the settings, else the source of the mount. */
static bool checks_store_path(const struct checks *checks, char path[PATH_MAX])
{
	const struct mounts_entry *entry;
	AUTO_MOUNTS mounts = {0};

	path[0] = '\0';
	if (checks->config.store[0] != '\0') {
		snprintf(path, PATH_MAX, "%s", checks->config.store);
	} else if (checks->serving.status != NULL && mounts_read(&mounts) == 0) {
		entry = mounts_find(&mounts, checks->serving.dev);
		if (entry != NULL && strlen(entry->source) < PATH_MAX)
			strcpy(path, entry->source);
	}
	return path[0] == '/';
}

/* Whose the store must be. false: there is no such user. */
static bool checks_store_owner(struct checks *checks, uint32_t *ret_owner)
{
	const struct passwd *user;

	*ret_owner = geteuid();
	if (*ret_owner != 0)
		return true;
	user = getpwnam(checks->config.user);
	if (user == NULL) {
		checks_add(checks, CHECKS_BAD, "user",
			"useradd --system --user-group --no-create-home --shell /usr/sbin/nologin, "
			"or "
			"another \"user =\" in the settings",
			"there is no user %s to run the worker as", checks->config.user);
		return false;
	}
	*ret_owner = user->pw_uid;
	return true;
}

/* Can this user look at all? If not, that is what is found. */
static bool checks_visible(
	struct checks *checks, const char *what, const char *path, struct stat *ret_st)
{
	if (lstat(path, ret_st) == 0 || errno == ENOENT)
		return true;
	checks_add(checks, errno == EACCES ? CHECKS_OK : CHECKS_BAD, what, NULL, "%s: %s%s", path,
		strerror(errno), errno == EACCES ? ", as it should be for this user" : "");
	return false;
}

void checks_store(struct checks *checks)
{
	char path[PATH_MAX];
	struct stat st;
	struct why why;
	uint32_t owner;

	if (!checks_store_path(checks, path)) {
		checks_add(checks, CHECKS_OK, "store", NULL, "the settings name none");
		return;
	}
	if (!checks_visible(checks, "store", path, &st) || !checks_store_owner(checks, &owner))
		return;
	if (store_check_path(path, owner, &why) < 0)
		checks_add(checks, CHECKS_BAD, "store", NULL, "%s", why.text);
	else
		checks_add(checks, CHECKS_OK, "store", NULL, "%s, for %s alone", path,
			geteuid() == 0 ? checks->config.user : "you");
}

static bool checks_same_folder(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];

	snprintf(x, sizeof(x), "%s", a);
	snprintf(y, sizeof(y), "%s", b);
	return strcmp(dirname(x), dirname(y)) == 0;
}

void checks_key(struct checks *checks)
{
	const char *path = checks->config.keyfile;
	char store[PATH_MAX];
	struct stat st;

	if (path[0] == '\0' || !checks_visible(checks, "key file", path, &st))
		return;
	if (lstat(path, &st) < 0)
		checks_add(checks, CHECKS_BAD, "key file",
			"put your copy of it back: nothing else opens the store", "%s is not there",
			path);
	else if (!S_ISREG(st.st_mode) || st.st_size != 32)
		checks_add(checks, CHECKS_BAD, "key file", "put your copy of it back",
			"%s is not a file of 32 bytes", path);
	else if (st.st_uid != 0 && st.st_uid != geteuid())
		checks_add(checks, CHECKS_BAD, "key file",
			"chown it to root, or to who starts secretfs", "%s belongs to uid %u", path,
			(unsigned)st.st_uid);
	else if (st.st_mode & 077)
		checks_add(checks, CHECKS_BAD, "key file", "chmod 0400",
			"%s has mode %04o: others may read the key", path,
			(unsigned)st.st_mode & 07777);
	else if (checks_store_path(checks, store) && checks_same_folder(path, store))
		checks_add(checks, CHECKS_NOTE, "key file",
			"move one of the two, and keep their copies apart",
			"%s lies beside the store: who copies the folder has both", path);
	else
		checks_add(checks, CHECKS_OK, "key file", NULL, "%s", path);
}
