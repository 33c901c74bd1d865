/* SPDX-License-Identifier: MIT */
/* ops_dir: names. Looking them up, listing, making, removing and renaming them. */
#include "ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "acl.h"
#include "by_name.h"
#include "fault.h"
#include "gone.h"
#include "name.h"
#include "trail.h"

/* ---- lookup ---- */

static int lookup_root(const char *name, struct node *ret_node)
{
	static const struct {
		const char *name;
		enum node_kind kind;
	} names[] = {
		{"public", NODE_PUBLIC},
		{"private", NODE_PRIVATE_LINK},
		{".private", NODE_DOT_PRIVATE},
		{"by-name", NODE_BY_NAME_LINK},
		{".by-name", NODE_DOT_BY_NAME},
		{".secretfs", NODE_STATUS_DIR},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i].name) == 0) {
			*ret_node = (struct node){.kind = names[i].kind};
			return 0;
		}
	return -ENOENT;
}

/* Any number is there for everybody, always the same node: an error would make the kernel detach
 * mounts below. */
static int lookup_uid(const char *name, enum node_kind kind, struct node *ret_node)
{
	char canonical[16], *end;

	if (name[0] < '0' || name[0] > '9')
		return -ENOENT;
	unsigned long long uid = strtoull(name, &end, 10);
	if (*end || uid >= UINT32_MAX)
		return -ENOENT;
	snprintf(canonical, sizeof(canonical), "%llu", uid);
	if (strcmp(name, canonical) != 0)
		return -ENOENT;
	*ret_node = (struct node){.kind = kind, .uid = (uint32_t)uid};
	return 0;
}

struct store_ns ops_ns(const struct node *node)
{
	return (struct store_ns){node->kind == NODE_PUBLIC ? NS_PUBLIC : NS_PRIVATE, node->uid};
}

static int lookup_secret(
	const struct node *parent, const char *name, struct node *ret_node, struct stat *ret_st)
{
	const struct store_secret *secret;
	int r = store_secret_by_name(
		ops_thread.reader, ops_ns(parent), name, strlen(name), &secret);

	if (r < 0)
		return r;
	*ret_node = (struct node){.kind = NODE_SECRET, .row = secret->row};
	ops_attr_secret(secret, ret_st);
	return 0;
}

static int lookup_key(fuse_req_t req, const struct node *parent, const char *name,
	struct node *ret_node, struct stat *ret_st)
{
	const struct store_secret *secret;
	int r = ops_secret(req, parent->row, &secret);

	if (r < 0)
		return r;
	const struct manifest_key *key = manifest_key_by_name(&secret->m, name, strlen(name));
	if (!key)
		return -ENOENT;
	*ret_node = (struct node){.kind = NODE_KEY, .row = parent->row, .key_no = key->no};
	ops_attr_key(parent->row, key, ret_st);
	return 0;
}

static int lookup(fuse_req_t req, const struct node *parent, const char *name,
	struct node *ret_node, struct stat *ret_st)
{
	int r;

	if (strlen(name) > NAME_MAX_BYTES)
		return -ENAMETOOLONG;
	switch (parent->kind) {
	case NODE_ROOT:
		r = lookup_root(name, ret_node);
		break;
	case NODE_DOT_PRIVATE:
		r = lookup_uid(name, NODE_PRIVATE, ret_node);
		break;
	case NODE_DOT_BY_NAME:
		r = lookup_uid(name, NODE_BY_NAME, ret_node);
		break;
	case NODE_BY_NAME:
		r = by_name_lookup(req, parent->uid, name, ret_node);
		break;
	case NODE_PRIVATE:
		r = ops_private_check(fuse_req_ctx(req)->uid, parent->uid);
		return r < 0 ? r : lookup_secret(parent, name, ret_node, ret_st);
	case NODE_PUBLIC:
		return lookup_secret(parent, name, ret_node, ret_st);
	case NODE_SECRET:
		if (!name_is_view(name, strlen(name)))
			return lookup_key(req, parent, name, ret_node, ret_st);
		/* fall through */
	default:
		r = ops_hidden_lookup(req, parent, name, ret_node);
	}
	return r < 0 ? r : ops_attr_node(ret_node, ret_st);
}

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node dir, node;
	struct stat st;
	struct fuse_entry_param entry;
	AUTO_SNAPSHOT begun = ops_begin();
	int r = begun;

	if (parent == FUSE_ROOT_ID)
		fault_lookup(name);
	if (r == 0)
		r = node_parse(parent, &dir) ? lookup(req, &dir, name, &node, &st) : -ESTALE;
	if (r < 0)
		return ops_fail(req, r);
	ops_entry(&node, &st, OPS_LOOKUP_SECONDS, &entry);
	fuse_reply_entry(req, &entry);
}

