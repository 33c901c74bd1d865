/* SPDX-License-Identifier: MIT */
/* run_vars: what run puts into the environment of a program, and from where. */
#include "run_vars.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dotenv.h"
#include "fd.h"
#include "info.h"
#include "io.h"
#include "log.h"
#include "owner.h"
#include "steer.h"
#include "tree.h"

#define RUN_FILE "_FILE" /* as images for containers expect it */

static int run_memory(struct why *why)
{
	return why_set(why, -ENOMEM, "out of memory; raise ulimit -l if there is enough of it");
}

/* ---- what is asked for ---- */

static int run_plain_add(struct run_vars *run, const struct run_plain *one)
{
	struct run_plain *plain = run->plain;

	if ((run->nplain & (run->nplain - 1)) == 0)
		plain = reallocarray(plain, run->nplain > 0 ? 2 * run->nplain : 1, sizeof(*plain));
	if (plain == NULL)
		return -ENOMEM;
	run->plain = plain;
	plain[run->nplain++] = *one;
	return 0;
}

int run_vars_environment(struct run_vars *run, char *const *from, struct why *why)
{
	int r = variables_init(&run->vars, from);

	for (; r == 0 && *from != NULL; from++) {
		const char *equals = strchr(*from, '=');
		struct run_plain one = {.name = *from};

		if (equals == NULL || strstr(equals, "{{") == NULL)
			continue;
		one.name_len = (size_t)(equals - *from);
		if (asprintf(&one.label, "$%.*s", (int)one.name_len, one.name) < 0)
			return run_memory(why);
		one.value = (struct source){
			.label = one.label, .text = equals + 1, .len = strlen(equals + 1)};
		r = run_plain_add(run, &one);
		if (r < 0)
			free(one.label);
	}
	return r < 0 ? run_memory(why) : 0;
}

/* Where the reader of a file is, to say in which line a variable stands. */
struct run_place {
	struct run_vars *run;
	const char *path;
	const char *line_start;
	size_t line;
};

static int run_visit(void *arg, const struct dotenv_pair *pair)
{
	struct run_place *place = arg;
	struct run_plain one = {.name = pair->name, .name_len = pair->name_len};
	const char *newline;

	while ((newline = memchr(place->line_start, '\n',
			(size_t)(pair->name - place->line_start))) != NULL) {
		place->line_start = newline + 1;
		place->line++;
	}
	one.value = (struct source){.label = place->path,
		.text = (const char *)pair->bytes,
		.len = pair->len,
		.line = place->line,
		.column = (size_t)(pair->name - place->line_start) + 1};
	return run_plain_add(place->run, &one);
}

/* The file's text and its values, which must stay until the program is run. */
static int run_texts(struct run_vars *run, struct secbuf **ret_two)
{
	struct secbuf *texts = reallocarray(run->texts, run->ntexts + 2, sizeof(*texts));

	if (texts == NULL)
		return -ENOMEM;
	run->texts = texts;
	texts[run->ntexts] = texts[run->ntexts + 1] = SECBUF_INIT;
	*ret_two = &texts[run->ntexts];
	run->ntexts += 2;
	return 0;
}

static int run_file_read(const char *path, struct secbuf *two)
{
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : io_read_all(fd, &two[0]);

	return r < 0 ? r : secbuf_alloc(&two[1], two[0].len, SECMEM_SELF);
}

int run_vars_file(struct run_vars *run, const char *path, struct why *why)
{
	struct run_place place = {.run = run, .path = path, .line = 1};
	struct secbuf *two;
	size_t line = 0;
	int r = run_texts(run, &two);

	if (r == 0)
		r = run_file_read(path, two);
	if (r == -ENOMEM)
		return run_memory(why);
	if (r < 0)
		return why_set(why, r, "cannot read %.300s: %s", path, strerror(-r));
	place.line_start = (const char *)two[0].data;
	r = dotenv_read(place.line_start, two[0].len, two[1].data, run_visit, &place, &line);
	if (r == -EINVAL || r == -ENODATA)
		return why_set(why, -EINVAL,
			"%.300s:%zu: not of the form NAME=VALUE, NAME='VALUE' or NAME=\"VALUE\"",
			path, line);
	return r < 0 ? run_memory(why) : 0;
}

