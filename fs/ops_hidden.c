/* SPDX-License-Identifier: MIT */
/*
 * ops_hidden: names that no listing of their parent shows: .json, .env and .versions in a secret,
 * and .secretfs. So they are never in the way of rm -r, cp -r, find or tar.
 */
#include "ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "name.h"
#include "view.h"

#define OFFSET_FIRST 2 /* after "." and ".." */

/* ---- look-up ---- */

static int lookup_view(
	fuse_req_t req, const struct node *parent, const char *name, struct node *ret_node)
{
	const struct store_secret *secret;
	enum node_kind kind = strcmp(name, ".json") == 0  ? NODE_JSON
			      : strcmp(name, ".env") == 0 ? NODE_ENV
							  : NODE_VERSIONS;
	int r = ops_secret(req, parent->row, &secret);

	if (r < 0)
		return r;
	*ret_node = (struct node){.kind = kind, .row = parent->row};
	if (kind == NODE_VERSIONS)
		ret_node->removals = ops_purge_removals(parent->row);
	return 0;
}

int ops_hidden_version(const char *name, uint32_t *ret_version)
{
	char *end, canonical[16];
	unsigned long long n = strtoull(name, &end, 10);

	if (name[0] < '1' || name[0] > '9' || *end || n > NODE_VERSION_MAX)
		return -ENOENT;
	snprintf(canonical, sizeof(canonical), "%llu", n);
	if (strcmp(canonical, name) != 0)
		return -ENOENT;
	*ret_version = (uint32_t)n;
	return 0;
}

static bool is_earlier(const struct manifest *m, uint64_t version)
{
	return version >= m->oldest && version < m->version && version <= NODE_VERSION_MAX;
}

/* Earlier versions are the owner's; for what is private the namespace's owner was checked before.
 * Between two that are kept there may be some that somebody has dropped. */
static int lookup_versions(
	fuse_req_t req, const struct node *parent, const char *name, struct node *ret_node)
{
	const struct store_secret *secret;
	uint32_t version;
	int r = ops_secret(req, parent->row, &secret);

	if (r == 0)
		r = ops_hidden_version(name, &version);
	if (r == 0 && !is_earlier(&secret->m, version))
		r = -ENOENT;
	if (r == 0)
		r = store_secret_version(ops_thread.reader, parent->row, version, &secret);
	if (r == 0)
		*ret_node = (struct node){.kind = NODE_VERSION,
			.row = parent->row,
			.version = version,
			.which = NODE_WHICH_DIR};
	return r;
}

static int lookup_version(
	fuse_req_t req, const struct node *parent, const char *name, struct node *ret_node)
{
	const struct store_secret *secret;
	int r = ops_secret(req, parent->row, &secret);

	if (r < 0)
		return r;
	*ret_node = *parent;
	if (name_is_view(name, strlen(name))) {
		ret_node->which = strcmp(name, ".json") == 0 ? NODE_WHICH_JSON : NODE_WHICH_ENV;
		return strcmp(name, ".versions") == 0 ? -ENOENT : 0;
	}
	r = store_secret_version(ops_thread.reader, parent->row, parent->version, &secret);
	if (r < 0)
		return ops_stale(r);
	const struct manifest_key *key = manifest_key_by_name(&secret->m, name, strlen(name));
	if (!key)
		return -ENOENT;
	ret_node->which = (uint32_t)(key - secret->m.keys);
	return 0;
}

int ops_hidden_lookup(
	fuse_req_t req, const struct node *parent, const char *name, struct node *ret_node)
{
	switch (parent->kind) {
	case NODE_SECRET:
		return lookup_view(req, parent, name, ret_node);
	case NODE_VERSIONS:
		return lookup_versions(req, parent, name, ret_node);
	case NODE_VERSION:
		return parent->which == NODE_WHICH_DIR ? lookup_version(req, parent, name, ret_node)
						       : -ENOTDIR;
	case NODE_STATUS_DIR:
		*ret_node = (struct node){.kind = NODE_STATUS};
		return strcmp(name, "status") == 0 ? 0 : -ENOENT;
	default:
		return -ENOTDIR;
	}
}

/* ---- attributes ---- */

static void attr_view(const struct node *node, const struct manifest *m, struct stat *ret_st)
{
	uint8_t acl[ACL_MAX];
	uint16_t acl_len;

	ops_attr_fixed(node, S_IFREG | view_mode(m, acl, &acl_len), 1, ret_st);
	ret_st->st_size = (off_t)view_size(m, node->kind);
	int64_t mtime = m->mtime;
	for (uint32_t i = 0; i < m->n; i++)
		if (m->keys[i].mtime > mtime)
			mtime = m->keys[i].mtime;
	ops_set_times(ret_st, m->atime, mtime, m->ctime);
}

