/* SPDX-License-Identifier: MIT */
/*
 * run_vars: what run puts into the environment of a program, and from where.
 *
 *     the caller's environment  <  --env-file, in order  <  --secret, --optional, --files, in order
 *
 * What stands further right wins. References are resolved in the first two.
 */
#ifndef TOOLS_RUN_VARS_H
#define TOOLS_RUN_VARS_H

#include <stdbool.h>
#include <stddef.h>

#include "resolve.h"
#include "secretctl.h"
#include "source.h"
#include "variables.h"

/* --secret, --optional, --files */
struct run_secret {
	struct tree_name name;
	bool optional;
	bool files; /* KEY_FILE=path instead of KEY=value */
	bool skipped;
	struct resolve_secret *found;
};

/* A variable whose text is not known to be final: it may hold references. */
struct run_plain {
	const char *name;
	size_t name_len;
	struct source value;
	char *label; /* freed with it */
};

struct run_vars {
	const struct ctl *ctl;
	struct run_secret *secrets;
	size_t nsecrets;
	struct run_plain *plain;
	size_t nplain;
	struct secbuf *texts; /* of env files */
	size_t ntexts;
	bool masked; /* values of --files are needed, too */
	struct resolve resolve;
	struct resolve files; /* what --files names */
	struct variables vars;
	size_t references;
	long unresolved; /* told already */
	int err;         /* the first other failure; told already */
};

/* From the caller's environment, which must stay as it is. */
int run_vars_environment(struct run_vars *run, char *const *from, struct why *why);

int run_vars_file(struct run_vars *run, const char *path, struct why *why);

/* optional and files as in struct run_secret. */
int run_vars_secret(
	struct run_vars *run, const char *text, bool optional, bool files, struct why *why);

/*
 * Looks everything up and builds vars. What is wrong with references, secrets and names is told
 * line by line and counted in unresolved and err; then vars is not complete.
 */
int run_vars_build(struct run_vars *run, struct why *why);

void run_vars_free(struct run_vars *run);

#endif