int run_vars_secret(
	struct run_vars *run, const char *text, bool optional, bool files, struct why *why)
{
	struct run_secret one = {.optional = optional, .files = files};
	struct run_secret *secrets;
	int r = tree_name_parse(&one.name, text, why);

	if (r < 0)
		return r;
	secrets = reallocarray(run->secrets, run->nsecrets + 1, sizeof(*secrets));
	if (secrets == NULL)
		return run_memory(why);
	run->secrets = secrets;
	secrets[run->nsecrets++] = one;
	return 0;
}

void run_vars_free(struct run_vars *run)
{
	for (size_t i = 0; i < run->nplain; i++)
		free(run->plain[i].label);
	for (size_t i = 0; i < run->ntexts; i++)
		secbuf_free(&run->texts[i]);
	free(run->plain);
	free(run->texts);
	free(run->secrets);
	variables_free(&run->vars);
	resolve_free(&run->resolve);
	resolve_free(&run->files);
}

/* ---- what is wrong with a secret ---- */

static void run_tell(struct run_vars *run, int err, const struct why *why)
{
	ctl_fail(run->ctl, err, why);
	if (run->err == 0)
		run->err = err;
}

static bool run_may_skip(const struct run_secret *one, int err)
{
	return one->optional &&
	       (err == -ENOENT || err == -EACCES || err == -EPERM || err == -EKEYEXPIRED);
}

/* The failure of the secret, or of the first of its keys. */
static int run_secret_error(const struct run_secret *one, const char **ret_why)
{
	const struct resolve_secret *secret = one->found;

	*ret_why = secret->why;
	if (secret->err < 0)
		return secret->err;
	for (size_t i = 0; i < secret->n; i++) {
		const struct resolve_key *key = secret->keys[i];

		*ret_why = key->why;
		if (key->listed && key->err < 0)
			return key->err;
	}
	return 0;
}

/* All of its names that no variable can have. */
static void run_check_names(struct run_vars *run, const struct run_secret *one)
{
	const struct resolve_secret *secret = one->found;
	char names[400] = "", first[NAME_MAX_BYTES + 1] = "";
	struct why why;

	for (size_t i = 0; i < secret->n; i++) {
		const struct resolve_key *key = secret->keys[i];
		size_t used = strlen(names);

		if (!key->listed || variables_name(key->name, strlen(key->name)))
			continue;
		snprintf(names + used, sizeof(names) - used, "%s%s", used > 0 ? ", " : "",
			key->name);
		if (first[0] == '\0')
			snprintf(first, sizeof(first), "%s", key->name);
	}
	if (names[0] != '\0')
		run_tell(run, -EINVAL,
			(why_set(&why, -EINVAL,
				 "%s: no variable can be called %s; take single keys by "
				 "reference: VARIABLE={{%.100s.%.60s}}",
				 secret->name.text, names, secret->name.name, first),
				&why));
}

/* A variable that steers programs, from somebody who is neither the caller nor root? */
static bool run_steered(const char *name, size_t len, const struct resolve_key *key, uid_t *ret_by)
{
	*ret_by = owner_trusted(key->owner) ? key->secret->owner : key->owner;
	return steer_variable(name, len) && !owner_trusted(*ret_by);
}

static int run_steer_why(
	struct why *why, const char *name, size_t len, const struct resolve_key *key, uid_t by)
{
	return why_set(why, -EPERM,
		"%.*s from %s/%s, which belongs to %s: a variable that decides which code is "
		"run is taken only from what is yours or root's",
		(int)(len < 100 ? len : 100), name, key->secret->name.text, key->name,
		info_user(by));
}

/* The name of the variable for a key. */
static size_t run_name(
	const struct run_secret *one, const struct resolve_key *key, char *name, size_t size)
{
	return (size_t)snprintf(name, size, "%s%s", key->name, one->files ? RUN_FILE : "");
}

