/* SPDX-License-Identifier: MIT */
/* golden: a store out of its rows. */
#include "golden.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "header.h"
#include "seal.h"
#include "store.h"

static int complain(const char *what, const char *text)
{
	fprintf(stderr, "golden: %s: %s\n", what, text);
	return -EIO;
}

static char *read_text(const char *name)
{
	char path[4096];
	char *text = NULL;
	size_t len = 0;

	snprintf(path, sizeof(path), "%s/%s", GOLDEN, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	/* Up to its end. */
	if (getdelim(&text, &len, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static int make_key(const char *path)
{
	char *text = read_text("format1.key");
	uint8_t key[32];

	for (size_t i = 0; i < sizeof(key); i++)
		if (!text || sscanf(text + 2 * i, "%2hhx", &key[i]) != 1) {
			free(text);
			return complain("format1.key", "not 32 bytes in hexadecimal");
		}
	free(text);
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	return fd >= 0 && write(fd, key, sizeof(key)) == sizeof(key)
		       ? 0
		       : complain(path, strerror(errno));
}

static int run_sql(const char *store)
{
	char *text = read_text("format1.sql");
	sqlite3 *db = NULL;
	int r = 0;

	if (!text)
		return complain("format1.sql", strerror(errno));
	AUTO_FD fd = open(store, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		r = complain(store, strerror(errno));
	fd_close(&fd);
	if (r == 0 && (sqlite3_open(store, &db) != SQLITE_OK ||
			      sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL) !=
				      SQLITE_OK ||
			      sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK))
		r = complain("format1.sql", sqlite3_errmsg(db));
	sqlite3_close(db);
	free(text);
	return r;
}

static int find_keys(const char *store, const char *key, struct secbuf *ret_keys)
{
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF master = SECBUF_INIT;
	struct keyslot slots[STORE_SLOTS];
	struct why why = {""};
	int n = store_read_slots(store, slots, &why);
	int r = n < 0 ? n : keyslot_read_file(key, &source, &why);

	if (r == 0)
		r = keyslot_open_any(slots, (size_t)n, KEYSLOT_KEYFILE, &source, &master, &why);
	if (r == 0)
		r = secbuf_alloc(ret_keys, sizeof(struct keyslot_keys), SECMEM_SELF);
	if (r < 0)
		return complain(store, why.text);
	keyslot_derive(&master, (struct keyslot_keys *)(void *)ret_keys->data);
	return 0;
}

static int read_id(sqlite3 *db, const struct keyslot_keys *keys, uint8_t id[16])
{
	const struct seal_place place = {.dom = SEAL_ROOT, .id = 1};
	uint8_t plain[HEADER_ROOT];
	struct header_root root;
	sqlite3_stmt *stmt = NULL;
	int r = -EBADMSG;

	if (sqlite3_prepare_v2(db, "SELECT box FROM root", -1, &stmt, NULL) == SQLITE_OK &&
		sqlite3_step(stmt) == SQLITE_ROW &&
		sqlite3_column_bytes(stmt, 0) == HEADER_ROOT + SEAL_OVERHEAD)
		r = seal_open(keys->meta, &place, sqlite3_column_blob(stmt, 0),
			HEADER_ROOT + SEAL_OVERHEAD, plain);
	sqlite3_finalize(stmt);
	if (r == 0)
		r = header_root_decode(&root, plain);
	if (r == 0)
		memcpy(id, root.store_id, 16);
	return r;
}

static int fill_buckets(sqlite3 *db, const struct keyslot_keys *keys)
{
	const struct header_bucket empty = {.rows = 0};
	struct seal_place place = {.dom = SEAL_BUCKET, .ver = 1};
	uint8_t plain[HEADER_BUCKET], box[HEADER_BUCKET + SEAL_OVERHEAD];
	sqlite3_stmt *stmt = NULL;
	int r = read_id(db, keys, place.store_id);

	if (r == 0 && sqlite3_prepare_v2(db, "INSERT OR IGNORE INTO bucket VALUES(?1, 1, ?2)", -1,
			      &stmt, NULL) != SQLITE_OK)
		r = -EIO;
	header_bucket_encode(&empty, plain);
	for (int64_t i = 0; i < INDEX_BUCKETS && r == 0; i++) {
		place.id = i;
		seal_box(keys->meta, &place, plain, sizeof(plain), box);
		sqlite3_bind_int64(stmt, 1, i);
		sqlite3_bind_blob(stmt, 2, box, sizeof(box), SQLITE_STATIC);
		r = sqlite3_step(stmt) == SQLITE_DONE ? 0 : -EIO;
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	return r;
}

static int fill(const char *store, const struct keyslot_keys *keys)
{
	sqlite3 *db = NULL;
	int r = sqlite3_open(store, &db) == SQLITE_OK &&
				sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK
			? fill_buckets(db, keys)
			: -EIO;

	if (r == 0 && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		r = -EIO;
	if (r < 0)
		complain(store, sqlite3_errmsg(db));
	sqlite3_close(db);
	return r;
}

static int make(const char *store, const char *key, struct secbuf *ret_keys)
{
	int r = make_key(key);

	if (r == 0)
		r = run_sql(store);
	if (r == 0)
		r = find_keys(store, key, ret_keys);
	return r < 0 ? r : fill(store, (const struct keyslot_keys *)(void *)ret_keys->data);
}

int golden_make(const char *store, const char *key)
{
	AUTO_SECBUF keys = SECBUF_INIT;

	return make(store, key, &keys);
}

int golden_place(struct place *place)
{
	const char *tmp = getenv("TMPDIR");
	char folder[sizeof(place->folder) + 8];

	*place = (struct place){0};
	snprintf(place->folder, sizeof(place->folder), "%s/secretfs-test.XXXXXX",
		tmp && strlen(tmp) < 80 ? tmp : "/tmp");
	if (!mkdtemp(place->folder))
		return complain(place->folder, strerror(errno));
	snprintf(place->key, sizeof(place->key), "%s/key", place->folder);
	snprintf(place->store, sizeof(place->store), "%s/s/store.db", place->folder);
	snprintf(folder, sizeof(folder), "%s/s", place->folder);
	int r = mkdir(folder, 0700) < 0 ? complain(folder, strerror(errno))
					: make(place->store, place->key, &place->memory);
	if (r < 0)
		place_remove(place);
	else
		place->keys = (struct keyslot_keys *)(void *)place->memory.data;
	return r;
}
