/* SPDX-License-Identifier: MIT */
/* cmd_rollback: makes the keys and values of a secret those of an earlier version. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "owner.h"
#include "print.h"
#include "restore.h"
#include "secretctl.h"
#include "tree.h"
#include "versions.h"

static const struct args_option rollback_options[] = {{0}};

static int rollback_args(
	struct tree_name *name, uint64_t *ret_version, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (name->name[0] == '\0')
			r = tree_name_parse(name, args->value, why);
		else if (*ret_version == 0)
			r = versions_parse(args->value, ret_version, why);
		else
			r = why_set(why, -EINVAL, "one NAME and one version; see --help");
		if (r < 0)
			return r;
	}
	if (r == 0 && *ret_version == 0)
		r = why_set(why, -EINVAL, "which NAME, and to which version? see --help");
	return r;
}

static int rollback_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = rollback_options, .help = cmd_rollback.help};
	struct tree_name name = {0};
	uint64_t version = 0, now = 0;
	AUTO_TREE tree = TREE_INIT;
	AUTO_FD dir = -1;
	char text[PRINT_NAME];
	struct why why;
	int r = rollback_args(&name, &version, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = tree_find(&tree, &name, &dir, &why);
	if (r == 0)
		r = owner_check_change(&name, dir, &why);
	if (r == 0) {
		ctl_begin_change();
		r = restore_version(dir, &name, version, &why);
	}
	if (r == 0) {
		r = versions_current(dir, &now);
		if (r < 0)
			tree_why(&why, r, name.text);
	}
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	print_escape(name.text, text, sizeof(text));
	printf("%s is as in version %" PRIu64 "; this is version %" PRIu64 "\n", text, version,
		now);
	return 0;
}

const struct verb cmd_rollback = {
	.name = "rollback",
	.summary = "set a secret back to an earlier version",
	.help = "usage: secretctl rollback NAME N\n"
		"\n"
		"Makes keys and values exactly those of version N, in one transaction: what came "
		"later\n"
		"is removed. That is a new version, whose number is printed; where nothing differs "
		"there\n"
		"is none. Owner, permissions, expiry and description stay as they are.\n",
	.secrets = true,
	.run = rollback_run,
};
