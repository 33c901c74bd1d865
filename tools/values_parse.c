/* SPDX-License-Identifier: MIT */
/* values_parse: a set of values out of a text in JSON, YAML or dotenv. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dotenv.h"
#include "io.h"
#include "text.h"
#include "tree.h"
#include "values_form.h"

enum values_form values_form_of_file(const char *path)
{
	static const struct {
		const char *end;
		enum values_form form;
	} ends[] = {{".json", VALUES_JSON}, {".yaml", VALUES_YAML}, {".yml", VALUES_YAML},
		{".env", VALUES_ENV}};
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t len = strlen(name);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t end = strlen(ends[i].end);

		if (len >= end && strcmp(name + len - end, ends[i].end) == 0)
			return ends[i].form;
	}
	return strncmp(name, ".env.", 5) == 0 ? VALUES_ENV : VALUES_ANY;
}

/* ---- a map of a document ---- */

/* {"base64": "..."} and nothing else. */
static const struct doc_node *values_base64(const struct doc *doc, const struct doc_node *node)
{
	const struct doc_node *text = doc_member(doc, node, "base64");

	return text != NULL && text->kind == DOC_SCALAR && text->next == 0 &&
			       doc_first(doc, node) == text
		       ? text
		       : NULL;
}

static int values_decode(const struct doc *doc, const struct doc_node *text, const char *what,
	const char *key, struct secbuf *ret_bytes, struct why *why)
{
	int n;

	if (secbuf_alloc(ret_bytes, text->len / 4 * 3, SECMEM_SELF) < 0)
		return doc_no_memory(what, why);
	n = text_base64_decode((const char *)doc_bytes(doc, text), text->len, ret_bytes->data);
	if (n < 0)
		return why_set(why, -EINVAL,
			"%s: %s: base64 takes padded base64 without white space", what, key);
	ret_bytes->len = (size_t)n;
	return 0;
}

static int values_refuse(
	const struct doc_node *node, const char *what, const char *key, struct why *why)
{
	switch (node->kind) {
	case DOC_NULL:
		return why_set(why, -EINVAL,
			"%s: %s: null is no value; an empty one is \"\", and a key is removed with "
			"update -r",
			what, key);
	case DOC_LIST:
		return why_set(why, -EINVAL,
			"%s: %s: a list is no value; quote it to store its text", what, key);
	default:
		return why_set(why, -EINVAL,
			"%s: %s: a value cannot hold names of its own; quote it to store its text, "
			"or "
			"give bytes as {\"base64\": \"...\"}",
			what, key);
	}
}

static int values_member(struct values *values, const struct doc *doc, const struct doc_node *node,
	const char *what, struct why *why)
{
	const struct doc_node *base64 = values_base64(doc, node);
	AUTO_SECBUF bytes = SECBUF_INIT;
	char key[NAME_MAX_BYTES + 1];
	int r;

	if (name_check(doc_name(doc, node), node->name_len) < 0)
		return why_set(why, -EINVAL,
			"%s: line %zu: that cannot be the name of a key: 1 to 255 bytes of UTF-8 "
			"without '/' and control characters",
			what, node->line);
	snprintf(key, sizeof(key), "%.*s", (int)node->name_len, doc_name(doc, node));
	r = tree_key_check(key, why);
	if (r < 0)
		return r;
	if (base64 != NULL)
		r = values_decode(doc, base64, what, key, &bytes, why);
	else if (node->kind != DOC_SCALAR)
		r = values_refuse(node, what, key, why);
	else if (secbuf_alloc(&bytes, node->len, SECMEM_SELF) < 0 ||
		 io_append(&bytes, doc_bytes(doc, node), node->len) < 0)
		r = doc_no_memory(what, why);
	if (r == 0 && values_put(values, key, &bytes) < 0)
		r = doc_no_memory(what, why);
	return r;
}

