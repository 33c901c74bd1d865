/* SPDX-License-Identifier: MIT */
/* anchor: the record of a store's age outside of it: its file, its two slots, and the comparison.
 */
#include "anchor.h"

#include "fd.h"
#include "index.h"
#include "pack.h"
#include "path.h"
#include "seal.h"
#include "secmem.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANCHOR_SLOTS  2
#define ANCHOR_FORMAT 1
#define ANCHOR_NAME   200 /* bytes of a path that the file's name shows: its end */

struct anchor_record {
	uint8_t store_id[16];
	uint64_t epoch;
	uint64_t commits;
	struct index_sum total;
	uint64_t audit_number;
	uint8_t audit_hash[ANCHOR_HASH];
};

enum anchor_state { ANCHOR_NONE, ANCHOR_BAD, ANCHOR_GOOD };

struct anchor {
	int fd; /* -1: there is none (ANCHOR_LOOK) */
	const uint8_t *key;
	char *path;

	pthread_mutex_t lock;
	enum anchor_state state;     /* lock */
	struct anchor_record record; /* lock; the newest that was read or written */
	unsigned next;               /* lock; the slot to be written next */
	bool dirty;                  /* lock; written since the last sync */
};

/* ---- the record ---- */

/* The record itself tells the store's id, so its place cannot. */
static const struct seal_place anchor_place = {.dom = SEAL_ANCHOR};

static void record_seal(
	const struct anchor_record *record, const uint8_t key[32], uint8_t slot[ANCHOR_SLOT])
{
	uint8_t plain[ANCHOR_RECORD] = {0};
	struct pack p = {plain};

	pack_u16(&p, ANCHOR_FORMAT);
	pack_bytes(&p, record->store_id, sizeof(record->store_id));
	pack_u64(&p, record->epoch);
	pack_u64(&p, record->commits);
	for (unsigned i = 0; i < 4; i++)
		pack_u64(&p, record->total.lane[i]);
	pack_u64(&p, record->audit_number);
	pack_bytes(&p, record->audit_hash, sizeof(record->audit_hash));
	memset(slot, 0, ANCHOR_SLOT);
	seal_box(key, &anchor_place, plain, sizeof(plain), slot);
}

static int record_open(
	struct anchor_record *ret_record, const uint8_t key[32], const uint8_t slot[ANCHOR_SLOT])
{
	uint8_t plain[ANCHOR_RECORD];
	struct unpack u = {plain, sizeof(plain), false};
	int r = seal_open(key, &anchor_place, slot, ANCHOR_RECORD + SEAL_OVERHEAD, plain);

	if (r < 0)
		return r;
	if (unpack_u16(&u) != ANCHOR_FORMAT)
		return -EPROTO;
	unpack_copy(&u, ret_record->store_id, sizeof(ret_record->store_id));
	ret_record->epoch = unpack_u64(&u);
	ret_record->commits = unpack_u64(&u);
	for (unsigned i = 0; i < 4; i++)
		ret_record->total.lane[i] = unpack_u64(&u);
	ret_record->audit_number = unpack_u64(&u);
	unpack_copy(&u, ret_record->audit_hash, sizeof(ret_record->audit_hash));
	return unpack_zeros(&u) ? 0 : -EBADMSG;
}

static bool record_newer(const struct anchor_record *a, const struct anchor_record *b)
{
	if (a->epoch != b->epoch)
		return a->epoch > b->epoch;
	if (a->commits != b->commits)
		return a->commits > b->commits;
	return a->audit_number > b->audit_number;
}

static void record_take_root(struct anchor_record *record, const struct header_root *root)
{
	memcpy(record->store_id, root->store_id, sizeof(record->store_id));
	record->epoch = root->epoch;
	record->commits = root->commits;
	record->total = root->total;
}

/* ---- the file ---- */

/* The path's end for people, and a hash of all of it, so that no two stores share a name. */
static int anchor_name(
	const char *store, char ret_name[NAME_MAX + 1], char ret_real[PATH_MAX], struct why *why)
{
	static const uint8_t no_key[32];
	uint8_t hash[INDEX_TAG];
	char *out = ret_name;
	/* Two ways to one store lead to one anchor. */
	int r = path_real(store, ret_real, why);

	if (r < 0)
		return r;
	size_t len = strlen(ret_real);
	const char *from = ret_real + (len > ANCHOR_NAME ? len - ANCHOR_NAME : 1);
	for (; *from; from++) {
		bool plain = (*from >= '0' && *from <= '9') || (*from >= 'a' && *from <= 'z') ||
			     (*from >= 'A' && *from <= 'Z') || *from == '.' || *from == '_';
		*out++ = *from == '/' ? '-' : plain ? *from : '_';
	}
	index_tag_secret(no_key, 0, ret_real, len, hash);
	*out++ = '.';
	for (unsigned i = 0; i < 8; i++, out += 2)
		snprintf(out, 3, "%02x", hash[i]);
	return 0;
}

