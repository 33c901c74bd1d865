/* SPDX-License-Identifier: MIT */
/*
 * source: texts in which references stand: files, standard input, values of variables.
 *
 * What a source says by itself is not secret and lies in ordinary memory.
 */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "reference.h"
#include "resolve.h"
#include "why.h"

struct source {
	const char *label; /* begins each message: a path, "<stdin>", "$NAME" */
	const char *text;
	size_t len;
	size_t line; /* not 0: where all of it stands in label, as a value in a file does */
	size_t column;
	char *owned; /* text, if source_free frees it */
};

/* Reads a file; "-": standard input. */
int source_read(struct source *ret_source, const char *path, struct why *why);
void source_free(struct source *source);

#define AUTO_SOURCE __attribute__((cleanup(source_free))) struct source

struct reference_scan source_scan(const struct source *source);

/* Wants each reference of the source. *count is raised by how many there are. */
int source_want(const struct source *source, struct resolve *resolve, size_t *count);

/* The key that a reference of a wanted source means. -ENOMEM. */
int source_key(struct resolve *resolve, const struct reference *part, struct resolve_key **ret_key);

/*
 * Prints to file one line "LABEL:LINE:COLUMN: ..." for each reference that does not resolve, and
 * one for each foreign secret: a warning, or with strict a failure. Returns how many failures,
 * -ENOMEM.
 */
long source_report(const struct source *source, struct resolve *resolve, bool strict, FILE *file);

/* The same for one reference, with its key: 1 told as a failure, 0 it resolves. -ENOMEM. */
int source_judge(const struct source *source, const struct reference *part, struct resolve_key *key,
	bool strict, FILE *file);

/* One such line, with control characters escaped. */
int source_say(const struct source *source, size_t line, size_t column, FILE *file,
	const char *mark, const char *text);

#endif
