/* SPDX-License-Identifier: MIT */
/*
 * cmd_update: sets and removes keys of a secret and moves it between private and public.
 *
 * Everything that can be known beforehand is checked first, so that a mistake changes nothing. A
 * secret becomes private before its new values are written and public after its old ones are
 * removed: nothing is shown to more people than asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"
#include "values.h"

struct update {
	struct tree_name name;
	enum tree_ns want; /* TREE_ANY: stays where it is */
	struct values values;
	const char **removes; /* words of argv */
	size_t nremoves;
	size_t done; /* changes made */
};

static const struct args_option update_options[] = {
	{.name = "private", .letter = 'p', .takes = true},
	{.name = "remove-keys", .letter = 'r', .takes = true},
	{0},
};

static int update_remove_arg(struct update *update, const char *key, struct why *why)
{
	for (size_t i = 0; i < update->nremoves; i++) {
		if (strcmp(update->removes[i], key) == 0)
			return 0;
	}
	update->removes[update->nremoves++] = key;
	return tree_key_check(key, why);
}

static int update_arg(struct update *update, int what, char *value, struct why *why)
{
	bool private = false;
	int r;

	switch (what) {
	case ARGS_KEY:
		return values_add(&update->values, value, why);
	case 'r':
		return update_remove_arg(update, value, why);
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
	if (update->values.n == 0 && update->nremoves == 0 && update->want == TREE_ANY)
		return why_set(why, -EINVAL, "nothing to change was given; see --help");
	for (size_t i = 0; i < update->nremoves; i++) {
		if (values_find(&update->values, update->removes[i]) != NULL)
			return why_set(why, -EINVAL,
				"%s: both set and removed; leave out one of the two",
				update->removes[i]);
	}
	return 0;
}

static bool update_moves(const struct update *update)
{
	return update->want != TREE_ANY && update->want != update->name.ns;
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
	return errno == ENOENT ? 0 : tree_why(why, -errno, tree_ns_text(update->want));
}

static int update_check_keys(const struct update *update, int dir, struct why *why)
{
	bool changes_dir = update->nremoves > 0;

	for (size_t i = 0; i < update->nremoves; i++) {
		struct stat st;

		if (fstatat(dir, update->removes[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if (errno == ENOENT)
			return tree_no_key(dir, &update->name, update->removes[i], why);
		return tree_key_why(why, -errno, &update->name, update->removes[i]);
	}
	for (size_t i = 0; i < update->values.n; i++) {
		const char *key = update->values.items[i].key;

		if (faccessat(dir, key, W_OK, AT_EACCESS) == 0)
			continue;
		if (errno != ENOENT)
			return tree_key_why(why, -errno, &update->name, key);
		changes_dir = true;
	}
	if (changes_dir && faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return tree_why(why, -errno, update->name.text);
	return 0;
}

static int update_move(struct update *update, const struct tree *tree, struct why *why)
{
	const char *name = update->name.name;

	if (renameat2(tree->ns[update->name.ns], name, tree->ns[update->want], name,
		    RENAME_NOREPLACE) < 0)
		return tree_why(why, -errno, update->name.text);
	update->done++;
	tree_name_set(&update->name, update->want);
	return 0;
}

static int update_keys(struct update *update, int dir, struct why *why)
{
	for (size_t i = 0; i < update->values.n; i++, update->done++) {
		const struct value *value = &update->values.items[i];
		int r = tree_put(dir, value->key, &value->bytes, false);

		if (r < 0)
			return tree_key_why(why, r, &update->name, value->key);
	}
	for (size_t i = 0; i < update->nremoves; i++, update->done++) {
		if (unlinkat(dir, update->removes[i], 0) < 0)
			return tree_key_why(why, -errno, &update->name, update->removes[i]);
	}
	return 0;
}

static int update_secret(struct update *update, const struct tree *tree, int dir, struct why *why)
{
	bool moves = update_moves(update);
	size_t all = update->values.n + update->nremoves + moves;
	int r = update_check_keys(update, dir, why);

	if (r == 0 && moves)
		r = update_check_move(update, tree, dir, why);
	if (r < 0)
		return r;
	ctl_begin_change();
	if (moves && update->want == TREE_PRIVATE)
		r = update_move(update, tree, why);
	if (r == 0)
		r = update_keys(update, dir, why);
	if (r == 0 && moves && update->want == TREE_PUBLIC)
		r = update_move(update, tree, why);
	if (r < 0) {
		struct why first = *why;

		why_set(why, r, "%.640s; %zu of %zu changes were made", first.text, update->done,
			all);
	}
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
	int r;

	update.removes = calloc((size_t)argc + 1, sizeof(*update.removes));
	if (update.removes == NULL)
		r = why_set(&why, -ENOMEM, "out of memory");
	else
		r = update_args(&update, &args, &why);
	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = tree_find(&tree, &update.name, &dir, &why);
	if (r == 0)
		r = update_secret(&update, &tree, dir, &why);
	values_free(&update.values);
	free(update.removes);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	print_done("updated", update.name.text);
	return 0;
}

const struct verb cmd_update = {
	.name = "update",
	.summary = "set and remove keys, make private or public",
	.help = "usage: secretctl update NAME [--private=BOOL] [-r KEY]... [--KEY=VALUE]...\n"
		"\n"
		"Keys that are not named stay. Your private secret of this name is changed if "
		"there is one,\n"
		"otherwise the public one; public/NAME and private/NAME say which.\n"
		"\n"
		"  -p, --private BOOL      true: move it to your private ones, false: make it "
		"public\n"
		"  -r, --remove-keys KEY   remove a key\n"
		"  --KEY=VALUE             set a key; @FILE, @- and @@TEXT as in create\n"
		"  --set KEY=VALUE         the same, for a key that is called like an option\n",
	.secrets = true,
	.run = update_run,
};
