/* SPDX-License-Identifier: MIT */
/* dotenv: a reader that goes over the text once. */
#include "dotenv.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct reader {
	const char *text;
	size_t len;
	size_t at;
	size_t line;
	uint8_t *out;
	size_t used;
	bool unfinished; /* the text ended where it could have gone on */
};

static int peek(const struct reader *r)
{
	return r->at < r->len ? (unsigned char)r->text[r->at] : -1;
}

static int next(struct reader *r)
{
	int c = peek(r);

	if (c >= 0)
		r->at++;
	if (c == '\n')
		r->line++;
	return c;
}

static bool blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
	while (blank(peek(r)))
		r->at++;
}

static void skip_line(struct reader *r)
{
	int c;

	do
		c = next(r);
	while (c >= 0 && c != '\n');
}

static bool name_byte(int c, bool first)
{
	return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (!first && c >= '0' && c <= '9');
}

static int read_name(struct reader *r, struct dotenv_pair *pair)
{
	pair->name = r->text + r->at;
	while (name_byte(peek(r), pair->name == r->text + r->at))
		r->at++;
	pair->name_len = (size_t)(r->text + r->at - pair->name);
	return pair->name_len ? 0 : -EINVAL;
}

static void put(struct reader *r, int c)
{
	r->out[r->used++] = (uint8_t)c;
}

static int read_single(struct reader *r)
{
	int c;

	while ((c = next(r)) != '\'') {
		if (c < 0) {
			r->unfinished = true;
			return -EINVAL;
		}
		put(r, c);
	}
	return 0;
}

static int read_double(struct reader *r)
{
	int c;

	while ((c = next(r)) != '"') {
		if (c < 0) {
			r->unfinished = true;
			return -EINVAL;
		}
		int after = peek(r);
		if (c == '\\' && (after == '"' || after == '$' || after == '`' || after == '\\' ||
					 after == '\n')) {
			c = next(r);
			if (c == '\n')
				continue;
		}
		put(r, c);
	}
	return 0;
}

static int read_plain(struct reader *r)
{
	size_t start = r->used;
	int last = ' ';

	for (int c = peek(r); c >= 0 && c != '\n'; c = peek(r)) {
		if (c == '#' && blank(last))
			break;
		put(r, c);
		last = c;
		r->at++;
	}
	while (r->used > start && blank(r->out[r->used - 1]))
		r->used--;
	return 0;
}

/* After a value in quotes only white space or a comment may follow. */
static int end_line(struct reader *r)
{
	skip_blanks(r);
	int c = peek(r);
	if (c == '#' || c < 0 || c == '\n') {
		skip_line(r);
		return 0;
	}
	return -EINVAL;
}

static int read_value(struct reader *r, struct dotenv_pair *pair)
{
	int result;

	pair->bytes = r->out + r->used;
	size_t start = r->used;
	skip_blanks(r);
	switch (peek(r)) {
	case '\'':
		r->at++;
		result = read_single(r);
		break;
	case '"':
		r->at++;
		result = read_double(r);
		break;
	default:
		result = read_plain(r);
	}
	pair->len = r->used - start;
	return result < 0 ? result : end_line(r);
}

static int read_pair(struct reader *r, struct dotenv_pair *pair)
{
	static const char export[] = "export ";

	if (r->len - r->at >= sizeof(export) - 1 &&
		memcmp(r->text + r->at, export, sizeof(export) - 1) == 0) {
		r->at += sizeof(export) - 1;
		skip_blanks(r);
		r->unfinished = peek(r) < 0;
	}
	int result = read_name(r, pair);
	if (result == 0) {
		int c = next(r);
		r->unfinished = c < 0;
		result = c == '=' ? 0 : -EINVAL;
	}
	return result < 0 ? result : read_value(r, pair);
}

int dotenv_read(const char *text, size_t len, uint8_t *scratch,
	int (*visit)(void *arg, const struct dotenv_pair *pair), void *arg, size_t *ret_line)
{
	struct reader r = {.text = text, .len = len, .line = 1, .out = scratch};

	for (;;) {
		skip_blanks(&r);
		int c = peek(&r);
		if (c < 0)
			return 0;
		if (c == '\n' || c == '#') {
			skip_line(&r);
			continue;
		}
		struct dotenv_pair pair;
		size_t line = r.line;
		int result = read_pair(&r, &pair);
		if (result < 0) {
			*ret_line = line;
			return r.unfinished ? -ENODATA : result;
		}
		if (result == 0)
			result = visit(arg, &pair);
		if (result != 0)
			return result;
	}
}
