/* SPDX-License-Identifier: MIT */
/* cmd_purge: drops the earlier versions of a secret, or the values of one key in them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "near.h"
#include "owner.h"
#include "print.h"
#include "prompt.h"
#include "secretctl.h"
#include "tree.h"
#include "versions.h"

#define PURGE_COPIES "backups and other copies of the store still hold what was there"

struct purge {
	struct tree_name name;
	const char *key; /* NULL: all keys */
	bool yes;
	struct versions versions;
	uint64_t current;
	size_t n; /* earlier versions that are dropped, or that hold the key */
};

static const struct args_option purge_options[] = {
	{.name = "yes", .letter = 'y'},
	{0},
};

static int purge_args(struct purge *purge, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 'y') {
			purge->yes = true;
			r = 0;
		} else if (purge->name.name[0] == '\0') {
			r = tree_name_parse(&purge->name, args->value, why);
		} else if (purge->key == NULL) {
			purge->key = args->value;
			r = tree_key_check(purge->key, why);
		} else {
			r = why_set(why, -EINVAL, "one NAME and one KEY at a time; see --help");
		}
		if (r < 0)
			return r;
	}
	if (r == 0 && purge->name.name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	return r;
}

static int purge_why(const struct purge *purge, int dir, int err, struct why *why)
{
	struct stat st;

	if (err != -EACCES && err != -EPERM)
		return tree_why(why, err, purge->name.text);
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) == 0 && st.st_uid == geteuid())
		return why_set(why, err,
			"%s: you cannot write to it, although it is yours: chmod u+wx it first",
			purge->name.text);
	return why_set(
		why, err, "%s: only its owner may drop its earlier versions", purge->name.text);
}

/* ---- what there is ---- */

static size_t purge_earlier(const struct purge *purge)
{
	return purge->versions.n - 1;
}

/* 1: version number has the key, 0: not. */
static int purge_has(const struct purge *purge, int dir, uint64_t number)
{
	char path[NAME_MAX_BYTES + 64];
	struct stat st;

	snprintf(path, sizeof(path), ".versions/%" PRIu64 "/%s", number, purge->key);
	if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT || errno == ESTALE ? 0 : -errno;
}

