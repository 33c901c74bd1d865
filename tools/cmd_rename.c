/* SPDX-License-Identifier: MIT */
/* cmd_rename: gives a secret another name in its namespace. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "owner.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"

static const struct args_option rename_options[] = {
	{.name = "name", .letter = 'n', .takes = true},
	{0},
};

static int rename_args(
	struct tree_name *name, struct tree_name *new, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 'n')
			r = tree_name_parse(new, args->value, why);
		else if (name->name[0] != '\0')
			r = why_set(why, -EINVAL, "one NAME; the new one is -n NEW; see --help");
		else
			r = tree_name_parse(name, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && name->name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	if (r == 0 && new->name[0] == '\0')
		r = why_set(why, -EINVAL, "which new name? give -n NEW");
	return r;
}

static int rename_secret(const struct tree *tree, const struct tree_name *name,
	struct tree_name *new, struct why *why)
{
	int ns = tree->ns[name->ns];

	if (new->ns != TREE_ANY &&new->ns != name->ns)
		return why_set(why, -EINVAL,
			"%s: rename does not change who sees it; use \"secretctl update "
			"--private\"",
			name->text);
	tree_name_set(new, name->ns);
	/* Onto itself would be no error, and would say that something was done. */
	if (strcmp(name->name, new->name) == 0)
		return why_set(why, -EEXIST, "%s: it has this name already", name->text);
	if (renameat2(ns, name->name, ns, new->name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST)
		return why_set(
			why, -EEXIST, "%s: it exists already; nothing was changed", new->text);
	return tree_why(why, -errno, name->text);
}

static int rename_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = rename_options, .help = cmd_rename.help};
	struct tree_name name = {0}, new = {0};
	AUTO_TREE tree = TREE_INIT;
	AUTO_FD dir = -1;
	struct why why;
	int r = rename_args(&name, &new, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = tree_find(&tree, &name, &dir, &why);
	if (r == 0)
		r = owner_check_change(&name, dir, &why);
	if (r == 0)
		r = rename_secret(&tree, &name, &new, &why);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	print_done("renamed to", new.text);
	return 0;
}

const struct verb cmd_rename = {
	.name = "rename",
	.summary = "give a secret another name",
	.help = "usage: secretctl rename NAME -n NEW\n"
		"\n"
		"Id, values, history and permissions stay. A name that is taken is an error.\n"
		"\n"
		"  -n, --name NEW   the new name\n",
	.run = rename_run,
};
