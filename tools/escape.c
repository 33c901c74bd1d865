/* SPDX-License-Identifier: MIT */
/* escape: values as they may stand in JSON, YAML or a shell script. */
#include "escape.h"

#include <errno.h>
#include <string.h>

#include "name.h"

int escape_form(const char *text, enum escape_form *ret_form, struct why *why)
{
	static const char *const forms[] = {
		[ESCAPE_JSON] = "json", [ESCAPE_YAML] = "yaml", [ESCAPE_SH] = "sh"};

	for (size_t i = ESCAPE_JSON; i <= ESCAPE_SH; i++) {
		if (strcmp(text, forms[i]) == 0) {
			*ret_form = (enum escape_form)i;
			return 0;
		}
	}
	return why_set(why, -EINVAL, "--escape: %.40s: say json, yaml or sh", text);
}

/* strchr finds NUL, too. */
static bool one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* ---- where in the template ---- */

static char escape_top(const struct escape *escape)
{
	return escape->depth > 0 ? escape->open[escape->depth - 1] : '\0';
}

static void escape_push(struct escape *escape, char what)
{
	if (escape->depth == ESCAPE_DEPTH)
		escape->lost = true;
	else
		escape->open[escape->depth++] = what;
}

static void escape_pop(struct escape *escape, char what)
{
	if (escape_top(escape) == what)
		escape->depth--;
}

static void escape_json_byte(struct escape *escape, char c)
{
	if (escape->quoted)
		escape->quoted = false;
	else if (escape_top(escape) == '"' && c == '\\')
		escape->quoted = true;
	else if (c == '"' && escape_top(escape) == '"')
		escape_pop(escape, '"');
	else if (c == '"')
		escape_push(escape, '"');
}

static bool escape_word_starts(const struct escape *escape)
{
	return escape->last == '\0' || one_of(escape->last, " \t\n;&|()");
}

/* A byte that no quotes hold. */
static void escape_sh_plain(struct escape *escape, char c)
{
	char top = escape_top(escape);

	if (c == '\\')
		escape->quoted = true;
	else if (c == '\'')
		escape_push(escape, escape->last == '$' ? 'A' : '\'');
	else if (c == '"')
		escape_push(escape, '"');
	else if (c == '#' && top != '{' && escape_word_starts(escape))
		escape_push(escape, '#');
	else if (c == '(')
		escape_push(escape, '(');
	else if (c == ')')
		escape_pop(escape, '(');
	else if (c == '}')
		escape_pop(escape, '{');
	else if (c == '<' && escape->last == '<' && escape->before != '<')
		escape->heredoc = true; /* if no third one follows */
}

static void escape_sh_byte(struct escape *escape, char c)
{
	char top = escape_top(escape);

	if (escape->heredoc && c != '<')
		escape->lost = true;
	escape->heredoc = false;
	if (escape->quoted) {
		escape->quoted = false;
	} else if (top == '#') {
		if (c == '\n')
			escape_pop(escape, '#');
	} else if (top == '\'') {
		if (c == '\'')
			escape_pop(escape, '\'');
	} else if (top == 'A') {
		escape->quoted = c == '\\';
		if (c == '\'')
			escape_pop(escape, 'A');
	} else if (c == '`') {
		/* Quotes within backquotes are read twice: nothing is sure until the last of them.
		 */
		escape->lost = true;
	} else if (c == '{' && escape->last == '$') {
		escape_push(escape, '{');
	} else if (top != '"') {
		escape_sh_plain(escape, c);
	} else if (c == '\\') {
		escape->quoted = true;
	} else if (c == '"') {
		escape_pop(escape, '"');
	} else if (c == '(' && escape->last == '$') {
		escape_push(escape, '(');
	}
}

/* "key: |" and the like at the end of a line begin a block scalar; a tag or an anchor may stand
 * between. */
