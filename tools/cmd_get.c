/* SPDX-License-Identifier: MIT */
/* cmd_get: one value as it is, or the keys of a secret in one of several forms. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "fd.h"
#include "io.h"
#include "load.h"
#include "log.h"
#include "owner.h"
#include "print.h"
#include "secretctl.h"
#include "tree.h"
#include "values_form.h"
#include "versions.h"

#define GET_MASK    "********"
#define GET_REFUSED "(not permitted)"

enum get_form { GET_DEFAULT, GET_TABLE, GET_JSON, GET_YAML, GET_ENV, GET_RAW };

struct get {
	struct tree_name name;
	const char *key; /* NULL: all */
	enum tree_ns ns;
	uint64_t version; /* 0: the current one */
	enum get_form form;
	bool docker;
	bool show;
	bool strict;
};

static const struct args_option get_options[] = {
	{.name = "private", .letter = 'p', .takes = true},
	{.name = "output", .letter = 'o', .takes = true},
	{.name = "version", .letter = 'v', .hidden = true, .takes = true},
	{.name = "docker", .letter = 'd', .hidden = true},
	{.name = "show", .letter = 's', .hidden = true},
	{.name = "strict", .letter = 't', .hidden = true},
	{0},
};

static int get_form(struct get *get, const char *text, struct why *why)
{
	static const char *const forms[] = {"", "table", "json", "yaml", "env", "raw"};

	for (size_t i = GET_TABLE; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(text, forms[i]) == 0) {
			get->form = (enum get_form)i;
			return 0;
		}
	}
	return why_set(why, -EINVAL, "-o: say table, json, yaml, env or raw");
}

static int get_word(struct get *get, const char *word, struct why *why)
{
	if (get->name.name[0] == '\0')
		return tree_name_parse(&get->name, word, why);
	if (get->key != NULL)
		return why_set(why, -EINVAL, "one NAME and one KEY at most; see --help");
	get->key = word;
	return tree_key_check(word, why);
}

static int get_arg(struct get *get, int what, const char *value, struct why *why)
{
	bool private = false;
	int r;

	switch (what) {
	case 'p':
		r = args_bool(value, &private, why);
		get->ns = private ? TREE_PRIVATE : TREE_PUBLIC;
		return r;
	case 'o':
		return get_form(get, value, why);
	case 'v':
		return versions_parse(value, &get->version, why);
	case 'd':
		get->docker = true;
		return 0;
	case 's':
		get->show = true;
		return 0;
	case 't':
		get->strict = true;
		return 0;
	default:
		return get_word(get, value, why);
	}
}

