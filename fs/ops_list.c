/* SPDX-License-Identifier: MIT */
/* ops_list: READDIR and READDIRPLUS of every kind of directory, by a cursor that needs no state. */
#include "ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "by_name.h"
#include "name.h"

/* Offsets in a directory: 1 after ".", 2 after "..", then the row or key number plus 2. */
#define OFFSET_DOT    1
#define OFFSET_DOTDOT 2

struct listing {
	fuse_req_t req;
	char *buf;
	size_t size;
	size_t used;
	bool plus;
};

/* 0, or 1 when the buffer is full. */
static int listing_add(struct listing *list, const char *name, const struct node *node,
	const struct stat *st, off_t next)
{
	struct fuse_entry_param entry;
	size_t room = list->size - list->used;
	size_t len;

	if (list->plus) {
		if (node) {
			ops_entry(node, st, OPS_LOOKUP_SECONDS, &entry);
		} else {
			memset(&entry, 0, sizeof(entry));
			entry.attr = *st;
		}
		len = fuse_add_direntry_plus(
			list->req, list->buf + list->used, room, name, &entry, next);
	} else {
		len = fuse_add_direntry(list->req, list->buf + list->used, room, name, st, next);
	}
	if (len > room)
		return 1;
	list->used += len;
	return 0;
}

/* "." and "..": no nodes of their own for the kernel's cache. */
static int listing_dots(struct listing *list, const struct node *dir, off_t off)
{
	struct stat st = {.st_mode = S_IFDIR, .st_ino = node_ino(dir)};

	if (off < OFFSET_DOT && listing_add(list, ".", NULL, &st, OFFSET_DOT))
		return 1;
	st.st_ino = NODE_ROOT_ID;
	return off < OFFSET_DOTDOT ? listing_add(list, "..", NULL, &st, OFFSET_DOTDOT) : 0;
}

