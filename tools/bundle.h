/* SPDX-License-Identifier: MIT */
/*
 * bundle: one secret with its values, visibility, expiry and description, as export writes it and
 * import reads it.
 *
 *     ---
 *     secretfs: 1                          the number of this form
 *     name: "db"
 *     private: false
 *     mode: "0750"                         of a public secret
 *     key_modes: {"password": "0600"}      where they are not the mode without its x bits
 *     expires: "2030-01-01T00:00:00Z"
 *     description: "the billing database"
 *     values:
 *       password: "pw"
 *       cert: !!binary "AP8="
 *
 * In JSON the same as an object, with {"base64": "..."} for bytes that are not UTF-8. Only
 * secretfs, name and values must be there. Several secrets are several YAML documents, or a JSON
 * array.
 *
 * Owner, group and ACLs stay behind: what an ACL gives to others is left out of the modes, too, so
 * that nobody sees more of the copy than of the secret.
 */
#ifndef TOOLS_BUNDLE_H
#define TOOLS_BUNDLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "doc.h"
#include "edit.h"
#include "tree.h"
#include "values_form.h"
#include "why.h"

#define BUNDLE_FORM 1

struct bundle_mode {
	char *key;
	mode_t mode;
};

struct bundle {
	struct tree_name name; /* TREE_ANY: nobody has said which namespace */
	struct edit edit;      /* change.set: the values; edit.description is description below */
	char *description;
	bool has_mode;
	mode_t mode;
	struct bundle_mode *modes;
	size_t nmodes;
	bool has_acl; /* bundle_read: something was left behind */
};

#define BUNDLE_INIT ((struct bundle){.name = {.ns = TREE_ANY, .bare = true}})

/* All of a secret that tree_find has opened, as it is at one moment; fails if a value may not be
 * read. */
int bundle_read(struct bundle *ret_bundle, int dir, const struct tree_name *name, struct why *why);

/* Appends it to text: VALUES_YAML, a document; VALUES_JSON, one line without its end. -ENOMEM. */
int bundle_print(const struct bundle *bundle, enum values_form form, struct secbuf *text);

/* Is this map in the form above? */
bool bundle_is(const struct doc *doc, const struct doc_node *map);

/* Reads such a map. what begins the sentence. -EINVAL; -EPROTO: a later form. */
int bundle_parse(struct bundle *ret_bundle, const struct doc *doc, const struct doc_node *map,
	const char *what, struct why *why);

void bundle_free(struct bundle *bundle);

#define AUTO_BUNDLE __attribute__((cleanup(bundle_free))) struct bundle

#endif