/* Ids carry their meaning, so there is nothing to count; but what has no name ends here. */
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	(void)nlookup;
	gone_forget(ino);
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		gone_forget(forgets[i].ino);
	fuse_reply_none(req);
}

static int readlink_entry(fuse_req_t req, const struct node *node, char *target, size_t size)
{
	const struct store_secret *secret;
	AUTO_SNAPSHOT begun = ops_begin();
	int r = begun < 0 ? begun : ops_secret(req, node->row, &secret);

	return r < 0 ? r : by_name_target(secret, target, size);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node node;
	char target[NAME_MAX_BYTES + 32];
	uint32_t uid = fuse_req_ctx(req)->uid;
	int r = node_parse(ino, &node) ? 0 : -ESTALE;

	if (r == 0 && node.kind == NODE_PRIVATE_LINK) {
		r = ops_private_check(uid, uid);
		snprintf(target, sizeof(target), ".private/%u", uid);
	} else if (r == 0 && node.kind == NODE_BY_NAME_LINK) {
		snprintf(target, sizeof(target), ".by-name/%u", uid);
	} else if (r == 0) {
		r = node.kind == NODE_BY_NAME_ENTRY
			    ? readlink_entry(req, &node, target, sizeof(target))
			    : -EINVAL;
	}
	if (r < 0)
		return ops_fail(req, r);
	fuse_reply_readlink(req, target);
}

/* ---- making ---- */

static void made_fill(fuse_req_t req, struct ops_made *made, mode_t mode, const uint8_t *dflt,
	uint16_t dflt_len, bool directory)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	uint32_t sticky = mode & S_ISVTX;

	made->attr = (struct store_new){.uid = ctx->uid, .gid = ctx->gid};
	if (!dflt_len) {
		made->attr.mode = sticky | (mode & ~ctx->umask & 0777);
		return;
	}
	made->attr.mode =
		sticky | acl_inherit(dflt, dflt_len, mode, made->acl, &made->attr.acl_len);
	made->attr.acl = made->acl;
	if (!directory)
		return;
	memcpy(made->dflt, dflt, dflt_len);
	made->attr.default_acl = made->dflt;
	made->attr.default_acl_len = dflt_len;
}

static int made_secret(
	fuse_req_t req, const struct node *parent, mode_t mode, struct ops_made *made)
{
	struct header_ns h;
	AUTO_SNAPSHOT begun = ops_begin();

	if (begun < 0)
		return begun;
	int r = store_ns_get(ops_thread.reader, ops_ns(parent), &h);
	if (r == 0)
		made_fill(req, made, mode, h.default_acl, h.default_acl_len, true);
	return r;
}

static int made_key(fuse_req_t req, uint64_t row, mode_t mode, struct ops_made *made)
{
	const struct store_secret *secret;
	AUTO_SNAPSHOT begun = ops_begin();

	if (begun < 0)
		return begun;
	int r = ops_secret(req, row, &secret);
	if (r == 0)
		made_fill(req, made, mode, secret->m.default_acl, secret->m.default_acl_len, false);
	return r;
}

int ops_made_in_view(uint64_t row, uint32_t uid, uint32_t gid, struct ops_made *ret_made)
{
	const struct store_secret *secret;
	AUTO_SNAPSHOT begun = ops_begin();
	int r = begun < 0 ? begun : store_secret_by_row(ops_thread.reader, row, &secret);

	if (r < 0)
		return ops_stale(r);
	const struct manifest *m = &secret->m;
	ret_made->attr = (struct store_new){.uid = uid, .gid = gid, .mode = m->mode & 0666};
	if (m->default_acl_len) {
		ret_made->attr.mode = acl_inherit(m->default_acl, m->default_acl_len, 0666,
			ret_made->acl, &ret_made->attr.acl_len);
		ret_made->attr.acl = ret_made->acl;
	}
	return 0;
}

int ops_structure_error(const struct node *parent)
{
	switch (parent->kind) {
	case NODE_KEY:
	case NODE_PRIVATE_LINK:
	case NODE_BY_NAME_LINK:
	case NODE_BY_NAME_ENTRY:
	case NODE_JSON:
	case NODE_ENV:
	case NODE_STATUS:
		return -ENOTDIR;
	case NODE_VERSIONS:
	case NODE_VERSION:
		return -EROFS;
	default:
		return -EPERM;
	}
}

static int entry_of(
	const struct node *node, double attr_seconds, struct fuse_entry_param *ret_entry)
{
	struct stat st;
	AUTO_SNAPSHOT begun = ops_begin();
	int r = begun < 0 ? begun : ops_attr_node(node, &st);

	if (r == 0)
		ops_entry(node, &st, attr_seconds, ret_entry);
	return r;
}

