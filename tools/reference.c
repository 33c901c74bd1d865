/* SPDX-License-Identifier: MIT */
/* reference: finding {{name.key}} in text. */
#include "reference.h"

#include <stdbool.h>
#include <string.h>

static bool reference_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool reference_starts(const struct reference_scan *scan, size_t at, const char *what)
{
	size_t n = strlen(what);

	return scan->len - at >= n && memcmp(scan->text + at, what, n) == 0;
}

static void reference_advance(struct reference_scan *scan, size_t to)
{
	const char *end = scan->text + to, *at = scan->text + scan->at, *newline;

	while (at < end && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		scan->line++;
		scan->column = 1;
		at = newline + 1;
	}
	scan->column += (size_t)(end - at);
	scan->at = to;
}

/*
 * Where text ends that begins at from: before the next "{{", and the backslash before that. Looks
 * at nothing behind what it answers: memmem(3) need not look twice either, but a sanitizer checks
 * all that it is given, each time. Of more than two braces only the last two can begin anything.
 */
static size_t reference_text_end(const struct reference_scan *scan, size_t from)
{
	const char *start = scan->text + from, *end = scan->text + scan->len, *brace = start;

	while (brace < end && (brace = memchr(brace, '{', (size_t)(end - brace))) != NULL) {
		const char *last = brace;

		while (last < end && *last == '{')
			last++;
		if (last - brace < 2) {
			brace = last;
			continue;
		}
		if (brace > start && brace[-1] == '\\')
			return (size_t)(brace - 1 - scan->text);
		return (size_t)(last - 2 - scan->text);
	}
	return scan->len;
}

/* What stands between the braces, without the white space at both ends. */
static bool reference_split(const char *p, size_t n, struct reference *ret_part)
{
	const char *dot;
	size_t name, key;

	ret_part->ns = TREE_ANY;
	if (n > 8 && memcmp(p, "private/", 8) == 0)
		ret_part->ns = TREE_PRIVATE;
	else if (n > 7 && memcmp(p, "public/", 7) == 0)
		ret_part->ns = TREE_PUBLIC;
	if (ret_part->ns != TREE_ANY) {
		size_t prefix = ret_part->ns == TREE_PRIVATE ? 8 : 7;

		p += prefix;
		n -= prefix;
	}
	dot = memchr(p, '.', n);
	if (dot == NULL)
		return false;
	name = (size_t)(dot - p);
	key = n - name - 1;
	if (name_check(p, name) < 0 || name_check_key(dot + 1, key) < 0)
		return false;
	memcpy(ret_part->name, p, name);
	ret_part->name[name] = '\0';
	memcpy(ret_part->key, dot + 1, key);
	ret_part->key[key] = '\0';
	return true;
}

/* Is there a reference at "{{"? Returns its length, or 0. */
static size_t reference_parse(const struct reference_scan *scan, size_t at, struct reference *ret)
{
	size_t from = at + 2, to, end;

	while (from < scan->len && reference_space(scan->text[from]))
		from++;
	for (to = from; to < scan->len; to++) {
		char c = scan->text[to];

		if (c == '{' || c == '}' || reference_space(c))
			break;
	}
	for (end = to; end < scan->len && reference_space(scan->text[end]);)
		end++;
	if (!reference_starts(scan, end, "}}") ||
		!reference_split(scan->text + from, to - from, ret))
		return 0;
	return end + 2 - at;
}

enum reference_kind reference_next(struct reference_scan *scan, struct reference *ret_part)
{
	size_t from = scan->at, at, n;

	if (from == scan->len)
		return REFERENCE_END;
	ret_part->line = scan->line;
	ret_part->column = scan->column;
	if (reference_starts(scan, from, "{{")) {
		n = reference_parse(scan, from, ret_part);
		if (n > 0) {
			reference_advance(scan, from + n);
			return REFERENCE_FOUND;
		}
	}
	/* The backslash vanishes, and its braces can begin nothing. */
	at = from + 1;
	if (reference_starts(scan, from, "\\{{")) {
		from++;
		at = from + 2;
	}
	at = reference_text_end(scan, at);
	ret_part->text = scan->text + from;
	ret_part->len = at - from;
	reference_advance(scan, at);
	return REFERENCE_TEXT;
}
