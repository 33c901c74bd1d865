/* SPDX-License-Identifier: MIT */
/* cmd_export: secrets with their values, in a file that import reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "bundle.h"
#include "fd.h"
#include "info.h"
#include "log.h"
#include "outfile.h"
#include "owner.h"
#include "print.h"
#include "progress.h"
#include "secretctl.h"
#include "text.h"
#include "tree.h"

enum { EXPORT_ALL = 'A', EXPORT_FORCE = 'F' };

struct export
{
	struct tree_name *names;
	size_t n;
	bool all;
	bool force;
	enum tree_ns ns; /* TREE_ANY: both */
	enum values_form form;
	const char *file;
	char own_file[NAME_MAX_BYTES + 16]; /* NAME.yaml */
	struct outfile out;
	struct progress progress;
	size_t written;
	int err; /* --all: of the first one that was left out */
};

static const struct args_option export_options[] = {
	{.name = "all", .letter = EXPORT_ALL, .hidden = true},
	{.name = "file", .letter = 'f', .takes = true},
	{.name = "force", .letter = EXPORT_FORCE, .hidden = true},
	{.name = "output", .letter = 'o', .takes = true},
	{.name = "private", .letter = 'p', .takes = true},
	{0},
};

/* ---- arguments ---- */

static int export_add(struct export *export, const struct tree_name *name, struct why *why)
{
	struct tree_name *names = reallocarray(export->names, export->n + 1, sizeof(*names));

	if (names == NULL)
		return why_set(why, -ENOMEM, "out of memory");
	export->names = names;
	names[export->n++] = *name;
	return 0;
}

static int export_form(struct export *export, const char *text, struct why *why)
{
	if (strcmp(text, "yaml") == 0)
		export->form = VALUES_YAML;
	else if (strcmp(text, "json") == 0)
		export->form = VALUES_JSON;
	else if (strcmp(text, "env") == 0)
		export->form = VALUES_ENV;
	else
		return why_set(why, -EINVAL, "--output: yaml, json or env");
	return 0;
}

static int export_arg(struct export *export, int what, const char *value, struct why *why)
{
	struct tree_name name;
	bool private;
	int r;

	switch (what) {
	case EXPORT_ALL:
		export->all = true;
		return 0;
	case EXPORT_FORCE:
		export->force = true;
		return 0;
	case 'f':
		export->file = value;
		return 0;
	case 'o':
		return export_form(export, value, why);
	case 'p':
		r = args_bool(value, &private, why);
		export->ns = private ? TREE_PRIVATE : TREE_PUBLIC;
		return r;
	default:
		r = tree_name_parse(&name, value, why);
		return r < 0 ? r : export_add(export, &name, why);
	}
}

static int export_check(struct export *export, struct why *why)
{
	if (export->all && export->n > 0)
		return why_set(why, -EINVAL, "--all or NAMEs, not both");
	if (!export->all && export->n == 0)
		return why_set(why, -EINVAL, "which NAME? or --all; see --help");
	if (export->form == VALUES_ENV && (export->all || export->n > 1))
		return why_set(why, -EINVAL,
			"a dotenv file has one secret; take -o yaml or -o json for several");
	if (export->file == NULL && (export->all || export->n > 1))
		return why_set(why, -EINVAL,
			"several secrets go into one file: say which with -f FILE (- is standard "
			"output)");
	for (size_t i = 0; i < export->n; i++) {
		int r = tree_name_select(&export->names[i], export->ns, why);

		if (r < 0)
			return r;
	}
	return 0;
}

static int export_args(struct export *export, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = export_arg(export, r, args->value, why);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : export_check(export, why);
}

/* ---- one secret ---- */

static int export_put(struct export *export, const char *text, struct why *why)
{
	int r = outfile_put(&export->out, text, strlen(text));

	return r < 0 ? outfile_why(&export->out, why, r) : 0;
}

/* Nothing may get lost on the way. */
static int export_check_env(const struct bundle *b, struct why *why)
{
	const struct values *values = &b->edit.change.set;

	for (size_t i = 0; i < values->n; i++) {
		const struct value *v = &values->items[i];

		if (text_env_line(v->key, strlen(v->key), v->bytes.data, v->bytes.len, NULL) == 0)
			return why_set(why, -EINVAL,
				"%s/%s: a dotenv file cannot say this: its name is no variable's, "
				"or its "
				"value is not UTF-8 or has a NUL; take -o yaml",
				b->name.text, v->key);
	}
	return 0;
}

static int export_print(const struct export *export, const struct bundle *b, struct secbuf *text)
{
	size_t left_out;

	if (export->form == VALUES_ENV)
		return values_print_env(&b->edit.change.set, text, &left_out);
	return bundle_print(b, export->form, text);
}

static int export_one(struct export *export, const struct tree_name *name, int dir, struct why *why)
{
	AUTO_BUNDLE b = BUNDLE_INIT;
	AUTO_SECBUF text = SECBUF_INIT;
	int r = bundle_read(&b, dir, name, why);

	if (r == 0 && export->form == VALUES_ENV)
		r = export_check_env(&b, why);
	if (r < 0)
		return r;
	if (b.has_acl) {
		progress_hide(&export->progress);
		log_warn("export: %s: its ACL stays behind; the copy has the mode without it",
			name->text);
	}
	if (secbuf_alloc(&text, 0, SECMEM_SELF) < 0 || export_print(export, &b, &text) < 0)
		return doc_no_memory(name->text, why);
	/* A list of objects in JSON, whatever --all has found. */
	if (export->form == VALUES_JSON && (export->all || export->n > 1))
		r = export_put(export, export->written > 0 ? ",\n" : "[\n", why);
	if (r == 0) {
		r = outfile_put(&export->out, text.data, text.len);
		r = r < 0 ? outfile_why(&export->out, why, r) : 0;
	}
	if (r == 0)
		export->written++;
	return r;
}

