/* SPDX-License-Identifier: MIT */
/*
 * node: node ids, which are permanent and carry their meaning, and inode numbers.
 *
 *     id = kind (8 bits) | payload (56 bits)          the root is 1, as FUSE wants it
 *
 *     secret   payload = row
 *     key      payload = row (32 bits) | key number (24 bits)
 *     private  payload = uid
 *     views    payload = row
 *     .versions  payload = removals (24 bits) | row (32 bits)
 *
 * What lies below .versions needs more room, so there the first bit alone is the kind:
 *
 *     1 | row (32 bits) | version (20 bits) | which (11 bits)
 *
 * which: the place of a key in that version's manifest (which never changes again), or
 * NODE_WHICH_*. A version above 2^20 - 1 cannot be named and is not shown.
 *
 * A folder .versions that was removed is dead to the kernel as long as somebody stands in it, and
 * another one is found under its name at once: so how often that happened is in its id.
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
	NODE_BY_NAME_ENTRY = 10, /* the symbolic link to one secret */
	NODE_JSON = 11,          /* <secret>/.json */
	NODE_ENV = 12,           /* <secret>/.env */
	NODE_VERSIONS = 13,      /* <secret>/.versions */
	NODE_VERSION = 14,       /* anything below it; not the byte in the id */
	NODE_STATUS_DIR = 15,    /* .secretfs */
	NODE_STATUS = 16,        /* .secretfs/status */
};

#define NODE_VERSION_MAX  ((1u << 20) - 1)
#define NODE_REMOVALS_MAX ((1u << 24) - 1)

enum node_which {
	NODE_WHICH_KEY_MAX = 1023,
	NODE_WHICH_DIR = 2045,
	NODE_WHICH_JSON = 2046,
	NODE_WHICH_ENV = 2047,
};

#define NODE_ROOT_ID 1ull

struct node {
	enum node_kind kind;
	uint32_t uid;      /* NODE_PRIVATE, NODE_BY_NAME */
	uint64_t row;      /* NODE_SECRET, NODE_KEY, NODE_BY_NAME_ENTRY, the views, NODE_VERSION */
	uint32_t key_no;   /* NODE_KEY */
	uint32_t removals; /* NODE_VERSIONS: ops_purge_removals */
	uint32_t version;  /* NODE_VERSION */
	uint32_t which;    /* NODE_VERSION: a place in the manifest or enum node_which */
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
