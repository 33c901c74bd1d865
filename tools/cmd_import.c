/* SPDX-License-Identifier: MIT */
/* cmd_import: secrets out of files into the tree. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "bundle.h"
#include "intake.h"
#include "log.h"
#include "make.h"
#include "print.h"
#include "progress.h"
#include "secretctl.h"
#include "tree.h"

enum { IMPORT_SKIP = 'S', IMPORT_MERGE = 'M', IMPORT_FORMAT = 'T' };

struct import_name {
	enum tree_ns ns;
	char *name;
};

struct import {
	struct intake intake;
	bool skip;
	bool merge;
	struct import_name *names; /* of all that is to be imported */
	size_t n;
	size_t existing;                 /* of these */
	char first[NAME_MAX_BYTES + 16]; /* of the existing ones */
	size_t made, merged, skipped;
	struct progress progress;
};

static const struct args_option import_options[] = {
	{.name = "private", .letter = 'p'},
	{.name = "skip-existing", .letter = IMPORT_SKIP, .hidden = true},
	{.name = "merge", .letter = IMPORT_MERGE, .hidden = true},
	{.name = "name", .letter = 'n', .takes = true},
	{.name = "format", .letter = IMPORT_FORMAT, .hidden = true, .takes = true},
	{0},
};

/* ---- arguments ---- */

static int import_format(struct import *import, const char *text, struct why *why)
{
	if (strcmp(text, "yaml") == 0)
		import->intake.form = VALUES_YAML;
	else if (strcmp(text, "json") == 0)
		import->intake.form = VALUES_JSON;
	else if (strcmp(text, "env") == 0)
		import->intake.form = VALUES_ENV;
	else
		return why_set(why, -EINVAL, "--format: yaml, json or env");
	return 0;
}

static int import_arg(struct import *import, int what, const char *value, struct why *why)
{
	switch (what) {
	case 'p':
		import->intake.private = true;
		return 0;
	case IMPORT_SKIP:
		import->skip = true;
		return 0;
	case IMPORT_MERGE:
		import->merge = true;
		return 0;
	case 'n':
		import->intake.name = value;
		return 0;
	case IMPORT_FORMAT:
		return import_format(import, value, why);
	default:
		if (intake_add(&import->intake, value) < 0)
			return why_set(why, -ENOMEM, "out of memory");
		return 0;
	}
}

