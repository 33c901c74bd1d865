/* SPDX-License-Identifier: MIT */
/*
 * cut: a long text cut into its documents, so that only one at a time is in secret memory.
 *
 *     YAML    at lines that begin with ---, which YAML allows nowhere else
 *     JSON    objects, one after the other or in one array
 *     dotenv  is one document
 *
 * Cutting is not parsing: a piece may turn out to be no good.
 */
#ifndef TOOLS_CUT_H
#define TOOLS_CUT_H

#include <stdbool.h>
#include <stddef.h>

#include "secmem.h"
#include "values_form.h"
#include "why.h"

struct cut {
	int fd;           /* read from its beginning by position; -1: all is in buffer already */
	const char *what; /* begins the sentences; the caller's */
	enum values_form form;
	bool end;      /* the buffer has the rest */
	size_t offset; /* in the file, of what is behind the buffer */
	struct secbuf buffer;
	size_t start; /* where the next document, or what is before it, begins in the buffer */
	size_t lines; /* before that */
	enum {
		CUT_NOTHING, /* so far */
		CUT_BARE,    /* behind an object that is in no list */
		CUT_FIRST,   /* behind the bracket of a list */
		CUT_BEHIND,  /* an object of a list */
		CUT_COMMA,   /* behind a comma */
		CUT_CLOSED,  /* behind a list */
	} state;             /* of JSON */
};

#define CUT_INIT ((struct cut){.fd = -1})

/*
 * fd is a regular file, or -1 and *bytes (taken over) is the text. fd stays the caller's. form
 * VALUES_ANY: as the text looks. Errors of reading, -ENOMEM.
 */
int cut_start(struct cut *cut, int fd, struct secbuf *bytes, enum values_form form,
	const char *what, struct why *why);

/*
 * 1: the next document; ret_text must be empty, *ret_line is where it begins, from 1. 0: there are
 * no more. -EINVAL: what lies between documents is no good, or the last one is not whole. -ENOMEM.
 */
int cut_next(struct cut *cut, struct secbuf *ret_text, size_t *ret_line, struct why *why);

void cut_free(struct cut *cut);

#endif