static int secret_create(fuse_req_t req, const struct node *parent, const char *name, mode_t mode,
	struct fuse_entry_param *ret_entry)
{
	struct ops_made made;
	struct node node = {.kind = NODE_SECRET};

	if (parent->kind != NODE_PUBLIC && parent->kind != NODE_PRIVATE)
		return ops_structure_error(parent);
	int r = parent->kind == NODE_PRIVATE
			? ops_private_check(fuse_req_ctx(req)->uid, parent->uid)
			: 0;
	if (r == 0)
		r = name_check(name, strlen(name));
	if (r == 0)
		r = made_secret(req, parent, mode, &made);
	if (r == 0)
		r = store_secret_create(
			ops.store, ops_ns(parent), name, strlen(name), &made.attr, &node.row);
	if (r == 0)
		r = entry_of(&node, OPS_LOOKUP_SECONDS, ret_entry);
	return r;
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node dir;
	struct fuse_entry_param entry;
	int r = node_parse(parent, &dir) ? secret_create(req, &dir, name, mode, &entry) : -ESTALE;

	if (r != -ESTALE)
		trail_note_child(&dir, name);
	r = trail_done(req, "create", r);
	if (r < 0)
		return ops_fail(req, r);
	fuse_reply_entry(req, &entry);
}

int ops_key_create(fuse_req_t req, uint64_t row, const char *name, mode_t mode,
	struct store_touched *ret_touched, struct fuse_entry_param *ret_entry)
{
	struct ops_made made;
	struct store_touched touched;
	int r = name_check_key(name, strlen(name));

	if (r == 0)
		r = made_key(req, row, mode, &made);
	if (r == 0)
		r = ops_stale(
			store_key_create(ops.store, row, name, strlen(name), &made.attr, &touched));
	if (r < 0)
		return r;
	const struct node node = {.kind = NODE_KEY, .row = row, .key_no = touched.key_no};
	*ret_touched = touched;
	/* No attributes in the kernel's cache: a commit may overtake this reply. */
	return entry_of(&node, 0, ret_entry);
}

void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct node dir;
	struct store_touched touched;
	struct fuse_entry_param entry;
	int r;

	(void)rdev;
	if (!node_parse(parent, &dir))
		r = -ESTALE;
	else if (dir.kind != NODE_SECRET)
		r = ops_structure_error(&dir);
	else if (!S_ISREG(mode))
		r = -EPERM;
	else
		r = ops_key_create(req, dir.row, name, mode, &touched, &entry);
	if (r != -ESTALE)
		trail_note_child(&dir, name);
	r = trail_done(req, "create", r);
	if (r < 0)
		return ops_fail(req, r);
	fuse_reply_entry(req, &entry);
}

void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)link;
	(void)parent;
	(void)name;
	ops_fail(req, -EPERM);
}

void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	(void)ino;
	(void)newparent;
	(void)newname;
	ops_fail(req, -EPERM);
}

/* ---- removing ---- */

static int key_remove(fuse_req_t req, const struct node *dir, const char *name)
{
	struct store_touched touched;
	const struct store_secret *secret;

	{
		AUTO_SNAPSHOT begun = ops_begin();
		int r = begun < 0 ? begun : ops_secret(req, dir->row, &secret);
		if (r < 0)
			return r;
	}
	return store_key_remove(
		ops.store, dir->row, name, strlen(name), fuse_req_ctx(req)->uid, &touched);
}

static void removed_reply(fuse_req_t req, bool purge, int r)
{
	int told = trail_done(req, purge ? "purge" : "remove", r > 0 ? -EBUSY : r);

	/* ops_fail would take it for a database that is locked. */
	if (r > 0)
		fuse_reply_err(req, EBUSY);
	else
		ops_fail(req, told);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node dir;
	int r;

	if (!node_parse(parent, &dir))
		return ops_fail(req, -ESTALE);
	trail_note_child(&dir, name);
	if (dir.kind == NODE_SECRET)
		r = name_is_view(name, strlen(name)) ? -EPERM : key_remove(req, &dir, name);
	else if (dir.kind == NODE_VERSION && dir.which == NODE_WHICH_DIR)
		r = ops_purge_key(req, &dir, name);
	else
		r = dir.kind == NODE_PUBLIC || dir.kind == NODE_PRIVATE ? -EISDIR
									: ops_structure_error(&dir);
	removed_reply(req, dir.kind == NODE_VERSION, r);
}

