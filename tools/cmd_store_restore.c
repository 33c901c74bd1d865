/* SPDX-License-Identifier: MIT */
/* cmd_store_restore: a backup in the place of a store. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "finding.h"
#include "print.h"
#include "secretctl.h"
#include "storefile.h"

struct restoring {
	struct storefile file;
	const char *backup;
	int fd; /* the backup's */
	struct anchor *anchor;
	struct secbuf keys;
	struct store_verify_result result;
	struct store_restored restored;
};

static const struct args_option restore_options[] = {STOREFILE_OPTIONS, {0}};

static int restore_arg(struct restoring *to, int what, const char *value, struct why *why)
{
	if (what != ARGS_WORD)
		return storefile_take(&to->file, what, value, why);
	if (!to->backup)
		to->backup = value;
	else if (to->file.path)
		return why_set(why, -EINVAL, "one BACKUP and one STORE are enough; see --help");
	else
		to->file.path = value;
	return 0;
}

static int restore_args(struct restoring *to, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = restore_arg(to, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (!to->backup)
		return why_set(why, -EINVAL, "which BACKUP? see --help");
	r = storefile_settle(&to->file, why);
	return r < 0 ? r : keyarg_check(&to->file.key, "", why);
}

/* ---- the backup ---- */

/* A store that was copied while it was open has its newest changes in its log. */
static int restore_no_log(const char *backup, struct why *why)
{
	char log[PATH_MAX];
	struct stat st;
	int r = snprintf(log, sizeof(log), "%s-wal", backup);

	if (r < 0 || r >= (int)sizeof(log))
		return why_set(why, -ENAMETOOLONG, "the path of the backup is too long");
	if (stat(log, &st) < 0 || st.st_size == 0)
		return 0;
	return why_set(why, -EINVAL,
		"%.300s has a log beside it (%.300s), so it is no backup but a store: back it up "
		"first, with store backup",
		backup, log);
}

static int restore_open(struct restoring *to, struct why *why)
{
	struct stat st;
	int r = storefile_apart(&to->file, to->backup, why);

	if (r == 0)
		r = restore_no_log(to->backup, why);
	if (r < 0)
		return r;
	to->fd = open(to->backup, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (to->fd < 0 || fstat(to->fd, &st) < 0)
		return why_set(why, -errno, "%s: %s", to->backup, strerror(errno));
	return S_ISREG(st.st_mode) ? 0
				   : why_set(why, -EINVAL, "%s is not a regular file", to->backup);
}

/* ---- the work ---- */

/* What needs root comes first. The backup's own slots tell which keys open it. */
static int restore_prepare(struct restoring *to, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT;
	int r = restore_open(to, why);

	if (r == 0)
		r = storefile_lock_place(&to->file, why);
	if (r == 0)
		r = keyarg_read(&to->file.key, &source, why);
	if (r == 0)
		r = storefile_anchor(&to->file, true, &to->anchor, why);
	if (r == 0)
		r = storefile_become(&to->file, why);
	if (r == 0)
		r = storefile_open_slot_of(
			&to->file, to->fd, to->backup, &source, NULL, &to->keys, why);
	if (r == 0 && to->anchor)
		r = anchor_unlock(to->anchor, storefile_keys(&to->keys)->anchor, why);
	return r;
}

static void restore_tell(const struct restoring *to)
{
	finding_summary(&to->result);
	if (to->restored.kept[0])
		print_done("kept what was there as", to->restored.kept);
	print_done("restored", to->file.path);
	printf("It is as it was after commit %" PRId64
	       "; what was changed later is not in it. The keys of then open it.\n",
		to->restored.commits);
	if (to->anchor)
		printf("It was sealed anew (epoch %" PRIu64
		       "), so that it counts as the newest: a daemon starts with it as it is,\n"
		       "and refuses every other copy%s.\n",
			to->restored.epoch,
			to->restored.kept[0] ? ", also the one that was kept" : "");
}

static int restore_make(struct restoring *to, struct why *why)
{
	struct finding_print print = {0};
	const struct store_verify ask = {
		.found = finding_found, .progress = finding_progress, .arg = &print};
	int r = restore_prepare(to, why);

	if (r < 0)
		return r;
	meter_begin(&print.meter, "restoring");
	r = store_restore(to->file.path, to->fd, to->backup, storefile_keys(&to->keys), to->anchor,
		&ask, &to->result, &to->restored, why);
	meter_end(&print.meter);
	if (r == 0)
		restore_tell(to);
	if (r != -EBADMSG)
		return r;
	return why_set(why, r,
		"%.256s is damaged, and nothing was changed; take another one, or drop what is "
		"damaged from it: secretctl store verify %.256s --remove",
		to->backup, to->backup);
}

static int restore_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {.argc = argc,
		.argv = argv,
		.options = restore_options,
		.help = cmd_store_restore.help};
	struct restoring to = {.file = STOREFILE_INIT, .fd = -1};
	struct why why = {0};
	int r = restore_args(&to, &args, &why);

	if (r == 0)
		r = restore_make(&to, &why);
	anchor_close(to.anchor);
	secbuf_free(&to.keys);
	fd_close(&to.fd);
	fd_close(&to.file.lock);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_store_restore = {
	.group = "store",
	.name = "restore",
	.summary = "put a backup in the place of a store",
	.help = "usage: secretctl store restore BACKUP [STORE] [KEY]\n"
		"\n"
		"Copies BACKUP beside STORE, reads every record of the copy and puts it in the "
		"place "
		"of STORE,\n"
		"which is kept as STORE.before-restore-N. KEY opens BACKUP. No daemon may serve "
		"STORE.\n"
		"\n"
		"The anchor is told, so that the backup counts as the newest from then on.\n"
		"\n" STOREFILE_HELP,
	.secrets = true,
	.store = true,
	.run = restore_run,
};
