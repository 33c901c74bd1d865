// SPDX-License-Identifier: MIT
/*
 * fill: a store with many secrets, for measurements.
 *
 *     bench_fill FOLDER COUNT
 *
 * Makes FOLDER/store.db and FOLDER/key: secrets 0 to COUNT-1 in public/, each with a key "k" of 64
 * bytes. Each is two commits, and each commit waits for the disk: on a tmpfs a million take a few
 * minutes, and the folder can be moved afterwards.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keyslot.h"
#include "store.h"

#define THREADS 64
#define SIZE    64

static struct store *store;
static _Atomic unsigned next;
static unsigned count;

static int fill_one(unsigned number, const struct secbuf *value)
{
	const struct store_new attr = {.mode = 0755};
	struct store_touched touched;
	char name[16];
	size_t len = (size_t)snprintf(name, sizeof(name), "%u", number);
	const struct store_merge_key key = {
		.name = "k", .name_len = 1, .bytes = value->data, .len = value->len};
	struct store_merge merge = {.keys = &key, .n = 1, .attr = {.mode = 0644}};
	int r = store_secret_create(
		store, (struct store_ns){NS_PUBLIC, 0}, name, len, &attr, &merge.row);

	return r < 0 ? r : store_merge(store, &merge, &touched);
}

static void *fill(void *unused)
{
	AUTO_SECBUF value = SECBUF_INIT;
	intptr_t r = secbuf_alloc(&value, SIZE, SECMEM_SELF);
	unsigned number;

	(void)unused;
	if (r == 0) {
		memset(value.data, 'v', SIZE);
		value.len = SIZE;
	}
	while (r >= 0 && (number = atomic_fetch_add(&next, 1)) < count)
		r = fill_one(number, &value);
	return (void *)r;
}

static int fill_all(void)
{
	pthread_t threads[THREADS];
	void *one;
	int n = 0, r = 0;

	for (; n < THREADS && r == 0; n++)
		r = -pthread_create(&threads[n], NULL, fill, NULL);
	for (int i = 0; i < n; i++) {
		pthread_join(threads[i], &one);
		if ((intptr_t)one < 0)
			r = (int)(intptr_t)one;
	}
	return r;
}

static int make(const char *file, const char *key, struct secbuf *keys, struct why *why)
{
	struct keyslot slots[STORE_SLOTS];
	AUTO_SECBUF master = SECBUF_INIT;
	AUTO_SECBUF source = SECBUF_INIT;
	int r = keyslot_make_file(key, &source, why);

	if (r == 0)
		r = store_create(file, geteuid(), getegid(), 0, KEYSLOT_KEYFILE, &source, why);
	int n = r < 0 ? r : store_read_slots(file, slots, why);
	if (n < 0)
		return n;
	r = keyslot_open_any(slots, (size_t)n, KEYSLOT_KEYFILE, &source, &master, why);
	if (r == 0)
		r = secbuf_alloc(keys, sizeof(struct keyslot_keys), SECMEM_SELF);
	if (r == 0)
		keyslot_derive(&master, (struct keyslot_keys *)(void *)keys->data);
	return r;
}

int main(int argc, char **argv)
{
	const struct store_limits limits = {.max_value = SIZE, .max_keys = 1, .reserve = 8u << 20};
	AUTO_SECBUF keys = SECBUF_INIT;
	struct why why = {""};
	char file[4096], key[4096];

	if (argc != 3 || (count = (unsigned)strtoul(argv[2], NULL, 10)) == 0) {
		fprintf(stderr, "usage: %s FOLDER COUNT\n", argv[0]);
		return 2;
	}
	umask(077);
	snprintf(file, sizeof(file), "%s/store.db", argv[1]);
	snprintf(key, sizeof(key), "%s/key", argv[1]);
	int r = secmem_init(64u << 20);
	if (r == 0)
		r = make(file, key, &keys, &why);
	if (r == 0)
		r = store_open(
			file, (struct keyslot_keys *)(void *)keys.data, &limits, &store, &why);
	if (r == 0)
		r = store_start(store);
	if (r == 0)
		r = fill_all();
	store_close(store);
	if (r < 0)
		fprintf(stderr, "fill: %s\n", why.text[0] ? why.text : strerror(-r));
	return r < 0;
}
