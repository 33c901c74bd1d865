/* SPDX-License-Identifier: MIT */
/*
 * cmd_register: asks for the values that references in files need.
 *
 * What can be known is checked before the first question, and nothing is written before the last
 * answer; then each secret is one transaction.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "args.h"
#include "change.h"
#include "fd.h"
#include "log.h"
#include "print.h"
#include "prompt.h"
#include "resolve.h"
#include "secretctl.h"
#include "source.h"
#include "tree.h"

struct register_key {
	char name[NAME_MAX_BYTES + 1];
	bool exists;
};

/* A secret that will get values. Several names may mean the same one. */
struct register_target {
	struct tree_name name;
	bool exists;
	struct register_key *keys;
	size_t n;
	struct change change;
};

struct register_all {
	const struct ctl *ctl;
	bool private;
	bool skip_existing;
	struct register_target *targets;
	size_t n;
	struct resolve resolve;
};

static const struct args_option register_options[] = {
	{.name = "private", .letter = 'p'},
	{.name = "skip-existing", .letter = 's', .hidden = true},
	{0},
};

static int register_memory(struct why *why)
{
	return why_set(why, -ENOMEM, "out of memory");
}

/* ---- what the files need ---- */

/* A bare name means a private secret if -p says so. */
static int register_want(struct register_all *all, const struct source *source)
{
	struct reference_scan scan = source_scan(source);
	struct reference part;
	enum reference_kind kind;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		struct resolve_key *key;
		enum tree_ns ns = part.ns == TREE_ANY && all->private ? TREE_PRIVATE : part.ns;

		if (kind == REFERENCE_FOUND &&
			resolve_want(&all->resolve, ns, part.name, part.key, &key) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int register_file(struct register_all *all, const char *path, struct why *why)
{
	AUTO_SOURCE source = {0};
	int r = source_read(&source, path, why);

	if (r == 0 && register_want(all, &source) < 0)
		r = register_memory(why);
	return r;
}

static int register_args(
	struct register_all *all, struct args *args, const char **paths, struct why *why)
{
	size_t n = 0;
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == 'p')
			all->private = true;
		else if (r == 's')
			all->skip_existing = true;
		else
			paths[n++] = args->value;
	}
	if (r == 0 && n == 0)
		r = why_set(why, -EINVAL, "which FILE? - is standard input; see --help");
	/* Not before all options are read: -p may be the last word. */
	for (size_t i = 0; r == 0 && i < n; i++)
		r = register_file(all, paths[i], why);
	return r;
}

/* ---- which secrets that are ---- */

static struct register_target *register_find(struct register_all *all, const struct tree_name *name)
{
	for (size_t i = 0; i < all->n; i++) {
		struct register_target *target = &all->targets[i];

		if (target->name.ns == name->ns && strcmp(target->name.name, name->name) == 0)
			return target;
	}
	return NULL;
}

static int register_target_of(
	struct register_all *all, const struct resolve_secret *secret, struct register_target **ret)
{
	struct tree_name name = secret->name;
	struct register_target *targets;

	if (name.ns == TREE_ANY)
		tree_name_set(&name, TREE_PUBLIC);
	*ret = register_find(all, &name);
	if (*ret != NULL)
		return 0;
	targets = reallocarray(all->targets, all->n + 1, sizeof(*targets));
	if (targets == NULL)
		return -ENOMEM;
	all->targets = targets;
	*ret = &targets[all->n++];
	**ret = (struct register_target){.name = name, .exists = secret->err == 0};
	return 0;
}

static int register_key_add(
	struct register_target *target, const struct resolve_key *key, bool exists)
{
	struct register_key *keys;

	for (size_t i = 0; i < target->n; i++) {
		if (strcmp(target->keys[i].name, key->name) == 0)
			return 0;
	}
	keys = reallocarray(target->keys, target->n + 1, sizeof(*keys));
	if (keys == NULL)
		return -ENOMEM;
	target->keys = keys;
	keys[target->n] = (struct register_key){.exists = exists};
	strcpy(keys[target->n++].name, key->name);
	return 0;
}