static void purge_near(int dir, uint64_t number, struct near *near)
{
	char path[64];
	AUTO_TREE_LIST keys = {0};

	snprintf(path, sizeof(path), ".versions/%" PRIu64, number);
	AUTO_FD version = openat(dir, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (version < 0 || tree_list(version, &keys) < 0)
		return;
	for (size_t i = 0; i < keys.n; i++)
		near_try(near, "", keys.names[i]);
}

static int purge_no_key(const struct purge *purge, int dir, struct why *why)
{
	AUTO_TREE_LIST keys = {0};
	struct near near;

	near_start(&near, purge->key);
	if (tree_list(dir, &keys) == 0) {
		for (size_t i = 0; i < keys.n; i++)
			near_try(&near, "", keys.names[i]);
	}
	for (size_t i = 0; i < purge_earlier(purge); i++)
		purge_near(dir, purge->versions.numbers[i], &near);
	return why_set(why, -ENOENT, "%s: there is no key %s in any version%s%s%s",
		purge->name.text, purge->key, near_found(&near) ? "; did you mean " : "",
		near_found(&near) ? near.best : "", near_found(&near) ? "?" : "");
}

/* Counts what is to be dropped. */
static int purge_look(struct purge *purge, int dir, struct why *why)
{
	struct stat st;
	int r = versions_read(&purge->versions, dir, &purge->name, why);

	if (r < 0)
		return r == -EACCES ? purge_why(purge, dir, r, why) : r;
	purge->current = purge->versions.numbers[purge_earlier(purge)];
	purge->n = purge->key == NULL ? purge_earlier(purge) : 0;
	for (size_t i = 0; purge->key != NULL && i < purge_earlier(purge); i++) {
		r = purge_has(purge, dir, purge->versions.numbers[i]);
		if (r < 0)
			return purge_why(purge, dir, r, why);
		purge->n += (size_t)r;
	}
	if (purge->key == NULL || purge->n > 0 ||
		fstatat(dir, purge->key, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return errno == ENOENT ? purge_no_key(purge, dir, why)
			       : tree_key_why(why, -errno, &purge->name, purge->key);
}

/* ---- asking and doing ---- */

/* "the 3 earlier versions of public/db", "key password in 1 earlier version of public/db" */
static void purge_what(const struct purge *purge, char *ret_text, size_t size)
{
	char name[PRINT_NAME], key[PRINT_NAME];
	const char *s = purge->n == 1 ? "" : "s";

	print_escape(purge->name.text, name, sizeof(name));
	if (purge->key == NULL) {
		snprintf(ret_text, size, "%zu earlier version%s of %s", purge->n, s, name);
		return;
	}
	print_escape(purge->key, key, sizeof(key));
	snprintf(ret_text, size, "%s in %zu earlier version%s of %s", key, purge->n, s, name);
}

/* 1: yes, 0: no. */
static int purge_ask(const struct purge *purge, struct why *why)
{
	char what[2 * PRINT_NAME + 64], question[2 * PRINT_NAME + 256];
	int r;

	purge_what(purge, what, sizeof(what));
	snprintf(question, sizeof(question),
		"Version %" PRIu64 ", the current one, stays; " PURGE_COPIES ".\nDrop %s for ever?",
		purge->current, what);
	r = prompt_yes(question);
	if (r < 0)
		return why_set(why, r, "%s: there is nobody to ask whether you are sure; give -y",
			purge->name.text);
	return r;
}

/* Each version is a transaction of its own: what was dropped before a failure is dropped. */
static int purge_key(const struct purge *purge, int dir, struct why *why)
{
	char path[NAME_MAX_BYTES + 64];

	for (size_t i = 0; i < purge_earlier(purge); i++) {
		uint64_t number = purge->versions.numbers[i];
		int err;

		snprintf(path, sizeof(path), ".versions/%" PRIu64 "/%s", number, purge->key);
		if (unlinkat(dir, path, 0) == 0 || errno == ENOENT || errno == ESTALE)
			continue;
		err = -errno;
		return why_set(why, err,
			"%s/%s: %s in version %" PRIu64
			"; what is older is dropped: do it again for the rest",
			purge->name.text, purge->key, strerror(-err), number);
	}
	return 0;
}

static int purge_do(const struct purge *purge, int dir, struct why *why)
{
	ctl_begin_change();
	if (purge->key != NULL)
		return purge_key(purge, dir, why);
	return unlinkat(dir, ".versions", AT_REMOVEDIR) < 0 ? purge_why(purge, dir, -errno, why)
							    : 0;
}

static int purge_secret(struct purge *purge, const struct tree *tree, struct why *why)
{
	AUTO_FD dir = -1;
	char what[2 * PRINT_NAME + 64];
	int r = tree_find(tree, &purge->name, &dir, why);

	if (r == 0)
		r = owner_check_change(&purge->name, dir, why);
	if (r == 0)
		r = purge_look(purge, dir, why);
	if (r < 0)
		return r;
	purge_what(purge, what, sizeof(what));
	if (purge->n == 0) {
		printf("nothing to purge: %s\n", what);
		return 0;
	}
	r = purge->yes ? 1 : purge_ask(purge, why);
	if (r == 0)
		puts("nothing was purged");
	if (r > 0) {
		r = purge_do(purge, dir, why);
		if (r == 0)
			printf("purged %s; " PURGE_COPIES "\n", what);
	}
	return r;
}

static int purge_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = purge_options, .help = cmd_purge.help};
	struct purge purge = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = purge_args(&purge, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = purge_secret(&purge, &tree, &why);
	versions_free(&purge.versions);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_purge = {
	.name = "purge",
	.summary = "drop earlier versions of a secret",
	.help = "usage: secretctl purge NAME [KEY] [-y]\n"
		"\n"
		"Drops all earlier versions of your secret, or the values of KEY in them; the "
		"current\n"
		"version stays. Asks before. They are gone from the store for ever, but not from "
		"backups\n"
		"and other copies of it: a value that somebody may have seen must be replaced.\n"
		"\n"
		"  -y, --yes   do not ask\n",
	.run = purge_run,
};
