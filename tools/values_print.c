/* SPDX-License-Identifier: MIT */
/* values_print: a set of values as a text in JSON, YAML or dotenv. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "io.h"
#include "text.h"
#include "values_form.h"

/* docker reads lines with a buffer of this size. */
#define DOCKER_LINE (64u << 10)

static int print_text(struct secbuf *text, const char *s)
{
	return io_append(text, s, strlen(s));
}

/* Room for need bytes more; io_append has none to give that is not filled. */
static int print_room(struct secbuf *text, size_t need)
{
	return text->cap - text->len >= need ? 0 : secbuf_grow(text, (text->len + need) * 2);
}

/* ---- JSON ---- */

static int json_pair(const struct value *value, struct secbuf *text)
{
	size_t name_len = strlen(value->key);
	size_t need = text_json_string(value->key, name_len, NULL) + 2 +
		      text_json_value(value->bytes.data, value->bytes.len, NULL);
	int r = print_room(text, need);

	if (r < 0)
		return r;
	text->len += text_json_string(value->key, name_len, (char *)text->data + text->len);
	memcpy(text->data + text->len, ": ", 2);
	text->len += 2;
	text->len += text_json_value(
		value->bytes.data, value->bytes.len, (char *)text->data + text->len);
	return 0;
}

int values_print_json(const struct values *values, struct secbuf *text)
{
	int r = print_text(text, "{");

	for (size_t i = 0; r == 0 && i < values->n; i++) {
		if (i > 0)
			r = print_text(text, ", ");
		if (r == 0)
			r = json_pair(&values->items[i], text);
	}
	return r < 0 ? r : print_text(text, "}\n");
}

/* ---- what is merged ---- */

/* Counts, or appends to text, which has the room. */
struct merge {
	struct secbuf *text;
	size_t len;
};

static char *merge_at(const struct merge *merge)
{
	return merge->text != NULL ? (char *)merge->text->data + merge->len : NULL;
}

static void merge_put(struct merge *merge, const char *s)
{
	size_t n = strlen(s);

	if (merge->text != NULL)
		memcpy(merge_at(merge), s, n);
	merge->len += n;
}

/* The name of a member, after what parts it from the one before. */
static void merge_name(struct merge *merge, const char *key)
{
	merge_put(merge, merge->len > 1 ? ", " : "");
	merge->len += text_json_string(key, strlen(key), merge_at(merge));
	merge_put(merge, ": ");
}

/* Control characters take six bytes each in a string. */
static void merge_value(struct merge *merge, const struct secbuf *value)
{
	if (text_json_value(value->data, value->len, NULL) <=
		text_json_base64(value->data, value->len, NULL))
		merge->len += text_json_value(value->data, value->len, merge_at(merge));
	else
		merge->len += text_json_base64(value->data, value->len, merge_at(merge));
}

static size_t merge_print(const struct values *values, const char *const *removes, size_t nremoves,
	struct secbuf *text)
{
	struct merge merge = {.text = text};

	merge_put(&merge, "{");
	for (size_t i = 0; i < nremoves; i++) {
		if (removes[i][0] == '.')
			continue;
		merge_name(&merge, removes[i]);
		merge_put(&merge, "null");
	}
	for (size_t i = 0; i < values->n; i++) {
		if (values->items[i].key[0] == '.')
			continue;
		merge_name(&merge, values->items[i].key);
		merge_value(&merge, &values->items[i].bytes);
	}
	merge_put(&merge, "}");
	return merge.len;
}

size_t values_merge_size(const struct values *values, const char *const *removes, size_t nremoves)
{
	return merge_print(values, removes, nremoves, NULL);
}

void values_merge_print(const struct values *values, const char *const *removes, size_t nremoves,
	struct secbuf *text)
{
	text->len = merge_print(values, removes, nremoves, text);
}

/* ---- YAML ---- */

/*
 * How many bytes at p stand for themselves in double quotes (0: none), or must be escaped as the
 * character *ret_escape of *ret_len bytes: what YAML does not count as printable, and what it takes
 * for the end of a line. p is valid UTF-8.
 */