static int attr_version(const struct node *node, struct stat *ret_st)
{
	const struct store_secret *secret;
	int r = store_secret_version(ops_thread.reader, node->row, node->version, &secret);

	if (r < 0)
		return ops_stale(r);
	const struct manifest *m = &secret->m;
	if (node->which == NODE_WHICH_DIR) {
		ops_attr_fixed(node, S_IFDIR | 0700, 2, ret_st);
		ops_set_times(ret_st, m->atime, m->mtime, m->ctime);
		return 0;
	}
	ops_attr_fixed(node, S_IFREG | 0400, 1, ret_st);
	ops_set_times(ret_st, m->atime, m->mtime, m->ctime);
	if (node->which > NODE_WHICH_DIR) {
		ret_st->st_size =
			(off_t)view_size(m, node->which == NODE_WHICH_JSON ? NODE_JSON : NODE_ENV);
		return 0;
	}
	if (node->which >= m->n || manifest_key_taken(&m->keys[node->which]))
		return -ESTALE;
	const struct manifest_key *key = &m->keys[node->which];
	ret_st->st_size = key->len;
	ops_set_times(ret_st, key->atime, key->mtime, key->ctime);
	return 0;
}

/* Whoever owns the secret now owns its earlier versions. */
static int attr_of_secret(const struct node *node, struct stat *ret_st)
{
	const struct store_secret *secret;
	int r = store_secret_by_row(ops_thread.reader, node->row, &secret);

	if (r < 0)
		return ops_stale(r);
	uint32_t uid = secret->m.uid, gid = secret->m.gid;
	if (node->kind == NODE_VERSION) {
		r = attr_version(node, ret_st);
	} else if (node->kind == NODE_VERSIONS) {
		ops_attr_fixed(node, S_IFDIR | 0700, 2, ret_st);
		ops_set_times(ret_st, secret->m.atime, secret->m.mtime, secret->m.ctime);
	} else {
		attr_view(node, &secret->m, ret_st);
	}
	ret_st->st_uid = uid;
	ret_st->st_gid = gid;
	ret_st->st_blocks = (ret_st->st_size + 511) / 512;
	return r;
}

int ops_hidden_attr(const struct node *node, struct stat *ret_st)
{
	switch (node->kind) {
	case NODE_STATUS_DIR:
		ops_attr_fixed(node, S_IFDIR | 0555, 2, ret_st);
		return 0;
	case NODE_STATUS:
		ops_attr_fixed(node, S_IFREG | 0444, 1, ret_st);
		return 0;
	case NODE_JSON:
	case NODE_ENV:
	case NODE_VERSIONS:
	case NODE_VERSION:
		return attr_of_secret(node, ret_st);
	default:
		return -ESTALE;
	}
}

/* ---- listing ---- */

static int list_versions(
	fuse_req_t req, const struct node *dir, uint64_t after, ops_hidden_add add, void *arg)
{
	const struct store_secret *secret;
	int r = ops_secret(req, dir->row, &secret);

	if (r == 0)
		r = ops_stale(store_versions_check(ops_thread.reader, dir->row));
	if (r < 0)
		return r;
	/* The adding reads other manifests with this reader. */
	uint64_t oldest = secret->m.oldest, version = secret->m.version;
	for (uint64_t v = oldest > after ? oldest : after + 1;
		r == 0 && v < version && v <= NODE_VERSION_MAX; v++) {
		const struct node node = {.kind = NODE_VERSION,
			.row = dir->row,
			.version = (uint32_t)v,
			.which = NODE_WHICH_DIR};
		char name[16];
		snprintf(name, sizeof(name), "%llu", (unsigned long long)v);
		r = add(arg, name, &node, (off_t)v + OFFSET_FIRST);
		/* Dropped by itself. */
		if (r == -ESTALE)
			r = 0;
	}
	return r;
}

static int list_version(
	fuse_req_t req, const struct node *dir, uint64_t after, ops_hidden_add add, void *arg)
{
	const struct store_secret *secret;
	int r = ops_secret(req, dir->row, &secret);

	for (uint64_t i = after; r == 0; i++) {
		struct node node = *dir;
		char name[NAME_MAX_BYTES + 1];
		r = store_secret_version(ops_thread.reader, dir->row, dir->version, &secret);
		if (r < 0)
			return ops_stale(r);
		if (i >= secret->m.n)
			return 0;
		if (manifest_key_taken(&secret->m.keys[i]))
			continue;
		node.which = (uint32_t)i;
		memcpy(name, secret->m.keys[i].name, (size_t)secret->m.keys[i].name_len + 1);
		r = add(arg, name, &node, (off_t)i + 1 + OFFSET_FIRST);
	}
	return r;
}

int ops_hidden_list(
	fuse_req_t req, const struct node *dir, off_t off, ops_hidden_add add, void *arg)
{
	uint64_t after = off > OFFSET_FIRST ? (uint64_t)off - OFFSET_FIRST : 0;

	if (dir->kind == NODE_VERSIONS)
		return list_versions(req, dir, after, add, arg);
	if (dir->kind == NODE_VERSION && dir->which == NODE_WHICH_DIR)
		return list_version(req, dir, after, add, arg);
	if (dir->kind != NODE_STATUS_DIR)
		return -ENOTDIR;
	return after ? 0
		     : add(arg, "status", &(struct node){.kind = NODE_STATUS}, OFFSET_FIRST + 1);
}