static void escape_yaml_header(struct escape *escape, char c)
{
	bool first =
		escape->solid == '\0' || one_of(escape->solid, ":-?") || one_of(escape->word, "!&");

	if (one_of(c, "|>") && first && (escape->last == '\0' || one_of(escape->last, " \t\n")))
		escape->header = true;
	else if (!one_of(c, "0123456789+- \t\r\n"))
		escape->header = false;
}

static void escape_yaml_plain(struct escape *escape, char c)
{
	bool spaced = escape->solid == '\0' || one_of(escape->last, " \t");

	if (one_of(c, "\"'") && (spaced || one_of(escape->last, "[{,")))
		escape_push(escape, c);
	else if (c == '\'' && escape->last == '\'')
		escape_push(escape, c); /* two of them within single quotes are one */
	else if (c == '#' && spaced)
		escape_push(escape, '#');
	else
		escape_yaml_header(escape, c);
}

/* What begins a line tells whether a block scalar begins, goes on or ends. */
static void escape_yaml_line(struct escape *escape)
{
	escape->inside = true;
	if (escape->block) {
		escape->block = false;
		escape->content = escape->indent;
		escape_push(escape, '|');
	} else if (escape_top(escape) == '|' && escape->indent < escape->content) {
		escape_pop(escape, '|');
	}
}

static void escape_yaml_newline(struct escape *escape)
{
	escape_pop(escape, '#');
	escape->block = escape->block || escape->header;
	escape->header = false;
	escape->inside = false;
	escape->indent = 0;
}

static void escape_yaml_byte(struct escape *escape, char c)
{
	char top;

	if (!escape->inside && c == ' ')
		escape->indent++;
	else if (!escape->inside && !one_of(c, "\r\n"))
		escape_yaml_line(escape);
	top = escape_top(escape);
	if (escape->quoted)
		escape->quoted = false;
	else if (top == '"' && c == '\\')
		escape->quoted = true;
	else if (one_of(top, "\"'") && c == top)
		escape_pop(escape, top);
	else if (top == '\0')
		escape_yaml_plain(escape, c);
	if (!one_of(c, " \t\r\n") && (escape->last == '\0' || one_of(escape->last, " \t\n")))
		escape->word = c;
	if (c == '\n')
		escape_yaml_newline(escape);
}

static void escape_step(struct escape *escape, char c)
{
	if (escape->form == ESCAPE_JSON)
		escape_json_byte(escape, c);
	else if (escape->form == ESCAPE_YAML)
		escape_yaml_byte(escape, c);
	else
		escape_sh_byte(escape, c);
}

static void escape_seen(struct escape *escape, char c)
{
	escape->before = escape->last;
	escape->last = c;
	if (c == '\n' && escape->form != ESCAPE_JSON)
		escape->solid = escape->word = '\0';
	else if (!one_of(c, " \t\r\n"))
		escape->solid = c;
}

/* What is behind a backslash is a letter to what follows; a line break there is nothing at all. */
static void escape_byte(struct escape *escape, char c)
{
	bool quoted = escape->quoted;

	escape_step(escape, c);
	if (quoted && c != '\n')
		escape_seen(escape, 'v');
	else if (!quoted && !escape->quoted)
		escape_seen(escape, c);
}

void escape_text(struct escape *escape, const char *text, size_t len)
{
	for (size_t i = 0; escape->form != ESCAPE_NONE && i < len; i++)
		escape_byte(escape, text[i]);
}

/* A value is like a letter to what follows. */
void escape_pass(struct escape *escape)
{
	if (escape->form == ESCAPE_YAML && !escape->inside)
		escape_yaml_line(escape);
	escape->heredoc = false;
	escape->header = false;
	escape->before = escape->last = escape->solid = escape->word = 'v';
}

/* ---- may it stand there ---- */

static const char escape_beside[] =
	"it stands beside other text, outside of quotes; put all of it between double quotes";

static bool escape_ends(const char *after, size_t len)
{
	return len == 0 || one_of(after[0], " \t\r\n,]}:");
}

