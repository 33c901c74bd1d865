/* SPDX-License-Identifier: MIT */
/* The arena: locked, wiped, shared out by uid, whole after any order of use. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "secmem.h"

#define PAGE    ((size_t)4096)
#define PAGES   ((size_t)256)
#define QUARTER (PAGES / 4)
#define RESERVE (PAGES / 16)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* mlock does nothing then */
#else
#define SANITIZED 0
#endif

static size_t used(void)
{
	struct secmem_usage usage;

	secmem_usage(&usage);
	return usage.used / PAGE;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

/* Looks at pages that are given back, where the sanitizer would object. */
__attribute__((no_sanitize("address"))) static bool raw_zero(const volatile uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static int child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(98);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- before the arena is there ---- */

static int limit_memlock(rlim_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	return setrlimit(RLIMIT_MEMLOCK, &limit);
}

static int body_default_size(void)
{
	struct secmem_usage usage;

	if (limit_memlock(400 << 10) < 0 || secmem_init(0) < 0)
		return 1;
	secmem_usage(&usage);
	return usage.size == 300 << 10 ? 0 : 2;
}

static int body_tiny_limit(void)
{
	return limit_memlock(4 << 10) == 0 && secmem_init(0) == -ENOMEM ? 0 : 1;
}

static int body_over_limit(void)
{
	if (limit_memlock(64 << 10) < 0 || (geteuid() == 0 && setuid(65534) < 0))
		return 1;
	if (secmem_init(1 << 20) != -ENOMEM)
		return 2;
	return secmem_init(32 << 10) == 0 ? 0 : 3; /* a failure leaves nothing behind */
}

static void test_before(void **state)
{
	struct secbuf b = SECBUF_INIT;

	(void)state;
	assert_int_equal(secbuf_alloc(&b, 1, 0), -ENOMEM);
	assert_null(b.data);
	assert_int_equal(child(body_default_size), 0);
	assert_int_equal(child(body_tiny_limit), 0);
	if (!SANITIZED)
		assert_int_equal(child(body_over_limit), 0);
	assert_int_equal(secmem_init(PAGES * PAGE), 0);
	assert_int_equal(secmem_init(PAGES * PAGE), -EALREADY);
}

/* ---- the mapping ---- */

/* A line of smaps about the mapping that holds p. */
static void mapping_line(const void *p, const char *name, char *ret_line, size_t size)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	char line[512];
	bool here = false;

	assert_non_null(smaps);
	ret_line[0] = '\0';
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long first, last;

		if (sscanf(line, "%lx-%lx ", &first, &last) == 2)
			here = (uintptr_t)p >= first && (uintptr_t)p < last;
		else if (here && strncmp(line, name, strlen(name)) == 0)
			snprintf(ret_line, size, "%s", line);
	}
	fclose(smaps);
}

static void test_mapping(void **state)
{
	AUTO_SECBUF b = SECBUF_INIT;
	char flags[512];

	(void)state;
	assert_int_equal(secbuf_alloc(&b, 10, 0), 0);
	mapping_line(b.data, "VmFlags:", flags, sizeof(flags));
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	if (!SANITIZED)
		assert_non_null(strstr(flags, " lo"));
}

static uint8_t *forked;

static int body_forked(void)
{
	return all_zero(forked, PAGE) ? 0 : 1;
}

static size_t mapping_kb(const void *p, const char *name)
{
	char line[512];
	size_t kb = 0;

	mapping_line(p, name, line, sizeof(line));
	assert_int_equal(sscanf(line, "%*s %zu kB", &kb), 1);
	return kb;
}

/* What is used is locked, and nothing else takes memory. */
static void test_locked_when_used(void **state)
{
	AUTO_SECBUF b = SECBUF_INIT;

	(void)state;
	assert_int_equal(secbuf_alloc(&b, QUARTER * PAGE, 1), 0);
	size_t before = mapping_kb(b.data, "Locked:");
	memset(b.data, 1, QUARTER * PAGE);
	size_t after = mapping_kb(b.data, "Locked:");
	assert_true(after >= before && after >= QUARTER * PAGE / 1024);
	assert_int_equal(after, mapping_kb(b.data, "Rss:"));
	assert_true(after < PAGES * PAGE / 1024);
}

static void test_fork(void **state)
{
	AUTO_SECBUF b = SECBUF_INIT;

	(void)state;
	assert_int_equal(secbuf_alloc(&b, PAGE, 0), 0);
	memset(b.data, 0x5a, PAGE);
	forked = b.data;
	assert_int_equal(child(body_forked), 0);
	assert_int_equal(b.data[0], 0x5a);
}

/* ---- buffers ---- */

