/* SPDX-License-Identifier: MIT */
/* storefile: which store a store verb works on, with which key and anchor, and in whose name. */
#include "storefile.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path.h"

int storefile_take(struct storefile *file, int letter, const char *value, struct why *why)
{
	if (letter == 'a') {
		file->anchor = value;
		file->anchor_said = true;
		return 1;
	}
	return keyarg_take(&file->key, letter, value, why);
}

/* ---- the settings ---- */

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void settle_key(struct keyarg *key, const struct config *config)
{
	if (config->keyfile[0])
		key->source = (struct keysource){
			.kind = KEYSLOT_KEYFILE, .fd = -1, .word = config->keyfile};
	else if (config->credential[0])
		key->source = (struct keysource){.kind = KEYSLOT_CREDENTIAL,
			.fd = -1,
			.word = config->credential,
			.folder = getenv("CREDENTIALS_DIRECTORY")};
	else if (config->key_command[0])
		key->source = (struct keysource){
			.kind = KEYSLOT_COMMAND, .fd = -1, .word = config->key_command};
	else
		return;
	key->n = 1;
}

static int settle_anchor(struct storefile *file, struct why *why)
{
	int r = config_anchor_default(getuid(), file->config.anchor, sizeof(file->config.anchor));

	if (r < 0)
		return why_set(
			why, -EINVAL, "cannot tell where the anchor is: set HOME, or --anchor");
	file->anchor = file->config.anchor;
	file->anchor_default = true;
	return 0;
}

int storefile_settle(struct storefile *file, struct why *why)
{
	config_init(&file->config);
	int r = config_read_own(&file->config, getuid(), why);

	if (r < 0)
		return r;
	if (!file->path && !file->config.store[0])
		return why_set(why, -EINVAL, "which STORE? no settings file names one; see --help");
	bool configured = !file->path || same_file(file->path, file->config.store);
	if (!file->path)
		file->path = file->config.store;
	if (configured && file->key.n == 0)
		settle_key(&file->key, &file->config);
	if (configured && !file->anchor && file->config.anchor[0])
		file->anchor = file->config.anchor;
	file->anchor_said |= configured;
	return file->anchor ? 0 : settle_anchor(file, why);
}

bool storefile_has_key(const struct storefile *file)
{
	return file->key.n > 0;
}

/* ---- the file ---- */

/* Links to the store count as the store; so does what is beside it, there or not. */
int storefile_apart(const struct storefile *file, const char *dest, struct why *why)
{
	static const char *const suffixes[] = {
		"", "-wal", "-shm", "-journal", ".lock", ".reserve", ".new"};
	char store[PATH_MAX], real[PATH_MAX];
	int r = path_real(file->path, store, why);
	size_t len = strlen(store);

	if (r < 0)
		return r;
	r = path_real(dest, real, NULL);
	if (r < 0)
		return why_set(why, r, "cannot find the folder of %s: %s", dest, strerror(-r));
	bool same = same_file(file->path, dest);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]) && !same; i++)
		same = strncmp(real, store, len) == 0 && strcmp(real + len, suffixes[i]) == 0;
	return same ? why_set(why, -EINVAL, "%s is the store, or belongs to it; name another file",
			      dest)
		    : 0;
}

int storefile_lock(struct storefile *file, enum store_use use, struct why *why)
{
	if (lstat(file->path, &file->st) < 0)
		return why_set(why, -errno, "%s: %s", file->path, strerror(errno));
	if (!S_ISREG(file->st.st_mode))
		return why_set(why, -EINVAL, "%s is not a regular file", file->path);
	file->lock = store_lock(file->path, file->st.st_uid, file->st.st_gid, use, why);
	return file->lock < 0 ? file->lock : 0;
}

int storefile_lock_place(struct storefile *file, struct why *why)
{
	char folder[PATH_MAX];
	int r;

	if (lstat(file->path, &file->st) == 0 || errno != ENOENT)
		return storefile_lock(file, STORE_USE_ALONE, why);
	r = path_folder(file->path, folder, why);
	if (r < 0)
		return r;
	if (lstat(folder, &file->st) < 0)
		return why_set(why, -errno, "%s: %s", folder, strerror(errno));
	if (geteuid() == 0 && file->st.st_uid == 0)
		return why_set(why, -EPERM,
			"the folder %s is root's, but must be the user's that the daemon serves "
			"as: chown it, with mode 0700",
			folder);
	file->lock = store_lock(file->path, file->st.st_uid, file->st.st_gid, STORE_USE_ALONE, why);
	return file->lock < 0 ? file->lock : 0;
}

int storefile_anchor(
	struct storefile *file, bool change, struct anchor **ret_anchor, struct why *why)
{
	AUTO_ANCHOR anchor = NULL;
	int r = 0;

	if (change && file->anchor_default)
		r = anchor_make_folder(file->anchor, why);
	if (r == 0)
		r = anchor_open(
			file->anchor, file->path, change ? ANCHOR_KEEP : ANCHOR_LOOK, &anchor, why);
	if (r < 0)
		return r;
	if (anchor_there(anchor) || file->anchor_said) {
		*ret_anchor = anchor;
		anchor = NULL;
	}
	return 0;
}

int storefile_become(const struct storefile *file, struct why *why)
{
	uid_t uid = file->st.st_uid;
	gid_t gid = file->st.st_gid;

	if (geteuid() != 0 || uid == 0)
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return why_set(why, -errno, "cannot become the owner of the store, uid %u: %s", uid,
			strerror(errno));
	if (setuid(0) == 0)
		return why_set(why, -EPERM, "uid %u could become root again", uid);
	return 0;
}

static int open_one_of(const struct storefile *file, const struct keyslot *slots, int n,
	const struct secbuf *source, struct secbuf *ret_master, struct secbuf *ret_keys,
	struct why *why)
{
	AUTO_SECBUF master = SECBUF_INIT;
	int r = keyslot_open_any(slots, (size_t)n, file->key.source.kind, source, &master, why);

	if (r < 0)
		return r;
	if (secbuf_alloc(ret_keys, sizeof(struct keyslot_keys), SECMEM_SELF) < 0)
		return why_set(why, -ENOMEM, "no locked memory is left for keys; raise ulimit -l");
	keyslot_derive(&master, (struct keyslot_keys *)(void *)ret_keys->data);
	ret_keys->len = sizeof(struct keyslot_keys);
	if (ret_master)
		*ret_master = secbuf_take(&master);
	return 0;
}

int storefile_open_slot(const struct storefile *file, const struct secbuf *source,
	struct secbuf *ret_master, struct secbuf *ret_keys, struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	int n = store_read_slots(file->path, slots, why);

	return n < 0 ? n : open_one_of(file, slots, n, source, ret_master, ret_keys, why);
}

int storefile_open_slot_of(const struct storefile *file, int fd, const char *what,
	const struct secbuf *source, struct secbuf *ret_master, struct secbuf *ret_keys,
	struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	int n = store_read_slots_fd(fd, what, slots, why);

	return n < 0 ? n : open_one_of(file, slots, n, source, ret_master, ret_keys, why);
}