static int get_args(struct get *get, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = get_arg(get, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (get->name.name[0] == '\0')
		return why_set(why, -EINVAL, "which NAME? see --help");
	if (get->docker && get->form == GET_DEFAULT)
		get->form = GET_ENV;
	if (get->docker && get->form != GET_ENV)
		return why_set(why, -EINVAL, "--docker: goes with -o env alone");
	if (get->form == GET_DEFAULT)
		get->form = get->key != NULL ? GET_RAW : GET_TABLE;
	return tree_name_select(&get->name, get->ns, why);
}

static int get_stdout(int err, struct why *why)
{
	return err < 0 ? why_set(why, err, "standard output: %s", strerror(-err)) : 0;
}

static int get_key_why(const struct get *get, int dir, int err, const char *key, struct why *why)
{
	return err == -ENOENT ? tree_no_key(dir, &get->name, key, why)
			      : tree_key_why(why, err, &get->name, key);
}

static int get_bytes(const struct get *get, int dir, const char *key, struct why *why)
{
	AUTO_SECBUF value = SECBUF_INIT;
	int r = tree_get(dir, key, &value);

	if (r < 0)
		return get_key_why(get, dir, r, key, why);
	return get_stdout(io_write_all(STDOUT_FILENO, value.data, value.len), why);
}

/* ---- the table ---- */

/* value NULL: masked, and not even read. 1: it is not for this user. */
static int get_line(const struct value *value, int dir, const char *key, size_t width)
{
	AUTO_SECBUF text = SECBUF_INIT;
	char name[PRINT_NAME];
	int r;

	print_escape(key, name, sizeof(name));
	if (value != NULL) {
		r = print_value_text(&value->bytes, &text);
		return r < 0 ? r : print_pair(name, width, text.data, text.len);
	}
	if (dir >= 0 && faccessat(dir, key, R_OK, AT_EACCESS) == 0)
		return print_pair(name, width, GET_MASK, strlen(GET_MASK));
	r = print_pair(name, width, GET_REFUSED, strlen(GET_REFUSED));
	return r < 0 ? r : 1;
}

static size_t get_width(const struct tree_list *list)
{
	size_t width = strlen("KEY");

	for (size_t i = 0; i < list->n; i++) {
		char name[PRINT_NAME];
		size_t own;

		print_escape(list->names[i], name, sizeof(name));
		own = print_width(name);
		if (own > width)
			width = own;
	}
	return width;
}

static int get_refused(const struct get *get, size_t refused, size_t all, struct why *why)
{
	return why_set(why, -EACCES, "%s: %zu of %zu values are not for this user; ask the owner",
		get->name.text, refused, all);
}

/* dir -1: values that are not in load are not for this user. */
static int get_table(const struct get *get, int dir, const struct load *load, struct why *why)
{
	size_t width = get_width(&load->keys), refused = 0;
	int r = print_pair("KEY", width, "VALUE", strlen("VALUE"));

	for (size_t i = 0; r >= 0 && i < load->keys.n; i++) {
		const char *key = load->keys.names[i];

		r = get_line(values_find(&load->values, key), dir, key, width);
		if (r > 0)
			refused++;
	}
	if (r < 0)
		return get_stdout(r, why);
	return refused > 0 ? get_refused(get, refused, load->keys.n, why) : 0;
}

/* ---- other forms ---- */

static int get_print_env(
	const struct get *get, const struct values *values, struct secbuf *text, struct why *why)
{
	size_t left_out = 0;
	int r;

	if (get->docker)
		return values_print_docker(values, text, why);
	r = values_print_env(values, text, &left_out);
	if (r == 0 && left_out > 0)
		log_warn("%zu of %zu keys are left out: what cannot be a variable's name or value; "
			 "a "
			 "comment names each",
			left_out, values->n);
	return r;
}

static int get_text(const struct get *get, const struct values *values, struct why *why)
{
	AUTO_SECBUF text = SECBUF_INIT;
	int r;

	if (get->form == GET_JSON)
		r = values_print_json(values, &text);
	else if (get->form == GET_YAML)
		r = values_print_yaml(values, 0, &text);
	else
		r = get_print_env(get, values, &text, why);
	if (r == -ENOMEM)
		return doc_no_memory(get->name.text, why);
	return r < 0 ? r : get_stdout(io_write_all(STDOUT_FILENO, text.data, text.len), why);
}

/* ---- which keys ---- */

static int get_print(const struct get *get, struct load *load, int dir, struct why *why)
{
	if (get->form == GET_TABLE)
		return get_table(get, dir, load, why);
	if (load_refused(load) > 0)
		return get_refused(get, load_refused(load), load->keys.n, why);
	return get_text(get, &load->values, why);
}

static bool get_masked(const struct get *get)
{
	return get->form == GET_TABLE && !get->show && isatty(STDOUT_FILENO);
}

/* The key alone, as if the secret had no other. */
static int get_load_key(const struct get *get, int dir, struct load *load, struct why *why)
{
	AUTO_SECBUF bytes = SECBUF_INIT;
	int r = 0;

	if (get_masked(get))
		r = faccessat(dir, get->key, F_OK, AT_EACCESS) < 0 ? -errno : 0;
	else
		r = tree_get(dir, get->key, &bytes);
	if (r < 0)
		return get_key_why(get, dir, r, get->key, why);
	r = tree_list_add(&load->keys, get->key);
	if (r == 0 && !get_masked(get))
		r = values_put(&load->values, get->key, &bytes);
	return r < 0 ? why_set(why, r, "out of memory") : 0;
}

static int get_load(const struct get *get, int dir, struct load *load, struct why *why)
{
	int r;

	if (get->key != NULL)
		return get_load_key(get, dir, load, why);
	if (get_masked(get)) {
		r = tree_list(dir, &load->keys);
		return r < 0 ? tree_why(why, r, get->name.text) : 0;
	}
	r = load_secret(load, dir, &get->name, why);
	if (r == 0 && get->form != GET_TABLE)
		load_drop_dotted(load);
	return r;
}

/* The bytes of the only key. */
static int get_only(const struct get *get, int dir, struct why *why)
{
	AUTO_TREE_LIST keys = {0};
	int r = tree_list(dir, &keys);

	if (r < 0)
		return tree_why(why, r, get->name.text);
	if (keys.n != 1)
		return why_set(
			why, -EINVAL, "%s: it has %zu keys; say which KEY", get->name.text, keys.n);
	return get_bytes(get, dir, keys.names[0], why);
}

static int get_values(const struct get *get, int dir, struct why *why)
{
	AUTO_LOAD load = {0};
	int r;

	if (get->form == GET_RAW)
		return get->key != NULL ? get_bytes(get, dir, get->key, why)
					: get_only(get, dir, why);
	r = get_load(get, dir, &load, why);
	return r < 0 ? r : get_print(get, &load, get_masked(get) ? dir : -1, why);
}

static int get_secret(struct get *get, const struct tree *tree, struct why *why)
{
	AUTO_FD dir = -1;
	AUTO_FD version = -1;
	int r = tree_find(tree, &get->name, &dir, why);

	if (r == 0)
		r = owner_check_use(&get->name, dir, get->strict, why);
	if (r == 0 && get->version > 0)
		r = versions_open(dir, &get->name, get->version, &version, why);
	return r < 0 ? r : get_values(get, get->version > 0 ? version : dir, why);
}

static int get_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = get_options, .help = cmd_get.help};
	struct get get = {.ns = TREE_ANY};
	AUTO_TREE tree = TREE_INIT;
	struct why why;
	int r = get_args(&get, &args, &why);

	if (r == 0)
		r = tree_open(&tree, ctl->mount, &why);
	if (r == 0)
		r = get_secret(&get, &tree, &why);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_get = {
	.name = "get",
	.summary = "print one value, or a secret's keys and values",
	.help = "usage: secretctl get NAME [KEY] [-p BOOL] [--version N] [-o FORM [--docker]]\n"
		"                     [--show] [--strict]\n"
		"\n"
		"With KEY: the bytes of its value, nothing added. Without: a table of all keys; on "
		"a\n"
		"terminal the values are hidden. Values that are not one line of text are shown "
		"as\n"
		"base64:... there. Your private secrets are looked up first, then the public "
		"ones.\n"
		"\n"
		"  -p, --private BOOL   true: only private, false: only public\n"
		"      --version N      as it was then; see secretctl history\n"
		"  -o, --output FORM    table, json, yaml, env, or raw: the bytes of KEY, or of "
		"the "
		"only key\n"
		"      --docker         with env: lines for docker --env-file; fails for a key "
		"that\n"
		"                       cannot be said there\n"
		"      --show           show values in a table on a terminal too\n"
		"      --strict         fail, not warn, if NAME has led to a public secret of "
		"somebody\n"
		"                       else than you or root\n",
	.secrets = true,
	.run = get_run,
};