static size_t yaml_plain(const unsigned char *p, size_t left, unsigned *ret_escape, size_t *ret_len)
{
	unsigned c;
	size_t n;

	if (p[0] < 0x80) {
		*ret_len = 1;
		*ret_escape = p[0];
		return p[0] >= 0x20 && p[0] != 0x7f && p[0] != '"' && p[0] != '\\';
	}
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (n > left || n == 4)
		return n > left ? left : n;
	c = n == 2 ? (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu)
		   : (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
	*ret_len = n;
	*ret_escape = c;
	return c < 0xa0 || c == 0x2028 || c == 0x2029 || c == 0xfeff || c >= 0xfffe ? 0 : n;
}

static int yaml_escape(unsigned c, struct secbuf *text)
{
	char escape[8];
	int r;

	switch (c) {
	case '\n':
		return print_text(text, "\\n");
	case '\r':
		return print_text(text, "\\r");
	case '\t':
		return print_text(text, "\\t");
	case '"':
		return print_text(text, "\\\"");
	case '\\':
		return print_text(text, "\\\\");
	default:
		snprintf(escape, sizeof(escape), c < 0x100 ? "\\x%02x" : "\\u%04x", c);
		r = print_text(text, escape);
		secmem_wipe(escape, sizeof(escape));
		return r;
	}
}

static int yaml_quoted(const unsigned char *bytes, size_t len, struct secbuf *text)
{
	int r = print_text(text, "\"");

	for (size_t i = 0; r == 0 && i < len;) {
		size_t start = i, n = 1, escaped = 0;
		unsigned c = 0;

		while (i < len && (n = yaml_plain(bytes + i, len - i, &c, &escaped)) > 0)
			i += n;
		r = io_append(text, bytes + start, i - start);
		if (r == 0 && i < len) {
			r = yaml_escape(c, text);
			i += escaped;
		}
	}
	return r < 0 ? r : print_text(text, "\"");
}

/* The view's form of bytes without its frame: {"base64": "..."}. */
static int yaml_binary(const void *bytes, size_t len, struct secbuf *text)
{
	static const char frame[] = "{\"base64\": ";
	const size_t skip = sizeof(frame) - 1;
	size_t need = text_json_value(bytes, len, NULL);
	AUTO_SECBUF json = SECBUF_INIT;
	int r = secbuf_alloc(&json, need, SECMEM_SELF);

	if (r == 0) {
		text_json_value(bytes, len, (char *)json.data);
		r = print_text(text, "!!binary ");
	}
	return r < 0 ? r : io_append(text, json.data + skip, need - skip - 1);
}

int values_yaml_scalar(const void *bytes, size_t len, struct secbuf *text)
{
	return name_utf8(bytes, len) ? yaml_quoted(bytes, len, text)
				     : yaml_binary(bytes, len, text);
}

/* Words that YAML 1.1 or 1.2 takes for something else than a string. */
static bool yaml_word(const char *name)
{
	static const char *const words[] = {
		"true", "false", "yes", "no", "on", "off", "y", "n", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(name, words[i]) == 0)
			return true;
	}
	return false;
}

int values_yaml_name(const char *name, struct secbuf *text)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	static const char others[] = "0123456789.-";
	size_t len = strlen(name), i = 0;

	while (name[i] != '\0' &&
		(strchr(letters, name[i]) != NULL || (i > 0 && strchr(others, name[i]) != NULL)))
		i++;
	if (i == len && len > 0 && !yaml_word(name))
		return print_text(text, name);
	return values_yaml_scalar(name, len, text);
}

int values_print_yaml(const struct values *values, unsigned indent, struct secbuf *text)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < values->n; i++) {
		const struct value *value = &values->items[i];

		for (unsigned j = 0; r == 0 && j < indent; j++)
			r = print_text(text, " ");
		if (r == 0)
			r = values_yaml_name(value->key, text);
		if (r == 0)
			r = print_text(text, ": ");
		if (r == 0)
			r = values_yaml_scalar(value->bytes.data, value->bytes.len, text);
		if (r == 0)
			r = print_text(text, "\n");
	}
	/* A document without a line would be null. */
	return r == 0 && values->n == 0 ? print_text(text, "{}\n") : r;
}

/* ---- dotenv ---- */

/* A comment that names a key: JSON-escaped, and with a full stop, so that nothing continues it. */
static int env_left_out(const char *key, struct secbuf *text)
{
	size_t len = strlen(key), need = text_json_string(key, len, NULL);
	int r = print_text(text, "# Left out: ");

	if (r == 0)
		r = print_room(text, need);
	if (r < 0)
		return r;
	text->len += text_json_string(key, len, (char *)text->data + text->len);
	return print_text(text, ".\n");
}

int values_print_env(const struct values *values, struct secbuf *text, size_t *ret_left_out)
{
	size_t left_out = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < values->n; i++) {
		const struct value *value = &values->items[i];
		size_t name_len = strlen(value->key);
		size_t need = text_env_line(
			value->key, name_len, value->bytes.data, value->bytes.len, NULL);

		if (need == 0) {
			left_out++;
			r = env_left_out(value->key, text);
			continue;
		}
		r = print_room(text, need);
		if (r == 0)
			text->len += text_env_line(value->key, name_len, value->bytes.data,
				value->bytes.len, (char *)text->data + text->len);
	}
	if (r == 0)
		*ret_left_out = left_out;
	return r;
}

/* ---- docker ---- */

/* It ends a value at a newline and takes a carriage return before it away. */
static const char *docker_cannot(const struct value *value)
{
	const unsigned char *bytes = value->bytes.data;
	size_t len = value->bytes.len;

	/* A name that the view .env can say with an empty value is a variable's. */
	if (text_env_line(value->key, strlen(value->key), NULL, 0, NULL) == 0)
		return "the name cannot be a variable's";
	if (!name_utf8(bytes, len))
		return "the value is not UTF-8";
	if (len > 0 && memchr(bytes, '\0', len) != NULL)
		return "the value has a NUL";
	if (len > 0 && (memchr(bytes, '\n', len) != NULL || bytes[len - 1] == '\r'))
		return "the value has more than one line";
	return strlen(value->key) + 1 + len + 2 > DOCKER_LINE ? "the value is too long" : NULL;
}

int values_print_docker(const struct values *values, struct secbuf *text, struct why *why)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < values->n; i++) {
		const struct value *value = &values->items[i];
		const char *cannot = docker_cannot(value);

		if (cannot != NULL)
			return why_set(why, -EINVAL,
				"%s: docker --env-file cannot say it: %s; mount the secret instead",
				value->key, cannot);
		r = print_text(text, value->key);
		if (r == 0)
			r = print_text(text, "=");
		if (r == 0)
			r = io_append(text, value->bytes.data, value->bytes.len);
		if (r == 0)
			r = print_text(text, "\n");
	}
	return r < 0 ? doc_no_memory("docker", why) : 0;
}
