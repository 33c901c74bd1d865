/* SPDX-License-Identifier: MIT */
/* cmd_create: a new secret with its keys, all of it or nothing. */
#include <errno.h>

#include "args.h"
#include "ask.h"
#include "bundle.h"
#include "make.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"

struct create {
	bool private;
	struct bundle bundle;
};

static const struct args_option create_options[] = {
	{.name = "private", .letter = 'p'},
	EDIT_OPTIONS,
	{0},
};

static int create_arg(struct create *create, int what, char *value, struct why *why)
{
	int r = edit_arg(&create->bundle.edit, what, value, why);

	if (r <= 0)
		return r;
	if (what == 'p') {
		create->private = true;
		return 0;
	}
	/* May be a value that a space has cut off from its key. */
	if (create->bundle.name.name[0] != '\0')
		return why_set(
			why, -EINVAL, "one NAME is enough; a key is --KEY=VALUE; see --help");
	return tree_name_parse(&create->bundle.name, value, why);
}

static int create_args(struct create *create, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = create_arg(create, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && create->bundle.name.name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	if (r == 0 && create->private)
		r = tree_name_select(&create->bundle.name, TREE_PRIVATE, why);
	if (r == 0 && create->bundle.name.ns == TREE_ANY)
		r = tree_name_select(&create->bundle.name, TREE_PUBLIC, why);
	return r;
}

static int create_exists(const struct create *create, struct why *why)
{
	return why_set(why, -EEXIST,
		"%s: it exists already and was not changed; use \"secretctl update\"",
		create->bundle.name.text);
}

static int create_secret(const struct create *create, const struct tree *tree, struct why *why)
{
	ctl_begin_change();
	int r = make_new(&create->bundle, tree, why);

	return r == -EEXIST ? create_exists(create, why) : r;
}

static int create_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc,
		.argv = argv,
		.options = create_options,
		.keys = true,
		.help = cmd_create.help,
	};
	struct create create = {0};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = create_args(&create, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	/* Before anybody is asked for values that could not be kept. */
	if (r == 0)
		r = make_exists(&create.bundle, &tree, &why);
	if (r > 0)
		r = create_exists(&create, &why);
	if (r == 0 && create.bundle.edit.interactive)
		r = ask_change(&create.bundle.edit.change, NULL, &why);
	if (r == 0)
		r = create_secret(&create, &tree, &why);
	if (r == 0)
		print_done("created", create.bundle.name.text);
	bundle_free(&create.bundle);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_create = {
	.name = "create",
	.summary = "make a new secret",
	.help = "usage: secretctl create NAME [-p] [-i] [-v SET] [--KEY=VALUE]...\n"
		"                        [--expires WHEN] [--description TEXT]\n"
		"\n"
		"Makes a secret with all of its keys at once, public unless -p or private/NAME "
		"says\n"
		"otherwise.\n"
		"\n"
		"  -p, --private         in your own namespace\n" EDIT_HELP,
	.secrets = true,
	.run = create_run,
};