static void test_alloc(void **state)
{
	static const size_t caps[][2] = {{0, 1}, {1, 1}, {4096, 1}, {4097, 2}, {65536, 16}};
	struct secbuf b = SECBUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		assert_int_equal(secbuf_alloc(&b, caps[i][0], 1000), 0);
		assert_int_equal(b.cap, caps[i][1] * PAGE);
		assert_int_equal(b.len, 0);
		assert_int_equal(b.uid, 1000);
		assert_true(all_zero(b.data, b.cap));
		assert_int_equal(used(), caps[i][1]);
		memset(b.data, 0xff, b.cap);
		secbuf_free(&b);
		assert_null(b.data);
		assert_int_equal(b.cap, 0);
		assert_int_equal(used(), 0);
	}
	secbuf_free(&b);
	secbuf_free(NULL);
	assert_int_equal(secbuf_alloc(&b, SIZE_MAX, 0), -ENOMEM);
	assert_int_equal(secbuf_alloc(&b, PAGES * PAGE + 1, SECMEM_SELF), -ENOMEM);
	assert_null(b.data);
}

static void test_wiped(void **state)
{
	struct secbuf b = SECBUF_INIT;
	const uint8_t *small, *big;

	(void)state;
	assert_int_equal(secbuf_alloc(&b, 3 * PAGE, 0), 0);
	small = b.data;
	memset(b.data, 0x77, b.cap);
	secbuf_free(&b);
	assert_true(raw_zero(small, 3 * PAGE));

	assert_int_equal(secbuf_alloc(&b, 20 * PAGE, 0), 0);
	big = b.data;
	memset(b.data, 0x77, b.cap); /* also beyond len */
	b.len = 5;
	assert_int_equal(secbuf_grow(&b, 30 * PAGE), 0);
	assert_true(raw_zero(big + 10 * PAGE, 10 * PAGE) || b.data <= big + 10 * PAGE);
	secbuf_free(&b);
	assert_true(raw_zero(big, 20 * PAGE));
}

static void test_grow(void **state)
{
	AUTO_SECBUF b = SECBUF_INIT;
	const uint8_t *old;

	(void)state;
	assert_int_equal(secbuf_alloc(&b, 100, 1000), 0);
	old = b.data;
	memset(b.data, 0x11, PAGE);
	b.len = 100;
	assert_int_equal(secbuf_grow(&b, PAGE), 0);
	assert_ptr_equal(b.data, old);
	assert_int_equal(secbuf_grow(&b, 17 * PAGE), 0);
	assert_int_equal(b.len, 100);
	assert_int_equal(b.cap, 17 * PAGE);
	assert_int_equal(b.uid, 1000);
	assert_int_equal(b.data[PAGE - 1], 0x11); /* all bytes, not only len */
	assert_true(all_zero(b.data + PAGE, 16 * PAGE));
	assert_true(raw_zero(old, PAGE));
	assert_int_equal(used(), 17);

	/* To the whole share in one step: what it gives back does not count against it. */
	assert_int_equal(secbuf_grow(&b, QUARTER * PAGE), 0);
	old = b.data;
	assert_int_equal(secbuf_grow(&b, QUARTER * PAGE + 1), -ENOMEM);
	assert_ptr_equal(b.data, old);
	assert_int_equal(b.cap, QUARTER * PAGE);
	assert_int_equal(b.data[0], 0x11);
	assert_int_equal(used(), QUARTER);
}

static void test_take(void **state)
{
	AUTO_SECBUF b = SECBUF_INIT;
	const uint8_t *data;

	(void)state;
	assert_int_equal(secbuf_alloc(&b, 1, 7), 0);
	data = b.data;
	b.len = 1;
	{
		AUTO_SECBUF taken = secbuf_take(&b);

		assert_null(b.data);
		assert_int_equal(b.cap, 0);
		assert_ptr_equal(taken.data, data);
		assert_int_equal(taken.len, 1);
		assert_int_equal(taken.uid, 7);
	}
	assert_int_equal(used(), 0);
}

static struct secbuf twice;

static int body_twice(void)
{
	struct secbuf copy = twice;

	secbuf_free(&twice);
	secbuf_free(&copy);
	return 0;
}

static void test_double_free(void **state)
{
	(void)state;
	assert_int_equal(secbuf_alloc(&twice, 1, 5), 0);
	assert_int_not_equal(child(body_twice), 0);
	secbuf_free(&twice);
}

/* ---- shares ---- */

static struct secbuf held[PAGES];

/* How many single pages uid gets on top of those in held[0..from). */
static size_t take_all(size_t from, uint32_t uid)
{
	size_t n = 0;

	while (from + n < PAGES && secbuf_alloc(&held[from + n], 1, uid) == 0)
		n++;
	return n;
}