static void run_check_steering(struct run_vars *run, const struct run_secret *one)
{
	const struct resolve_secret *secret = one->found;

	for (size_t i = 0; i < secret->n; i++) {
		const struct resolve_key *key = secret->keys[i];
		char name[NAME_MAX_BYTES + sizeof(RUN_FILE)];
		size_t len = run_name(one, key, name, sizeof(name));
		struct why why;
		uid_t by;

		if (key->listed && run_steered(name, len, key, &by))
			run_tell(run, run_steer_why(&why, name, len, key, by), &why);
	}
}

static void run_check_secret(struct run_vars *run, struct run_secret *one)
{
	const char *text;
	struct why why;
	int r = run_secret_error(one, &text);

	if (r < 0 && run_may_skip(one, r)) {
		log_warn("%s: %s; going on without it", run->ctl->verb, text);
		one->skipped = true;
		return;
	}
	if (r < 0) {
		why_set(&why, r, "%s", text);
		run_tell(run, r, &why);
		return;
	}
	if (one->found->foreign != NULL) {
		why_set(&why, -EPERM, "%s", one->found->foreign);
		run_tell(run, -EPERM, &why);
		return;
	}
	run_check_names(run, one);
	run_check_steering(run, one);
}

/* ---- what is wrong with a variable ---- */

static void run_plain_tell(struct run_vars *run, const struct run_plain *one,
	const struct reference *part, int err, const struct why *why)
{
	source_say(&one->value, part->line, part->column, stderr, "", why->text);
	if (run->err == 0)
		run->err = err;
}

/* Its length when it is expanded. The references resolve; each must fit into this variable. */
static int run_plain_measure(struct run_vars *run, const struct run_plain *one, size_t *ret_len)
{
	struct reference_scan scan = source_scan(&one->value);
	struct reference part;
	enum reference_kind kind;
	struct why why;

	*ret_len = 0;
	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		struct resolve_key *key;
		uid_t by;

		*ret_len += kind == REFERENCE_TEXT ? part.len : 0;
		if (kind == REFERENCE_TEXT)
			continue;
		if (source_key(&run->resolve, &part, &key) < 0)
			return -ENOMEM;
		*ret_len += key->len;
		if (run_steered(one->name, one->name_len, key, &by))
			run_plain_tell(run, one, &part,
				run_steer_why(&why, one->name, one->name_len, key, by), &why);
		if (key->len > 0 && memchr(key->bytes, '\0', key->len) != NULL)
			run_plain_tell(run, one, &part,
				why_set(&why, -EINVAL,
					"the value has a NUL, which a variable cannot hold; let "
					"the program read the file (--files)"),
				&why);
	}
	return 0;
}

static int run_plain_fill(struct run_vars *run, const struct run_plain *one, char *to)
{
	struct reference_scan scan = source_scan(&one->value);
	struct reference part;
	enum reference_kind kind;

	while ((kind = reference_next(&scan, &part)) != REFERENCE_END) {
		struct resolve_key *key;
		const void *bytes = part.text;
		size_t len = part.len;

		if (kind == REFERENCE_FOUND) {
			if (source_key(&run->resolve, &part, &key) < 0)
				return -ENOMEM;
			bytes = key->bytes;
			len = key->len;
		}
		if (len > 0)
			memcpy(to, bytes, len);
		to += len;
	}
	return 0;
}

static void run_set_why(struct run_vars *run, const char *name, size_t len, int err)
{
	struct why why;

	if (err == -E2BIG)
		why_set(&why, err,
			"%.*s: longer than a variable can be (%u bytes); let the program read the "
			"file (--files)",
			(int)(len < 300 ? len : 300), name, VARIABLES_MAX);
	else if (err == -EINVAL)
		why_set(&why, err,
			"%.*s: the value has a NUL, which a variable cannot hold; let the program "
			"read the file (--files)",
			(int)(len < 300 ? len : 300), name);
	else
		run_memory(&why);
	run_tell(run, err, &why);
}

