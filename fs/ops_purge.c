/* SPDX-License-Identifier: MIT */
/*
 * ops_purge: dropping history. What may be removed below .versions:
 *
 *     rmdir  SECRET/.versions         all earlier versions; the folder is there again at once,
 * empty rmdir  SECRET/.versions/N       one of them, with all that is in it unlink
 * SECRET/.versions/N/KEY   one key of it
 *
 * The kernel lets the owner and root; of a secret that others may write to as well it lets these
 * reach .versions itself, and the store refuses them.
 *
 * What was done by an earlier worker is not looked at again: the store answers from its journal.
 */
#include "ops.h"

#include <errno.h>
#include <string.h>

#include "name.h"

#define REMOVALS 4096

/* Is the caller let in here at all? 1: yes, but it is the current version. */
static int purge_check(fuse_req_t req, uint64_t row, uint64_t version)
{
	const struct store_secret *secret;
	AUTO_SNAPSHOT begun = ops_begin();
	int r = begun < 0 ? begun : ops_secret(req, row, &secret);

	return r == 0 ? version == secret->m.version : r;
}

static void purge_changed(uint64_t row, uint32_t version, uint32_t which)
{
	ops_changed(node_id(&(struct node){
		.kind = NODE_VERSION, .row = row, .version = version, .which = which}));
}

/* Secrets share numbers: a removal gives another id to the folders of some others, which the kernel
 * then looks up anew. So does another worker, which starts from 0: ids of before still mean the
 * same. */
static _Atomic uint32_t removals[REMOVALS];

uint32_t ops_purge_removals(uint64_t row)
{
	return removals[row % REMOVALS] & NODE_REMOVALS_MAX;
}

static int purge_all(fuse_req_t req, uint64_t row)
{
	int r = purge_check(req, row, 0);

	if (r == 0)
		r = store_version_remove(ops.store, row, 0, fuse_req_ctx(req)->uid);
	if (r == 0)
		removals[row % REMOVALS]++;
	return r;
}

static int purge_version(fuse_req_t req, uint64_t row, const char *name)
{
	uint32_t version;
	int r = ops_hidden_version(name, &version);

	if (r == 0)
		r = purge_check(req, row, version);
	if (r == 0)
		r = store_version_remove(ops.store, row, version, fuse_req_ctx(req)->uid);
	if (r == 0)
		purge_changed(row, version, NODE_WHICH_DIR);
	return r;
}

int ops_purge_folder(fuse_req_t req, const struct node *dir, const char *name)
{
	if (dir->kind == NODE_VERSIONS)
		return purge_version(req, dir->row, name);
	if (strcmp(name, ".versions") == 0)
		return purge_all(req, dir->row);
	return name_is_view(name, strlen(name)) ? -EPERM : -ENOTDIR;
}

/* The key's node, before it is gone. An earlier worker may have removed it already: then there is
 * none, and nothing in the kernel's cache that this worker could know. */
static uint32_t purge_key_which(const struct node *dir, const char *name)
{
	const struct store_secret *secret;
	const struct manifest_key *key = NULL;
	AUTO_SNAPSHOT begun = ops_begin();

	if (begun == 0 &&
		store_secret_version(ops_thread.reader, dir->row, dir->version, &secret) == 0)
		key = manifest_key_by_name(&secret->m, name, strlen(name));
	return key ? (uint32_t)(key - secret->m.keys) : NODE_WHICH_DIR;
}

int ops_purge_key(fuse_req_t req, const struct node *dir, const char *name)
{
	int r = name_is_view(name, strlen(name)) ? -EROFS
						 : purge_check(req, dir->row, dir->version);

	if (r != 0)
		return r;
	uint32_t which = purge_key_which(dir, name);
	r = store_version_key_remove(
		ops.store, dir->row, dir->version, name, strlen(name), fuse_req_ctx(req)->uid);
	if (r < 0)
		return r;
	purge_changed(dir->row, dir->version, which);
	purge_changed(dir->row, dir->version, NODE_WHICH_JSON);
	purge_changed(dir->row, dir->version, NODE_WHICH_ENV);
	return 0;
}
