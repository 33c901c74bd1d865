/* SPDX-License-Identifier: MIT */
/* values: the keys and values that were given on a command line, held in secret memory. */
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
};

struct values {
	struct value *items; /* in the order in which the keys came */
	size_t n;
	bool stdin_read;
	bool warned;
};

/*
 * Adds KEY=VALUE, KEY=@FILE, KEY=@- (standard input) or KEY=@@TEXT (TEXT after one '@'); a key that
 * is there already gets the new value. The bytes of a literal value are wiped out of text. -EINVAL,
 * -ENOMEM, or the errno of reading FILE.
 */
int values_add(struct values *values, char *text, struct why *why);

/* NULL: not there. */
const struct value *values_find(const struct values *values, const char *key);

void values_free(struct values *values);

#define AUTO_VALUES __attribute__((cleanup(values_free))) struct values

#endif
