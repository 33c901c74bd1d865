/* SPDX-License-Identifier: MIT */
/* values: a set of keys and their values, held in secret memory. */
#ifndef TOOLS_VALUES_H
#define TOOLS_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "name.h"
#include "secmem.h"
#include "why.h"

struct value {
	char key[NAME_MAX_BYTES + 1];
	struct secbuf bytes;
	bool fixed; /* values_add does not replace it */
};

struct values {
	struct value *items; /* in the order in which the keys came */
	size_t n;
	bool stdin_read;
	bool warned;
};

#define VALUES_INIT ((struct values){0})

/*
 * Adds KEY=VALUE, KEY=@FILE, KEY=@- (standard input) or KEY=@@TEXT (TEXT after one '@'); a key that
 * is there already gets the new value, unless it is fixed. The bytes of a literal value are wiped
 * out of text. -EINVAL, -ENOMEM, or the errno of reading FILE.
 */
int values_add(struct values *values, char *text, struct why *why);

/*
 * Adds a whole set that is given as one word: its text in any form (values_form.h), @FILE, or - or
 * @- for standard input. Its keys are fixed, whatever values_add says before or after; of several
 * sets the last one counts. Literal text is wiped. Errors as values_add.
 */
int values_add_set(struct values *values, char *text, struct why *why);

/* Adds a key or replaces its value; *bytes is taken over. The name is checked by the caller.
 * -ENOMEM. */
int values_put(struct values *values, const char *key, struct secbuf *bytes);

/* Takes a key out. The order of the others stays. false: it was not there. */
bool values_drop(struct values *values, const char *key);

/* NULL: not there. */
const struct value *values_find(const struct values *values, const char *key);

void values_free(struct values *values);

#define AUTO_VALUES __attribute__((cleanup(values_free))) struct values

#endif
