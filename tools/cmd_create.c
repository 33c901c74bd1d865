/* SPDX-License-Identifier: MIT */
/* cmd_create: a new secret with its keys, all of it or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "ask.h"
#include "edit.h"
#include "fd.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"

struct create {
	bool private;
	struct tree_name name;
	struct edit edit;
};

static const struct args_option create_options[] = {
	{.name = "private", .letter = 'p'},
	EDIT_OPTIONS,
	{0},
};

static int create_arg(struct create *create, int what, char *value, struct why *why)
{
	int r = edit_arg(&create->edit, what, value, why);

	if (r <= 0)
		return r;
	if (what == 'p') {
		create->private = true;
		return 0;
	}
	/* May be a value that a space has cut off from its key. */
	if (create->name.name[0] != '\0')
		return why_set(
			why, -EINVAL, "one NAME is enough; a key is --KEY=VALUE; see --help");
	return tree_name_parse(&create->name, value, why);
}

static int create_args(struct create *create, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = create_arg(create, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && create->name.name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	if (r == 0 && create->private)
		r = tree_name_select(&create->name, TREE_PRIVATE, why);
	if (r == 0 && create->name.ns == TREE_ANY)
		r = tree_name_select(&create->name, TREE_PUBLIC, why);
	return r;
}

static int create_exists(const struct create *create, struct why *why)
{
	return why_set(why, -EEXIST,
		"%s: it exists already and was not changed; use \"secretctl update\"",
		create->name.text);
}

/* Before anybody is asked for values that could not be kept. */
static int create_check(const struct create *create, int ns, struct why *why)
{
	struct stat st;

	if (fstatat(ns, create->name.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return create_exists(create, why);
	return errno == ENOENT ? 0 : tree_why(why, -errno, create->name.text);
}

/* Only what was made here: whoever else may write into it has made his own. */
static int create_undo(const struct create *create, int ns, int dir)
{
	const struct values *values = &create->edit.change.set;
	int r = 0;

	for (size_t i = 0; dir >= 0 && i < values->n; i++) {
		if (unlinkat(dir, values->items[i].key, 0) < 0 && errno != ENOENT)
			r = -errno;
	}
	if (unlinkat(ns, create->name.name, AT_REMOVEDIR) < 0)
		r = -errno;
	return r;
}

static int create_fill(const struct create *create, int dir, struct why *why)
{
	struct edit_undo undo;
	int r = edit_attrs(&create->edit, dir, &create->name, &undo, why);

	return r < 0 ? r : change_fill(&create->edit.change, dir, &create->name, why);
}

static int create_secret(const struct create *create, int ns, struct why *why)
{
	const char *name = create->name.name;
	AUTO_FD dir = -1;
	int r;

	ctl_begin_change();
	if (mkdirat(ns, name, 0777) < 0)
		return errno == EEXIST ? create_exists(create, why)
				       : tree_why(why, -errno, create->name.text);
	dir = openat(ns, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? tree_why(why, -errno, create->name.text) : create_fill(create, dir, why);
	if (r < 0 && create_undo(create, ns, dir) < 0) {
		struct why first = *why;

		why_set(why, r, "%.600s; a part is left: remove it with \"secretctl delete\"",
			first.text);
	}
	return r;
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
	if (r == 0)
		r = tree_ns_usable(&tree, create.name.ns, &why);
	if (r == 0)
		r = create_check(&create, tree.ns[create.name.ns], &why);
	if (r == 0 && create.edit.interactive)
		r = ask_change(&create.edit.change, NULL, &why);
	if (r == 0)
		r = create_secret(&create, tree.ns[create.name.ns], &why);
	edit_free(&create.edit);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	print_done("created", create.name.text);
	return 0;
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
