/* SPDX-License-Identifier: MIT */
/* print: what goes to standard output: names, tables of names, and values as text. */
#include "print.h"

#include <errno.h>
#include <libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "io.h"
#include "name.h"

#define PRINT_BASE64 "base64:"

/* C0, DEL, C1, line and paragraph separators, bidirectional overrides and isolates, in valid UTF-8.
 */
static bool print_unsafe(const unsigned char *p, size_t len)
{
	if (p[0] < 0x20 || p[0] == 0x7f)
		return true;
	if (len >= 2 && p[0] == 0xc2 && p[1] < 0xa0)
		return true;
	if (len >= 3 && p[0] == 0xe2 && p[1] == 0x80)
		return p[2] >= 0xa8 && p[2] <= 0xae;
	return len >= 3 && p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

static bool print_plain(const unsigned char *bytes, size_t len)
{
	if (!name_utf8(bytes, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (print_unsafe(bytes + i, len - i))
			return false;
	}
	return true;
}

void print_escape(const char *name, char *ret_text, size_t size)
{
	size_t len = strlen(name), used = 0;
	bool plain = print_plain((const unsigned char *)name, len);

	for (size_t i = 0; i < len && used + 5 <= size; i++) {
		unsigned char c = (unsigned char)name[i];

		if (plain || (c >= 0x20 && c < 0x7f))
			ret_text[used++] = name[i];
		else
			used += (size_t)snprintf(ret_text + used, size - used, "\\x%02x", c);
	}
	ret_text[used] = '\0';
}

size_t print_width(const char *text)
{
	mbstate_t state = {0};
	size_t left = strlen(text), width = 0;

	while (left > 0) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);
		int w;

		/* In another locale than the name's each byte is a column. */
		if (n == 0 || n > left)
			return width + left;
		w = wcwidth(c);
		width += w > 0 ? (size_t)w : 0;
		text += n;
		left -= n;
	}
	return width;
}

bool print_colours(FILE *file)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(file)) && (no == NULL || no[0] == '\0') && term != NULL &&
	       strcmp(term, "dumb") != 0;
}

bool print_terminal(void)
{
	static int known = -1;

	/* Asked for each name, so the kernel is asked only once. */
	if (known < 0)
		known = isatty(STDOUT_FILENO);
	return known > 0;
}

void print_for_terminal(char **text)
{
	size_t room;
	char *escaped;

	if (*text == NULL || !print_terminal())
		return;
	room = 4 * strlen(*text) + 8;
	escaped = malloc(room);
	if (escaped != NULL)
		print_escape(*text, escaped, room);
	free(*text);
	*text = escaped;
}

/* The bytes of the character at p, which print_unsafe may call unsafe; its number in *ret_c. */
static size_t print_character(const unsigned char *p, unsigned *ret_c)
{
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	*ret_c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		*ret_c = *ret_c << 6 | (p[i] & 0x3fu);
	return n;
}

void print_json_string(const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
	bool utf8 = name_utf8(p, (size_t)(end - p));

	fputc('"', stdout);
	while (p < end) {
		unsigned c = 0xfffd;
		size_t n = utf8 ? print_character(p, &c) : 1;

		if (!utf8 && *p < 0x80)
			c = *p;
		if (c == '"' || c == '\\')
			printf("\\%c", (int)c);
		else if (c == 0xfffd || print_unsafe(p, (size_t)(end - p)))
			printf("\\u%04x", c);
		else
			fwrite(p, 1, n, stdout);
		p += n;
	}
	fputc('"', stdout);
}

static int print_fill(struct libscols_table *table, const char *const *headings, size_t ncols,
	char *const *cells, const char *const *colours, size_t nrows)
{
	for (size_t i = 0; i < ncols; i++) {
		if (scols_table_new_column(table, headings[i], 0, SCOLS_FL_WRAP) == NULL)
			return -ENOMEM;
	}
	for (size_t i = 0; i < nrows * ncols; i++) {
		struct libscols_line *line = i % ncols == 0
						     ? scols_table_new_line(table, NULL)
						     : scols_table_get_line(table, i / ncols);

		if (line == NULL || scols_line_set_data(line, i % ncols, cells[i]) != 0)
			return -ENOMEM;
		if (colours != NULL && colours[i] != NULL &&
			scols_cell_set_color(scols_line_get_cell(line, i % ncols), colours[i]) != 0)
			return -ENOMEM;
	}
	return 0;
}

int print_table_coloured(const char *const *headings, size_t ncols, char *const *cells,
	const char *const *colours, size_t nrows)
{
	struct libscols_table *table = scols_new_table();
	int r;

	if (table == NULL)
		return -ENOMEM;
	scols_table_enable_colors(table, print_colours(stdout));
	r = print_fill(table, headings, ncols, cells, colours, nrows);
	if (r == 0)
		r = scols_print_table(table);
	scols_unref_table(table);
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	return r;
}

