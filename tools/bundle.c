/* SPDX-License-Identifier: MIT */
/* bundle: one secret with its values, visibility, expiry and description. */
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fd.h"
#include "io.h"
#include "load.h"
#include "text.h"
#include "times.h"

/* ---- reading a secret ---- */

static int bundle_read_values(
	struct bundle *b, int dir, const struct tree_name *name, struct why *why)
{
	AUTO_LOAD load = {0};
	int r = load_secret(&load, dir, name, why);

	if (r < 0)
		return r;
	load_drop_dotted(&load);
	for (size_t i = 0; i < load.keys.n && load_refused(&load) > 0; i++) {
		if (values_find(&load.values, load.keys.names[i]) == NULL)
			return tree_key_why(why, -EACCES, name, load.keys.names[i]);
	}
	b->edit.change.set = load.values;
	load.values = VALUES_INIT;
	return 0;
}

static bool bundle_acl(int dir, const char *key)
{
	char path[64 + NAME_MAX_BYTES];

	snprintf(path, sizeof(path), "/proc/self/fd/%d%s%s", dir, key != NULL ? "/" : "",
		key != NULL ? key : "");
	return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* With an ACL the bits of the group are the most that the ACL may give; what the group itself has
 * stands in the ACL. */
static int bundle_mode(struct bundle *b, int dir, const char *key, mode_t *ret_mode)
{
	struct stat st;

	if (fstatat(dir, key != NULL ? key : "", &st,
		    key != NULL ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH) < 0)
		return -errno;
	*ret_mode = st.st_mode & 01777;
	if (bundle_acl(dir, key)) {
		b->has_acl = true;
		*ret_mode &= ~(mode_t)070;
	}
	return 0;
}

static int bundle_add_mode(struct bundle *b, const char *key, mode_t mode)
{
	struct bundle_mode *modes = reallocarray(b->modes, b->nmodes + 1, sizeof(*modes));

	if (modes == NULL)
		return -ENOMEM;
	b->modes = modes;
	modes[b->nmodes] = (struct bundle_mode){.key = strdup(key), .mode = mode};
	return modes[b->nmodes].key == NULL ? -ENOMEM : (b->nmodes++, 0);
}

static int bundle_read_modes(
	struct bundle *b, int dir, const struct tree_name *name, struct why *why)
{
	const struct values *values = &b->edit.change.set;
	int r = bundle_mode(b, dir, NULL, &b->mode);

	b->has_mode = r == 0;
	for (size_t i = 0; i < values->n && r == 0; i++) {
		mode_t mode;

		r = bundle_mode(b, dir, values->items[i].key, &mode);
		if (r == 0 && mode != (b->mode & 0666))
			r = bundle_add_mode(b, values->items[i].key, mode);
		else if (r == -ENOENT)
			r = 0;
	}
	return r < 0 ? tree_why(why, r, name->text) : 0;
}

static int bundle_read_attrs(
	struct bundle *b, int dir, const struct tree_name *name, struct why *why)
{
	char text[ATTR_TEXT];
	int r = attr_get(dir, "expires", text);

	if (r == 0) {
		b->edit.expires.given = true;
		snprintf(b->edit.expires.text, sizeof(b->edit.expires.text), "%.*s", TIMES_TEXT - 1,
			text);
	}
	if (r == 0 || r == -ENODATA)
		r = attr_get(dir, "description", text);
	if (r == 0) {
		b->description = strdup(text);
		b->edit.description = b->description;
		r = b->description == NULL ? -ENOMEM : 0;
	}
	return r < 0 && r != -ENODATA ? tree_why(why, r, name->text) : 0;
}

int bundle_read(struct bundle *ret_bundle, int dir, const struct tree_name *name, struct why *why)
{
	AUTO_BUNDLE b = BUNDLE_INIT;
	int r;

	b.name = *name;
	r = bundle_read_values(&b, dir, name, why);
	if (r == 0 && name->ns == TREE_PUBLIC)
		r = bundle_read_modes(&b, dir, name, why);
	if (r == 0)
		r = bundle_read_attrs(&b, dir, name, why);
	if (r == 0) {
		*ret_bundle = b;
		b = BUNDLE_INIT;
	}
	return r;
}

/* ---- as text ---- */

struct bundle_text {
	const struct bundle *bundle;
	enum values_form form;
	struct secbuf *text;
	int err;
};

static void put(struct bundle_text *t, const char *s)
{
	if (t->err == 0)
		t->err = io_append(t->text, s, strlen(s));
}

/* Every JSON string of these names and texts is YAML, too. */
static void put_string(struct bundle_text *t, const char *s)
{
	size_t len = strlen(s);
	char *out;

	if (t->form == VALUES_YAML) {
		if (t->err == 0)
			t->err = values_yaml_scalar(s, len, t->text);
		return;
	}
	out = malloc(text_json_string(s, len, NULL) + 1);
	if (out == NULL) {
		t->err = -ENOMEM;
		return;
	}
	out[text_json_string(s, len, out)] = '\0';
	put(t, out);
	free(out);
}

static void put_field(struct bundle_text *t, const char *name)
{
	put(t, t->form == VALUES_YAML ? "" : ", \"");
	put(t, name);
	put(t, t->form == VALUES_YAML ? ": " : "\": ");
}

static void put_end(struct bundle_text *t)
{
	if (t->form == VALUES_YAML)
		put(t, "\n");
}

static void put_mode(struct bundle_text *t, mode_t mode)
{
	char text[8];

	snprintf(text, sizeof(text), "\"%04o\"", (unsigned)mode);
	put(t, text);
}

static void put_modes(struct bundle_text *t)
{
	const struct bundle *b = t->bundle;

	put(t, t->form == VALUES_YAML ? "key_modes:\n" : ", \"key_modes\": {");
	for (size_t i = 0; i < b->nmodes; i++) {
		put(t, t->form == VALUES_YAML ? "  " : i > 0 ? ", " : "");
		if (t->form != VALUES_YAML)
			put_string(t, b->modes[i].key);
		else if (t->err == 0)
			t->err = values_yaml_name(b->modes[i].key, t->text);
		put(t, ": ");
		put_mode(t, b->modes[i].mode);
		put_end(t);
	}
	put(t, t->form == VALUES_YAML ? "" : "}");
}

static void put_values(struct bundle_text *t)
{
	const struct values *values = &t->bundle->edit.change.set;

	if (t->form == VALUES_YAML)
		put(t, values->n == 0 ? "values: {}\n" : "values:\n");
	else
		put_field(t, "values");
	if (t->err < 0)
		return;
	if (t->form == VALUES_YAML) {
		if (values->n > 0)
			t->err = values_print_yaml(values, 2, t->text);
		return;
	}
	t->err = values_print_json(values, t->text);
	while (t->err == 0 && t->text->len > 0 && t->text->data[t->text->len - 1] == '\n')
		t->text->len--;
	put(t, "}");
}

int bundle_print(const struct bundle *b, enum values_form form, struct secbuf *text)
{
	struct bundle_text t = {.bundle = b, .form = form, .text = text};
	char number[16];

	snprintf(number, sizeof(number), "%d", BUNDLE_FORM);
	put(&t, form == VALUES_YAML ? "---\nsecretfs: " : "{\"secretfs\": ");
	put(&t, number);
	put_end(&t);
	put_field(&t, "name");
	put_string(&t, b->name.name);
	put_end(&t);
	put_field(&t, "private");
	put(&t, b->name.ns == TREE_PRIVATE ? "true" : "false");
	put_end(&t);
	if (b->has_mode) {
		put_field(&t, "mode");
		put_mode(&t, b->mode);
		put_end(&t);
	}
	if (b->nmodes > 0)
		put_modes(&t);
	if (b->edit.expires.given) {
		put_field(&t, "expires");
		put_string(&t, b->edit.expires.text);
		put_end(&t);
	}
	if (b->description != NULL) {
		put_field(&t, "description");
		put_string(&t, b->description);
		put_end(&t);
	}
	put_values(&t);
	return t.err;
}

/* ---- from a document ---- */

struct bundle_in {
	struct bundle *bundle;
	const struct doc *doc;
	const char *what;
	struct why *why;
};

bool bundle_is(const struct doc *doc, const struct doc_node *map)
{
	const struct doc_node *form =
		map->kind == DOC_MAP ? doc_member(doc, map, "secretfs") : NULL;
	const struct doc_node *values = form != NULL ? doc_member(doc, map, "values") : NULL;

	return form != NULL && form->kind == DOC_SCALAR && values != NULL &&
	       values->kind == DOC_MAP;
}

/* A scalar that is no secret, as a string. */
static int take_text(const struct bundle_in *in, const struct doc_node *node, const char *name,
	char *ret_text, size_t size)
{
	const unsigned char *bytes = doc_bytes(in->doc, node);

	if (node->kind != DOC_SCALAR || node->len >= size || memchr(bytes, '\0', node->len) != NULL)
		return why_set(in->why, -EINVAL, "%s: line %zu: %s: a text of at most %zu bytes",
			in->what, node->line, name, size - 1);
	memcpy(ret_text, bytes, node->len);
	ret_text[node->len] = '\0';
	return 0;
}

static int take_form(const struct bundle_in *in, const struct doc_node *node)
{
	char text[16];
	int r = take_text(in, node, "secretfs", text, sizeof(text));

	if (r == 0 && strcmp(text, "1") != 0)
		r = why_set(in->why, -EPROTO,
			"%s: line %zu: this is form %s of an export; this secretctl reads form %d",
			in->what, node->line, text, BUNDLE_FORM);
	return r;
}

static int take_name(const struct bundle_in *in, const struct doc_node *node)
{
	struct tree_name *name = &in->bundle->name;
	char text[NAME_MAX_BYTES + 1];
	int r = take_text(in, node, "name", text, sizeof(text));

	if (r < 0)
		return r;
	if (name_check(text, strlen(text)) < 0)
		return why_set(in->why, -EINVAL,
			"%s: line %zu: that cannot be the name of a secret", in->what, node->line);
	strcpy(name->name, text);
	tree_name_set(name, name->ns);
	return 0;
}

static int take_private(const struct bundle_in *in, const struct doc_node *node)
{
	char text[8];
	int r = take_text(in, node, "private", text, sizeof(text));

	if (r < 0)
		return r;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return why_set(in->why, -EINVAL, "%s: line %zu: private: true or false", in->what,
			node->line);
	tree_name_set(&in->bundle->name, text[0] == 't' ? TREE_PRIVATE : TREE_PUBLIC);
	in->bundle->name.bare = false;
	return 0;
}

static int take_mode(const struct bundle_in *in, const struct doc_node *node, mode_t *ret_mode)
{
	char text[8], *end;
	unsigned long mode;
	int r = take_text(in, node, "mode", text, sizeof(text));

	if (r < 0)
		return r;
	mode = strtoul(text, &end, 8);
	if (text[0] < '0' || text[0] > '7' || *end != '\0' || mode > 01777)
		return why_set(in->why, -EINVAL, "%s: line %zu: a mode is octal, at most 1777",
			in->what, node->line);
	*ret_mode = (mode_t)mode;
	return 0;
}

static int take_modes(const struct bundle_in *in, const struct doc_node *map)
{
	if (map->kind != DOC_MAP)
		return why_set(in->why, -EINVAL, "%s: line %zu: key_modes: names of keys and modes",
			in->what, map->line);
	for (const struct doc_node *n = doc_first(in->doc, map); n != NULL;
		n = doc_next(in->doc, n)) {
		char key[NAME_MAX_BYTES + 1];
		mode_t mode;
		int r = take_mode(in, n, &mode);

		if (r < 0)
			return r;
		if (n->name_len > NAME_MAX_BYTES)
			return why_set(in->why, -EINVAL, "%s: line %zu: that is no key", in->what,
				n->line);
		snprintf(key, sizeof(key), "%.*s", (int)n->name_len, doc_name(in->doc, n));
		if (bundle_add_mode(in->bundle, key, mode) < 0)
			return why_set(in->why, -ENOMEM, "out of memory");
	}
	return 0;
}

static int take_expires(const struct bundle_in *in, const struct doc_node *node)
{
	struct expiry *expires = &in->bundle->edit.expires;
	char text[64];
	int64_t seconds;
	int r = take_text(in, node, "expires", text, sizeof(text));

	if (r < 0)
		return r;
	if (times_parse(text, &seconds) < 0 || seconds <= 0)
		return why_set(in->why, -EINVAL,
			"%s: line %zu: expires: a time is written as 2030-01-31T12:00:00Z",
			in->what, node->line);
	expires->given = true;
	times_print(seconds, expires->text);
	return 0;
}

static int take_description(const struct bundle_in *in, const struct doc_node *node)
{
	struct bundle *b = in->bundle;
	char text[ATTR_TEXT];
	int r = take_text(in, node, "description", text, sizeof(text));

	if (r < 0)
		return r;
	b->description = strdup(text);
	b->edit.description = b->description;
	return b->description == NULL ? why_set(in->why, -ENOMEM, "out of memory") : 0;
}

static bool is_named(const struct bundle_in *in, const struct doc_node *node, const char *name)
{
	return node->name_len == strlen(name) &&
	       memcmp(doc_name(in->doc, node), name, node->name_len) == 0;
}

static int take_member(const struct bundle_in *in, const struct doc_node *node)
{
	struct bundle *b = in->bundle;

	if (is_named(in, node, "secretfs"))
		return 0; /* was first */
	if (is_named(in, node, "name"))
		return take_name(in, node);
	if (is_named(in, node, "private"))
		return take_private(in, node);
	if (is_named(in, node, "mode")) {
		b->has_mode = true;
		return take_mode(in, node, &b->mode);
	}
	if (is_named(in, node, "key_modes"))
		return take_modes(in, node);
	if (is_named(in, node, "expires"))
		return take_expires(in, node);
	if (is_named(in, node, "description"))
		return take_description(in, node);
	if (is_named(in, node, "values"))
		return values_from_doc(&b->edit.change.set, in->doc, node, in->what, in->why);
	return why_set(in->why, -EINVAL,
		"%s: line %zu: an export has secretfs, name, private, mode, key_modes, expires, "
		"description and values, and nothing else",
		in->what, node->line);
}

int bundle_parse(struct bundle *ret_bundle, const struct doc *doc, const struct doc_node *map,
	const char *what, struct why *why)
{
	AUTO_BUNDLE b = BUNDLE_INIT;
	const struct bundle_in in = {.bundle = &b, .doc = doc, .what = what, .why = why};
	int r = take_form(&in, doc_member(doc, map, "secretfs"));

	for (const struct doc_node *n = doc_first(doc, map); n != NULL && r == 0;
		n = doc_next(doc, n))
		r = take_member(&in, n);
	if (r == 0 && b.name.name[0] == '\0')
		r = why_set(why, -EINVAL, "%s: line %zu: it has no name", what, map->line);
	if (r == 0) {
		*ret_bundle = b;
		b = BUNDLE_INIT;
	}
	return r;
}

void bundle_free(struct bundle *b)
{
	edit_free(&b->edit);
	free(b->description);
	for (size_t i = 0; i < b->nmodes; i++)
		free(b->modes[i].key);
	free(b->modes);
	*b = BUNDLE_INIT;
}
