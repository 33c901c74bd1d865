/* SPDX-License-Identifier: MIT */
/*
 * escape: values as they may stand in JSON, YAML or a shell script, so that none can say more than
 * itself there.
 *
 *     JSON   between double quotes: the inside of a string; elsewhere, as a whole value: a string
 *     YAML   between double quotes, between single quotes, or as a whole scalar
 *     sh     between double quotes, between single quotes, or outside of quotes: one word's part
 *
 * The text of the template is followed to know where a reference stands. It is no parser: where it
 * cannot tell (here-documents, backquotes, ${...}, block scalars, the middle of a plain scalar) the
 * reference is refused.
 */
#ifndef TOOLS_ESCAPE_H
#define TOOLS_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outfile.h"
#include "why.h"

enum escape_form { ESCAPE_NONE, ESCAPE_JSON, ESCAPE_YAML, ESCAPE_SH };

#define ESCAPE_DEPTH 64

/* Starts as {.form = ...}. */
struct escape {
	enum escape_form form;
	char open[ESCAPE_DEPTH]; /* what is open, innermost last: " ' # | and, in sh, A ( { */
	size_t depth;
	bool quoted;  /* the next byte is behind a backslash */
	bool lost;    /* sh: nothing can be told from here on */
	bool heredoc; /* sh: "<<" has just been read */
	char last;    /* the byte before; 0: none */
	char before;  /* the one before that */
	char solid;  /* the last byte of this line (JSON: of all) that is no white space; 0: none */
	char word;   /* YAML: the first byte of the last word of this line */
	bool inside; /* YAML: not at the very beginning of the line any more */
	bool header; /* YAML: this line ends in | or > so far */
	bool block;  /* YAML: the next line that is not empty begins a block scalar */
	size_t indent;  /* YAML: spaces at the beginning of this line */
	size_t content; /* YAML: those of the block scalar */
};

/* -EINVAL: no such form. */
int escape_form(const char *text, enum escape_form *ret_form, struct why *why);

/* Text of the template, as it is put out. */
void escape_text(struct escape *escape, const char *text, size_t len);

/*
 * May this value stand here, before the text after? -EINVAL with a sentence that tells nothing of
 * the value but what is wrong with it.
 */
int escape_check(const struct escape *escape, const char *after, size_t after_len,
	const uint8_t *bytes, size_t len, struct why *why);

/* Goes on behind a value that stands here. */
void escape_pass(struct escape *escape);

/* Puts out a value that may stand here. Errors of outfile_put. */
int escape_value(struct escape *escape, const uint8_t *bytes, size_t len, struct outfile *out);

#endif
