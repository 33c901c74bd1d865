/* SPDX-License-Identifier: MIT */
/*
 * doc_json: a reader of JSON (RFC 8259) that goes over the text once.
 *
 * Of its own, because the libraries turn numbers into doubles (1.10 into 1.1, and an account number
 * of twenty digits into an error) and quote the text in what they say about its faults.
 */
#include "doc.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "name.h"

struct json {
	const char *text;
	size_t len, at, line, line_at; /* line_at: where the line begins */
	struct doc *doc;
	const char *what;
	struct why *why;
};

static int json_value(
	struct json *json, struct doc_node *node, size_t parent, size_t *last, unsigned depth);

static int json_bad(struct json *json, const char *problem)
{
	return why_set(json->why, -EINVAL, "%s: line %zu, column %zu: %s", json->what, json->line,
		json->at - json->line_at + 1, problem);
}

static int json_append(struct json *json, const void *bytes, size_t len)
{
	int r = doc_append(json->doc, bytes, len);

	return r < 0 ? doc_no_memory(json->what, json->why) : 0;
}

/* The byte that is next; -1 at the end. */
static int json_peek(const struct json *json)
{
	return json->at < json->len ? (unsigned char)json->text[json->at] : -1;
}

static void json_blanks(struct json *json)
{
	for (int c = json_peek(json); c == ' ' || c == '\t' || c == '\n' || c == '\r';
		c = json_peek(json)) {
		json->at++;
		if (c == '\n') {
			json->line++;
			json->line_at = json->at;
		}
	}
}

static bool json_take(struct json *json, char c)
{
	json_blanks(json);
	if (json_peek(json) != c)
		return false;
	json->at++;
	return true;
}

/* ---- strings ---- */

static int json_hex4(struct json *json, uint32_t *ret_unit)
{
	uint32_t unit = 0;

	for (int i = 0; i < 4; i++, json->at++) {
		int c = json_peek(json);
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return json_bad(json, "\\u takes four hexadecimal digits");
		unit = unit << 4 | (uint32_t)digit;
	}
	*ret_unit = unit;
	return 0;
}

