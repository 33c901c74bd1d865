/* SPDX-License-Identifier: MIT */
/* node: packing and unpacking of node ids. */
#include "node.h"

#define KIND_SHIFT   56
#define PAYLOAD_MASK ((1ull << KIND_SHIFT) - 1)
#define KEY_BITS     24
#define ROW_BITS     32
#define KEY_MASK     ((1u << KEY_BITS) - 1)
#define VERSION_BIT  (1ull << 63)
#define VERSION_BITS 20
#define WHICH_BITS   11
#define INO_MASK     ((1ull << 53) - 1)

static uint64_t node_payload(const struct node *node)
{
	switch (node->kind) {
	case NODE_PRIVATE:
	case NODE_BY_NAME:
		return node->uid;
	case NODE_SECRET:
	case NODE_BY_NAME_ENTRY:
	case NODE_JSON:
	case NODE_ENV:
		return node->row;
	case NODE_VERSIONS:
		return (uint64_t)node->removals << ROW_BITS | node->row;
	case NODE_KEY:
		return node->row << KEY_BITS | node->key_no;
	case NODE_VERSION:
		return (node->row << VERSION_BITS | node->version) << WHICH_BITS | node->which;
	default:
		return 0;
	}
}

uint64_t node_id(const struct node *node)
{
	if (node->kind == NODE_ROOT)
		return NODE_ROOT_ID;
	if (node->kind == NODE_VERSION)
		return VERSION_BIT | node_payload(node);
	return (uint64_t)node->kind << KIND_SHIFT | node_payload(node);
}

static bool version_parse(uint64_t id, struct node *ret_node)
{
	*ret_node = (struct node){.kind = NODE_VERSION,
		.row = id >> (VERSION_BITS + WHICH_BITS) & UINT32_MAX,
		.version = (uint32_t)(id >> WHICH_BITS) & NODE_VERSION_MAX,
		.which = (uint32_t)id & ((1u << WHICH_BITS) - 1)};
	return ret_node->row > 0 && ret_node->version > 0 &&
	       (ret_node->which <= NODE_WHICH_KEY_MAX || ret_node->which >= NODE_WHICH_DIR);
}

bool node_parse(uint64_t id, struct node *ret_node)
{
	uint64_t payload = id & PAYLOAD_MASK;

	if (id & VERSION_BIT)
		return version_parse(id, ret_node);
	*ret_node = (struct node){.kind = (enum node_kind)(id >> KIND_SHIFT)};
	switch (ret_node->kind) {
	case NODE_ROOT:
		return id == NODE_ROOT_ID;
	case NODE_PRIVATE:
	case NODE_BY_NAME:
		ret_node->uid = (uint32_t)payload;
		return payload <= UINT32_MAX;
	case NODE_SECRET:
	case NODE_BY_NAME_ENTRY:
	case NODE_JSON:
	case NODE_ENV:
		ret_node->row = payload;
		return payload > 0 && payload <= UINT32_MAX;
	case NODE_VERSIONS:
		ret_node->row = payload & UINT32_MAX;
		ret_node->removals = (uint32_t)(payload >> ROW_BITS);
		return ret_node->row > 0;
	case NODE_KEY:
		ret_node->row = payload >> KEY_BITS;
		ret_node->key_no = (uint32_t)payload & KEY_MASK;
		return ret_node->row > 0 && ret_node->key_no > 0;
	case NODE_PUBLIC:
	case NODE_PRIVATE_LINK:
	case NODE_BY_NAME_LINK:
	case NODE_DOT_PRIVATE:
	case NODE_DOT_BY_NAME:
	case NODE_STATUS_DIR:
	case NODE_STATUS:
		return payload == 0;
	case NODE_VERSION: /* not as a byte */
		return false;
	}
	return false;
}

uint64_t node_secret(uint64_t row)
{
	return node_id(&(struct node){.kind = NODE_SECRET, .row = row});
}

uint64_t node_key(uint64_t row, uint32_t key_no)
{
	return node_id(&(struct node){.kind = NODE_KEY, .row = row, .key_no = key_no});
}

uint64_t node_ino(const struct node *node)
{
	if (node->kind == NODE_ROOT)
		return NODE_ROOT_ID;
	/* Row 0 does not exist; but the root has 1. */
	if (node->kind == NODE_PUBLIC)
		return 1ull << 4 | NODE_PUBLIC;
	/* Below .versions there are more nodes than numbers: the row's upper bits give way. */
	if (node->kind == NODE_VERSION)
		return (node_payload(node) << 4 | NODE_VERSION) & INO_MASK;
	/* The status has no row, so its kind does not need its place below 16. */
	if (node->kind == NODE_STATUS)
		return NODE_STATUS;
	if (node->kind == NODE_VERSIONS)
		return node->row << 4 | NODE_VERSIONS;
	return node_payload(node) << 4 | (uint64_t)node->kind;
}
