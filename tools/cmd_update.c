/* SPDX-License-Identifier: MIT */
/*
 * cmd_update: sets and removes keys of a secret, its expiry and description, and moves it between
 * private and public.
 *
 * The keys are one transaction; each attribute, and the move, is another. So that a failure leaves
 * nothing half done, what can be known beforehand is checked first; then
 *
 *     1  a public secret that becomes private is closed to all but its owner
 *     2  attributes, which can be put back
 *     3  the keys
 *     4  the move, which only somebody can stop who takes the name just now
 *
 * and what fails undoes what came before it. Nothing is shown to more people than asked for: new
 * values become public only with the move, and are never to be seen by who will lose the secret.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "ask.h"
#include "edit.h"
#include "fd.h"
#include "info.h"
#include "owner.h"
#include "print.h"
#include "restore.h"
#include "secretctl.h"
#include "tree.h"
#include "versions.h"

struct update {
	struct tree_name name;
	enum tree_ns want; /* TREE_ANY: stays where it is */
	struct edit edit;
	/* What has been done, to be undone. */
	bool closed;
	mode_t mode; /* before it was closed */
	struct edit_undo attrs;
	uint64_t version; /* before the keys were changed; 0: they were not */
};

static const struct args_option update_options[] = {
	{.name = "private", .letter = 'p', .takes = true},
	{.name = "remove-keys", .letter = 'r', .takes = true},
	EDIT_OPTIONS,
	{0},
};

static int update_arg(struct update *update, int what, char *value, struct why *why)
{
	bool private = false;
	int r = edit_arg(&update->edit, what, value, why);

	if (r <= 0)
		return r;
	switch (what) {
	case 'r':
		return change_remove(&update->edit.change, value, why);
	case 'p':
		r = args_bool(value, &private, why);
		update->want = private ? TREE_PRIVATE : TREE_PUBLIC;
		return r;
	default:
		if (update->name.name[0] != '\0')
			return why_set(why, -EINVAL,
				"one NAME is enough; a key is --KEY=VALUE; see --help");
		return tree_name_parse(&update->name, value, why);
	}
}