static void free_all(void)
{
	for (size_t i = 0; i < PAGES; i++)
		secbuf_free(&held[i]);
	assert_int_equal(used(), 0);
}

static void test_exhaustion(void **state)
{
	struct secbuf b = SECBUF_INIT;
	struct secmem_usage before, after;

	(void)state;
	assert_int_equal(take_all(0, SECMEM_SELF), PAGES);
	secmem_usage(&before);
	assert_int_equal(before.size, PAGES * PAGE);
	assert_int_equal(before.used, PAGES * PAGE);
	assert_int_equal(secbuf_alloc(&b, 1, SECMEM_SELF), -ENOMEM);
	assert_null(b.data);
	secmem_usage(&after);
	assert_int_equal(after.refused, before.refused + 1);
	for (size_t i = 0; i < PAGES; i++)
		memset(held[i].data, (int)i, PAGE);
	for (size_t i = 0; i < PAGES; i++)
		assert_int_equal(held[i].data[PAGE - 1], i);

	/* One page in the middle comes back, and a run only where it fits. */
	secbuf_free(&held[100]);
	assert_int_equal(secbuf_alloc(&b, 2 * PAGE, SECMEM_SELF), -ENOMEM);
	assert_int_equal(secbuf_alloc(&held[100], 1, SECMEM_SELF), 0);
	for (size_t i = 70; i < 90; i++)
		secbuf_free(&held[i]);
	assert_int_equal(secbuf_alloc(&b, 21 * PAGE, SECMEM_SELF), -ENOMEM);
	assert_int_equal(secbuf_alloc(&b, 20 * PAGE, SECMEM_SELF), 0);
	secbuf_free(&b);
	free_all();
	assert_int_equal(secbuf_alloc(&b, PAGES * PAGE, SECMEM_SELF), 0);
	secbuf_free(&b);
}

static void test_quarter(void **state)
{
	struct secbuf b = SECBUF_INIT;

	(void)state;
	assert_int_equal(take_all(0, 1000), QUARTER);
	assert_int_equal(secbuf_alloc(&b, 1, 1000), -ENOMEM);
	assert_int_equal(take_all(QUARTER, 1001), QUARTER);
	secbuf_free(&held[3]);
	assert_int_equal(secbuf_alloc(&b, 2 * PAGE, 1000), -ENOMEM);
	assert_int_equal(secbuf_alloc(&held[3], 1, 1000), 0);
	free_all();
	assert_int_equal(take_all(0, 0), QUARTER);
	free_all();
	assert_int_equal(secbuf_alloc(&b, QUARTER * PAGE + 1, 1000), -ENOMEM);
	assert_int_equal(secbuf_alloc(&b, QUARTER * PAGE, 1000), 0);
	secbuf_free(&b);
}

static void test_reserve(void **state)
{
	size_t n = 0;

	(void)state;
	for (uint32_t uid = 1000; uid < 1004; uid++)
		n += take_all(n, uid);
	assert_int_equal(n, PAGES - RESERVE);
	assert_int_equal(take_all(n, 1005), 0);
	assert_int_equal(take_all(n, 0), RESERVE);
	secbuf_free(&held[PAGES - 1]);
	assert_int_equal(take_all(PAGES - 1, 1005), 0);
	assert_int_equal(take_all(PAGES - 1, SECMEM_SELF), 1);
	free_all();
}

/* Small runs from the low end, big ones from the high end, the holes of each used again. */
static void test_ends(void **state)
{
	struct secbuf small[3] = {SECBUF_INIT}, big[3] = {SECBUF_INIT};
	const uint8_t *base, *hole;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(secbuf_alloc(&small[i], (i + 1) * PAGE, SECMEM_SELF), 0);
		assert_int_equal(secbuf_alloc(&big[i], 16 * PAGE, SECMEM_SELF), 0);
	}
	base = small[0].data;
	assert_ptr_equal(small[1].data, base + PAGE);
	assert_ptr_equal(small[2].data, base + 3 * PAGE);
	for (size_t i = 0; i < 3; i++)
		assert_ptr_equal(big[i].data, base + (PAGES - 16 * (i + 1)) * PAGE);

	hole = small[0].data;
	secbuf_free(&small[0]);
	assert_int_equal(secbuf_alloc(&small[0], 2 * PAGE, SECMEM_SELF), 0);
	assert_ptr_equal(small[0].data, base + 6 * PAGE);
	secbuf_free(&small[0]);
	assert_int_equal(secbuf_alloc(&small[0], 1, SECMEM_SELF), 0);
	assert_ptr_equal(small[0].data, hole);
	hole = big[1].data;
	secbuf_free(&big[1]);
	assert_int_equal(secbuf_alloc(&big[1], 16 * PAGE, SECMEM_SELF), 0);
	assert_ptr_equal(big[1].data, hole);
	for (size_t i = 0; i < 3; i++) {
		secbuf_free(&small[i]);
		secbuf_free(&big[i]);
	}
}