/* Whoever puts back the store's folder must not put back its anchor with it. */
static int anchor_apart(const char *folder, const char *store_real, struct why *why)
{
	char real[PATH_MAX];
	size_t len = (size_t)(strrchr(store_real, '/') - store_real);

	if (!realpath(folder, real))
		return why_set(why, -errno, "cannot find the anchor's folder %s: %s", folder,
			strerror(errno));
	if (strncmp(real, store_real, len) == 0 && (real[len] == '/' || real[len] == '\0'))
		return why_set(why, -EINVAL,
			"the anchor's folder %s is the store's own or inside of it: whoever puts "
			"back the one puts back the other; set anchor= to a folder elsewhere",
			folder);
	return 0;
}

static int anchor_check_file(int fd, const char *path, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return why_set(
			why, -errno, "cannot look at the anchor %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		return why_set(why, -EINVAL, "the anchor %s is not a regular file", path);
	if ((st.st_uid != geteuid() && st.st_uid != 0) || st.st_mode & 077)
		return why_set(why, -EPERM,
			"the anchor %s belongs to uid %u and has mode %04o; it must be uid %u's "
			"alone",
			path, st.st_uid, st.st_mode & 07777, geteuid());
	return 0;
}

static int anchor_open_file(
	struct anchor *anchor, int dir, const char *name, enum anchor_use use, struct why *why)
{
	const int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

	anchor->fd = openat(dir, name, flags | (use == ANCHOR_KEEP ? O_RDWR : O_RDONLY));
	if (anchor->fd < 0 && errno == ENOENT) {
		if (use == ANCHOR_LOOK)
			return 0;
		anchor->fd = openat(dir, name, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
		/* Its name must be as durable as what is written to it later. */
		if (anchor->fd >= 0 && fsync(dir) < 0)
			return why_set(why, -errno, "cannot sync the anchor's folder: %s",
				strerror(errno));
	}
	if (anchor->fd < 0)
		return why_set(why, -errno,
			"cannot open the anchor %s: %s; it is where secretfs remembers how new the "
			"store is: make its folder writable or set anchor= to another",
			anchor->path, strerror(errno));
	return anchor_check_file(anchor->fd, anchor->path, why);
}

static int anchor_find(
	const char *folder, const char *store, char ret_name[NAME_MAX + 1], struct why *why)
{
	char real[PATH_MAX];
	int r = anchor_name(store, ret_name, real, why);

	return r < 0 ? r : anchor_apart(folder, real, why);
}

static int anchor_open_in(struct anchor *anchor, const char *folder, const char *store,
	enum anchor_use use, struct why *why)
{
	char name[NAME_MAX + 1];
	AUTO_FD dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0 && errno == ENOENT && use == ANCHOR_LOOK)
		return asprintf(&anchor->path, "%s", folder) < 0 ? -ENOMEM : 0;
	if (dir < 0)
		return why_set(why, -errno, "cannot open the anchor's folder %s: %s%s%s", folder,
			strerror(errno),
			errno == ENOENT ? "; make it, or mount what it is on: mkdir -m 0700 " : "",
			errno == ENOENT ? folder : "");
	int r = anchor_find(folder, store, name, why);
	if (r == 0)
		r = store_check_folder(folder, geteuid(), "anchor", why);
	if (r < 0)
		return r;
	if (asprintf(&anchor->path, "%s/%s", folder, name) < 0) {
		anchor->path = NULL;
		return why_set(why, -ENOMEM, "out of memory");
	}
	return anchor_open_file(anchor, dir, name, use, why);
}

int anchor_open(const char *folder, const char *store, enum anchor_use use,
	struct anchor **ret_anchor, struct why *why)
{
	AUTO_ANCHOR anchor = calloc(1, sizeof(*anchor));

	if (!anchor)
		return why_set(why, -ENOMEM, "out of memory");
	anchor->fd = -1;
	pthread_mutex_init(&anchor->lock, NULL);
	int r = anchor_open_in(anchor, folder, store, use, why);
	if (r < 0)
		return r;
	*ret_anchor = anchor;
	anchor = NULL;
	return 0;
}

int anchor_unlock(struct anchor *anchor, const uint8_t key[32], struct why *why)
{
	uint8_t slots[ANCHOR_SLOTS][ANCHOR_SLOT] = {{0}};
	ssize_t n = anchor->fd < 0 ? 0 : pread(anchor->fd, slots, sizeof(slots), 0);

	if (n < 0)
		return why_set(why, -errno, "cannot read the anchor %s: %s", anchor->path,
			strerror(errno));
	anchor->key = key;
	anchor->state = n == 0 ? ANCHOR_NONE : ANCHOR_BAD;
	for (unsigned i = 0; i < ANCHOR_SLOTS; i++) {
		struct anchor_record record;
		if (record_open(&record, anchor->key, slots[i]) < 0)
			continue;
		if (anchor->state == ANCHOR_GOOD && !record_newer(&record, &anchor->record))
			continue;
		anchor->state = ANCHOR_GOOD;
		anchor->record = record;
		anchor->next = !i;
	}
	return 0;
}

void anchor_close(struct anchor *anchor)
{
	if (!anchor)
		return;
	anchor_sync(anchor);
	fd_close(&anchor->fd);
	pthread_mutex_destroy(&anchor->lock);
	free(anchor->path);
	free(anchor);
}

const char *anchor_path(const struct anchor *anchor)
{
	return anchor->path;
}

bool anchor_there(const struct anchor *anchor)
{
	return anchor->fd >= 0;
}

bool anchor_empty(const struct anchor *anchor)
{
	return anchor->state == ANCHOR_NONE;
}

int anchor_make_folder(const char *folder, struct why *why)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s", folder);

	if (n < 0 || n >= (int)sizeof(path))
		return why_set(why, -ENAMETOOLONG, "the path of the anchor's folder is too long");
	for (char *at = path + 1;; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char end = *at;
		*at = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
			return why_set(why, -errno, "cannot make the anchor's folder %s: %s", path,
				strerror(errno));
		*at = end;
		if (end == '\0')
			break;
	}
	if (access(folder, F_OK) < 0)
		return why_set(why, -errno,
			"cannot make the anchor's folder %s: %s; set anchor= to a folder that you "
			"can write to",
			folder, strerror(errno));
	return 0;
}

