/* SPDX-License-Identifier: MIT */
/* cmd_revoke: takes rights on a public secret and all its keys. */
#include "granting.h"

static int revoke_run(struct ctl *ctl, int argc, char **argv)
{
	const struct granting granting = {
		.help = cmd_revoke.help, .take = true, .change = permit_revoke};

	return granting_run(ctl, &granting, argc, argv);
}

const struct verb cmd_revoke = {
	.name = "revoke",
	.summary = "take rights on a secret away",
	.help = "usage: secretctl revoke NAME SUBJECT[=RIGHT,...] ...\n"
		"\n"
		"Takes rights, or all of them, on your public secret and all its keys; see "
		"secretctl\n"
		"grant --help. What is taken is gone however somebody had it: a user whom a group "
		"or other\n"
		"would let in gets an entry that keeps him out. Who has read a value knows it: "
		"change it.\n",
	.run = revoke_run,
};
