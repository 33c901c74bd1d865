/* SPDX-License-Identifier: MIT */
/*
 * cmd_inject: a text with its references replaced by values.
 *
 * Everything is read, resolved and checked before the first byte is written. The text is gone over
 * once: what values hold is not looked at for references.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "args.h"
#include "escape.h"
#include "exitcode.h"
#include "log.h"
#include "outfile.h"
#include "resolve.h"
#include "secretctl.h"
#include "source.h"
#include "tree.h"

struct inject {
	const char *in;
	const char *out;
	bool force;
	bool strict;
	enum escape_form form;
	struct source source;
	struct resolve resolve;
	struct outfile file;
	size_t references;
	long failures;
};

static const struct args_option inject_options[] = {
	{.name = "in-file", .letter = 'i', .takes = true},
	{.name = "out-file", .letter = 'o', .takes = true},
	{.name = "force", .letter = 'f'},
	{.name = "escape", .letter = 'e', .takes = true},
	{.name = "strict", .letter = 's', .hidden = true},
	{0},
};

static int inject_args(struct inject *inject, struct args *args, struct why *why)
{
	int r;

	inject->in = "-";
	while ((r = args_next(args, why)) > 0) {
		switch (r) {
		case 'i':
			inject->in = args->value;
			break;
		case 'o':
			inject->out = args->value;
			break;
		case 'f':
			inject->force = true;
			break;
		case 's':
			inject->strict = true;
			break;
		case 'e':
			r = escape_form(args->value, &inject->form, why);
			break;
		default:
			r = why_set(why, -EINVAL,
				"a file is named with -i or -o, and standard input is read "
				"without; "
				"see --help");
		}
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- what can be wrong ---- */

/* 1: told as a failure, 0: the value can be put there. -ENOMEM. */
static int inject_judge(struct inject *inject, const struct reference_scan *scan,
	const struct reference *part, const struct escape *escape)
{
	const struct source *source = &inject->source;
	struct resolve_key *key;
	struct why why;
	int r = source_key(&inject->resolve, part, &key);

	if (r == 0)
		r = source_judge(source, part, key, inject->strict, stderr);
	if (r != 0 || inject->form == ESCAPE_NONE ||
		escape_check(escape, scan->text + scan->at, scan->len - scan->at, key->bytes,
			key->len, &why) == 0)
		return r;
	r = source_say(source, part->line, part->column, stderr, "", why.text);
	return r < 0 ? r : 1;
}

/* What does not resolve, and what resolves and cannot be escaped where it stands, in the order of
 * the text. */
static int inject_check(struct inject *inject)
{
	struct reference_scan scan = source_scan(&inject->source);
	struct escape escape = {.form = inject->form};
	struct reference part;
	enum reference_kind kind;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		int r;

		if (kind == REFERENCE_TEXT) {
			escape_text(&escape, part.text, part.len);
			continue;
		}
		r = inject_judge(inject, &scan, &part, &escape);
		if (r < 0)
			return r;
		inject->failures += r;
		escape_pass(&escape);
	}
	return 0;
}

static int inject_look(struct inject *inject, const struct tree *tree, struct why *why)
{
	int r = source_want(&inject->source, &inject->resolve, &inject->references);

	if (r < 0)
		return why_set(why, r, "out of memory");
	r = resolve_look(&inject->resolve, tree, RESOLVE_VALUE, why);
	if (r < 0)
		return r;
	r = inject_check(inject);
	return r < 0 ? why_set(why, r, "out of memory") : 0;
}

/* ---- writing ---- */

static int inject_put(struct inject *inject)
{
	struct reference_scan scan = source_scan(&inject->source);
	struct escape escape = {.form = inject->form};
	struct reference part;
	enum reference_kind kind;
	int r = 0;

	while (r == 0 && (kind = reference_next(&scan, &part)) != REFERENCE_END) {
		struct resolve_key *key;

		if (kind == REFERENCE_TEXT) {
			escape_text(&escape, part.text, part.len);
			r = outfile_put(&inject->file, part.text, part.len);
			continue;
		}
		r = source_key(&inject->resolve, &part, &key);
		if (r == 0)
			r = escape_value(&escape, key->bytes, key->len, &inject->file);
	}
	return r;
}

static int inject_write(struct inject *inject, struct why *why)
{
	int r;

	/* A file that is only half of it would stay beside its place. Standard output may be a
	 * pipe that nobody reads on: there a signal must end this. */
	if (inject->file.path != NULL)
		ctl_begin_change();
	r = outfile_open(&inject->file, why);
	if (r < 0)
		return r;
	r = inject_put(inject);
	if (r < 0)
		return outfile_why(&inject->file, why, r);
	return outfile_commit(&inject->file, why);
}

static int inject_all(struct inject *inject, const struct ctl *ctl, struct why *why)
{
	AUTO_TREE tree = TREE_INIT;
	int r = outfile_plan(&inject->file, inject->out, inject->force, why);

	if (r == 0)
		r = source_read(&inject->source, inject->in, why);
	if (r == 0)
		r = tree_open(&tree, ctl->mount, why);
	if (r == 0)
		r = inject_look(inject, &tree, why);
	if (r == 0 && inject->failures == 0)
		r = inject_write(inject, why);
	return r;
}

static int inject_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = inject_options, .help = cmd_inject.help};
	struct inject inject = {.file = OUTFILE_INIT};
	struct why why;
	int r = inject_args(&inject, &args, &why);

	if (r == 0)
		r = inject_all(&inject, ctl, &why);
	outfile_close(&inject.file);
	resolve_free(&inject.resolve);
	source_free(&inject.source);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	if (inject.failures == 0)
		return 0;
	log_err("%s: %ld of %zu references do not resolve; nothing was written", ctl->verb,
		inject.failures, inject.references);
	return EXITCODE_UNRESOLVED;
}

const struct verb cmd_inject = {
	.name = "inject",
	.summary = "replace references in a text by their values",
	.help = "usage: secretctl inject [-i FILE] [-o FILE [-f]] [-e json|yaml|sh] [--strict]\n"
		"\n"
		"Copies standard input to standard output, with each {{name.key}} replaced by its "
		"value.\n"
		"If one does not resolve, nothing at all is written. \\{{ is a literal {{.\n"
		"\n"
		"  -i, --in-file FILE    read FILE\n"
		"  -o, --out-file FILE   write FILE, mode 0600, whole or not at all\n"
		"  -f, --force           replace FILE if it is there\n"
		"  -e, --escape FORM     json, yaml or sh: escape the values as it must be where "
		"they "
		"stand\n"
		"      --strict          fail where a bare name leads to a public secret of "
		"another "
		"user\n",
	.secrets = true,
	.run = inject_run,
};
