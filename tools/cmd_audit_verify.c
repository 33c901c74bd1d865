/* SPDX-License-Identifier: MIT */
/* cmd_audit_verify: does an audit log say what was written? */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "audit_check.h"
#include "auditlog.h"
#include "fd.h"
#include "log.h"
#include "secretctl.h"
#include "storefile.h"

#define FINDINGS_MAX 20 /* that are printed */
#define RETRY_MS     100

struct verify {
	struct storefile file;
	const char *path; /* the log, where no files were named */
	bool named;       /* files */
	struct auditlog log;
	struct audit_check check;
	bool anchored;
	uint64_t anchor_n;
	uint64_t printed;
};

static const struct args_option verify_options[] = {
	STOREFILE_OPTIONS,
	{.name = "store", .letter = 's', .hidden = true, .takes = true},
	{.name = "log", .letter = 'l', .hidden = true, .takes = true},
	{0},
};

static int verify_arg(struct verify *v, int what, const char *value, struct why *why)
{
	switch (what) {
	case 's':
		v->file.path = value;
		return 0;
	case 'l':
		v->path = value;
		return 0;
	case ARGS_WORD:
		v->named = true;
		return auditlog_add(&v->log, value, why);
	default:
		return storefile_take(&v->file, what, value, why);
	}
}

static int verify_args(struct verify *v, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = verify_arg(v, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = storefile_settle(&v->file, why);
	if (r == 0)
		r = keyarg_check(&v->file.key, "", why);
	if (r < 0 || v->named || v->path)
		return r;
	/* While we know whose settings they are. */
	if (config_audit_resolve(&v->file.config, getuid()) < 0 || !v->file.config.audit_file[0])
		return why_set(why, -EINVAL,
			"which log? there is none in the settings of this user; name one with "
			"--log");
	v->path = v->file.config.audit_file;
	return 0;
}

/* ---- keys and anchor ---- */

static int verify_anchor(
	struct verify *v, struct anchor *anchor, const struct secbuf *keys, struct why *why)
{
	uint8_t hash[ANCHOR_HASH];
	int r = anchor ? anchor_unlock(anchor, storefile_keys(keys)->anchor, why) : 0;

	if (r < 0 || !anchor)
		return r;
	anchor_audit_get(anchor, &v->anchor_n, hash);
	v->anchored = v->anchor_n > 0;
	if (v->anchored)
		audit_check_anchor(&v->check, v->anchor_n, hash);
	return 0;
}

/* What needs root comes first. */
static int verify_prepare(struct verify *v, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT, master = SECBUF_INIT, keys = SECBUF_INIT,
		    key0 = SECBUF_INIT;
	AUTO_ANCHOR anchor = NULL;
	int r = storefile_lock(&v->file, STORE_USE_LOOK, why);

	if (r == 0)
		r = keyarg_read(&v->file.key, &source, why);
	if (r == 0)
		r = storefile_anchor(&v->file, false, &anchor, why);
	if (r == 0 && !v->named)
		r = auditlog_find(v->path, &v->log, why);
	if (r == 0)
		r = storefile_become(&v->file, why);
	if (r == 0)
		r = storefile_open_slot(&v->file, &source, &master, &keys, why);
	if (r < 0)
		return r;
	r = secbuf_alloc(&key0, AUDIT_KEY, SECMEM_SELF);
	if (r == 0) {
		keyslot_derive_audit(&master, key0.data);
		r = audit_check_begin(&v->check, key0.data);
	}
	if (r < 0)
		return why_set(why, r, "no locked memory is left for a key; raise ulimit -l");
	return verify_anchor(v, anchor, &keys, why);
}

/* ---- lines ---- */

static void verify_found(struct verify *v, const char *file, uint64_t line, const char *what)
{
	if (v->printed++ < FINDINGS_MAX)
		printf("%s:%" PRIu64 ": %s\n", file, line, what);
}

static int verify_file(struct verify *v, const struct auditlog_file *file, struct why *why)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000};
	struct auditlog_reader reader = {.fd = file->fd};
	uint64_t at = 0;
	char what[256];
	const char *line;
	size_t len;
	int r = 1;

	for (unsigned tries = 0; tries < 2 && r >= 0; tries++) {
		while ((r = auditlog_next(&reader, &line, &len)) > 0) {
			at++;
			if (audit_check_line(&v->check, line, len, what, sizeof(what)))
				verify_found(v, file->path, at, what);
		}
		/* A line that is just being written. */
		if (r < 0 || !auditlog_begun(&reader))
			break;
		nanosleep(&pause, NULL);
	}
	if (r < 0)
		return why_set(why, r, "%s: %s", file->path, strerror(-r));
	if (auditlog_begun(&reader))
		verify_found(v, file->path, at + 1, "ends without a newline");
	return 0;
}