static int json_put_utf8(struct json *json, uint32_t c)
{
	unsigned char bytes[4];
	size_t n;
	int r;

	if (c < 0x80) {
		bytes[0] = (unsigned char)c;
		n = 1;
	} else if (c < 0x800) {
		bytes[0] = (unsigned char)(0xc0 | c >> 6);
		n = 2;
	} else if (c < 0x10000) {
		bytes[0] = (unsigned char)(0xe0 | c >> 12);
		n = 3;
	} else {
		bytes[0] = (unsigned char)(0xf0 | c >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		bytes[i] = (unsigned char)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
	r = json_append(json, bytes, n);
	secmem_wipe(bytes, sizeof(bytes));
	return r;
}

/* After "\u". Two halves of a pair are one character; half of one is none. */
static int json_unicode(struct json *json)
{
	uint32_t unit, low;
	int r = json_hex4(json, &unit);

	if (r < 0)
		return r;
	if (unit < 0xd800 || unit > 0xdfff)
		return json_put_utf8(json, unit);
	if (unit > 0xdbff || json->len - json->at < 2 ||
		memcmp(json->text + json->at, "\\u", 2) != 0)
		return json_bad(json, "half of a surrogate pair");
	json->at += 2;
	r = json_hex4(json, &low);
	if (r < 0)
		return r;
	if (low < 0xdc00 || low > 0xdfff)
		return json_bad(json, "half of a surrogate pair");
	return json_put_utf8(json, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
}

static int json_escape(struct json *json)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	int c = json_peek(json);
	const char *letter = c > 0 ? strchr(letters, c) : NULL;

	if (c == 'u') {
		json->at++;
		return json_unicode(json);
	}
	if (letter == NULL)
		return json_bad(json, "no such escape in a string");
	json->at++;
	return json_append(json, &means[letter - letters], 1);
}

/* After the quotation mark. */
static int json_string(struct json *json, size_t *ret_at, size_t *ret_len)
{
	size_t start = json->doc->text.len;
	int r = 0;

	while (r == 0) {
		size_t run = json->at;
		int c;

		while ((c = json_peek(json)) >= 0x20 && c != '"' && c != '\\')
			json->at++;
		r = json_append(json, json->text + run, json->at - run);
		if (r < 0)
			break;
		if (c < 0)
			return json_bad(json, "the text ends inside a string");
		if (c < 0x20)
			return json_bad(json, "a control character in a string; write \\n for a "
					      "new line");
		json->at++;
		if (c == '"') {
			*ret_at = start;
			*ret_len = json->doc->text.len - start;
			return 0;
		}
		r = json_escape(json);
	}
	return r;
}

/* ---- numbers and words ---- */

static size_t json_digits(struct json *json)
{
	size_t start = json->at;

	while (json_peek(json) >= '0' && json_peek(json) <= '9')
		json->at++;
	return json->at - start;
}

/* -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)? */
static bool json_number(struct json *json)
{
	if (json_peek(json) == '-')
		json->at++;
	if (json_peek(json) == '0')
		json->at++;
	else if (json_digits(json) == 0)
		return false;
	if (json_peek(json) == '.') {
		json->at++;
		if (json_digits(json) == 0)
			return false;
	}
	if (json_peek(json) == 'e' || json_peek(json) == 'E') {
		json->at++;
		if (json_peek(json) == '+' || json_peek(json) == '-')
			json->at++;
		if (json_digits(json) == 0)
			return false;
	}
	return true;
}

static bool json_word(struct json *json, const char *word)
{
	size_t len = strlen(word);

	if (json->len - json->at < len || memcmp(json->text + json->at, word, len) != 0)
		return false;
	json->at += len;
	return true;
}

static int json_bare(struct json *json, struct doc_node *node)
{
	size_t start = json->at;
	int c = json_peek(json);

	if (json_word(json, "null")) {
		node->kind = DOC_NULL;
		return 0;
	}
	node->kind = DOC_SCALAR;
	if (!json_word(json, "true") && !json_word(json, "false")) {
		if (c != '-' && (c < '0' || c > '9'))
			return json_bad(json, c < 0 ? "the text ends where a value should be"
						    : "that is no value; strings stand in "
						      "quotation marks");
		if (!json_number(json))
			return json_bad(json, "that is no number");
	}
	node->at = json->doc->text.len;
	node->len = json->at - start;
	return json_append(json, json->text + start, node->len);
}

/* ---- what holds others ---- */

/* After the bracket. */
static int json_list(struct json *json, size_t list, unsigned depth)
{
	size_t last = 0;
	int r = 0;

	if (json_take(json, ']'))
		return 0;
	do {
		struct doc_node node = {0};

		r = json_value(json, &node, list, &last, depth);
	} while (r == 0 && json_take(json, ','));
	if (r == 0 && !json_take(json, ']'))
		r = json_bad(json, "',' or ']' should be here");
	return r;
}

static int json_member(struct json *json, size_t map, size_t *last, unsigned depth)
{
	struct doc_node node = {0};
	int r;

	if (!json_take(json, '"'))
		return json_bad(json, "a name in quotation marks should be here");
	r = json_string(json, &node.name, &node.name_len);
	if (r < 0)
		return r;
	if (!json_take(json, ':'))
		return json_bad(json, "':' should be here");
	return json_value(json, &node, map, last, depth);
}

/* After the brace. */
static int json_map(struct json *json, size_t map, unsigned depth)
{
	size_t last = 0;
	int r = 0;

	if (json_take(json, '}'))
		return 0;
	do
		r = json_member(json, map, &last, depth);
	while (r == 0 && json_take(json, ','));
	if (r == 0 && !json_take(json, '}'))
		r = json_bad(json, "',' or '}' should be here");
	return r < 0 ? r : doc_check_names(json->doc, map, json->what, json->why);
}

static int json_value(
	struct json *json, struct doc_node *node, size_t parent, size_t *last, unsigned depth)
{
	size_t number;
	bool map, list;
	int r = 0;

	json_blanks(json);
	node->line = json->line;
	map = json_peek(json) == '{';
	list = json_peek(json) == '[';
	if ((map || list) && depth == DOC_DEPTH)
		return json_bad(json, "too many lists and maps in each other");
	if (map || list) {
		node->kind = map ? DOC_MAP : DOC_LIST;
		json->at++;
	} else if (json_peek(json) == '"') {
		node->kind = DOC_SCALAR;
		json->at++;
		r = json_string(json, &node->at, &node->len);
	} else {
		r = json_bare(json, node);
	}
	if (r < 0)
		return r;
	if (doc_add(json->doc, parent, last, node, &number) < 0)
		return doc_no_memory(json->what, json->why);
	if (map)
		return json_map(json, number, depth + 1);
	return list ? json_list(json, number, depth + 1) : 0;
}

int doc_read_json(struct doc *ret_doc, const struct secbuf *text, const char *what, struct why *why)
{
	AUTO_DOC doc = DOC_INIT;
	struct json json = {.text = (const char *)text->data,
		.len = text->len,
		.line = 1,
		.doc = &doc,
		.what = what,
		.why = why};
	struct doc_node whole = {0};
	size_t last = 0;
	int r;

	if (!name_utf8(text->data, text->len))
		return why_set(why, -EINVAL,
			"%s: not UTF-8; a value of other bytes is {\"base64\": \"...\"}", what);
	if (secbuf_alloc(&doc.text, text->len, SECMEM_SELF) < 0)
		return doc_no_memory(what, why);
	json_word(&json, "\xef\xbb\xbf");
	r = json_value(&json, &whole, 0, &last, 0);
	if (r == 0) {
		json_blanks(&json);
		if (json.at < json.len)
			r = json_bad(&json, "the text should end here");
	}
	if (r == 0) {
		*ret_doc = doc;
		doc = DOC_INIT;
	}
	return r;
}
