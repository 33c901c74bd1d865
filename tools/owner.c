/* SPDX-License-Identifier: MIT */
/* owner: whose public secret a bare name has led to. */
#include "owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "info.h"
#include "log.h"

bool owner_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

int owner_foreign(const struct tree_name *name, int dir, struct why *why)
{
	struct stat st;

	if (!name->bare || name->ns != TREE_PUBLIC)
		return 0;
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return tree_why(why, -errno, name->text);
	if (owner_trusted(st.st_uid))
		return 0;
	why_set(why, -EPERM,
		"%s belongs to %s, neither to you nor to root; say %s if that is the one you mean",
		name->text, info_user(st.st_uid), name->text);
	return 1;
}

int owner_check_use(const struct tree_name *name, int dir, bool strict, struct why *why)
{
	int r = owner_foreign(name, dir, why);

	if (r > 0 && strict)
		return -EPERM;
	if (r > 0)
		log_warn("%s", why->text);
	return r < 0 ? r : 0;
}

int owner_check_change(const struct tree_name *name, int dir, struct why *why)
{
	int r = owner_foreign(name, dir, why);

	return r > 0 ? -EPERM : r;
}