/* A key that may not be read is there all the same; anything else that is wrong is wrong here, too.
 */
static int register_key(struct register_all *all, struct register_target *target,
	const struct resolve_key *key, struct why *why)
{
	const char *text;
	int err = resolve_error(key, &text);
	bool exists = err == 0 || (err == -EACCES && key->there);

	if (err < 0 && err != -ENOENT && !exists)
		return why_set(why, err, "%s", text);
	if (exists && all->skip_existing)
		return 0;
	return register_key_add(target, key, exists) < 0 ? register_memory(why) : 0;
}

static int register_secret(
	struct register_all *all, const struct resolve_secret *secret, struct why *why)
{
	struct register_target *target;
	int r = 0;

	if (secret->err < 0 && secret->err != -ENOENT)
		return why_set(why, secret->err, "%s", secret->why);
	/* Its owner would get what is typed. */
	if (secret->foreign != NULL)
		return why_set(why, -EPERM, "%s", secret->foreign);
	if (register_target_of(all, secret, &target) < 0)
		return register_memory(why);
	for (size_t i = 0; r == 0 && i < secret->n; i++)
		r = register_key(all, target, secret->keys[i], why);
	return r;
}

/* ---- before anybody is asked ---- */

static int register_check_new(
	const struct register_target *target, const struct tree *tree, struct why *why)
{
	int r = tree_ns_usable(tree, target->name.ns, why);

	if (r == 0 && faccessat(tree->ns[target->name.ns], ".", W_OK | X_OK, AT_EACCESS) < 0)
		r = tree_why(why, -errno, target->name.text);
	return r;
}

static int register_check_old(
	struct register_target *target, const struct tree *tree, struct why *why)
{
	AUTO_CHANGE trial = CHANGE_INIT;
	AUTO_FD dir = -1;
	int r = tree_find(tree, &target->name, &dir, why);

	/* Without their values yet: all that they are asked for must be writable. */
	for (size_t i = 0; r == 0 && i < target->n; i++) {
		struct secbuf none = SECBUF_INIT;

		if (values_put(&trial.set, target->keys[i].name, &none) < 0)
			r = register_memory(why);
	}
	return r < 0 ? r : change_check(&trial, dir, &target->name, why);
}

static int register_check(struct register_all *all, const struct tree *tree, struct why *why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		struct register_target *target = &all->targets[i];

		r = target->exists ? register_check_old(target, tree, why)
				   : register_check_new(target, tree, why);
	}
	return r;
}

/* ---- asking ---- */

static int register_ask_key(
	struct register_target *target, const struct register_key *key, struct why *why)
{
	char name[2 * NAME_MAX_BYTES + 32], shown[2 * PRINT_NAME], question[2 * PRINT_NAME + 64];

	snprintf(name, sizeof(name), "%s %s", target->name.text, key->name);
	print_escape(name, shown, sizeof(shown));
	snprintf(question, sizeof(question), "%s%s: ", shown,
		key->exists ? " (empty: as it is)" : "");
	for (;;) {
		AUTO_SECBUF value = SECBUF_INIT;
		int r = prompt_maybe_value(question, &value, why);

		if (r < 0 || (r == 0 && key->exists))
			return r;
		if (r > 0)
			return values_put(&target->change.set, key->name, &value) < 0
				       ? register_memory(why)
				       : 0;
		log_warn("a value is needed: there is none yet");
	}
}

static int register_ask(struct register_all *all, size_t *ret_asked, struct why *why)
{
	int r = 0;

	*ret_asked = 0;
	for (size_t i = 0; r == 0 && i < all->n; i++) {
		struct register_target *target = &all->targets[i];

		for (size_t j = 0; r == 0 && j < target->n; j++, (*ret_asked)++)
			r = register_ask_key(target, &target->keys[j], why);
	}
	return r;
}

/* ---- writing ---- */

