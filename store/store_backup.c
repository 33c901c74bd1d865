/* SPDX-License-Identifier: MIT */
/* store_backup: a copy of a store that may be in use. */
#include "store_int.h"

#include <errno.h>
#include <string.h>

int store_backup(const char *path, int fd, store_progress_fn progress, void *arg, struct why *why)
{
	AUTO_DB db = NULL;
	int r = db_open(path, DB_READER, &db, why);

	if (r == 0)
		r = schema_check(db, why);
	if (r < 0)
		return r;
	r = db_copy(db, fd, progress, arg);
	return r < 0 ? why_set(why, r, "cannot copy the store: %s", strerror(-r)) : 0;
}
