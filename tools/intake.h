/* SPDX-License-Identifier: MIT */
/*
 * intake: the secrets in files that are to be imported, one after the other.
 *
 *     an export           bundle.h
 *     JSON, YAML          {"NAME": {"key": "value"}, ...}: several secrets, or {"key": "value"}:
 * one that is called like the file; a map with only "base64" in it is a value dotenv one secret,
 * called like the file a folder            of files: one secret, called like the folder, each file
 * a key; of folders: each of these is such a secret
 */
#ifndef TOOLS_INTAKE_H
#define TOOLS_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "bundle.h"
#include "cut.h"
#include "doc.h"
#include "tree.h"
#include "why.h"

struct intake_file {
	const char *path;
	struct secbuf held; /* of what cannot be read twice */
	bool is_held;
};

struct intake {
	struct intake_file *files;
	size_t nfiles;
	enum values_form form; /* VALUES_ANY: by name and look */
	const char *name;      /* of the one secret in it, or NULL */
	bool private;          /* all of them, whatever the files say */

	/* Where it is. */
	size_t at;
	bool open; /* files[at] is being read */
	int fd;
	struct cut cut;
	size_t unnamed; /* secrets of this file that are called like it */
	struct doc doc;
	const struct doc_node *member; /* of a map of secrets, the next one */
	struct tree_list folders;
	size_t folder;
	size_t left_out; /* names with a dot in folders */
};

#define INTAKE_INIT ((struct intake){.fd = -1, .cut = {.fd = -1}})

/* Path is the caller's. -ENOMEM. */
int intake_add(struct intake *intake, const char *path);

/* 1: one more, its namespace definite; ret_bundle is to be empty. 0: no more. -errno. */
int intake_next(struct intake *intake, struct bundle *ret_bundle, struct why *why);

/* From the beginning. */
void intake_rewind(struct intake *intake);

void intake_free(struct intake *intake);

#define AUTO_INTAKE __attribute__((cleanup(intake_free))) struct intake

#endif
