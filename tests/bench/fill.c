// SPDX-License-Identifier: MIT
/*
 * fill: puts many secrets into a store that nobody serves, n0 to n<COUNT - 1> in public/, each with
 * one key k of 64 bytes.
 *
 *     bench_fill STORE KEYFILE COUNT
 *
 * Many threads share the commits, and nothing waits for the disk: what a power cut does to it is
 * of no interest.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "keyslot.h"
#include "place.h"
#include "store.h"

#define THREADS 128
#define SIZE    64

static struct store *store;
static struct secbuf value = SECBUF_INIT;
static size_t count;
static _Atomic size_t next;
static _Atomic int failed;

/* In the place of libc's, for SQLite in this process. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

static int fill_one(size_t number)
{
	struct store_ns ns = {.kind = NS_PUBLIC};
	struct store_new attr = {.mode = 0755};
	struct store_merge_key key = {
		.name = "k", .name_len = 1, .bytes = value.data, .len = value.len};
	struct store_merge merge = {.keys = &key, .n = 1, .attr = {.mode = 0644}};
	struct store_touched touched;
	char name[32];
	int len = snprintf(name, sizeof(name), "n%zu", number);
	int r = store_secret_create(store, ns, name, (size_t)len, &attr, &merge.row);

	return r < 0 ? r : store_merge(store, &merge, &touched);
}

static void *fill_some(void *arg)
{
	int r = 0;

	while (!failed && r >= 0) {
		size_t number = next++;

		if (number >= count)
			break;
		r = fill_one(number);
	}
	if (r < 0)
		failed = r;
	return arg;
}

static int fill(void)
{
	pthread_t threads[THREADS];
	int n = 0;

	while (n < THREADS && pthread_create(&threads[n], NULL, fill_some, NULL) == 0)
		n++;
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	return n == THREADS ? failed : -EAGAIN;
}

static int run(const char *path, const char *keyfile, struct why *why)
{
	struct store_limits limits = {.history = 10, .max_value = 1u << 20, .max_keys = 256};
	AUTO_SECBUF source = SECBUF_INIT;
	AUTO_SECBUF keys = SECBUF_INIT;
	AUTO_FD lock = store_lock(path, geteuid(), getegid(), STORE_USE_ALONE, why);
	int r = lock < 0 ? lock : keyslot_read_file(keyfile, &source, why);

	if (r == 0)
		r = place_keys(path, &source, &keys, why);
	if (r == 0)
		r = secbuf_alloc(&value, SIZE, SECMEM_SELF);
	if (r < 0)
		return r;
	memset(value.data, 'v', SIZE);
	value.len = SIZE;
	r = store_open(path, (struct keyslot_keys *)(void *)keys.data, &limits, &store, why);
	if (r == 0)
		r = store_start(store);
	if (r == 0)
		r = fill();
	store_close(store);
	secbuf_free(&value);
	return r;
}

int main(int argc, char **argv)
{
	struct why why = {""};
	int r;

	count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
	if (count == 0) {
		fprintf(stderr, "usage: %s STORE KEYFILE COUNT\n", argv[0]);
		return 2;
	}
	r = secmem_init(0);
	if (r == 0)
		r = run(argv[1], argv[2], &why);
	if (r < 0)
		fprintf(stderr, "fill: %s\n", why.text[0] ? why.text : strerror(-r));
	return r < 0;
}
