/* SPDX-License-Identifier: MIT */
/* values: a set of keys and their values, held in secret memory. */
#include "values.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "io.h"
#include "log.h"
#include "tree.h"
#include "values_form.h"

static int values_no_room(const char *key, struct why *why)
{
	struct secmem_usage usage;

	secmem_usage(&usage);
	return why_set(why, -ENOMEM,
		"%s: the values do not fit into locked memory (%zu bytes); raise the limit with "
		"ulimit -l, or "
		"write the key's file directly",
		key, usage.size);
}

/* what: the key or the option, for the sentence. */
static int values_from_file(struct values *values, const char *what, const char *path,
	struct secbuf *ret_bytes, struct why *why)
{
	AUTO_FD fd = -1;
	int r;

	if (strcmp(path, "-") == 0) {
		if (values->stdin_read)
			return why_set(
				why, -EINVAL, "%s: standard input can be read only once", what);
		values->stdin_read = true;
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	r = fd < 0 ? -errno : io_read_all(fd, ret_bytes);
	if (r == -ENOMEM)
		return values_no_room(what, why);
	if (r < 0)
		return why_set(why, r,
			"%s: cannot read %s: %s; a value that begins with @ is given as @@", what,
			strcmp(path, "-") == 0 ? "standard input" : path, strerror(-r));
	return 0;
}

/* The command line is the one place where a value was in the open before it came here. */
static int values_from_text(struct values *values, const char *what, char *text,
	struct secbuf *ret_bytes, struct why *why)
{
	size_t len = strlen(text);
	int r = secbuf_alloc(ret_bytes, len, SECMEM_SELF);

	if (r == 0)
		r = io_append(ret_bytes, text, len);
	secmem_wipe(text, len);
	if (r < 0)
		return values_no_room(what, why);
	if (len > 0 && !values->warned && isatty(STDERR_FILENO)) {
		log_warn("values on the command line can be seen by others in ps; use --%s=@FILE",
			what);
		values->warned = true;
	}
	return 0;
}

static int values_read(struct values *values, const char *what, char *text,
	struct secbuf *ret_bytes, struct why *why)
{
	if (text[0] == '@' && text[1] == '@')
		return values_from_text(values, what, text + 1, ret_bytes, why);
	if (text[0] == '@')
		return values_from_file(values, what, text + 1, ret_bytes, why);
	return values_from_text(values, what, text, ret_bytes, why);
}

static struct value *values_slot(struct values *values, const char *key)
{
	struct value *items;

	for (size_t i = 0; i < values->n; i++) {
		if (strcmp(values->items[i].key, key) == 0)
			return &values->items[i];
	}
	items = realloc(values->items, (values->n + 1) * sizeof(*items));
	if (items == NULL)
		return NULL;
	values->items = items;
	items[values->n] = (struct value){0};
	strcpy(items[values->n].key, key);
	return &items[values->n++];
}

int values_put(struct values *values, const char *key, struct secbuf *bytes)
{
	struct value *value = values_slot(values, key);

	if (value == NULL)
		return -ENOMEM;
	secbuf_free(&value->bytes);
	value->bytes = secbuf_take(bytes);
	return 0;
}

int values_add(struct values *values, char *text, struct why *why)
{
	AUTO_SECBUF bytes = SECBUF_INIT;
	char key[NAME_MAX_BYTES + 2];
	char *equals = strchr(text, '=');
	const struct value *there;
	int r;

	if (equals == NULL)
		return why_set(why, -EINVAL, "--set: a key is given as KEY=VALUE");
	snprintf(key, sizeof(key), "%.*s", (int)(equals - text), text);
	r = tree_key_check(key, why);
	if (r == 0)
		r = values_read(values, key, equals + 1, &bytes, why);
	if (r < 0)
		return r;
	there = values_find(values, key);
	if (there != NULL && there->fixed)
		return 0;
	return values_put(values, key, &bytes) < 0 ? why_set(why, -ENOMEM, "out of memory") : 0;
}

/* A set within a word, which may begin with a byte that is no value's. */
static int values_read_set(
	struct values *values, char *text, struct secbuf *ret_bytes, struct why *why)
{
	if (strcmp(text, "-") == 0)
		return values_from_file(values, "values", text, ret_bytes, why);
	return values_read(values, "values", text, ret_bytes, why);
}

int values_add_set(struct values *values, char *text, struct why *why)
{
	enum values_form form = VALUES_ANY;
	const char *what = "--values";
	AUTO_SECBUF bytes = SECBUF_INIT;
	AUTO_VALUES set = VALUES_INIT;
	int r;

	if (text[0] == '@' && text[1] != '@' && strcmp(text, "@-") != 0) {
		what = text + 1;
		form = values_form_of_file(what);
	}
	r = values_read_set(values, text, &bytes, why);
	if (r == 0)
		r = values_parse(&set, &bytes, form, what, why);
	for (size_t i = 0; r == 0 && i < set.n; i++) {
		r = values_put(values, set.items[i].key, &set.items[i].bytes);
		if (r < 0)
			return why_set(why, r, "out of memory");
		values_slot(values, set.items[i].key)->fixed = true;
	}
	return r;
}

bool values_drop(struct values *values, const char *key)
{
	const struct value *value = values_find(values, key);
	size_t at;

	if (value == NULL)
		return false;
	at = (size_t)(value - values->items);
	secbuf_free(&values->items[at].bytes);
	values->n--;
	memmove(&values->items[at], &values->items[at + 1],
		(values->n - at) * sizeof(*values->items));
	return true;
}

const struct value *values_find(const struct values *values, const char *key)
{
	for (size_t i = 0; i < values->n; i++) {
		if (strcmp(values->items[i].key, key) == 0)
			return &values->items[i];
	}
	return NULL;
}

void values_free(struct values *values)
{
	for (size_t i = 0; i < values->n; i++)
		secbuf_free(&values->items[i].bytes);
	free(values->items);
	*values = VALUES_INIT;
}
