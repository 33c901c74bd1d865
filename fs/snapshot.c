/* SPDX-License-Identifier: MIT */
/* snapshot: from a node to bytes. */
#include "snapshot.h"

#include <errno.h>
#include <string.h>

#include "gone.h"
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
	s->ns = (struct store_ns){(enum ns_kind)s->secret->m.ns_kind, s->secret->m.ns_uid};
	return req ? ops_secret_check(req, &s->secret->m) : 0;
}

static void take_key(struct snapshot *s, const struct manifest_key *key)
{
	s->key = key;
	s->id = s->value_id = key->value_id;
}

/* Its secret may be gone as well; else that was found before, and says whether it has expired. */
static int find_gone(fuse_req_t req, struct snapshot *s)
{
	const struct store_secret *then;
	const struct manifest_key *key;
	bool secret = s->secret;
	int r = gone_find(&s->node, !req, &then, &key);

	if (r < 0)
		return r;
	s->gone = true;
	s->secret = then;
	take_key(s, key);
	if (secret)
		return 0;
	s->expired = has_expired(&then->m);
	s->ns = (struct store_ns){(enum ns_kind)then->m.ns_kind, then->m.ns_uid};
	return req ? ops_secret_check(req, &then->m) : 0;
}

static int find_key(fuse_req_t req, struct snapshot *s)
{
	int r = find_secret(req, s);

	if (r < 0)
		return r == -ESTALE ? find_gone(req, s) : r;
	const struct manifest_key *key = manifest_key_by_no(&s->secret->m, s->node.key_no);
	if (!key)
		return find_gone(req, s);
	take_key(s, key);
	return 0;
}

static uint64_t view_id(const struct store_secret *secret)
{
	return store_content(ops.store, &secret->m) & ID_MASK;
}

static int find_view(fuse_req_t req, struct snapshot *s)
{
	int r = find_secret(req, s);

	if (r == 0)
		s->id = view_id(s->secret);
	return r;
}

/* The views of an earlier version change only when keys are taken out of it. */
static uint32_t count_keys(const struct manifest *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->n; i++)
		n += !manifest_key_taken(&m->keys[i]);
	return n;
}

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
	s->id = count_keys(&s->secret->m) + 1;
	if (s->node.which >= NODE_WHICH_DIR)
		return 0;
	const struct manifest *m = &s->secret->m;
	if (s->node.which >= m->n || manifest_key_taken(&m->keys[s->node.which]))
		return -ESTALE;
	take_key(s, &m->keys[s->node.which]);
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
	if (snapshot->empty)
		return secbuf_alloc(ret_bytes, 0, uid);
	if (snapshot->key)
		return store_value(ops_thread.reader, node->row, snapshot->key, uid, ret_bytes);
	if (kind == NODE_VERSION)
		kind = node->which == NODE_WHICH_JSON ? NODE_JSON : NODE_ENV;
	return view_render(ops_thread.reader, snapshot->secret, kind, uid, ret_bytes);
}

static bool has_value(uint64_t id, struct snapshot *s)
{
	s->key = manifest_key_by_no(&s->secret->m, s->node.key_no);
	return s->key && s->key->value_id == id;
}

static bool has_content(uint64_t id, struct snapshot *s)
{
	return view_id(s->secret) == id;
}

/* The version of the secret in which the key had that value, or the view that content; the secret
 * may have lost the key since. */
static int find_old(uint64_t id, bool (*test)(uint64_t id, struct snapshot *s), struct snapshot *s)
{
	int r = store_secret_by_row(ops_thread.reader, s->node.row, &s->secret);

	if (r < 0)
		return r;
	if (test(id, s))
		return 0;
	uint64_t oldest = s->secret->m.oldest, version = s->secret->m.version;
	r = store_versions_check(ops_thread.reader, s->node.row);
	if (r < 0)
		return r;
	while (version-- > oldest) {
		if (store_secret_version(ops_thread.reader, s->node.row, version, &s->secret) < 0)
			continue;
		if (test(id, s))
			return 0;
	}
	return -ENOENT;
}

static bool is_key(const struct node *node)
{
	return node->kind == NODE_KEY ||
	       (node->kind == NODE_VERSION && node->which <= NODE_WHICH_KEY_MAX);
}

static int find_kept(uint64_t id, struct snapshot *s)
{
	int r = store_secret_kept(ops_thread.reader, s->node.row, id, &s->secret);

	if (r == 0)
		s->key = &s->secret->m.keys[0];
	return r;
}

int snapshot_find_again(fuse_ino_t ino, uint64_t id, struct snapshot *ret_snapshot)
{
	struct snapshot *s = ret_snapshot;
	int r = snapshot_find(NULL, ino, s);

	/* What was opened before it expired, or before its key was removed, may be read on. */
	if (r == 0 && s->id == id)
		return 0;
	/* The state that it showed has ended with that worker; this one has another. */
	if (s->node.kind == NODE_STATUS)
		return r;
	if (s->node.kind == NODE_JSON || s->node.kind == NODE_ENV) {
		r = find_old(id, has_content, s);
		s->id = id;
		return r == -ENOENT ? -EIO : r;
	}
	if (!is_key(&s->node))
		return -EIO;
	s->empty = id == 0;
	if (s->empty)
		return 0;
	r = s->node.kind == NODE_KEY ? find_old(id, has_value, s) : -ENOENT;
	if (r == -ENOENT)
		r = find_kept(id, s);
	s->id = s->value_id = id;
	return r == -ENOENT ? -EIO : r;
}
