/* SPDX-License-Identifier: MIT */
/*
 * doc: a text in JSON or YAML as a tree of maps, lists and scalars.
 *
 * Scalars are the bytes of a string, or a number or a word as it was written (1.10 stays 1.10). All
 * names and scalars lie in one piece of secret memory; what says how they belong together does not
 * tell what they are. Sentences name places, never what stands there.
 */
#ifndef TOOLS_DOC_H
#define TOOLS_DOC_H

#include <stdbool.h>
#include <stddef.h>

#include "secmem.h"
#include "why.h"

#define DOC_DEPTH 32 /* maps and lists in each other; deeper ones are refused */

enum doc_kind { DOC_NULL, DOC_SCALAR, DOC_LIST, DOC_MAP };

struct doc_node {
	enum doc_kind kind;
	bool binary;           /* DOC_SCALAR: decoded from base64 (YAML's !!binary) */
	size_t first;          /* DOC_LIST, DOC_MAP: number of the first child; 0: empty */
	size_t next;           /* number of the next one of the same parent; 0: the last */
	size_t name, name_len; /* in a map: where in text */
	size_t at, len;        /* DOC_SCALAR: where in text */
	size_t line;           /* where it began, from 1 */
};

struct doc {
	struct doc_node *nodes; /* nodes[0] is the whole */
	size_t n, cap;
	struct secbuf text;
};

#define DOC_INIT ((struct doc){0})

/*
 * Reads the whole text, which must be one JSON value or one YAML document. what begins the
 * sentence: the name of a file or of an option. ret_doc must be empty. -EINVAL: it is not of that
 * form, or a map names something twice; -ENOMEM.
 */
int doc_read_json(
	struct doc *ret_doc, const struct secbuf *text, const char *what, struct why *why);
int doc_read_yaml(
	struct doc *ret_doc, const struct secbuf *text, const char *what, struct why *why);

/* The children of a map or list in order; NULL: no more. */
const struct doc_node *doc_first(const struct doc *doc, const struct doc_node *node);
const struct doc_node *doc_next(const struct doc *doc, const struct doc_node *node);

/* The member of that name, or NULL. */
const struct doc_node *doc_member(
	const struct doc *doc, const struct doc_node *map, const char *name);

/* Secret memory that lives as long as the doc. Not ended by a NUL. */
const char *doc_name(const struct doc *doc, const struct doc_node *node);
const unsigned char *doc_bytes(const struct doc *doc, const struct doc_node *node);

void doc_free(struct doc *doc);

#define AUTO_DOC __attribute__((cleanup(doc_free))) struct doc

/* ---- for the readers ---- */

/*
 * A new node below parent (of the first one there is none), after *last, the parent's last child so
 * far (0: none), which it then becomes. -ENOMEM.
 */
int doc_add(struct doc *doc, size_t parent, size_t *last, const struct doc_node *node,
	size_t *ret_number);

/* Appends to text. -ENOMEM. */
int doc_append(struct doc *doc, const void *bytes, size_t len);

/* -EINVAL: the map has two members of one name. */
int doc_check_names(const struct doc *doc, size_t map, const char *what, struct why *why);

/* The sentence for -ENOMEM. */
int doc_no_memory(const char *what, struct why *why);

#endif