static int update_args(struct update *update, struct args *args, struct why *why)
{
	const struct edit *edit = &update->edit;
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = update_arg(update, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (update->name.name[0] == '\0')
		return why_set(why, -EINVAL, "which NAME? see --help");
	if (change_empty(&edit->change) && update->want == TREE_ANY && !edit_has_attrs(edit) &&
		!edit->interactive)
		return why_set(why, -EINVAL, "nothing to change was given; see --help");
	return 0;
}

static int update_ask(struct update *update, int dir, struct why *why)
{
	AUTO_TREE_LIST keys = {0};
	char text[PRINT_NAME];
	int r = tree_list(dir, &keys);

	if (r < 0)
		return tree_why(why, r, update->name.text);
	for (size_t i = 0; i < keys.n; i++) {
		print_escape(keys.names[i], text, sizeof(text));
		fprintf(stderr, "%s%s%s", i == 0 ? "Keys that it has: " : ", ", text,
			i + 1 == keys.n ? "\n" : "");
	}
	return ask_change(&update->edit.change, &keys, why);
}

/* ---- before ---- */

static bool update_moves(const struct update *update)
{
	return update->want != TREE_ANY && update->want != update->name.ns;
}

/* To private, a secret may hold no key of anybody else. */
static int update_check_keys(const struct update *update, int dir, struct why *why)
{
	AUTO_TREE_LIST keys = {0};
	int r = tree_list(dir, &keys);

	if (r < 0)
		return tree_why(why, r, update->name.text);
	for (size_t i = 0; i < keys.n; i++) {
		struct stat st;

		if (fstatat(dir, keys.names[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue; /* removed meanwhile */
		if (st.st_uid != geteuid())
			return why_set(why, -EPERM,
				"%s/%s: it belongs to %s, and what is in a private secret must be "
				"yours; remove it first",
				update->name.text, keys.names[i], info_user(st.st_uid));
	}
	return 0;
}

static int update_check_move(
	const struct update *update, const struct tree *tree, int dir, struct why *why)
{
	struct stat st;
	int r = tree_ns_usable(tree, update->want, why);

	if (r < 0)
		return r;
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return tree_why(why, -errno, update->name.text);
	if (st.st_uid != geteuid())
		return why_set(why, -EPERM, "%s: only its owner may change who sees it",
			update->name.text);
	if (fstatat(tree->ns[update->want], update->name.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return why_set(why, -EEXIST,
			"%s/%s: it exists already; nothing was changed; remove or rename one of "
			"the two",
			tree_ns_text(update->want), update->name.name);
	if (errno != ENOENT || faccessat(tree->ns[update->want], ".", W_OK | X_OK, AT_EACCESS) < 0)
		return tree_why(why, -errno, tree_ns_text(update->want));
	return update->want == TREE_PRIVATE ? update_check_keys(update, dir, why) : 0;
}

static int update_check_attrs(const struct update *update, int dir, struct why *why)
{
	struct stat st;

	if (!edit_has_attrs(&update->edit))
		return 0;
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return tree_why(why, -errno, update->name.text);
	if (geteuid() != 0 && st.st_uid != geteuid())
		return edit_not_owner(&update->name, why);
	return 0;
}

static int update_check(
	const struct update *update, const struct tree *tree, int dir, struct why *why)
{
	int r = change_check(&update->edit.change, dir, &update->name, why);

	if (r == 0)
		r = update_check_attrs(update, dir, why);
	if (r == 0 && update_moves(update))
		r = update_check_move(update, tree, dir, why);
	return r;
}

/* ---- the four steps ---- */

static int update_chmod(int dir, mode_t mode)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return chmod(path, mode) < 0 ? -errno : 0;
}

/* The bits of the group are the mask of an ACL, so that it stays and counts for nothing. */
static int update_close(struct update *update, int dir, struct why *why)
{
	struct stat st;
	int r;

	if (!update_moves(update) || update->want != TREE_PRIVATE ||
		change_empty(&update->edit.change))
		return 0;
	if (fstatat(dir, "", &st, AT_EMPTY_PATH) < 0)
		return tree_why(why, -errno, update->name.text);
	update->mode = st.st_mode & 07777;
	r = update_chmod(dir, update->mode & ~(mode_t)077);
	update->closed = r == 0;
	return r < 0 ? tree_why(why, r, update->name.text) : 0;
}

static int update_keys(struct update *update, int dir, struct why *why)
{
	uint64_t version = 0;
	int r;

	if (change_empty(&update->edit.change))
		return 0;
	/* Only the owner can move it, and an owner can see versions. */
	if (update_moves(update) && versions_current(dir, &version) < 0)
		version = 0;
	r = change_apply(&update->edit.change, dir, &update->name, why);
	if (r == 0)
		update->version = version;
	return r;
}

static int update_move(struct update *update, const struct tree *tree, struct why *why)
{
	const char *name = update->name.name;

	if (!update_moves(update))
		return 0;
	if (renameat2(tree->ns[update->name.ns], name, tree->ns[update->want], name,
		    RENAME_NOREPLACE) < 0)
		return tree_why(why, -errno, update->name.text);
	tree_name_set(&update->name, update->want);
	return 0;
}

/* Puts back what was done, last things first. The sentence says what could not be put back. */
static void update_undo(struct update *update, int dir, struct why *why)
{
	struct why first = *why, second;

	if (update->version > 0 &&
		restore_version(dir, &update->name, update->version, &second) < 0)
		why_set(why, 0,
			"%.300s; its keys were changed all the same, and could not be set "
			"back: %.300s",
			first.text, second.text);
	first = *why;
	if (edit_attrs_undo(dir, &update->attrs) < 0)
		why_set(why, 0, "%.600s; expiry and description were changed all the same",
			first.text);
	first = *why;
	if (update->closed && update_chmod(dir, update->mode) < 0)
		why_set(why, 0, "%.600s; its mode was %03o", first.text, (unsigned)update->mode);
}

static int update_secret(struct update *update, const struct tree *tree, int dir, struct why *why)
{
	int r = update_check(update, tree, dir, why);

	if (r < 0)
		return r;
	ctl_begin_change();
	r = update_close(update, dir, why);
	if (r == 0)
		r = edit_attrs(&update->edit, dir, &update->name, &update->attrs, why);
	if (r == 0)
		r = update_keys(update, dir, why);
	if (r == 0)
		r = update_move(update, tree, why);
	if (r < 0)
		update_undo(update, dir, why);
	return r;
}

static int update_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc,
		.argv = argv,
		.options = update_options,
		.keys = true,
		.help = cmd_update.help,
	};
	struct update update = {.want = TREE_ANY};
	AUTO_TREE tree = TREE_INIT;
	AUTO_FD dir = -1;
	struct why why;
	int r = update_args(&update, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = tree_find(&tree, &update.name, &dir, &why);
	if (r == 0)
		r = owner_check_change(&update.name, dir, &why);
	if (r == 0 && update.edit.interactive)
		r = update_ask(&update, dir, &why);
	if (r == 0)
		r = update_secret(&update, &tree, dir, &why);
	edit_free(&update.edit);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	print_done("updated", update.name.text);
	return 0;
}

const struct verb cmd_update = {
	.name = "update",
	.summary = "set and remove keys, make private or public",
	.help = "usage: secretctl update NAME [-p BOOL] [-i] [-v SET] [-r KEY]... "
		"[--KEY=VALUE]...\n"
		"                        [--expires WHEN] [--description TEXT]\n"
		"\n"
		"Keys that are not named stay; those that are change together or not at all. Your\n"
		"private secret of this name is changed if there is one, otherwise the public one, "
		"if\n"
		"it is yours or root's; public/NAME and private/NAME say which.\n"
		"\n"
		"  -p, --private BOOL    true: move it to your private ones, false: make it "
		"public\n"
		"  -r, --remove-keys KEY   remove a key\n" EDIT_HELP,
	.secrets = true,
	.run = update_run,
};
