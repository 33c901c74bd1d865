/* SPDX-License-Identifier: MIT */
/* cut: a long text cut into its documents. */
#include "cut.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "doc.h"
#include "io.h"

#define CUT_CHUNK (64u << 10)

static const char *cut_bytes(const struct cut *cut)
{
	return (const char *)cut->buffer.data + cut->start;
}

static size_t cut_len(const struct cut *cut)
{
	return cut->buffer.len - cut->start;
}

/* Reads on. cut->end tells when there is no more. */
static int cut_fill(struct cut *cut, struct why *why)
{
	struct secbuf *buffer = &cut->buffer;
	size_t len = cut_len(cut);
	ssize_t n;

	memmove(buffer->data, buffer->data + cut->start, len);
	secmem_wipe(buffer->data + len, cut->start);
	buffer->len = len;
	cut->start = 0;
	if (buffer->cap - len < CUT_CHUNK && secbuf_grow(buffer, len * 2 + CUT_CHUNK) < 0)
		return doc_no_memory(cut->what, why);
	do
		n = pread(cut->fd, buffer->data + len, CUT_CHUNK, (off_t)cut->offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return why_set(why, -errno, "%s: %s", cut->what, strerror(errno));
	buffer->len += (size_t)n;
	cut->offset += (size_t)n;
	cut->end = n == 0;
	return 0;
}

int cut_start(struct cut *cut, int fd, struct secbuf *bytes, enum values_form form,
	const char *what, struct why *why)
{
	int r = 0;

	*cut = (struct cut){.fd = fd, .what = what, .form = form, .end = fd < 0};
	if (fd < 0)
		cut->buffer = secbuf_take(bytes);
	else if (secbuf_alloc(&cut->buffer, CUT_CHUNK, SECMEM_SELF) < 0)
		return doc_no_memory(what, why);
	else
		r = cut_fill(cut, why);
	if (r == 0 && form == VALUES_ANY)
		cut->form = values_form_of_text(&cut->buffer);
	/* What begins with a bracket. */
	if (cut->form == VALUES_ANY)
		cut->form = VALUES_JSON;
	return r;
}

/* Goes on to the line and byte where len more bytes end. */
static void cut_pass(struct cut *cut, size_t len)
{
	const char *text = cut_bytes(cut);

	for (size_t i = 0; i < len; i++)
		cut->lines += text[i] == '\n';
	cut->start += len;
}

/* The next len bytes are a document. */
static int cut_take(
	struct cut *cut, size_t len, struct secbuf *ret_text, size_t *ret_line, struct why *why)
{
	if (secbuf_alloc(ret_text, len, SECMEM_SELF) < 0)
		return doc_no_memory(cut->what, why);
	memcpy(ret_text->data, cut_bytes(cut), len);
	ret_text->len = len;
	*ret_line = cut->lines + 1;
	cut_pass(cut, len);
	return 1;
}

/* ---- YAML ---- */

/* ---, and then nothing or white space. */
static bool is_marker(const char *line, size_t len)
{
	return len >= 3 && memcmp(line, "---", 3) == 0 &&
	       (len == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

/* Comments, empty lines, directives and marks alone say nothing. */
static bool says_something(const char *line, size_t len)
{
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r'))
		len--;
	if (len == 0 || line[0] == '%' ||
		(len == 3 && (memcmp(line, "---", 3) == 0 || memcmp(line, "...", 3) == 0)))
		return false;
	while (*line == ' ' || *line == '\t')
		line++;
	return *line != '#';
}

/* Where the next document begins; the buffer's end if that is not in it. */
static size_t yaml_end(const struct cut *cut, bool *ret_says)
{
	const char *text = cut_bytes(cut);
	size_t at = 0;

	*ret_says = false;
	while (at < cut_len(cut)) {
		const char *newline = memchr(text + at, '\n', cut_len(cut) - at);
		size_t stop = newline != NULL ? (size_t)(newline - text) : cut_len(cut);

		if (*ret_says && is_marker(text + at, stop - at))
			return at;
		*ret_says |= says_something(text + at, stop - at);
		at = newline != NULL ? stop + 1 : stop;
	}
	return at;
}

static int yaml_next(struct cut *cut, struct secbuf *ret_text, size_t *ret_line, struct why *why)
{
	bool says;
	size_t len = yaml_end(cut, &says);

	/* A line that is not whole may still become a marker. */
	while (!cut->end && len == cut_len(cut)) {
		int r = cut_fill(cut, why);

		if (r < 0)
			return r;
		len = yaml_end(cut, &says);
	}
	return says ? cut_take(cut, len, ret_text, ret_line, why) : 0;
}

/* ---- JSON ---- */

static int json_refuse(const struct cut *cut, const char *text, struct why *why)
{
	return why_set(why, -EINVAL, "%s: line %zu: %s", cut->what, cut->lines + 1, text);
}

/* A byte that is no white space. 1: an object may begin with it. 0: it lies between objects. */
static int json_mark(struct cut *cut, char c, struct why *why)
{
	bool list = cut->state == CUT_FIRST || cut->state == CUT_BEHIND;

	if (c == '[' && cut->state == CUT_NOTHING) {
		cut->state = CUT_FIRST;
		return 0;
	}
	if (c == ']' && list) {
		cut->state = CUT_CLOSED;
		return 0;
	}
	if (c == ',' && cut->state == CUT_BEHIND) {
		cut->state = CUT_COMMA;
		return 0;
	}
	if (cut->state == CUT_CLOSED)
		return json_refuse(cut, "something stands behind the end of the list", why);
	if (cut->state == CUT_BEHIND)
		return json_refuse(cut, "a comma is missing", why);
	return c == '{' ? 1 : json_refuse(cut, "there should be an object, {...}", why);
}

/* Passes what lies before the next object. 1: there is one. 0: there are no more. */
static int json_between(struct cut *cut, struct why *why)
{
	for (;;) {
		int r = 0;
		char c;

		if (cut_len(cut) == 0 && !cut->end)
			r = cut_fill(cut, why);
		if (r < 0)
			return r;
		if (cut_len(cut) == 0 && cut->end)
			break;
		c = cut_bytes(cut)[0];
		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			r = json_mark(cut, c, why);
		if (r != 0)
			return r;
		cut_pass(cut, 1);
	}
	if (cut->state == CUT_NOTHING || cut->state == CUT_BARE || cut->state == CUT_CLOSED)
		return 0;
	return json_refuse(cut, "the text ends before its list does", why);
}

/* How long the object is that begins here. 0: its end is not in the buffer. */
static size_t json_length(const struct cut *cut)
{
	const char *text = cut_bytes(cut);
	bool string = false;
	size_t depth = 0;

	for (size_t i = 0; i < cut_len(cut); i++) {
		char c = text[i];

		if (string && c == '\\')
			i++;
		else if (c == '"')
			string = !string;
		else if (!string && (c == '{' || c == '['))
			depth++;
		else if (!string && (c == '}' || c == ']') && --depth == 0)
			return i + 1;
	}
	return 0;
}

static int json_next(struct cut *cut, struct secbuf *ret_text, size_t *ret_line, struct why *why)
{
	int r = json_between(cut, why);
	size_t len;

	if (r <= 0)
		return r;
	while ((len = json_length(cut)) == 0) {
		if (cut->end)
			return json_refuse(cut, "the text ends before this object does", why);
		r = cut_fill(cut, why);
		if (r < 0)
			return r;
	}
	cut->state = cut->state == CUT_NOTHING || cut->state == CUT_BARE ? CUT_BARE : CUT_BEHIND;
	return cut_take(cut, len, ret_text, ret_line, why);
}

/* ---- dotenv ---- */

static int env_next(struct cut *cut, struct secbuf *ret_text, size_t *ret_line, struct why *why)
{
	while (!cut->end) {
		int r = cut_fill(cut, why);

		if (r < 0)
			return r;
	}
	/* Once, also if there is nothing in it. */
	if (cut->state == CUT_CLOSED)
		return 0;
	cut->state = CUT_CLOSED;
	return cut_take(cut, cut_len(cut), ret_text, ret_line, why);
}

int cut_next(struct cut *cut, struct secbuf *ret_text, size_t *ret_line, struct why *why)
{
	switch (cut->form) {
	case VALUES_ENV:
		return env_next(cut, ret_text, ret_line, why);
	case VALUES_JSON:
		return json_next(cut, ret_text, ret_line, why);
	default:
		return yaml_next(cut, ret_text, ret_line, why);
	}
}

void cut_free(struct cut *cut)
{
	secbuf_free(&cut->buffer);
	*cut = CUT_INIT;
}