/* ---- all of them ---- */

static int export_named(struct export *export, const struct tree *tree, struct why *why)
{
	for (size_t i = 0; i < export->n; i++) {
		struct tree_name *name = &export->names[i];
		AUTO_FD dir = -1;
		int r = tree_find(tree, name, &dir, why);

		if (r == 0)
			r = owner_check_use(name, dir, false, why);
		if (r == 0)
			r = export_one(export, name, dir, why);
		if (r < 0)
			return r;
		progress_step(&export->progress);
	}
	return 0;
}

/* What this user may not read is said and left out; what is damaged, too. */
static bool export_may_leave_out(int err)
{
	return err == -EACCES || err == -EKEYEXPIRED || err == -EIO;
}

static int export_listed(
	struct export *export, const struct tree *tree, const struct info *info, struct why *why)
{
	struct tree_name name;
	AUTO_FD dir = -1;
	int r = tree_name_parse(&name, info->name, why);

	if (r < 0)
		return r;
	tree_name_set(&name, info->ns);
	/* By its name alone, also if that looks like an id. */
	dir = openat(tree->ns[info->ns], info->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT) /* removed meanwhile */
		return 0;
	r = dir < 0 ? tree_why(why, -errno, name.text) : export_one(export, &name, dir, why);
	if (r == 0 || !export_may_leave_out(r))
		return r;
	progress_hide(&export->progress);
	log_err("export: left out: %s", why->text);
	if (export->err == 0)
		export->err = r;
	return 0;
}

static int export_everything(struct export *export, const struct tree *tree, struct why *why)
{
	AUTO_INFOS infos = {0};
	int r = infos_read(&infos, tree, why);

	for (enum tree_ns ns = TREE_PRIVATE; ns <= TREE_PUBLIC && r == 0; ns++) {
		if (infos.err[ns] < 0)
			r = tree_why(why, infos.err[ns], tree_ns_text(ns));
	}
	progress_start(&export->progress, "exporting", infos.n);
	for (size_t i = 0; i < infos.n && r == 0; i++) {
		if (export->ns == TREE_ANY || export->ns == infos.items[i].ns)
			r = export_listed(export, tree, &infos.items[i], why);
		progress_step(&export->progress);
	}
	progress_hide(&export->progress);
	return r;
}

/* ---- the file ---- */

/* The name is known only once it is found: it may be an id. */
static int export_plan(struct export *export, const struct tree *tree, struct why *why)
{
	static const char *const ends[] = {
		[VALUES_YAML] = "yaml", [VALUES_JSON] = "json", [VALUES_ENV] = "env"};

	if (export->file == NULL) {
		AUTO_FD dir = -1;
		int r = tree_find(tree, &export->names[0], &dir, why);

		if (r < 0)
			return r;
		snprintf(export->own_file, sizeof(export->own_file), "%s.%s", export->names[0].name,
			ends[export->form]);
		export->file = export->own_file;
	}
	return outfile_plan(&export->out, export->file, export->force, why);
}

static int export_finish(struct export *export, struct why *why)
{
	bool list = export->form == VALUES_JSON && (export->all || export->n > 1);
	int r = 0;

	if (list)
		r = export_put(export, export->written > 0 ? "\n]\n" : "[]\n", why);
	else if (export->form == VALUES_JSON)
		r = export_put(export, "\n", why);
	return r < 0 ? r : outfile_commit(&export->out, why);
}

static int export_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = export_options, .help = cmd_export.help};
	struct export export = {.ns = TREE_ANY, .form = VALUES_YAML, .out = OUTFILE_INIT};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = export_args(&export, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = export_plan(&export, &tree, &why);
	if (r == 0)
		r = outfile_open(&export.out, &why);
	progress_start(&export.progress, "exporting", export.n);
	if (r == 0)
		r = export.all ? export_everything(&export, &tree, &why)
			       : export_named(&export, &tree, &why);
	progress_hide(&export.progress);
	if (r == 0)
		r = export_finish(&export, &why);
	outfile_close(&export.out);
	free(export.names);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	if (strcmp(export.file, "-") != 0)
		print_done("wrote", export.file);
	return export.err;
}

const struct verb cmd_export = {
	.name = "export",
	.summary = "write secrets with their values to a file",
	.help = "usage: secretctl export NAME... | --all [-f FILE] [-o yaml|json|env] [--force]\n"
		"\n"
		"Writes secrets with values, visibility, modes, expiry and description, as "
		"\"secretctl import\"\n"
		"reads them: NAME to NAME.yaml, only for you to read. Whoever has the file has the "
		"values.\n"
		"\n"
		"      --all             all secrets that you can read; those that you cannot are "
		"said\n"
		"  -f, --file FILE       - is standard output; needed for more than one secret\n"
		"      --force           replace a file that is there\n"
		"  -o, --output yaml|json|env\n"
		"                        env has the values of one secret and nothing else\n"
		"  -p, --private BOOL    true: only private secrets, false: only public ones\n",
	.secrets = true,
	.run = export_run,
};
