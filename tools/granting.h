/* SPDX-License-Identifier: MIT */
/* granting: what the verbs grant and revoke share: NAME, SUBJECT=RIGHTS ..., and what is said. */
#ifndef TOOLS_GRANTING_H
#define TOOLS_GRANTING_H

#include <stdbool.h>

#include "permit.h"
#include "secretctl.h"

struct granting {
	const char *help;
	bool take; /* revoke: rights need not be named */
	int (*change)(
		struct permit *permit, const struct subject *subjects, size_t n, struct why *why);
};

/* All of such a verb. */
int granting_run(struct ctl *ctl, const struct granting *granting, int argc, char **argv);

#endif