int values_from_doc(struct values *values, const struct doc *doc, const struct doc_node *map,
	const char *what, struct why *why)
{
	if (map->kind != DOC_MAP)
		return why_set(why, -EINVAL,
			"%s: %s; give names with values, as {\"key\": \"value\"} or key: value",
			what,
			map->kind == DOC_LIST   ? "a list has no names for its values"
			: map->kind == DOC_NULL ? "there is nothing in it"
						: "a single value has no name");
	for (const struct doc_node *n = doc_first(doc, map); n != NULL; n = doc_next(doc, n)) {
		int r = values_member(values, doc, n, what, why);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- dotenv ---- */

struct values_env {
	struct values *values;
	const char *what;
	struct why *why;
};

static int values_env_pair(void *arg, const struct dotenv_pair *pair)
{
	const struct values_env *env = arg;
	AUTO_SECBUF bytes = SECBUF_INIT;
	char key[NAME_MAX_BYTES + 1];

	if (pair->name_len > NAME_MAX_BYTES)
		return why_set(env->why, -EINVAL, "%s: a name has more than %d bytes", env->what,
			NAME_MAX_BYTES);
	snprintf(key, sizeof(key), "%.*s", (int)pair->name_len, pair->name);
	if (secbuf_alloc(&bytes, pair->len, SECMEM_SELF) < 0 ||
		io_append(&bytes, pair->bytes, pair->len) < 0 ||
		values_put(env->values, key, &bytes) < 0)
		return doc_no_memory(env->what, env->why);
	return 0;
}

static int values_parse_env(
	struct values *values, const struct secbuf *text, const char *what, struct why *why)
{
	struct values_env env = {.values = values, .what = what, .why = why};
	AUTO_SECBUF scratch = SECBUF_INIT;
	size_t line = 0;
	int r;

	if (secbuf_alloc(&scratch, text->len, SECMEM_SELF) < 0)
		return doc_no_memory(what, why);
	r = dotenv_read(
		(const char *)text->data, text->len, scratch.data, values_env_pair, &env, &line);
	/* A refused pair has its sentence already. */
	if (r < 0 && line > 0)
		return why_set(why, -EINVAL, "%s: line %zu: %s", what, line,
			r == -ENODATA ? "the text ends in the middle of a variable"
				      : "not of the form NAME=value");
	return r;
}

/* ---- which form ---- */

/* The first line that says something. */
static const char *values_first_line(const struct secbuf *text, size_t *ret_len)
{
	const char *p = (const char *)text->data, *end = p + text->len;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline != NULL ? newline : end;

		while (p < stop && (*p == ' ' || *p == '\t' || *p == '\r'))
			p++;
		if (p < stop && *p != '#') {
			*ret_len = (size_t)(stop - p);
			return p;
		}
		p = newline != NULL ? newline + 1 : end;
	}
	*ret_len = 0;
	return end;
}

static bool values_is_assignment(const char *line, size_t len)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	static const char export[] = "export ";
	const size_t skip = sizeof(export) - 1;
	size_t i = 0;

	if (len > skip && memcmp(line, export, skip) == 0) {
		line += skip;
		len -= skip;
	}
	while (i < len && line[i] != '\0' && strchr(letters, line[i]) != NULL)
		i++;
	return i > 0 && i < len && line[i] == '=' && !(line[0] >= '0' && line[0] <= '9');
}

enum values_form values_form_of_text(const struct secbuf *text)
{
	size_t len;
	const char *line = values_first_line(text, &len);

	if (values_is_assignment(line, len))
		return VALUES_ENV;
	return len > 0 && (line[0] == '{' || line[0] == '[') ? VALUES_ANY : VALUES_YAML;
}

/* What begins with a brace is JSON; YAML's flow form ({key: value}) begins with one too. */
static int values_read_braces(
	struct doc *doc, const struct secbuf *text, const char *what, struct why *why)
{
	struct why not_yaml;
	int r = doc_read_json(doc, text, what, why);

	if (r == -EINVAL && doc_read_yaml(doc, text, what, &not_yaml) == 0)
		r = 0;
	return r;
}

int values_parse(struct values *values, const struct secbuf *text, enum values_form form,
	const char *what, struct why *why)
{
	AUTO_DOC doc = DOC_INIT;
	int r;

	if (form == VALUES_ANY)
		form = values_form_of_text(text);
	if (form == VALUES_ENV)
		return values_parse_env(values, text, what, why);
	if (form == VALUES_JSON)
		r = doc_read_json(&doc, text, what, why);
	else if (form == VALUES_YAML)
		r = doc_read_yaml(&doc, text, what, why);
	else
		r = values_read_braces(&doc, text, what, why);
	return r < 0 ? r : values_from_doc(values, &doc, doc.nodes, what, why);
}
