/* SPDX-License-Identifier: MIT */
/*
 * node: node ids, which are permanent and carry their meaning, and inode numbers.
 *
 *     id = kind (8 bits) | payload (56 bits)          the root is 1, as FUSE wants it
 *
 *     secret   payload = row
 *     key      payload = row (32 bits) | key number (24 bits)
 *     private  payload = uid
 *
 * An id is never used again, so there is no table of inodes and a new worker understands the ids
 * that a dead one gave out.
 */
#ifndef FS_NODE_H
#define FS_NODE_H

#include <stdbool.h>
#include <stdint.h>

enum node_kind {
	NODE_ROOT = 0,
	NODE_PUBLIC = 1,
	NODE_PRIVATE = 2, /* .private/UID */
	NODE_BY_NAME = 3, /* .by-name/UID */
	NODE_SECRET = 4,
	NODE_KEY = 5,
	NODE_PRIVATE_LINK = 6, /* private -> .private/UID of the reader */
	NODE_BY_NAME_LINK = 7,
	NODE_DOT_PRIVATE = 8, /* .private */
	NODE_DOT_BY_NAME = 9,
};

#define NODE_ROOT_ID 1ull

struct node {
	enum node_kind kind;
	uint32_t uid;    /* NODE_PRIVATE, NODE_BY_NAME */
	uint64_t row;    /* NODE_SECRET, NODE_KEY */
	uint32_t key_no; /* NODE_KEY */
};

uint64_t node_id(const struct node *node);

/* false: no id of ours. */
bool node_parse(uint64_t id, struct node *ret_node);

uint64_t node_secret(uint64_t row);
uint64_t node_key(uint64_t row, uint32_t key_no);

/*
 * st_ino: unique for ever; (row * 16 + kind) for what has one row; keys have theirs at (row << 24 |
 * key) * 16 + kind. Below 2^53, which JavaScript and others can hold, as long as rows are below
 * 2^25.
 */
uint64_t node_ino(const struct node *node);

#endif
