/* SPDX-License-Identifier: MIT */
/* cmd_grant: gives rights on a public secret and all its keys. */
#include "granting.h"

static int grant_run(struct ctl *ctl, int argc, char **argv)
{
	const struct granting granting = {.help = cmd_grant.help, .change = permit_grant};

	return granting_run(ctl, &granting, argc, argv);
}

const struct verb cmd_grant = {
	.name = "grant",
	.summary = "give rights on a secret to users and groups",
	.help = "usage: secretctl grant NAME SUBJECT=RIGHT,... ...\n"
		"\n"
		"Gives rights on your public secret and all its keys, also those that come later, "
		"besides\n"
		"what each has already. SUBJECT is user:NAME, group:NAME or other; RIGHT is\n"
		"\n"
		"  list     names of the keys, sizes and times\n"
		"  read     their values, and list\n"
		"  write    new values for the keys that there are\n"
		"  create   new keys\n"
		"  delete   removing and renaming keys; only with create\n"
		"\n"
		"They are POSIX ACLs: getfacl shows them. create without delete sets the sticky "
		"bit.\n",
	.run = grant_run,
};
