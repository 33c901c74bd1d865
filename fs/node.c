/* SPDX-License-Identifier: MIT */
/* node: packing and unpacking of node ids. */
#include "node.h"

#define KIND_SHIFT   56
#define PAYLOAD_MASK ((1ull << KIND_SHIFT) - 1)
#define KEY_BITS     24
#define KEY_MASK     ((1u << KEY_BITS) - 1)

static uint64_t node_payload(const struct node *node)
{
	switch (node->kind) {
	case NODE_PRIVATE:
	case NODE_BY_NAME:
		return node->uid;
	case NODE_SECRET:
		return node->row;
	case NODE_KEY:
		return node->row << KEY_BITS | node->key_no;
	default:
		return 0;
	}
}

uint64_t node_id(const struct node *node)
{
	if (node->kind == NODE_ROOT)
		return NODE_ROOT_ID;
	return (uint64_t)node->kind << KIND_SHIFT | node_payload(node);
}

bool node_parse(uint64_t id, struct node *ret_node)
{
	uint64_t payload = id & PAYLOAD_MASK;

	*ret_node = (struct node){.kind = (enum node_kind)(id >> KIND_SHIFT)};
	switch (ret_node->kind) {
	case NODE_ROOT:
		return id == NODE_ROOT_ID;
	case NODE_PRIVATE:
	case NODE_BY_NAME:
		ret_node->uid = (uint32_t)payload;
		return payload <= UINT32_MAX;
	case NODE_SECRET:
		ret_node->row = payload;
		return payload > 0 && payload <= UINT32_MAX;
	case NODE_KEY:
		ret_node->row = payload >> KEY_BITS;
		ret_node->key_no = (uint32_t)payload & KEY_MASK;
		return ret_node->row > 0 && ret_node->key_no > 0;
	case NODE_PUBLIC:
	case NODE_PRIVATE_LINK:
	case NODE_BY_NAME_LINK:
	case NODE_DOT_PRIVATE:
	case NODE_DOT_BY_NAME:
		return payload == 0;
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
	return node_payload(node) << 4 | (uint64_t)node->kind;
}
