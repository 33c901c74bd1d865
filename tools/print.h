/* SPDX-License-Identifier: MIT */
/* print: what goes to standard output: names, tables of names, and values as text. */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "secmem.h"

/* Room for any name escaped. */
#define PRINT_NAME (4 * 300)

/* The name with control characters and broken UTF-8 as \xNN, so that it can do nothing to a
 * terminal. */
void print_escape(const char *name, char *ret_text, size_t size);

/* Columns a name takes on the terminal. */
size_t print_width(const char *text);

/* Colours: a terminal that is not "dumb", and no NO_COLOR. */
bool print_colours(FILE *file);

/* Is standard output one? */
bool print_terminal(void);

/* Escapes *text, which is then to be freed anew, if standard output is a terminal. NULL: no memory.
 */
void print_for_terminal(char **text);

/* As a JSON string on standard output; whatever could do something to a terminal as \uXXXX. */
void print_json_string(const char *text);

/* A table: rows of ncols cells each, one after the other. Never for values: the cells are copied.
 * -errno. */
int print_table(const char *const *headings, size_t ncols, char *const *cells, size_t nrows);

/* The same; where colours[cell] is not NULL it is that cell's colour ("red"), if print_colours. */
int print_table_coloured(const char *const *headings, size_t ncols, char *const *cells,
	const char *const *colours, size_t nrows);

struct print_node {
	char *text;         /* freed by print_nodes_free */
	size_t parent;      /* number of a node before this one; PRINT_TOP: none */
	const char *colour; /* or NULL */
};

#define PRINT_TOP ((size_t)-1)

struct print_nodes {
	struct print_node *items;
	size_t n;
};

/* Adds a node with name escaped. -ENOMEM. */
int print_nodes_add(struct print_nodes *nodes, size_t parent, const char *name, const char *colour);
void print_nodes_free(struct print_nodes *nodes);

/* Draws them as a tree. -errno. */
int print_tree(const struct print_nodes *nodes);

/* One line "key   text" with the key padded to width; straight from secret memory. -errno. */
int print_pair(const char *key, size_t width, const void *text, size_t len);

/*
 * A value as one line of text: itself if it is printable UTF-8 on one line that does not begin with
 * "base64:", otherwise "base64:" and its bytes in base64. ret_text must be empty. -ENOMEM.
 */
int print_value_text(const struct secbuf *value, struct secbuf *ret_text);

/* One line on standard output: "done name". */
void print_done(const char *done, const char *name);

#endif
