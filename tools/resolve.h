/* SPDX-License-Identifier: MIT */
/*
 * resolve: what references and names lead to. check, register, inject and run all ask here, so what
 * one of them finds the others find.
 *
 * First everything is wanted, then looked up at once, each secret one time; after that each answer
 * is a field, so that all that does not resolve can be told together. Values of one secret belong
 * together: if it changes while it is read, it is read again.
 */
#ifndef TOOLS_RESOLVE_H
#define TOOLS_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "pieces.h"
#include "tree.h"

enum resolve_depth {
	RESOLVE_SECRET, /* is there such a secret? Needs no right to look into it */
	RESOLVE_KEY,    /* is there such a key, may it be read? Reads nothing */
	RESOLVE_VALUE,  /* its value */
};

struct resolve_key {
	char *name;
	struct resolve_secret *secret;
	bool listed; /* found by resolve_want_all */
	bool there;  /* it exists, whatever else is wrong */
	int err;     /* 0: resolves, unless the secret does not; resolve_error knows both */
	char *why;
	uid_t owner;
	const uint8_t *bytes; /* RESOLVE_VALUE; in secret memory */
	size_t len;
};

struct resolve_secret {
	enum tree_ns asked;
	char wanted[NAME_MAX_BYTES + 1]; /* as it was asked for: a name, or an id */
	struct tree_name name;           /* as it was found */
	bool all;                        /* every key is wanted */
	struct resolve_key **keys;
	size_t n;
	void *index; /* of keys, by name */
	int err;
	char *why;
	uid_t owner;
	char *foreign; /* NULL, or the sentence of owner_foreign */
	bool told;     /* for who warns of that once */
};

struct resolve {
	struct resolve_secret **secrets; /* in the order in which they were wanted */
	size_t n;
	void *index; /* of secrets, by asked and wanted */
	struct pieces values;
};

/* Both answer the same object for the same names; it lives until resolve_free. -ENOMEM. */
int resolve_want(struct resolve *resolve, enum tree_ns ns, const char *name, const char *key,
	struct resolve_key **ret_key);

/* All keys but those whose names begin with a dot, which are no part of a view either. */
int resolve_want_all(
	struct resolve *resolve, const struct tree_name *name, struct resolve_secret **ret_secret);

/* Looks everything up. What does not resolve is no failure here; -ENOMEM is. */
int resolve_look(struct resolve *resolve, const struct tree *tree, enum resolve_depth depth,
	struct why *why);

/* 0, or why the key or its secret does not resolve; -ENOENT: there is none. */
int resolve_error(const struct resolve_key *key, const char **ret_why);

void resolve_free(struct resolve *resolve);

#define AUTO_RESOLVE __attribute__((cleanup(resolve_free))) struct resolve

#endif
