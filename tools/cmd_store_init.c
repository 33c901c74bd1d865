/* SPDX-License-Identifier: MIT */
/* cmd_store_init: a new store file, and the key file that opens it. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "keyarg.h"
#include "log.h"
#include "print.h"
#include "secretctl.h"
#include "store.h"
#include "storefile.h"

#define INIT_USER "secretfs"

struct init {
	const char *store;
	struct keyarg key;
	const char *user;
	const char *anchor; /* folder; NULL: as the daemon finds it */
	uid_t uid;          /* who the store belongs to */
	gid_t gid;
};

static const struct args_option init_options[] = {
	KEYARG_OPTIONS,
	{.name = "user", .letter = 'u', .hidden = true, .takes = true},
	{.name = "anchor", .letter = 'a', .hidden = true, .takes = true},
	{0},
};

static int init_arg(struct init *init, int what, char *value, struct why *why)
{
	if (what == 'u') {
		init->user = value;
		return 0;
	}
	if (what == 'a') {
		init->anchor = value;
		return 0;
	}
	if (what == ARGS_WORD) {
		if (init->store != NULL)
			return why_set(why, -EINVAL, "one STORE is enough; see --help");
		init->store = value;
		return 0;
	}
	int r = keyarg_take(&init->key, what, value, why);

	return r < 0 ? r : 0;
}

static int init_args(struct init *init, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = init_arg(init, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (init->store == NULL || init->store[0] == '\0')
		return why_set(why, -EINVAL, "which STORE? see --help");
	return keyarg_check(&init->key, "", why);
}

/* As root the store belongs to the user that the daemon serves as; for anybody else to themselves.
 */
static int init_owner(struct init *init, struct why *why)
{
	const char *name = init->user != NULL ? init->user : INIT_USER;
	const struct passwd *user;

	if (geteuid() != 0 && init->user == NULL) {
		init->uid = geteuid();
		init->gid = getegid();
		return 0;
	}
	user = getpwnam(name);
	if (user == NULL)
		return why_set(why, -ENOENT,
			"there is no user %s for the daemon; make it: useradd --system "
			"--user-group "
			"--no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin %s",
			name, name);
	if (geteuid() != 0 && user->pw_uid != geteuid())
		return why_set(why, -EACCES, "--user: only root can give a store to another user");
	if (user->pw_uid == 0)
		return why_set(
			why, -EINVAL, "--user: the daemon never serves as root; name another user");
	init->uid = user->pw_uid;
	init->gid = user->pw_gid;
	return 0;
}

static int init_make(const struct init *init, bool *ret_made, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT;
	struct stat st;
	int r;

	if (lstat(init->store, &st) == 0)
		return why_set(why, -EEXIST, "%s: there is something already; nothing was changed",
			init->store);
	if (errno != ENOENT)
		return why_set(why, -errno, "%s: %s; give a path that can be made", init->store,
			strerror(errno));
	r = keyarg_read_new(&init->key, &source, ret_made, why);
	if (r < 0)
		return r;
	r = store_create(
		init->store, init->uid, init->gid, geteuid(), init->key.source.kind, &source, why);
	if (r < 0 && *ret_made && unlink(init->key.source.word) < 0)
		log_warn("%s: the new key file was left behind: %s", init->key.source.word,
			strerror(errno));
	return r;
}

/* A store that was at this path before is not what the new one can be compared with. */
static void init_forget(const struct init *init)
{
	struct storefile file = STOREFILE_INIT;
	struct why why = {0};

	file.path = init->store;
	file.anchor = init->anchor;
	int r = storefile_settle(&file, &why);
	if (r == 0) {
		r = anchor_forget(file.anchor, init->store);
		if (r < 0)
			why_set(&why, r, "%s: %s", file.anchor, strerror(-r));
	}
	if (r < 0)
		log_warn("the store was made, but the anchor of an earlier one at this path could "
			 "not be looked for: %s; if there is one, start once with "
			 "--accept-rollback",
			why.text);
}

static int init_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = init_options, .help = cmd_store_init.help};
	struct init init = {.key = KEYARG_INIT};
	bool made = false;
	struct why why = {0};
	int r = init_args(&init, &args, &why);

	if (r == 0)
		r = init_owner(&init, &why);
	if (r == 0)
		r = init_make(&init, &made, &why);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	init_forget(&init);
	print_done("created", init.store);
	if (made)
		print_done("created", init.key.source.word);
	return 0;
}

const struct verb cmd_store_init = {
	.group = "store",
	.name = "init",
	.summary = "make a new, empty store",
	.help = "usage: secretctl store init STORE KEY [--user NAME] [--anchor FOLDER]\n"
		"\n"
		"Without KEY nobody can read the store: keep a copy of it elsewhere. A key file is "
		"made if it\n"
		"is not there.\n"
		"\n" KEYARG_HELP
		"  --user NAME         who the daemon serves as and the store belongs to, when "
		"root makes it\n"
		"                      (default: " INIT_USER ")\n"
		"  --anchor FOLDER     where the daemon keeps the anchor: that of an earlier store "
		"at this path\n"
		"                      is removed (default: that of secretfs.conf)\n",
	.secrets = true,
	.store = true,
	.run = init_run,
};
