/* SPDX-License-Identifier: MIT */
/*
 * checks: what "doctor" looks at, and what it has found.
 *
 * Each check adds one finding or more; none fails. What this user cannot look at is a note that
 * says so.
 */
#ifndef TOOLS_CHECKS_H
#define TOOLS_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "serving.h"

enum checks_state {
	CHECKS_OK,
	CHECKS_NOTE, /* works, but somebody may want to know */
	CHECKS_BAD,  /* does not work, or is not safe */
};

struct checks_finding {
	enum checks_state state;
	const char *what;
	char text[768];
	char help[384]; /* what to do; empty: nothing */
};

struct checks {
	const char *mount;      /* -m DIR, or NULL */
	struct config config;   /* the caller's; all defaults if there are none */
	bool configured;        /* there is a settings file, and it is good */
	struct serving serving; /* status NULL: nobody serves */
	struct checks_finding *findings;
	size_t n;
	bool out_of_memory; /* some findings are missing */
};

struct checks *checks_new(const char *mount);
void checks_free(struct checks *checks);

/* help may be NULL. */
__attribute__((format(printf, 5, 6))) void checks_add(struct checks *checks,
	enum checks_state state, const char *what, const char *help, const char *format, ...);

/* In this order: the later ones need what the first ones have found out. */
void checks_settings(struct checks *checks);
void checks_mount(struct checks *checks);
void checks_daemon(struct checks *checks);
void checks_store(struct checks *checks);
void checks_key(struct checks *checks);
void checks_fuse(struct checks *checks);
void checks_memory(struct checks *checks);
void checks_kernel(struct checks *checks);

#endif
