/* SPDX-License-Identifier: MIT */
/*
 * cmd_run: runs a program with secrets in its environment.
 *
 * It becomes the program, so signals and exit code are the program's own. Only to hide values in
 * its output it stays as its parent.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "child.h"
#include "exitcode.h"
#include "log.h"
#include "mask.h"
#include "relay.h"
#include "run_vars.h"
#include "secretctl.h"

static const struct args_option run_options[] = {
	{.name = "secret", .letter = 's', .takes = true},
	{.name = "optional", .letter = 'o', .hidden = true, .takes = true},
	{.name = "files", .letter = 'f', .hidden = true, .takes = true},
	{.name = "env-file", .letter = 'e', .takes = true},
	{.name = "mask", .letter = 'k', .hidden = true},
	{0},
};

static int run_option(struct run_vars *run, int letter, char *value, struct why *why)
{
	switch (letter) {
	case 's':
	case 'o':
	case 'f':
		return run_vars_secret(run, value, letter == 'o', letter == 'f', why);
	case 'e':
		return run_vars_file(run, value, why);
	default:
		run->masked = true;
		return 0;
	}
}

/* Options end at the first word: what follows is the program's. */
static int run_args(struct run_vars *run, struct args *args, char ***ret_program, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == ARGS_WORD) {
			*ret_program = args->argv + args->at - 1;
			return 0;
		}
		r = run_option(run, r, args->value, why);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : why_set(why, -EINVAL, "which program? see --help");
}

/* ---- hiding ---- */

static int run_mask_secret(
	const struct ctl *ctl, const struct resolve_secret *secret, struct mask_words *words)
{
	for (size_t i = 0; i < secret->n; i++) {
		const struct resolve_key *key = secret->keys[i];
		bool hidden = true;
		int r = key->bytes != NULL ? mask_add(words, key->bytes, key->len, &hidden) : 0;

		if (r < 0)
			return r;
		if (!hidden && key->len > 0)
			log_warn("%s: %s/%s: shorter than %d bytes: it will not be hidden",
				ctl->verb, secret->name.text, key->name, MASK_LEAST);
	}
	return 0;
}

static int run_mask(const struct run_vars *run, struct mask_words *words, struct why *why)
{
	const struct resolve *all[] = {&run->resolve, &run->files};
	int r = 0;

	for (size_t i = 0; i < 2; i++) {
		for (size_t j = 0; r == 0 && j < all[i]->n; j++)
			r = run_mask_secret(run->ctl, all[i]->secrets[j], words);
	}
	mask_ready(words);
	return r < 0 ? why_set(why, r, "out of memory") : 0;
}

static int run_masked(const struct run_vars *run, char **program, struct why *why)
{
	struct mask_words *words = calloc(1, sizeof(*words));
	int r = words == NULL ? why_set(why, -ENOMEM, "out of memory") : run_mask(run, words, why);

	if (r == 0)
		r = relay_run(program, run->vars.list, words, why);
	if (words != NULL)
		mask_words_free(words);
	free(words);
	return r;
}

/* ---- everything ---- */

/* What is above 0 is an exit code; for 126 and 127 why says more. */
static int run_program(const struct run_vars *run, char **program, struct why *why)
{
	if (!run->masked)
		return child_exec(program, run->vars.list, why);
	return run_masked(run, program, why);
}

static int run_all(struct run_vars *run, char **program, struct why *why)
{
	int r = run_vars_environment(run, environ, why);

	if (r == 0)
		r = run_vars_build(run, why);
	if (r < 0 || run->err < 0 || run->unresolved > 0)
		return r;
	why->text[0] = '\0';
	return run_program(run, program, why);
}

static int run_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = run_options, .help = cmd_run.help};
	struct run_vars run = {.ctl = ctl};
	char **program = NULL;
	struct why why = {0};
	int r = run_args(&run, &args, &program, &why);

	if (r == 0)
		r = run_all(&run, program, &why);
	if (r < 0 || (r > 0 && why.text[0] != '\0'))
		ctl_fail(ctl, r, &why);
	if (run.unresolved > 0)
		log_err("%s: %ld of %zu references do not resolve; nothing was run", ctl->verb,
			run.unresolved, run.references);
	if (r == 0)
		r = run.err < 0 ? run.err : run.unresolved > 0 ? (int)EXITCODE_UNRESOLVED : 0;
	run_vars_free(&run);
	return r;
}

const struct verb cmd_run = {
	.name = "run",
	.summary = "run a program with secrets as variables",
	.help = "usage: secretctl run [--secret NAME]... [--optional NAME]... [--files NAME]...\n"
		"                     [--env-file FILE]... [--mask] [--] PROGRAM [ARGUMENT...]\n"
		"\n"
		"Resolves {{name.key}} in the environment and in FILEs, and becomes PROGRAM.\n"
		"ARGUMENTs stay as they are. What comes later wins; secrets win over FILEs, FILEs "
		"over\n"
		"the environment.\n"
		"\n"
		"  -s, --secret NAME     each key as a variable\n"
		"      --optional NAME   the same, but go on with a warning where it cannot be "
		"read\n"
		"      --files NAME      the path of each key in the tree as KEY_FILE; the values "
		"stay\n"
		"                        out of the environment\n"
		"  -e, --env-file FILE   lines of NAME=VALUE\n"
		"      --mask            stay as parent and hide the values in PROGRAM's output\n",
	.secrets = true,
	.run = run_run,
};