static int secret_remove(fuse_req_t req, const struct node *dir, const char *name)
{
	uint64_t row;
	int r = dir->kind == NODE_PRIVATE ? ops_private_check(fuse_req_ctx(req)->uid, dir->uid) : 0;

	return r < 0 ? r : store_secret_remove(ops.store, ops_ns(dir), name, strlen(name), &row);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node dir;
	int r;

	if (!node_parse(parent, &dir))
		return ops_fail(req, -ESTALE);
	trail_note_child(&dir, name);
	if (dir.kind == NODE_PUBLIC || dir.kind == NODE_PRIVATE)
		r = secret_remove(req, &dir, name);
	else if (dir.kind == NODE_SECRET || dir.kind == NODE_VERSIONS)
		r = ops_purge_folder(req, &dir, name);
	else
		r = ops_structure_error(&dir);
	removed_reply(req, dir.kind == NODE_SECRET || dir.kind == NODE_VERSIONS, r);
}

/* ---- renaming ---- */

static int rename_key(fuse_req_t req, const struct node *dir, const char *name, const char *newname,
	unsigned flags)
{
	struct store_touched touched[2];
	const struct store_secret *secret;
	int r = name_is_view(name, strlen(name)) ? -EPERM
						 : name_check_key(newname, strlen(newname));

	if (r < 0)
		return r;
	{
		AUTO_SNAPSHOT begun = ops_begin();
		r = begun < 0 ? begun : ops_secret(req, dir->row, &secret);
		if (r < 0)
			return r;
	}
	r = store_key_rename(ops.store, dir->row, name, strlen(name), newname, strlen(newname),
		flags, fuse_req_ctx(req)->uid, touched);
	if (r < 0)
		return r;
	ops_touched(&touched[0]);
	if (touched[1].key_no)
		ops_touched(&touched[1]);
	return 0;
}

/* Modes and ACLs of the secret and all its keys may have changed with its place. */
void ops_changed_secret(uint64_t row)
{
	const struct store_secret *secret;

	ops_changed(node_secret(row));
	AUTO_SNAPSHOT begun = ops_begin();
	if (begun < 0 || store_secret_by_row(ops_thread.reader, row, &secret) < 0)
		return;
	for (uint32_t i = 0; i < secret->m.n; i++)
		ops_changed(node_key(row, secret->m.keys[i].no));
}

static int rename_secret(fuse_req_t req, const struct node *from, const char *name,
	const struct node *to, const char *newname, unsigned flags)
{
	uint64_t rows[2];
	uint32_t uid = fuse_req_ctx(req)->uid;
	struct store_move move = {.from_ns = ops_ns(from),
		.from = name,
		.from_len = strlen(name),
		.to_ns = ops_ns(to),
		.to = newname,
		.to_len = strlen(newname),
		.flags = flags,
		.uid = uid,
		.public_mode = ops.config->public_mode};
	int r = name_check(newname, strlen(newname));

	if (r == 0 && from->kind == NODE_PRIVATE)
		r = ops_private_check(uid, from->uid);
	if (r == 0 && to->kind == NODE_PRIVATE)
		r = ops_private_check(uid, to->uid);
	if (r == 0)
		r = store_secret_rename(ops.store, &move, rows);
	if (r < 0)
		return r;
	if (from->kind == to->kind && from->uid == to->uid) {
		ops_changed(node_secret(rows[0]));
		return 0;
	}
	ops_changed_secret(rows[0]);
	if (rows[1])
		ops_changed_secret(rows[1]);
	return 0;
}

static bool is_namespace(const struct node *node)
{
	return node->kind == NODE_PUBLIC || node->kind == NODE_PRIVATE;
}

static int rename_any(fuse_req_t req, const struct node *from, const char *name,
	const struct node *to, const char *newname, unsigned flags)
{
	unsigned store_flags = (flags & RENAME_NOREPLACE ? STORE_RENAME_NOREPLACE : 0u) |
			       (flags & RENAME_EXCHANGE ? STORE_RENAME_EXCHANGE : 0u);

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
		store_flags == (STORE_RENAME_NOREPLACE | STORE_RENAME_EXCHANGE))
		return -EINVAL;
	if (is_namespace(from) && is_namespace(to))
		return rename_secret(req, from, name, to, newname, store_flags);
	if (from->kind == NODE_SECRET && to->kind == NODE_SECRET && from->row == to->row)
		return rename_key(req, from, name, newname, store_flags);
	if ((is_namespace(from) || from->kind == NODE_SECRET) &&
		(is_namespace(to) || to->kind == NODE_SECRET))
		return -EXDEV;
	return ops_structure_error(is_namespace(from) || from->kind == NODE_SECRET ? to : from);
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
	const char *newname, unsigned int flags)
{
	struct node from, to;

	if (!node_parse(parent, &from) || !node_parse(newparent, &to))
		return ops_fail(req, -ESTALE);
	trail_note_child(&from, name);
	trail_note_target(&to, newname, flags & RENAME_EXCHANGE);
	int r = rename_any(req, &from, name, &to, newname, flags);
	ops_fail(req, trail_done(req, "rename", r));
}
