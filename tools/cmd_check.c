/* SPDX-License-Identifier: MIT */
/* cmd_check: says which references in files do not resolve. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "exitcode.h"
#include "log.h"
#include "resolve.h"
#include "secretctl.h"
#include "source.h"
#include "tree.h"

#define CHECK_LEVEL "SECRETFS_VALIDATION_LEVEL"

enum check_level { CHECK_NONE, CHECK_SECRET, CHECK_KEY };

struct check {
	enum check_level level;
	bool strict;
	struct source *sources;
	size_t n;
	size_t references;
	long failures;
	int err; /* of the first file that could not be read */
};

static const struct args_option check_options[] = {
	{.name = "level", .letter = 'l', .takes = true},
	{.name = "strict", .letter = 's', .hidden = true},
	{0},
};

static int check_level(
	const char *text, const char *where, enum check_level *ret_level, struct why *why)
{
	static const char *const levels[] = {"NONE", "SECRET_EXISTS", "SECRET_AND_KEY_EXISTS"};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(text, levels[i]) == 0) {
			*ret_level = (enum check_level)i;
			return 0;
		}
	}
	return why_set(why, -EINVAL, "%s: %.40s: say NONE, SECRET_EXISTS or SECRET_AND_KEY_EXISTS",
		where, text);
}

/* The files that can be read; the others are told and make the whole fail in the end. */
static int check_read(struct check *check, const struct ctl *ctl, const char *path)
{
	struct source source;
	struct why why;
	int r = source_read(&source, path, &why);

	if (r == 0) {
		check->sources[check->n++] = source;
		return 0;
	}
	ctl_fail(ctl, r, &why);
	if (check->err == 0)
		check->err = r;
	return 0;
}

static int check_args(struct check *check, struct args *args, const char **paths, struct why *why)
{
	const char *level = getenv(CHECK_LEVEL), *where = CHECK_LEVEL;
	size_t n = 0;
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == ARGS_WORD) {
			paths[n++] = args->value;
		} else if (r == 's') {
			check->strict = true;
		} else {
			level = args->value;
			where = "--level";
		}
	}
	check->level = CHECK_KEY;
	if (r == 0 && level != NULL && (level[0] != '\0' || where[0] == '-'))
		r = check_level(level, where, &check->level, why);
	if (r == 0 && n == 0)
		r = why_set(why, -EINVAL, "which FILE? - is standard input; see --help");
	return r;
}

static int check_report(struct check *check, struct resolve *resolve)
{
	for (size_t i = 0; i < check->n; i++) {
		long n = source_report(&check->sources[i], resolve, check->strict, stdout);

		if (n < 0)
			return (int)n;
		check->failures += n;
	}
	return fflush(stdout) == 0 ? 0 : -errno;
}

static int check_look(struct check *check, const struct ctl *ctl, struct why *why)
{
	AUTO_RESOLVE resolve = {0};
	AUTO_TREE tree = TREE_INIT;
	int r = tree_open(&tree, ctl->mount, why);

	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < check->n; i++)
		r = source_want(&check->sources[i], &resolve, &check->references);
	if (r < 0)
		return why_set(why, r, "out of memory");
	r = resolve_look(
		&resolve, &tree, check->level == CHECK_KEY ? RESOLVE_KEY : RESOLVE_SECRET, why);
	if (r < 0)
		return r;
	r = check_report(check, &resolve);
	return r < 0 ? why_set(why, r, "standard output: %s", strerror(-r)) : 0;
}

static int check_all(struct check *check, const struct ctl *ctl, struct args *args, struct why *why)
{
	const char **paths = calloc((size_t)args->argc + 1, sizeof(*paths));
	int r;

	check->sources = calloc((size_t)args->argc + 1, sizeof(*check->sources));
	if (paths == NULL || check->sources == NULL)
		r = why_set(why, -ENOMEM, "out of memory");
	else
		r = check_args(check, args, paths, why);
	for (size_t i = 0; r == 0 && paths[i] != NULL; i++)
		r = check_read(check, ctl, paths[i]);
	free(paths);
	if (r == 0 && check->level != CHECK_NONE)
		r = check_look(check, ctl, why);
	return r;
}

static int check_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = check_options, .help = cmd_check.help};
	struct check check = {0};
	struct why why;
	int r = check_all(&check, ctl, &args, &why);

	for (size_t i = 0; i < check.n; i++)
		source_free(&check.sources[i]);
	free(check.sources);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	if (check.err == 0 && check.failures == 0)
		return 0;
	if (check.failures > 0)
		log_err("%s: %ld of %zu references do not resolve", ctl->verb, check.failures,
			check.references);
	/* A file that was not looked at weighs more than what was found in the others. */
	return check.err < 0 ? check.err : EXITCODE_UNRESOLVED;
}

const struct verb cmd_check = {
	.name = "check",
	.summary = "say which references in files do not resolve",
	.help = "usage: secretctl check FILE... [--level LEVEL] [--strict]\n"
		"\n"
		"Prints FILE:LINE:COLUMN and what is wrong for each {{name.key}} that does not "
		"resolve.\n"
		"No value is read. FILE may be - for standard input.\n"
		"\n"
		"  -l, --level LEVEL   NONE, SECRET_EXISTS or SECRET_AND_KEY_EXISTS (default);\n"
		"                      also by $SECRETFS_VALIDATION_LEVEL\n"
		"      --strict        a bare name that leads to a public secret of another user "
		"fails,\n"
		"                      instead of a warning\n",
	.run = check_run,
};