/* A new file may hold what the anchor knows: it was not among those that were read. */
static bool was_rotated(const struct verify *v)
{
	struct stat now;

	for (size_t i = 0; i < v->log.n; i++)
		if (stat(v->path, &now) < 0 || (now.st_ino == v->log.items[i].st.st_ino &&
						       now.st_dev == v->log.items[i].st.st_dev))
			return false;
	return true;
}

static int verify_end(struct verify *v, struct why *why)
{
	char what[256];

	if (v->check.lines == 0 && v->printed == 0 && (v->named || !v->anchored))
		return why_set(why, -EBADMSG, "there is no line in it");
	/* Files that were named may be a part of the log. */
	if (v->named && v->anchor_n > v->check.n)
		printf("what is behind line %" PRIu64 ", up to line %" PRIu64
		       " that the anchor knows, was not among them\n",
			v->check.n, v->anchor_n);
	else if (audit_check_finish(&v->check, what, sizeof(what))) {
		if (was_rotated(v))
			return why_set(
				why, -EAGAIN, "%s was rotated meanwhile; try again", v->path);
		verify_found(v, v->path, v->check.lines + 1, what);
	}
	if (v->printed > FINDINGS_MAX)
		printf("and %" PRIu64 " more\n", v->printed - FINDINGS_MAX);
	if (v->printed)
		return why_set(why, -EBADMSG,
			"%" PRIu64 " findings in %" PRIu64
			" lines: they are not as secretfs wrote them",
			v->printed, v->check.lines);
	printf("%" PRIu64 " lines, %" PRIu64 " to %" PRIu64 ", are as they were written\n",
		v->check.lines, v->check.first, v->check.n);
	if (!v->anchored)
		puts("there is no anchor that knows the log: nothing tells if lines at its end are "
		     "missing");
	return 0;
}

static int verify_log(struct verify *v, struct why *why)
{
	int r = verify_prepare(v, why);

	if (r == 0 && v->log.packed)
		log_warn("%u compressed files beside %s are not read", v->log.packed, v->path);
	for (size_t i = 0; r == 0 && i < v->log.n; i++)
		r = verify_file(v, &v->log.items[i], why);
	return r < 0 ? r : verify_end(v, why);
}

static int verify_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {.argc = argc,
		.argv = argv,
		.options = verify_options,
		.help = cmd_audit_verify.help};
	struct verify v = {.file = STOREFILE_INIT};
	struct why why = {0};
	int r = verify_args(&v, &args, &why);

	if (r == 0)
		r = verify_log(&v, &why);
	audit_check_end(&v.check);
	auditlog_free(&v.log);
	fd_close(&v.file.lock);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_audit_verify = {
	.group = "audit",
	.name = "verify",
	.summary = "check that an audit log was not changed",
	.help = "usage: secretctl audit verify [FILE...] [--log LOG] [--store STORE] [KEY]\n"
		"\n"
		"Checks the chain of the audit log, with what rotation has put beside it: which "
		"lines were\n"
		"changed, put in or are missing, and, by the anchor, if its end was cut off. With "
		"FILEs these\n"
		"alone are read, and their end may be anywhere.\n"
		"\n"
		"  --log LOG           the log; default: audit_file of secretfs.conf\n"
		"  --store STORE       the store that it belongs to\n" STOREFILE_HELP,
	.secrets = true,
	.store = true,
	.run = verify_run,
};
