/* SPDX-License-Identifier: MIT */
/* cmd_store_backup: a copy of a store, whole and checked, while a daemon may serve it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "finding.h"
#include "landing.h"
#include "print.h"
#include "secretctl.h"
#include "storefile.h"

struct backup {
	struct storefile file;
	const char *dest;
	bool force;
	struct landing landing;
	struct secbuf keys; /* empty: none was given or set */
	struct store_verify_result result;
};

static const struct args_option backup_options[] = {
	STOREFILE_OPTIONS,
	{.name = "force", .letter = 'F', .hidden = true},
	{0},
};

static int backup_arg(struct backup *backup, int what, const char *value, struct why *why)
{
	if (what == 'F')
		backup->force = true;
	else if (what != ARGS_WORD)
		return storefile_take(&backup->file, what, value, why);
	else if (!backup->dest)
		backup->dest = value;
	else if (backup->file.path)
		return why_set(why, -EINVAL, "one DEST and one STORE are enough; see --help");
	else
		backup->file.path = value;
	return 0;
}

static int backup_args(struct backup *backup, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = backup_arg(backup, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (!backup->dest)
		return why_set(why, -EINVAL, "DEST: which file shall the backup be? see --help");
	r = storefile_settle(&backup->file, why);
	if (r == 0 && backup->file.key.n > 1)
		r = keyarg_check(&backup->file.key, "", why);
	return r;
}

/* ---- making it ---- */

/* What needs root comes first. A key that does not fit is said before anything is copied. */
static int backup_prepare(struct backup *backup, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT;
	bool key = storefile_has_key(&backup->file);
	int r = storefile_apart(&backup->file, backup->dest, why);

	if (r == 0)
		r = landing_open(&backup->landing, backup->dest, backup->force, why);
	if (r == 0)
		r = storefile_lock(&backup->file, STORE_USE_LOOK, why);
	if (r == 0 && key)
		r = keyarg_read(&backup->file.key, &source, why);
	if (r == 0)
		r = storefile_become(&backup->file, why);
	if (r == 0 && key)
		r = storefile_open_slot(&backup->file, &source, NULL, &backup->keys, why);
	return r;
}

static int backup_copy(struct backup *backup, struct why *why)
{
	struct finding_print print = {0};

	meter_begin(&print.meter, "copying");
	int r = store_backup(
		backup->file.path, backup->landing.out.fd, finding_progress, &print, why);
	meter_end(&print.meter);
	return r;
}

/* Reads what was written, with the key if there is one. */
static int backup_check(struct backup *backup, struct why *why)
{
	struct finding_print print = {0};
	const struct store_verify ask = {
		.found = finding_found, .progress = finding_progress, .arg = &print};
	int fd = backup->landing.out.fd;

	if (!backup->keys.data)
		return store_verify_structure_fd(fd, backup->dest, why);
	meter_begin(&print.meter, "verifying");
	int r = store_verify_fd(
		fd, backup->dest, storefile_keys(&backup->keys), &ask, &backup->result, why);
	meter_end(&print.meter);
	return r;
}

static void backup_tell(const struct backup *backup)
{
	print_done("wrote", backup->dest);
	if (backup->result.namespaces)
		finding_summary(&backup->result);
	else if (!backup->keys.data)
		puts("no key was given: its structure was checked, no record was opened");
}

/* A damaged store is copied as it is, which may be all that is left; but never over a backup that
 * may be whole. */
static int backup_damaged(struct backup *backup, struct why *why)
{
	char found[256];
	int r;

	snprintf(found, sizeof(found), "%.*s", (int)strcspn(why->text, ";"), why->text);
	if (backup->landing.replaces)
		return why_set(why, -EBADMSG,
			"%.256s was not replaced: the copy is damaged as the store is (%s); look "
			"with store verify, or write it to another file",
			backup->dest, found);
	r = landing_commit(&backup->landing, why);
	if (r < 0)
		return r;
	backup_tell(backup);
	return why_set(why, -EBADMSG,
		"%.256s was written as the store is, which is damaged (%s); look with store verify",
		backup->dest, found);
}

static int backup_make(struct backup *backup, struct why *why)
{
	int r = backup_prepare(backup, why);

	if (r == 0)
		r = backup_copy(backup, why);
	if (r < 0)
		return r;
	r = backup_check(backup, why);
	if (r == -EBADMSG)
		return backup_damaged(backup, why);
	if (r == 0)
		r = landing_commit(&backup->landing, why);
	if (r == 0)
		backup_tell(backup);
	return r;
}

static int backup_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {.argc = argc,
		.argv = argv,
		.options = backup_options,
		.help = cmd_store_backup.help};
	struct backup backup = {.file = STOREFILE_INIT, .landing = LANDING_INIT};
	struct why why = {0};
	int r = backup_args(&backup, &args, &why);

	if (r == 0)
		r = backup_make(&backup, &why);
	landing_close(&backup.landing);
	secbuf_free(&backup.keys);
	if (backup.file.lock >= 0)
		close(backup.file.lock);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_store_backup = {
	.group = "store",
	.name = "backup",
	.summary = "copy a store, while a daemon may serve it",
	.help = "usage: secretctl store backup DEST [STORE] [KEY] [--force]\n"
		"\n"
		"Copies the store as it is at one moment to the file DEST, mode 0600, and reads "
		"the "
		"copy:\n"
		"with KEY every record, without it the structure alone. The keys of the store open "
		"the\n"
		"backup: keep it apart from them.\n"
		"\n"
		"  --force             replace DEST, if it is a file; a damaged copy replaces "
		"nothing\n" STOREFILE_HELP,
	.secrets = true,
	.store = true,
	.run = backup_run,
};