/* The functions below return NULL, or why not. */

static const char *escape_json_place(const struct escape *escape, const char *after, size_t len)
{
	if (escape_top(escape) == '"')
		return NULL;
	if ((escape->solid == '\0' || one_of(escape->solid, "[{,:")) && escape_ends(after, len))
		return NULL;
	return escape_beside;
}

static const char *escape_yaml_place(const struct escape *escape, const char *after, size_t len)
{
	bool first = escape->solid == '\0' || one_of(escape->solid, ":-?[{,");
	bool apart = escape->last == '\0' || one_of(escape->last, " \t\n[{,");

	switch (escape_top(escape)) {
	case '|':
		return "it stands in a block scalar, which has no escapes; write a scalar between "
		       "double quotes instead";
	case '\0':
		return first && apart && escape_ends(after, len) ? NULL : escape_beside;
	default:
		return NULL;
	}
}

static const char *escape_sh_place(const struct escape *escape)
{
	if (escape->lost || escape->heredoc)
		return "behind a here-document or a backquote --escape sh cannot tell which quotes "
		       "are "
		       "open; set a variable before that, and use it there";
	if (memchr(escape->open, '{', escape->depth) != NULL || escape_top(escape) == 'A')
		return "within ${...} and $'...' nothing can be escaped; set a variable before, "
		       "and "
		       "use it there";
	return NULL;
}

static bool escape_breaks(const uint8_t *bytes, size_t len)
{
	return len > 0 && (memchr(bytes, '\n', len) != NULL || memchr(bytes, '\r', len) != NULL);
}

/* How many bytes at p are one character that YAML can only say as an escape; 0: none. Line breaks
 * and what is not printable. */
static size_t escape_yaml_special(const uint8_t *p, size_t len)
{
	if (p[0] < 0x20 || p[0] == 0x7f)
		return 1;
	if (len >= 2 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
		return 2;
	if (len >= 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
		return 3;
	if (len >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf)
		return 3;
	return len >= 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe ? 3 : 0;
}

static const char *escape_yaml_fits(const struct escape *escape, const uint8_t *bytes, size_t len)
{
	char top = escape_top(escape);

	if (!name_utf8(bytes, len))
		return "the value is not UTF-8, which YAML cannot say in a string";
	for (size_t i = 0; one_of(top, "'#") && i < len; i++) {
		if (escape_yaml_special(bytes + i, len - i) > 0)
			return top == '#'
				       ? "it stands in a comment, and the value has a line break "
					 "or a control character"
				       : "between single quotes YAML has no line breaks or control "
					 "characters, and the value has one; use double quotes";
	}
	return NULL;
}

static const char *escape_fits(const struct escape *escape, const uint8_t *bytes, size_t len)
{
	switch (escape->form) {
	case ESCAPE_JSON:
		return name_utf8(bytes, len)
			       ? NULL
			       : "the value is not UTF-8, which JSON cannot say in a string";
	case ESCAPE_YAML:
		return escape_yaml_fits(escape, bytes, len);
	case ESCAPE_SH:
		if (len > 0 && memchr(bytes, '\0', len) != NULL)
			return "the value has a NUL, which a shell cannot hold";
		return escape_top(escape) == '#' && escape_breaks(bytes, len)
			       ? "it stands in a comment, and the value has a line break"
			       : NULL;
	case ESCAPE_NONE:
		break;
	}
	return NULL;
}

static const char *escape_place(const struct escape *escape, const char *after, size_t len)
{
	switch (escape->form) {
	case ESCAPE_JSON:
		return escape_json_place(escape, after, len);
	case ESCAPE_YAML:
		return escape_yaml_place(escape, after, len);
	case ESCAPE_SH:
		return escape_sh_place(escape);
	case ESCAPE_NONE:
		break;
	}
	return NULL;
}

int escape_check(const struct escape *escape, const char *after, size_t after_len,
	const uint8_t *bytes, size_t len, struct why *why)
{
	struct escape here = *escape;
	const char *text;

	if (here.form == ESCAPE_YAML && !here.inside)
		escape_yaml_line(&here);
	text = escape_place(&here, after, after_len);
	if (text == NULL)
		text = escape_fits(&here, bytes, len);
	return text != NULL ? why_set(why, -EINVAL, "%s", text) : 0;
}

/* ---- the value ---- */

static int escape_put(struct outfile *out, const char *text)
{
	return outfile_put(out, text, strlen(text));
}

static int escape_hex(struct outfile *out, const char *mark, unsigned c, unsigned digits)
{
	static const char hex[] = "0123456789abcdef";
	int r = escape_put(out, mark);

	while (r == 0 && digits > 0)
		r = outfile_byte(out, hex[c >> 4 * --digits & 15]);
	return r;
}

/* Behind a backslash where the set has it. */
static int escape_behind(struct outfile *out, uint8_t c, const char *set)
{
	int r = one_of((char)c, set) ? outfile_byte(out, '\\') : 0;

	return r < 0 ? r : outfile_byte(out, (char)c);
}

static int escape_put_json(struct outfile *out, const uint8_t *bytes, size_t len)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (bytes[i] == '\n')
			r = escape_put(out, "\\n");
		else if (bytes[i] < 0x20)
			r = escape_hex(out, "\\u", bytes[i], 4);
		else
			r = escape_behind(out, bytes[i], "\"\\");
	}
	return r;
}