static int list_root(struct listing *list, off_t off)
{
	static const struct {
		const char *name;
		struct node node;
	} names[] = {
		{"public", {.kind = NODE_PUBLIC}},
		{"private", {.kind = NODE_PRIVATE_LINK}},
		{"by-name", {.kind = NODE_BY_NAME_LINK}},
	};

	for (off_t i = off > OFFSET_DOTDOT ? off - OFFSET_DOTDOT : 0;
		i < (off_t)(sizeof(names) / sizeof(names[0])); i++) {
		struct stat st;
		int r = ops_attr_node(&names[i].node, &st);
		if (r == 0)
			r = listing_add(
				list, names[i].name, &names[i].node, &st, OFFSET_DOTDOT + i + 1);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return 0;
}

static int list_secret(void *arg, const struct store_secret *secret)
{
	struct listing *list = arg;
	struct stat st;
	const struct node node = {.kind = NODE_SECRET, .row = secret->row};

	ops_attr_secret(secret, &st);
	return listing_add(list, secret->m.name, &node, &st, (off_t)secret->row + OFFSET_DOTDOT);
}

static int list_ns(struct listing *list, const struct node *dir, off_t off)
{
	uint64_t after = off > OFFSET_DOTDOT ? (uint64_t)off - OFFSET_DOTDOT : 0;
	int r = store_list(ops_thread.reader, ops_ns(dir), after, list_secret, list);

	/* What is damaged is told at the end, after all that is whole. */
	return r == -EBADMSG && list->used ? 0 : r;
}

static int list_keys(struct listing *list, const struct node *dir, off_t off)
{
	const struct store_secret *secret;
	uint64_t after = off > OFFSET_DOTDOT ? (uint64_t)off - OFFSET_DOTDOT : 0;
	int r = ops_secret(list->req, dir->row, &secret);

	for (uint32_t i = 0; r == 0 && i < secret->m.n; i++) {
		const struct manifest_key *key = &secret->m.keys[i];
		const struct node node = {.kind = NODE_KEY, .row = dir->row, .key_no = key->no};
		struct stat st;
		if (key->no <= after)
			continue;
		ops_attr_key(dir->row, key, &st);
		r = listing_add(list, key->name, &node, &st, (off_t)key->no + OFFSET_DOTDOT);
	}
	return r < 0 ? r : 0;
}

static int list_link(void *arg, const struct store_secret *secret, off_t next)
{
	struct listing *list = arg;
	struct stat st;
	char target[NAME_MAX_BYTES + 32];
	const struct node node = {.kind = NODE_BY_NAME_ENTRY, .row = secret->row};
	int r = by_name_target(secret, target, sizeof(target));

	ops_attr_secret(secret, &st);
	st.st_ino = node_ino(&node);
	st.st_mode = S_IFLNK | 0777;
	st.st_nlink = 1;
	st.st_size = (off_t)strlen(target);
	return r < 0 ? r : listing_add(list, secret->m.name, &node, &st, next + OFFSET_DOTDOT);
}

static int list_by_name(struct listing *list, const struct node *dir, off_t off)
{
	off_t after = off > OFFSET_DOTDOT ? off - OFFSET_DOTDOT : 0;
	int r = by_name_list(list->req, dir->uid, after, list_link, list);

	return r == -EBADMSG && list->used ? 0 : r;
}

static int list_hidden(void *arg, const char *name, const struct node *node, off_t next)
{
	struct stat st;
	int r = ops_attr_node(node, &st);

	return r < 0 ? r : listing_add(arg, name, node, &st, next);
}

static int list_dir(struct listing *list, const struct node *dir, off_t off)
{
	/* Checks come first, so that an empty buffer is never an answer to a stranger. */
	int r = dir->kind == NODE_PRIVATE
			? ops_private_check(fuse_req_ctx(list->req)->uid, dir->uid)
			: 0;

	if (dir->kind == NODE_BY_NAME && fuse_req_ctx(list->req)->uid != dir->uid)
		r = -EACCES;
	if (r < 0)
		return r;
	if (listing_dots(list, dir, off))
		return 0;
	switch (dir->kind) {
	case NODE_ROOT:
		return list_root(list, off);
	case NODE_DOT_PRIVATE:
	case NODE_DOT_BY_NAME:
		return 0;
	case NODE_BY_NAME:
		return list_by_name(list, dir, off);
	case NODE_PUBLIC:
	case NODE_PRIVATE:
		return list_ns(list, dir, off);
	case NODE_SECRET:
		return list_keys(list, dir, off);
	default:
		r = ops_hidden_list(list->req, dir, off, list_hidden, list);
		return r < 0 ? r : 0;
	}
}

static void readdir_any(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct node dir;

	if (!node_parse(ino, &dir))
		return ops_fail(req, -ESTALE);
	/* The kernel asks for no more; who writes requests of his own gets no more. */
	if (size > BOOT_MAX_WRITE)
		size = BOOT_MAX_WRITE;
	struct listing list = {.req = req, .size = size, .plus = plus};
	/* Only names and attributes, which the kernel caches in the clear anyway. */
	list.buf = malloc(size);
	if (!list.buf)
		return ops_fail(req, -ENOMEM);
	AUTO_SNAPSHOT begun = ops_begin();
	int r = begun < 0 ? begun : list_dir(&list, &dir, off);
	if (r < 0)
		ops_fail(req, r);
	else
		fuse_reply_buf(req, list.buf, list.used);
	free(list.buf);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	readdir_any(req, ino, size, off, false);
}

void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	readdir_any(req, ino, size, off, true);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node dir;
	const struct store_secret *secret;
	int r = -ESTALE;

	if (node_parse(ino, &dir))
		r = dir.kind == NODE_PRIVATE ? ops_private_check(fuse_req_ctx(req)->uid, dir.uid)
					     : 0;
	if (r == 0 && dir.kind == NODE_BY_NAME && fuse_req_ctx(req)->uid != dir.uid)
		r = -EACCES;
	if (r == 0 && dir.row) {
		AUTO_SNAPSHOT begun = ops_begin();
		r = begun < 0 ? begun : ops_secret(req, dir.row, &secret);
	}
	if (r < 0)
		return ops_fail(req, r);
	fi->cache_readdir = 0;
	fuse_reply_open(req, fi);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	/* Every change was durable before its reply. */
	ops_fail(req, 0);
}