static int run_plain_set(struct run_vars *run, const struct run_plain *one)
{
	int told = run->err;
	size_t len;
	char *to;
	int r = run_plain_measure(run, one, &len);

	if (r < 0 || run->err != told)
		return r;
	/* A file can hold a NUL of its own. */
	if (one->value.len > 0 && memchr(one->value.text, '\0', one->value.len) != NULL)
		r = -EINVAL;
	else
		r = variables_room(&run->vars, one->name, one->name_len, len, &to);
	if (r == 0)
		return run_plain_fill(run, one, to);
	run_set_why(run, one->name, one->name_len, r);
	return 0;
}

/* ---- building ---- */

static int run_secret_set(struct run_vars *run, const struct run_secret *one, const char *tree)
{
	const struct resolve_secret *secret = one->found;

	for (size_t i = 0; i < secret->n; i++) {
		const struct resolve_key *key = secret->keys[i];
		char name[NAME_MAX_BYTES + sizeof(RUN_FILE)], *path = NULL;
		size_t len = run_name(one, key, name, sizeof(name));
		int r;

		if (!key->listed)
			continue;
		if (one->files &&
			asprintf(&path, "%s/%s/%s", tree, secret->name.text, key->name) < 0)
			return -ENOMEM;
		r = one->files ? variables_set(&run->vars, name, len, path, strlen(path))
			       : variables_set(&run->vars, name, len, key->bytes, key->len);
		free(path);
		if (r < 0)
			run_set_why(run, name, len, r);
	}
	return 0;
}

static int run_want(struct run_vars *run)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->nplain; i++)
		r = source_want(&run->plain[i].value, &run->resolve, &run->references);
	for (size_t i = 0; r == 0 && i < run->nsecrets; i++) {
		struct run_secret *one = &run->secrets[i];

		r = resolve_want_all(
			one->files ? &run->files : &run->resolve, &one->name, &one->found);
	}
	return r;
}

/* tree: where it is, without symbolic links and from the root. */
static int run_look(struct run_vars *run, char **ret_tree, struct why *why)
{
	AUTO_TREE tree = TREE_INIT;
	int r;

	*ret_tree = NULL;
	if (run->resolve.n == 0 && run->files.n == 0)
		return 0;
	r = tree_open(&tree, run->ctl->mount, why);
	if (r < 0)
		return r;
	*ret_tree = realpath(tree.path, NULL);
	if (*ret_tree == NULL)
		return tree_why(why, -errno, tree.path);
	r = resolve_look(&run->resolve, &tree, RESOLVE_VALUE, why);
	if (r < 0)
		return r;
	return resolve_look(&run->files, &tree, run->masked ? RESOLVE_VALUE : RESOLVE_KEY, why);
}

static int run_check(struct run_vars *run)
{
	for (size_t i = 0; i < run->nplain; i++) {
		long n = source_report(&run->plain[i].value, &run->resolve, true, stderr);

		if (n < 0)
			return (int)n;
		run->unresolved += n;
	}
	for (size_t i = 0; i < run->nsecrets; i++)
		run_check_secret(run, &run->secrets[i]);
	return 0;
}

static int run_set(struct run_vars *run, const char *tree)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->nplain; i++)
		r = run_plain_set(run, &run->plain[i]);
	for (size_t i = 0; r == 0 && i < run->nsecrets; i++) {
		if (!run->secrets[i].skipped)
			r = run_secret_set(run, &run->secrets[i], tree);
	}
	return r;
}

int run_vars_build(struct run_vars *run, struct why *why)
{
	char *tree = NULL;
	int r = run_want(run);

	if (r < 0)
		return run_memory(why);
	r = run_look(run, &tree, why);
	if (r == 0 && run_check(run) < 0)
		r = run_memory(why);
	if (r == 0 && run->unresolved == 0 && run->err == 0 && run_set(run, tree) < 0)
		r = run_memory(why);
	free(tree);
	return r;
}
