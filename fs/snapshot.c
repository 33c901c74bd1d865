/* SPDX-License-Identifier: MIT */
/* snapshot: from a node to bytes. */
#include "snapshot.h"

#include <errno.h>
#include <string.h>

#include "ops.h"
#include "status.h"
#include "view.h"

#define ID_MASK ((1ull << 48) - 1)

static bool has_expired(const struct manifest *m)
{
	return m->expires != 0 && ops_now_ns() >= m->expires;
}

static int find_secret(fuse_req_t req, struct snapshot *s)
{
	int r = store_secret_by_row(ops_thread.reader, s->node.row, &s->secret);

	if (r < 0) {
		s->secret = NULL;
		return ops_stale(r);
	}
	s->expired = has_expired(&s->secret->m);
	return req ? ops_secret_check(req, &s->secret->m) : 0;
}

static int find_key(fuse_req_t req, struct snapshot *s)
{
	int r = find_secret(req, s);

	if (r < 0)
		return r;
	s->key = manifest_key_by_no(&s->secret->m, s->node.key_no);
	if (!s->key)
		return -ESTALE;
	s->id = s->key->value_id;
	return 0;
}

static int find_view(fuse_req_t req, struct snapshot *s)
{
	int r = find_secret(req, s);

	if (r == 0)
		s->id = s->secret->ver & ID_MASK;
	return r;
}

/* Everything below .versions is immutable, so nothing but the node is needed to name it. */
static int find_version(fuse_req_t req, struct snapshot *s)
{
	int r = find_secret(req, s);

	if (r == 0)
		r = ops_stale(store_secret_version(
			ops_thread.reader, s->node.row, s->node.version, &s->secret));
	if (r < 0)
		return r;
	if (s->node.which == NODE_WHICH_DIR)
		return -EISDIR;
	s->id = 1;
	if (s->node.which >= NODE_WHICH_DIR)
		return 0;
	if (s->node.which >= s->secret->m.n)
		return -ESTALE;
	s->key = &s->secret->m.keys[s->node.which];
	return 0;
}

int snapshot_find(fuse_req_t req, fuse_ino_t ino, struct snapshot *ret_snapshot)
{
	struct snapshot *s = ret_snapshot;

	*s = (struct snapshot){.key = NULL};
	if (!node_parse(ino, &s->node))
		return -ESTALE;
	switch (s->node.kind) {
	case NODE_KEY:
		return find_key(req, s);
	case NODE_JSON:
	case NODE_ENV:
		return find_view(req, s);
	case NODE_VERSION:
		return find_version(req, s);
	case NODE_STATUS:
		s->id = status_serial() & ID_MASK;
		return 0;
	case NODE_PRIVATE_LINK:
	case NODE_BY_NAME_LINK:
	case NODE_BY_NAME_ENTRY:
		return -ELOOP;
	default:
		return -EISDIR;
	}
}

int snapshot_read(const struct snapshot *snapshot, uint32_t uid, struct secbuf *ret_bytes)
{
	const struct node *node = &snapshot->node;
	enum node_kind kind = node->kind;

	if (kind == NODE_STATUS)
		return status_render(uid, ret_bytes);
	if (snapshot->key)
		return store_value(ops_thread.reader, node->row, snapshot->key, uid, ret_bytes);
	if (kind == NODE_VERSION)
		kind = node->which == NODE_WHICH_JSON ? NODE_JSON : NODE_ENV;
	return view_render(ops_thread.reader, snapshot->secret, kind, uid, ret_bytes);
}

/* The version of the secret in which the key had that value. */
static int find_old_key(uint64_t id, struct snapshot *s)
{
	uint64_t oldest = s->secret->m.oldest;

	for (uint64_t version = s->secret->m.version; version >= oldest; version--) {
		if (store_secret_version(ops_thread.reader, s->node.row, version, &s->secret) < 0)
			continue;
		s->key = manifest_key_by_no(&s->secret->m, s->node.key_no);
		if (s->key && s->key->value_id == id)
			return 0;
	}
	return -EIO;
}

int snapshot_find_again(fuse_ino_t ino, uint64_t id, struct snapshot *ret_snapshot)
{
	int r = snapshot_find(NULL, ino, ret_snapshot);

	/* What was opened before it expired, or before its key was removed, may be read on. */
	if (r == 0 && ret_snapshot->id == id)
		return 0;
	if (ret_snapshot->node.kind != NODE_KEY || !ret_snapshot->secret)
		return -EIO;
	return find_old_key(id, ret_snapshot);
}