static int register_undo(const struct register_target *target, int ns, int dir)
{
	const struct values *values = &target->change.set;

	for (size_t i = 0; dir >= 0 && i < values->n; i++)
		unlinkat(dir, values->items[i].key, 0);
	return unlinkat(ns, target->name.name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int register_create(
	const struct register_target *target, const struct tree *tree, struct why *why)
{
	int ns = tree->ns[target->name.ns], r;
	AUTO_FD dir = -1;

	if (mkdirat(ns, target->name.name, 0777) < 0)
		return tree_why(why, -errno, target->name.text);
	dir = openat(ns, target->name.name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = dir < 0 ? tree_why(why, -errno, target->name.text)
		    : change_fill(&target->change, dir, &target->name, why);
	if (r < 0 && register_undo(target, ns, dir) < 0) {
		struct why first = *why;

		why_set(why, r, "%.600s; a part is left: remove it with \"secretctl delete\"",
			first.text);
	}
	return r;
}

/* By its whole name: where it was found, and nowhere else. */
static int register_update(struct register_target *target, const struct tree *tree, struct why *why)
{
	AUTO_FD dir = -1;
	int r = tree_find(tree, &target->name, &dir, why);

	if (r == 0)
		r = change_check(&target->change, dir, &target->name, why);
	return r < 0 ? r : change_apply(&target->change, dir, &target->name, why);
}

/* One that fails does not cost what was typed for the others. The first failure. */
static int register_write(struct register_all *all, const struct tree *tree)
{
	int first = 0;

	for (size_t i = 0; i < all->n; i++) {
		struct register_target *target = &all->targets[i];
		struct why why;
		int r;

		if (change_empty(&target->change))
			continue;
		r = target->exists ? register_update(target, tree, &why)
				   : register_create(target, tree, &why);
		if (r == 0) {
			print_done(target->exists ? "updated" : "created", target->name.text);
			continue;
		}
		ctl_fail(all->ctl, r, &why);
		first = first < 0 ? first : r;
	}
	return first;
}

/* ---- everything ---- */

static int register_plan(struct register_all *all, const struct tree *tree, struct why *why)
{
	int r = resolve_look(&all->resolve, tree, RESOLVE_KEY, why);

	for (size_t i = 0; r == 0 && i < all->resolve.n; i++)
		r = register_secret(all, all->resolve.secrets[i], why);
	return r < 0 ? r : register_check(all, tree, why);
}

static int register_all_of(
	struct register_all *all, struct args *args, const char **paths, struct why *why)
{
	AUTO_TREE tree = TREE_INIT;
	size_t asked = 0;
	int r = register_args(all, args, paths, why);

	if (r == 0)
		r = tree_open(&tree, all->ctl->mount, why);
	if (r == 0)
		r = register_plan(all, &tree, why);
	if (r == 0)
		r = register_ask(all, &asked, why);
	if (r < 0)
		return ctl_fail(all->ctl, r, why);
	if (asked == 0)
		log_info("nothing is missing");
	ctl_begin_change();
	return register_write(all, &tree);
}

static void register_free(struct register_all *all)
{
	for (size_t i = 0; i < all->n; i++) {
		change_free(&all->targets[i].change);
		free(all->targets[i].keys);
	}
	free(all->targets);
	resolve_free(&all->resolve);
}

static int register_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = register_options, .help = cmd_register.help};
	struct register_all all = {.ctl = ctl};
	const char **paths = calloc((size_t)argc + 1, sizeof(*paths));
	struct why why;
	int r;

	if (paths == NULL)
		r = ctl_fail(ctl, register_memory(&why), &why);
	else
		r = register_all_of(&all, &args, paths, &why);
	register_free(&all);
	free(paths);
	return r;
}

const struct verb cmd_register = {
	.name = "register",
	.summary = "ask for the values that references in files need",
	.help = "usage: secretctl register FILE... [--skip-existing] [-p]\n"
		"\n"
		"Asks on the terminal, hidden, for the value of each {{name.key}}, then writes "
		"them "
		"all.\n"
		"An empty answer leaves a value that exists as it is. FILE may be - for standard "
		"input.\n"
		"\n"
		"      --skip-existing   ask only for what is missing\n"
		"  -p, --private         bare names mean your private secrets; otherwise new ones "
		"are "
		"public\n",
	.secrets = true,
	.run = register_run,
};
