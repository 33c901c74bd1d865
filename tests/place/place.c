/* SPDX-License-Identifier: MIT */
/* place: making, resetting and removing the folder. */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "store.h"

int place_keys(
	const char *store, const struct secbuf *source, struct secbuf *ret_memory, struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	AUTO_SECBUF master = SECBUF_INIT;
	int n = store_read_slots(store, slots, why);
	int r = n < 0 ? n
		      : keyslot_open_any(slots, (size_t)n, KEYSLOT_KEYFILE, source, &master, why);

	if (r == 0)
		r = secbuf_alloc(ret_memory, sizeof(struct keyslot_keys), SECMEM_SELF);
	if (r == 0)
		keyslot_derive(&master, (struct keyslot_keys *)(void *)ret_memory->data);
	return r;
}

int place_keep(struct place *place)
{
	AUTO_FD fd = open(place->store, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	place->image_len = (size_t)st.st_size;
	place->image = malloc(place->image_len);
	if (!place->image)
		return -ENOMEM;
	return read(fd, place->image, place->image_len) == st.st_size ? 0 : -EIO;
}

int place_make(struct place *place)
{
	struct why why = {""};
	AUTO_SECBUF source = SECBUF_INIT;
	const char *tmp = getenv("TMPDIR");

	*place = (struct place){0};
	snprintf(place->folder, sizeof(place->folder), "%s/secretfs-test.XXXXXX",
		tmp && strlen(tmp) < 80 ? tmp : "/tmp");
	if (!mkdtemp(place->folder)) {
		perror(place->folder);
		return -errno;
	}
	snprintf(place->key, sizeof(place->key), "%s/key", place->folder);
	snprintf(place->store, sizeof(place->store), "%s/s/store.db", place->folder);
	int r = keyslot_make_file(place->key, &source, &why);
	if (r == 0)
		r = store_create(
			place->store, geteuid(), getegid(), 0, KEYSLOT_KEYFILE, &source, &why);
	if (r == 0)
		r = place_keys(place->store, &source, &place->memory, &why);
	if (r == 0)
		r = place_keep(place);
	place->keys = (struct keyslot_keys *)(void *)place->memory.data;
	if (r < 0) {
		fprintf(stderr, "cannot make a store in %s: %s\n", place->folder,
			why.text[0] ? why.text : strerror(-r));
		place_remove(place);
	}
	return r;
}

static void unlink_beside(const struct place *place, const char *suffix)
{
	char path[sizeof(place->store) + 16];

	snprintf(path, sizeof(path), "%s%s", place->store, suffix);
	unlink(path);
}

int place_reset(const struct place *place)
{
	unlink_beside(place, "-wal");
	unlink_beside(place, "-shm");
	AUTO_FD fd = open(place->store, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, place->image, place->image_len) == (ssize_t)place->image_len ? 0 : -EIO;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void place_remove_folder(const char *folder)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void place_remove(struct place *place)
{
	secbuf_free(&place->memory);
	free(place->image);
	place_remove_folder(place->folder);
	*place = (struct place){0};
}
