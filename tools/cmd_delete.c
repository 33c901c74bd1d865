/* SPDX-License-Identifier: MIT */
/* cmd_delete: removes a secret with its keys, after a question. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "owner.h"
#include "print.h"
#include "prompt.h"
#include "secretctl.h"
#include "tree.h"

static const struct args_option delete_options[] = {
	{.name = "yes", .letter = 'y'},
	{0},
};

static int delete_args(struct tree_name *name, bool *yes, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 'y')
			*yes = true;
		else if (name->name[0] != '\0')
			r = why_set(why, -EINVAL, "one NAME at a time; see --help");
		else
			r = tree_name_parse(name, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0 && name->name[0] == '\0')
		r = why_set(why, -EINVAL, "which NAME? see --help");
	return r;
}

/* The keys go first, so what would stop the directory from going must be known before. */
static int delete_check(
	int ns, int dir, const struct tree_name *name, size_t nkeys, struct why *why)
{
	struct stat parent, own;

	if (faccessat(ns, ".", W_OK | X_OK, AT_EACCESS) < 0 ||
		(nkeys > 0 && faccessat(dir, ".", W_OK | X_OK, AT_EACCESS) < 0) ||
		fstatat(ns, "", &parent, AT_EMPTY_PATH) < 0 ||
		fstatat(dir, "", &own, AT_EMPTY_PATH) < 0)
		return tree_why(why, -errno, name->text);
	if ((parent.st_mode & S_ISVTX) && geteuid() != 0 && geteuid() != own.st_uid &&
		geteuid() != parent.st_uid)
		return tree_why(why, -EPERM, name->text);
	return 0;
}

/* 1: yes, 0: no. */
static int delete_ask(const struct tree_name *name, size_t nkeys, struct why *why)
{
	char question[PRINT_NAME + 64], text[PRINT_NAME];
	int r;

	print_escape(name->text, text, sizeof(text));
	snprintf(question, sizeof(question), "Delete %s with %zu key%s?", text, nkeys,
		nkeys == 1 ? "" : "s");
	r = prompt_yes(question);
	if (r < 0)
		return why_set(why, r, "%s: there is nobody to ask whether you are sure; give -y",
			name->text);
	return r;
}

static int delete_secret(int ns, int dir, const struct tree_name *name,
	const struct tree_list *keys, struct why *why)
{
	ctl_begin_change();
	for (size_t i = 0; i < keys->n; i++) {
		if (unlinkat(dir, keys->names[i], 0) < 0 && errno != ENOENT)
			return tree_key_why(why, -errno, name, keys->names[i]);
	}
	if (unlinkat(ns, name->name, AT_REMOVEDIR) < 0)
		return tree_why(why, -errno, name->text);
	return 0;
}

static int delete_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = delete_options, .help = cmd_delete.help};
	AUTO_TREE tree = TREE_INIT;
	AUTO_TREE_LIST keys = {0};
	AUTO_FD dir = -1;
	struct tree_name name = {0};
	bool yes = false;
	struct why why;
	int r = delete_args(&name, &yes, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = tree_find(&tree, &name, &dir, &why);
	if (r == 0)
		r = owner_check_change(&name, dir, &why);
	if (r == 0) {
		r = tree_list(dir, &keys);
		if (r < 0)
			tree_why(&why, r, name.text);
	}
	if (r == 0)
		r = delete_check(tree.ns[name.ns], dir, &name, keys.n, &why);
	if (r == 0 && !yes) {
		r = delete_ask(&name, keys.n, &why);
		if (r == 0) {
			puts("nothing was deleted");
			return 0;
		}
	}
	if (r >= 0)
		r = delete_secret(tree.ns[name.ns], dir, &name, &keys, &why);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	print_done("deleted", name.text);
	return 0;
}

const struct verb cmd_delete = {
	.name = "delete",
	.summary = "remove a secret and all its keys",
	.help = "usage: secretctl delete NAME [-y]\n"
		"\n"
		"Asks before it removes anything. Your private secret of this name is removed if "
		"there is\n"
		"one, otherwise the public one, if it is yours or root's; public/NAME and "
		"private/NAME say which.\n"
		"\n"
		"  -y, --yes   do not ask\n",
	.run = delete_run,
};