int print_table(const char *const *headings, size_t ncols, char *const *cells, size_t nrows)
{
	return print_table_coloured(headings, ncols, cells, NULL, nrows);
}

int print_nodes_add(struct print_nodes *nodes, size_t parent, const char *name, const char *colour)
{
	struct print_node *items = nodes->items;
	char text[PRINT_NAME];

	/* Room grows at powers of two. */
	if ((nodes->n & (nodes->n - 1)) == 0) {
		items = realloc(items, (nodes->n ? nodes->n * 2 : 1) * sizeof(*items));
		if (items == NULL)
			return -ENOMEM;
		nodes->items = items;
	}
	print_escape(name, text, sizeof(text));
	items[nodes->n] = (struct print_node){strdup(text), parent, colour};
	return items[nodes->n].text == NULL ? -ENOMEM : (nodes->n++, 0);
}

void print_nodes_free(struct print_nodes *nodes)
{
	for (size_t i = 0; i < nodes->n; i++)
		free(nodes->items[i].text);
	free(nodes->items);
	*nodes = (struct print_nodes){0};
}

static int print_tree_fill(struct libscols_table *table, const struct print_nodes *nodes)
{
	if (scols_table_new_column(table, "NAME", 0, SCOLS_FL_TREE) == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < nodes->n; i++) {
		const struct print_node *node = &nodes->items[i];
		/* Lines are numbered as the nodes are. */
		struct libscols_line *parent = node->parent == PRINT_TOP
						       ? NULL
						       : scols_table_get_line(table, node->parent);
		struct libscols_line *line = scols_table_new_line(table, parent);

		if (line == NULL || scols_line_set_data(line, 0, node->text) != 0)
			return -ENOMEM;
		if (node->colour != NULL &&
			scols_cell_set_color(scols_line_get_cell(line, 0), node->colour) != 0)
			return -ENOMEM;
	}
	return 0;
}

int print_tree(const struct print_nodes *nodes)
{
	struct libscols_table *table = scols_new_table();
	int r;

	if (table == NULL)
		return -ENOMEM;
	scols_table_enable_noheadings(table, 1);
	scols_table_enable_colors(table, print_colours(stdout));
	r = print_tree_fill(table, nodes);
	if (r == 0)
		r = scols_print_table(table);
	scols_unref_table(table);
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	return r;
}

int print_pair(const char *key, size_t width, const void *text, size_t len)
{
	AUTO_SECBUF line = SECBUF_INIT;
	size_t own = print_width(key);
	int r = secbuf_alloc(&line, strlen(key) + width + len + 2, SECMEM_SELF);

	if (r == 0)
		r = io_append(&line, key, strlen(key));
	for (size_t i = own; r == 0 && i <= width; i++)
		r = io_append(&line, " ", 1);
	if (r == 0)
		r = io_append(&line, text, len);
	if (r == 0)
		r = io_append(&line, "\n", 1);
	return r < 0 ? r : io_write_all(STDOUT_FILENO, line.data, line.len);
}

static int print_base64(const struct secbuf *value, struct secbuf *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	int r = io_append(text, PRINT_BASE64, strlen(PRINT_BASE64));

	for (size_t i = 0; r == 0 && i < value->len; i += 3) {
		const unsigned char *p = value->data + i;
		size_t left = value->len - i;
		unsigned bits = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) |
				(left > 2 ? p[2] : 0);
		char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
			left > 1 ? digits[bits >> 6 & 63] : '=',
			left > 2 ? digits[bits & 63] : '='};

		r = io_append(text, four, sizeof(four));
		secmem_wipe(four, sizeof(four));
	}
	return r;
}

int print_value_text(const struct secbuf *value, struct secbuf *ret_text)
{
	AUTO_SECBUF text = SECBUF_INIT;
	const size_t mark = strlen(PRINT_BASE64);
	bool marked = value->len >= mark && memcmp(value->data, PRINT_BASE64, mark) == 0;
	int r = secbuf_alloc(&text, value->len / 3 * 4 + mark + 8, SECMEM_SELF);

	if (r == 0 && !marked && print_plain(value->data, value->len))
		r = io_append(&text, value->data, value->len);
	else if (r == 0)
		r = print_base64(value, &text);
	if (r == 0)
		*ret_text = secbuf_take(&text);
	return r;
}

void print_done(const char *done, const char *name)
{
	char text[PRINT_NAME];

	print_escape(name, text, sizeof(text));
	printf("%s %s\n", done, text);
}
