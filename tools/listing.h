/* SPDX-License-Identifier: MIT */
/*
 * listing: secrets on standard output: a table for people, and forms for programs.
 *
 *     json, yaml     {"items": [...], "total": N, "page": P, "size": S, "pages": N}; times in UTC,
 *                    null for what is not there or not to be seen
 *     csv            quoted as in RFC 4180, a line of headings first; keys separated by commas, a
 * comma in a key with a backslash before it tsv            the same with tabs, and \t \n \\ in text
 *     name           one a line, so that it leads to the secret: the name, or public/NAME if a
 * private secret of this name is found first
 */
#ifndef TOOLS_LISTING_H
#define TOOLS_LISTING_H

#include <stddef.h>

#include "info.h"
#include "why.h"

enum listing_form {
	LISTING_TABLE,
	LISTING_JSON,
	LISTING_YAML,
	LISTING_CSV,
	LISTING_TSV,
	LISTING_NAME
};

struct listing {
	enum listing_form form;
	enum info_field columns[INFO_FIELDS];
	size_t ncolumns; /* 0: those that the form has by itself */
	size_t total;    /* on all pages */
	unsigned page;
	unsigned size; /* secrets on a page; 0: all are on one */
};

int listing_form_parse(const char *text, enum listing_form *ret_form, struct why *why);

/* "name,owner". -EINVAL: no such column, or one twice. */
int listing_columns_parse(struct listing *listing, const char *text, struct why *why);

/* The columns that the form has by itself, if none were named. Once the form is known. */
void listing_columns_default(struct listing *listing);

/* INFO_BITs of what must have been read. */
unsigned listing_fields(const struct listing *listing);

size_t listing_pages(const struct listing *listing);

/* -errno of writing, -ENOMEM. */
int listing_print(const struct listing *listing, struct info *const *rows, size_t n);

#endif