/* A character of two or three bytes as a number. */
static unsigned escape_char(const uint8_t *p, size_t n)
{
	if (n == 1)
		return p[0];
	if (n == 2)
		return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
	return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
}

static int escape_put_yaml(struct outfile *out, const uint8_t *bytes, size_t len)
{
	int r = 0;

	for (size_t i = 0, n; r == 0 && i<len; i += n> 0 ? n : 1) {
		n = escape_yaml_special(bytes + i, len - i);
		if (bytes[i] == '\n')
			r = escape_put(out, "\\n");
		else if (n > 0)
			r = escape_hex(out, "\\u", escape_char(bytes + i, n), 4);
		else
			r = escape_behind(out, bytes[i], "\"\\");
	}
	return r;
}

/* Between single quotes; each of its own becomes what is given. */
static int escape_put_single(
	struct outfile *out, const uint8_t *bytes, size_t len, const char *quote)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++)
		r = bytes[i] == '\'' ? escape_put(out, quote) : outfile_byte(out, (char)bytes[i]);
	return r;
}

static int escape_put_sh_double(struct outfile *out, const uint8_t *bytes, size_t len)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++)
		r = escape_behind(out, bytes[i], "\"$`\\");
	return r;
}

static int escape_put_inner(
	char quote, enum escape_form form, const uint8_t *bytes, size_t len, struct outfile *out)
{
	if (quote == '#')
		return outfile_put(out, bytes, len);
	if (quote == '\'')
		return escape_put_single(out, bytes, len, form == ESCAPE_SH ? "'\\''" : "''");
	if (form == ESCAPE_SH)
		return escape_put_sh_double(out, bytes, len);
	return form == ESCAPE_JSON ? escape_put_json(out, bytes, len)
				   : escape_put_yaml(out, bytes, len);
}

int escape_value(struct escape *escape, const uint8_t *bytes, size_t len, struct outfile *out)
{
	char top, quote;
	int r;

	escape_pass(escape);
	if (escape->form == ESCAPE_NONE)
		return outfile_put(out, bytes, len);
	top = escape_top(escape);
	if (one_of(top, "\"'#"))
		return escape_put_inner(top, escape->form, bytes, len, out);
	quote = escape->form == ESCAPE_SH ? '\'' : '"';
	r = outfile_byte(out, quote);
	if (r == 0)
		r = escape_put_inner(quote, escape->form, bytes, len, out);
	return r < 0 ? r : outfile_byte(out, quote);
}