int anchor_forget(const char *folder, const char *store)
{
	char name[NAME_MAX + 1], real[PATH_MAX];
	AUTO_FD dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? 0 : -errno;
	int r = anchor_name(store, name, real, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (unlinkat(dir, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(dir) < 0 ? -errno : 0;
}

/* ---- comparing ---- */

#define ANCHOR_ADVICE                                                                              \
	"if you know why, go on with what is there by starting once with --accept-rollback, or "   \
	"with: secretctl store verify --accept"

static int check_none(const struct anchor *anchor, const struct header_root *root, struct why *why)
{
	if (root->epoch == 1 && root->commits == 1)
		return 0;
	return why_set(why, -ESTALE,
		"there is no anchor %s for this store, which has been in use: it may be an old "
		"copy, or it was restored, copied or moved; " ANCHOR_ADVICE,
		anchor->path);
}

int anchor_check(const struct anchor *anchor, const struct header_root *root, struct why *why)
{
	const struct anchor_record *record = &anchor->record;

	if (anchor->state == ANCHOR_NONE)
		return check_none(anchor, root, why);
	if (anchor->state == ANCHOR_BAD ||
		memcmp(record->store_id, root->store_id, sizeof(record->store_id)) != 0)
		return why_set(why, -ESTALE,
			"the anchor %s is damaged or another store's, so nothing says that this is "
			"not an old copy; " ANCHOR_ADVICE,
			anchor->path);
	if (root->epoch < record->epoch ||
		(root->epoch == record->epoch && root->commits < record->commits))
		return why_set(why, -ESTALE,
			"this is an old copy of the store: it ends with commit %" PRIu64
			" of epoch %" PRIu64 ", but commit %" PRIu64 " of epoch %" PRIu64
			" was seen (%s); restore a newer copy, or, " ANCHOR_ADVICE,
			root->commits, root->epoch, record->commits, record->epoch, anchor->path);
	if (root->epoch == record->epoch && root->commits == record->commits &&
		!index_sum_equal(&root->total, &record->total))
		return why_set(why, -ESTALE,
			"this is not the store that was here: its commit %" PRIu64
			" has another content than the one that was seen (%s); " ANCHOR_ADVICE,
			root->commits, anchor->path);
	return 0;
}

bool anchor_knows(const struct anchor *anchor, const struct header_root *root)
{
	return anchor->state == ANCHOR_GOOD &&
	       memcmp(anchor->record.store_id, root->store_id, sizeof(root->store_id)) == 0;
}

uint64_t anchor_next_epoch(const struct anchor *anchor, const struct header_root *root)
{
	uint64_t epoch = root->epoch;

	if (anchor->state == ANCHOR_GOOD && anchor->record.epoch > epoch)
		epoch = anchor->record.epoch;
	return epoch + 1;
}

/* ---- recording ---- */

/* Called with the lock held. */
static int anchor_write(struct anchor *anchor, const struct anchor_record *record,
	const uint8_t key[32], unsigned slot)
{
	uint8_t bytes[ANCHOR_SLOT];

	record_seal(record, key, bytes);
	ssize_t n = pwrite(anchor->fd, bytes, sizeof(bytes), (off_t)slot * ANCHOR_SLOT);
	if (n < 0)
		return -errno;
	anchor->dirty = true;
	return n == (ssize_t)sizeof(bytes) ? 0 : -ENOSPC;
}

static int anchor_put(struct anchor *anchor, const struct anchor_record *record)
{
	int r = anchor_write(anchor, record, anchor->key, anchor->next);

	if (r < 0)
		return r;
	anchor->record = *record;
	anchor->state = ANCHOR_GOOD;
	anchor->next = !anchor->next;
	return 0;
}

int anchor_note(struct anchor *anchor, const struct header_root *root)
{
	pthread_mutex_lock(&anchor->lock);
	struct anchor_record record = anchor->record;
	record_take_root(&record, root);
	int r = anchor_put(anchor, &record);
	pthread_mutex_unlock(&anchor->lock);
	return r;
}

int anchor_seal(struct anchor *anchor, const struct header_root *root)
{
	int r = 0;

	for (unsigned i = 0; i < ANCHOR_SLOTS && r == 0; i++)
		r = anchor_note(anchor, root);
	if (r == 0)
		r = anchor_sync(anchor);
	return r < 0 ? r : 0;
}

int anchor_prepare(struct anchor *anchor, const struct header_root *root, const uint8_t new_key[32])
{
	pthread_mutex_lock(&anchor->lock);
	struct anchor_record record = anchor->record;
	record_take_root(&record, root);
	int r = anchor_write(anchor, &record, new_key, anchor->next);
	pthread_mutex_unlock(&anchor->lock);
	if (r == 0)
		r = anchor_sync(anchor);
	return r < 0 ? r : 0;
}

int anchor_renew(struct anchor *anchor, const struct header_root *root, const uint8_t new_key[32])
{
	pthread_mutex_lock(&anchor->lock);
	anchor->key = new_key;
	pthread_mutex_unlock(&anchor->lock);
	return anchor_seal(anchor, root);
}

int anchor_sync(struct anchor *anchor)
{
	struct stat st;

	pthread_mutex_lock(&anchor->lock);
	bool dirty = anchor->dirty;
	anchor->dirty = false;
	pthread_mutex_unlock(&anchor->lock);
	if (!dirty)
		return 0;
	if (fdatasync(anchor->fd) < 0) {
		int r = -errno;
		pthread_mutex_lock(&anchor->lock);
		anchor->dirty = true;
		pthread_mutex_unlock(&anchor->lock);
		return r;
	}
	return fstat(anchor->fd, &st) == 0 && st.st_nlink == 0;
}

int anchor_audit_set(struct anchor *anchor, uint64_t number, const uint8_t hash[ANCHOR_HASH])
{
	int r = 0;

	pthread_mutex_lock(&anchor->lock);
	struct anchor_record record = anchor->record;
	record.audit_number = number;
	memcpy(record.audit_hash, hash, ANCHOR_HASH);
	if (anchor->state == ANCHOR_GOOD)
		r = anchor_put(anchor, &record);
	else
		anchor->record = record;
	pthread_mutex_unlock(&anchor->lock);
	return r;
}

void anchor_audit_get(struct anchor *anchor, uint64_t *ret_number, uint8_t ret_hash[ANCHOR_HASH])
{
	pthread_mutex_lock(&anchor->lock);
	*ret_number = anchor->record.audit_number;
	memcpy(ret_hash, anchor->record.audit_hash, ANCHOR_HASH);
	pthread_mutex_unlock(&anchor->lock);
}
