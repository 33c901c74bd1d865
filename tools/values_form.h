/* SPDX-License-Identifier: MIT */
/*
 * values_form: a set of values as text: JSON, YAML or dotenv, read and written.
 *
 *     JSON    {"key": "value", "other": {"base64": "AP8="}}     as the view .json
 *     YAML    key: "value"                                      other: !!binary "AP8="
 *     dotenv  KEY=value                                         as the view .env
 *
 * Read: one object of names and scalars. A number, true or false becomes its text exactly as it is
 * written; {"base64": "..."} and !!binary are bytes. null, a list, and any other map are refused,
 * as is a name that is given twice (in dotenv the last one counts, as in a shell). Written: what is
 * read back byte for byte.
 *
 * Sentences name files, lines and keys, never a value. All text is secret memory.
 */
#ifndef TOOLS_VALUES_FORM_H
#define TOOLS_VALUES_FORM_H

#include <stddef.h>

#include "doc.h"
#include "secmem.h"
#include "values.h"
#include "why.h"

enum values_form { VALUES_ANY, VALUES_JSON, VALUES_YAML, VALUES_ENV };

/* By the end of the name: .json, .yaml, .yml, .env, or a name that begins with .env; else
 * VALUES_ANY. */
enum values_form values_form_of_file(const char *path);

/* By the first line that says something. VALUES_ANY: it begins with a brace or a bracket, so it is
 * JSON, or YAML's flow form. */
enum values_form values_form_of_text(const struct secbuf *text);

/*
 * Adds all keys of text to values. VALUES_ANY: by its first line: dotenv if that is NAME=, JSON if
 * it begins with a brace (or YAML's flow form, if it is no JSON), else YAML. what begins the
 * sentence. -EINVAL, -ENOMEM: then values may have some of the keys.
 */
int values_parse(struct values *values, const struct secbuf *text, enum values_form form,
	const char *what, struct why *why);

/* The same for a map within a larger document. */
int values_from_doc(struct values *values, const struct doc *doc, const struct doc_node *map,
	const char *what, struct why *why);

/* Each appends to text, which may be empty. -ENOMEM. */

/* One line. */
int values_print_json(const struct values *values, struct secbuf *text);

/* One line a key, after indent spaces. */
int values_print_yaml(const struct values *values, unsigned indent, struct secbuf *text);

/*
 * What is written into .json to set these values and to remove those keys: null for each. Names
 * that begin with a dot are left out. Bytes stand in whichever form is shorter. text has room for
 * what values_merge_size says.
 */
size_t values_merge_size(const struct values *values, const char *const *removes, size_t nremoves);
void values_merge_print(const struct values *values, const char *const *removes, size_t nremoves,
	struct secbuf *text);

/* What has no form there is named in a comment, as in the view; *ret_left_out: how many. */
int values_print_env(const struct values *values, struct secbuf *text, size_t *ret_left_out);

/*
 * Lines for docker --env-file, which takes everything behind the = as it stands. -EINVAL: a name or
 * value that cannot be said there; the sentence names the key.
 */
int values_print_docker(const struct values *values, struct secbuf *text, struct why *why);

/* A string as a YAML scalar in double quotes (or !!binary), a name as YAML has it. */
int values_yaml_scalar(const void *bytes, size_t len, struct secbuf *text);
int values_yaml_name(const char *name, struct secbuf *text);

#endif
