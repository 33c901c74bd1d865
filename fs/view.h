/* SPDX-License-Identifier: MIT */
/*
 * view: a whole secret as one file: .json and .env, what they show, who may open them, and what
 * writing them does.
 *
 *     .json   {"key": "value", "other": {"base64": "AP8="}}       sorted by name, one line, one
 * newline .env    KEY=value lines, sorted by name; a key that has no line is named in a comment
 *
 * Keys whose names begin with a dot (files of editors) stay out of the views, for reading, writing
 * and permissions. Writing merges: an object's members (or the lines' variables) are set, null
 * removes a key, others stay.
 */
#ifndef FS_VIEW_H
#define FS_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "acl.h"
#include "node.h"
#include "store.h"

/* The most that can be written to a view, bytes. */
#define VIEW_MAX (8u << 20)

/* Once, before the first view is written: JSON is parsed in secret memory. */
void view_init(void);

/* Bytes of the view (NODE_JSON or NODE_ENV) of a secret, from its manifest alone. */
size_t view_size(const struct manifest *m, enum node_kind kind);

/*
 * Mode bits and ACL: as strict as the strictest key; for writing also as the secret. Where keys
 * differ in owner, group or ACL, it is for the owner of the secret alone. ret_acl: ACL_MAX bytes;
 * *ret_acl_len 0: none.
 */
uint32_t view_mode(const struct manifest *m, uint8_t *ret_acl, uint16_t *ret_acl_len);

/* Renders it: all values are of the snapshot that was begun. ret is charged to uid. -ESTALE as
 * store_value. */
int view_render(struct store_reader *reader, const struct store_secret *secret, enum node_kind kind,
	uint32_t uid, struct secbuf *ret_text);

/* Is this the beginning of something that can be merged? -EINVAL as soon as it can no longer become
 * so: told at write(2), because many programs do not look at what close(2) says. */
int view_check(const uint8_t *text, size_t len, enum node_kind kind);

/* Merges text into a secret in one transaction; new keys get attr; removed is called for those that
 * were removed by it. -EINVAL: it is not of the form above. */
int view_merge(struct store *store, uint64_t row, uint32_t uid, const uint8_t *text, size_t len,
	enum node_kind kind, const struct store_new *attr,
	void (*removed)(uint64_t row, uint32_t key_no), struct store_touched *ret_touched);

#endif