/* As many users as pages, leaving in another order: the table of shares forgets nobody too early.
 */
static void test_many_uids(void **state)
{
	size_t n = PAGES - RESERVE;
	struct secbuf b = SECBUF_INIT;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		for (size_t i = 0; i < n; i++)
			assert_int_equal(
				secbuf_alloc(&held[i], 1, (uint32_t)(1 + i * (round * 4096 + 1))),
				0);
		for (size_t i = 0; i < n; i++)
			secbuf_free(&held[i * 7 % n]);
	}
	assert_int_equal(used(), 0);
	for (uint32_t uid = 1; uid < 300; uid++) {
		assert_int_equal(secbuf_alloc(&b, QUARTER * PAGE, uid), 0);
		secbuf_free(&b);
	}
}

/* ---- any order of use ---- */

#define MODEL 60

static bool is_filled(const struct secbuf *b, uint8_t byte)
{
	for (size_t i = 0; i < b->cap; i++)
		if (b->data[i] != byte)
			return false;
	return true;
}

static void model_step(struct secbuf *b, uint8_t byte, unsigned *seed)
{
	size_t cap = (size_t)rand_r(seed) % (rand_r(seed) % 4 ? 3 * PAGE : 20 * PAGE);
	size_t old = b->cap;

	if (!b->data) {
		if (secbuf_alloc(b, cap, 1000u + byte % 9u) < 0)
			return;
		assert_true(all_zero(b->data, b->cap));
	} else if (!is_filled(b, byte)) {
		fail_msg("somebody wrote over buffer %u", byte);
	} else if (rand_r(seed) % 3 == 0) {
		if (secbuf_grow(b, cap) < 0)
			return;
		assert_true(all_zero(b->data + old, b->cap - old));
	} else {
		secbuf_free(b);
		return;
	}
	memset(b->data, byte, b->cap);
}

static void test_model(void **state)
{
	static struct secbuf bufs[MODEL];
	unsigned seed = 42;

	(void)state;
	for (unsigned step = 0; step < 30000; step++) {
		size_t i = (size_t)rand_r(&seed) % MODEL, sum = 0;

		model_step(&bufs[i], (uint8_t)(i + 1), &seed);
		for (size_t j = 0; j < MODEL; j++)
			sum += bufs[j].cap;
		assert_int_equal(used() * PAGE, sum);
	}
	for (size_t i = 0; i < MODEL; i++)
		secbuf_free(&bufs[i]);
	assert_int_equal(used(), 0);
}

static void *thread_body(void *arg)
{
	uint32_t uid = *(uint32_t *)arg;
	unsigned seed = uid;

	for (unsigned i = 0; i < 5000; i++) {
		struct secbuf b = SECBUF_INIT;

		if (secbuf_alloc(&b, (size_t)rand_r(&seed) % (20 * PAGE), uid) < 0)
			return arg;
		if (!all_zero(b.data, b.cap))
			return arg;
		memset(b.data, (int)uid, b.cap);
		if (!is_filled(&b, (uint8_t)uid))
			return arg;
		secbuf_free(&b);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	uint32_t uids[4] = {1, 2, 3, 4};
	void *failed;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_body, &uids[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(used(), 0);
}

static void test_small_things(void **state)
{
	uint8_t a[32] = {1, 2, 3}, b[32] = {1, 2, 3};

	(void)state;
	assert_true(secmem_equal(a, b, sizeof(a)));
	b[31] = 1;
	assert_false(secmem_equal(a, b, sizeof(a)));
	assert_true(secmem_equal(a, b, 31));
	assert_true(secmem_equal(a, b, 0));
	secmem_random(a, sizeof(a));
	secmem_random(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	secmem_wipe(a, sizeof(a));
	assert_true(all_zero(a, sizeof(a)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before), /* makes the arena */
		cmocka_unit_test(test_mapping),
		cmocka_unit_test(test_locked_when_used),
		cmocka_unit_test(test_fork),
		cmocka_unit_test(test_alloc),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_double_free),
		cmocka_unit_test(test_exhaustion),
		cmocka_unit_test(test_quarter),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_many_uids),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_small_things),
	};

	return cmocka_run_group_tests_name("secmem", tests, NULL, NULL);
}
