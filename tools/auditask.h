/* SPDX-License-Identifier: MIT */
/* auditask: which lines of an audit log somebody asks for: of a secret, of a user, from when on. */
#ifndef TOOLS_AUDITASK_H
#define TOOLS_AUDITASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

/* Starts as zeros: all lines. */
struct auditask {
	const char *name; /* [public/|private/]NAME[/KEY], or an id; NULL: any */
	bool by_user;
	uint32_t uid;
	bool since_given;
	int64_t since; /* seconds since 1970 */
};

/* A name or a number. -EINVAL. */
int auditask_user(struct auditask *ask, const char *text, struct why *why);

/* A moment (times.h), or how long ago: 2h, 1d12h. -EINVAL. */
int auditask_since(struct auditask *ask, const char *text, int64_t now, struct why *why);

/* A line of a log, without its newline. */
bool auditask_wants(const struct auditask *ask, const char *line, size_t len);

#endif