static int import_args(struct import *import, struct args *args, struct why *why)
{
	struct tree_name name;
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = import_arg(import, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (import->intake.nfiles == 0)
		return why_set(why, -EINVAL, "which FILE? - is standard input; see --help");
	if (import->skip && import->merge)
		return why_set(why, -EINVAL, "--skip-existing or --merge, not both");
	if (import->intake.name == NULL)
		return 0;
	if (import->intake.nfiles > 1)
		return why_set(why, -EINVAL, "--name is for one FILE");
	r = tree_name_parse(&name, import->intake.name, why);
	if (r == 0 && import->intake.private)
		r = tree_name_select(&name, TREE_PRIVATE, why);
	return r;
}

/* ---- first all is read and looked at ---- */

static int import_note(struct import *import, const struct bundle *b, struct why *why)
{
	struct import_name *names =
		reallocarray(import->names, import->n + 1, sizeof(*import->names));

	if (names == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	import->names = names;
	names[import->n] = (struct import_name){.ns = b->name.ns, .name = strdup(b->name.name)};
	if (names[import->n].name == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	import->n++;
	return 0;
}

static int import_look_one(
	struct import *import, const struct bundle *b, const struct tree *tree, struct why *why)
{
	int r = import_note(import, b, why);

	if (r == 0)
		r = make_exists(b, tree, why);
	if (r > 0 && import->existing++ == 0)
		snprintf(import->first, sizeof(import->first), "%s", b->name.text);
	return r < 0 ? r : 0;
}

static int import_compare(const void *a, const void *b)
{
	const struct import_name *x = a, *y = b;

	return x->ns != y->ns ? (x->ns > y->ns) - (x->ns < y->ns) : strcmp(x->name, y->name);
}

static int import_check_twice(struct import *import, struct why *why)
{
	if (import->n > 0)
		qsort(import->names, import->n, sizeof(*import->names), import_compare);
	for (size_t i = 1; i < import->n; i++) {
		if (import_compare(&import->names[i - 1], &import->names[i]) == 0)
			return why_set(why, -EINVAL,
				"%s/%s: it stands in the files twice; nothing was imported",
				tree_ns_text(import->names[i].ns), import->names[i].name);
	}
	return 0;
}

static int import_check_existing(const struct import *import, struct why *why)
{
	char more[64] = "";

	if (import->existing == 0 || import->skip || import->merge)
		return 0;
	if (import->existing > 1)
		snprintf(more, sizeof(more), " (and %zu others)", import->existing - 1);
	return why_set(why, -EEXIST,
		"%s%s: it exists already; nothing was imported; --skip-existing leaves it as it "
		"is, "
		"--merge sets the keys of the file in it",
		import->first, more);
}

static int import_look(struct import *import, const struct tree *tree, struct why *why)
{
	for (;;) {
		AUTO_BUNDLE b = BUNDLE_INIT;
		int r = intake_next(&import->intake, &b, why);

		if (r == 0)
			break;
		if (r > 0)
			r = import_look_one(import, &b, tree, why);
		if (r < 0)
			return r;
	}
	if (import->n == 0)
		return why_set(why, -EINVAL, "there is no secret in it; nothing was imported");
	if (import_check_twice(import, why) < 0)
		return -EINVAL;
	return import_check_existing(import, why);
}

/* ---- and then written ---- */

static int import_write_one(
	struct import *import, const struct bundle *b, const struct tree *tree, struct why *why)
{
	int r = make_exists(b, tree, why);

	if (r < 0)
		return r;
	if (r > 0 && import->skip) {
		import->skipped++;
		return 0;
	}
	if (r > 0 && import->merge) {
		r = make_merged(b, tree, why);
		import->merged += r == 0;
		return r;
	}
	r = make_new(b, tree, why);
	import->made += r == 0;
	return r;
}

static int import_write(struct import *import, const struct tree *tree, struct why *why)
{
	int r = 0;

	ctl_begin_change();
	intake_rewind(&import->intake);
	progress_start(&import->progress, "importing", import->n);
	for (;;) {
		AUTO_BUNDLE b = BUNDLE_INIT;

		r = intake_next(&import->intake, &b, why);
		if (r > 0)
			r = import_write_one(import, &b, tree, why);
		else if (r == 0)
			break;
		if (r < 0)
			break;
		progress_step(&import->progress);
	}
	progress_hide(&import->progress);
	return r;
}

/* ---- what was done ---- */

static void import_count(size_t n, const char *what)
{
	if (n > 0)
		printf("%s %zu secret%s\n", what, n, n == 1 ? "" : "s");
}

static void import_done(const struct import *import)
{
	import_count(import->made, "imported");
	import_count(import->merged, "merged into");
	import_count(import->skipped, "skipped");
	if (import->intake.left_out > 0)
		log_warn("import: %zu files were left out because their names begin with a dot",
			import->intake.left_out);
}

/* What is done stays done: whole secrets, each of them. */
static void import_stopped(const struct import *import, int err, struct why *why)
{
	struct why first = *why;
	size_t done = import->made + import->merged;

	if (done > 0)
		why_set(why, err,
			"%.500s; %zu of %zu secrets were imported before that; go on with "
			"--skip-existing",
			first.text, done, import->n);
}

static void import_free(struct import *import)
{
	intake_free(&import->intake);
	for (size_t i = 0; i < import->n; i++)
		free(import->names[i].name);
	free(import->names);
}

static int import_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = import_options, .help = cmd_import.help};
	struct import import = {.intake = INTAKE_INIT};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = import_args(&import, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = import_look(&import, &tree, &why);
	if (r == 0) {
		r = import_write(&import, &tree, &why);
		if (r < 0)
			import_stopped(&import, r, &why);
	}
	if (r == 0)
		import_done(&import);
	import_free(&import);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_import = {
	.name = "import",
	.summary = "make secrets out of files",
	.help = "usage: secretctl import FILE... [-p] [--skip-existing | --merge] [-n NAME]\n"
		"                        [--format yaml|json|env]\n"
		"\n"
		"Makes the secrets that \"secretctl export\" has written, or those of JSON, YAML "
		"and "
		"dotenv\n"
		"files ({\"key\": \"value\"} is called like its file, {\"NAME\": {\"key\": "
		"\"value\"}} as it says)\n"
		"and of folders (each file a key; or folders of these). Each one is made as a "
		"whole "
		"or not at\n"
		"all. It is an error if one exists, before anything is made.\n"
		"\n"
		"  -p, --private         all of them in your own namespace; default: as the file "
		"says, "
		"else public\n"
		"      --skip-existing   leave secrets that exist as they are\n"
		"      --merge           set the keys in secrets that exist; their other keys "
		"stay\n"
		"  -n, --name NAME       what the one secret in FILE is called\n"
		"      --format yaml|json|env\n"
		"                        what FILE is, if neither its name nor its look tells\n",
	.secrets = true,
	.run = import_run,
};
