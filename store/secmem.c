/* SPDX-License-Identifier: MIT */
/*
 * secmem: owns the locked arena, its page map and the count of pages that each uid holds.
 *
 *     guard | page 0 | page 1 | ...  small runs ->    <- runs of 16 pages and more  ... | page n-1
 * | guard
 *
 * The book-keeping lies outside of the arena: overrunning a value cannot change it.
 */
#include "secmem.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__has_feature) /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define page_poison(p, n)   ASAN_POISON_MEMORY_REGION(p, n)
#define page_unpoison(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define page_poison(p, n)   ((void)(p), (void)(n))
#define page_unpoison(p, n) ((void)(p), (void)(n))
#endif

#define PAGE          4096u
#define BIG_RUN       16u /* pages; from here on a run is taken from the high end */
#define DEFAULT_ARENA (64u << 20)
#define NO_PAGE       SIZE_MAX
#define STACK_USED    (24u << 10) /* more than any request does, even without optimisation */

/* Pages held by one uid; an entry without pages is free. */
struct share {
	uint32_t uid;
	uint32_t pages;
};

/* base, npages, shares and share_mask are set once by secmem_init; the lock guards all else. */
static struct {
	pthread_mutex_t lock;
	uint8_t *base;
	size_t npages;
	uint64_t *map; /* one bit a page: in use */
	size_t used;   /* pages */
	size_t low;    /* every page below is in use */
	size_t high;   /* every page from here on is in use */
	uint64_t refused;
	size_t share;         /* pages that one uid may hold */
	struct share *shares; /* open addressing; twice as many entries as pages, so never full */
	size_t share_mask;
} arena = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the page map ---- */

static uint64_t map_word(size_t page, bool used)
{
	return used ? arena.map[page / 64] : ~arena.map[page / 64];
}

/* The first page in [from, end) that is (not) in use, or end. */
static size_t next_page(size_t from, size_t end, bool used)
{
	for (size_t page = from; page < end; page = (page | 63) + 1) {
		uint64_t word = map_word(page, used) & UINT64_MAX << (page % 64);

		if (word) {
			page = (page & ~(size_t)63) + (size_t)__builtin_ctzll(word);
			return page < end ? page : end;
		}
	}
	return end;
}

/* One past the last page in [start, from) that is (not) in use, or start. */
static size_t prev_page(size_t from, size_t start, bool used)
{
	for (size_t end = from; end > start; end = (end - 1) & ~(size_t)63) {
		uint64_t word = map_word(end - 1, used) & UINT64_MAX >> (63 - (end - 1) % 64);

		if (word) {
			end = ((end - 1) | 63) + 1 - (size_t)__builtin_clzll(word);
			return end > start ? end : start;
		}
	}
	return start;
}

static size_t find_low(size_t n)
{
	size_t page = arena.low = next_page(arena.low, arena.npages, false);

	while (page + n <= arena.npages) {
		size_t stop = next_page(page, page + n, true);

		if (stop == page + n)
			return page;
		page = next_page(stop, arena.npages, false);
	}
	return NO_PAGE;
}

static size_t find_high(size_t n)
{
	size_t end = arena.high = prev_page(arena.high, 0, false);

	while (end >= n) {
		size_t stop = prev_page(end, end - n, true);

		if (stop == end - n)
			return stop;
		end = prev_page(stop, 0, false);
	}
	return NO_PAGE;
}

static void map_mark(size_t page, size_t n, bool used)
{
	for (; n > 0; page++, n--) {
		uint64_t bit = UINT64_C(1) << (page % 64);

		if (used)
			arena.map[page / 64] |= bit;
		else
			arena.map[page / 64] &= ~bit;
	}
}

/* ---- who holds how much ---- */

static size_t share_home(uint32_t uid)
{
	return (uid * 2654435769u >> 7) & arena.share_mask;
}

/* The entry of uid, or the free one where it would be. */
static size_t share_find(uint32_t uid)
{
	size_t i = share_home(uid);

	while (arena.shares[i].pages > 0 && arena.shares[i].uid != uid)
		i = (i + 1) & arena.share_mask;
	return i;
}

static void share_add(uint32_t uid, size_t n)
{
	struct share *share = &arena.shares[share_find(uid)];

	share->uid = uid;
	share->pages += (uint32_t)n;
}

/* Fills the hole with what follows it and may stand there, so that no search ends too early. */
static void share_remove(size_t hole)
{
	size_t mask = arena.share_mask;

	for (size_t i = (hole + 1) & mask; arena.shares[i].pages > 0; i = (i + 1) & mask) {
		size_t home = share_home(arena.shares[i].uid);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			arena.shares[hole] = arena.shares[i];
			hole = i;
		}
	}
	arena.shares[hole].pages = 0;
}

static void share_sub(uint32_t uid, size_t n)
{
	size_t i = share_find(uid);

	if (arena.shares[i].pages < n)
		abort(); /* a secbuf that was freed twice or written over */
	arena.shares[i].pages -= (uint32_t)n;
	if (arena.shares[i].pages == 0)
		share_remove(i);
}

/* May uid have n more pages, when it gives some back at once? */
static bool share_allows(uint32_t uid, size_t n, size_t given_back)
{
	if (uid == SECMEM_SELF)
		return true;
	if (arena.shares[share_find(uid)].pages + n - given_back > arena.share)
		return false;
	return uid == 0 || arena.used + n <= arena.npages - arena.npages / 16;
}

void secmem_set_share(size_t bytes)
{
	size_t pages = bytes / PAGE;

	pthread_mutex_lock(&arena.lock);
	arena.share = bytes == 0 ? arena.npages / 4 : pages < arena.npages ? pages : arena.npages;
	pthread_mutex_unlock(&arena.lock);
}

/* ---- runs ---- */

static size_t pages_of(size_t cap)
{
	return cap == 0 ? 1 : (cap - 1) / PAGE + 1;
}

static uint8_t *run_take_locked(size_t n, uint32_t uid, size_t given_back)
{
	size_t page;

	if (n > arena.npages || !share_allows(uid, n, given_back))
		return NULL;
	page = n < BIG_RUN ? find_low(n) : find_high(n);
	if (page == NO_PAGE)
		return NULL;
	map_mark(page, n, true);
	arena.used += n;
	if (uid != SECMEM_SELF)
		share_add(uid, n);
	return arena.base + page * PAGE;
}

static int run_take(struct secbuf *ret_run, size_t n, uint32_t uid, size_t given_back)
{
	uint8_t *data;

	pthread_mutex_lock(&arena.lock);
	data = run_take_locked(n, uid, given_back);
	if (!data)
		arena.refused++;
	pthread_mutex_unlock(&arena.lock);
	if (!data)
		return -ENOMEM;
	page_unpoison(data, n * PAGE);
	*ret_run = (struct secbuf){.data = data, .cap = n * PAGE, .uid = uid};
	return 0;
}

/* The run must be wiped. */
static void run_give_back(const uint8_t *data, size_t n, uint32_t uid)
{
	size_t page = (size_t)(data - arena.base) / PAGE;

	pthread_mutex_lock(&arena.lock);
	if (page + n > arena.npages || next_page(page, page + n, false) != page + n)
		abort();
	if (uid != SECMEM_SELF)
		share_sub(uid, n);
	page_poison(data, n * PAGE);
	map_mark(page, n, false);
	arena.used -= n;
	if (page < arena.low)
		arena.low = page;
	if (page + n > arena.high)
		arena.high = page + n;
	pthread_mutex_unlock(&arena.lock);
}

/* ---- the arena ---- */

static size_t default_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY ||
		limit.rlim_cur / 4 * 3 > DEFAULT_ARENA)
		return DEFAULT_ARENA;
	return (size_t)limit.rlim_cur / 4 * 3 / PAGE * PAGE;
}

/* Everything but the locking of pages; guards on both sides stop an overrun of the arena. */
static int arena_map(size_t size, size_t guard, uint8_t **ret_map)
{
	uint8_t *map = mmap(NULL, size + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(map + guard, size, PROT_READ | PROT_WRITE) < 0 ||
		madvise(map + guard, size, MADV_DONTDUMP) < 0 ||
		madvise(map + guard, size, MADV_WIPEONFORK) < 0) {
		int r = -errno;

		munmap(map, size + 2 * guard);
		return r;
	}
	/* Each page as it is first used, and for good: most of a large arena never is. All of it
	 * counts against the limit from now on, whatever becomes of our rights. */
	if (mlock2(map + guard, size, MLOCK_ONFAULT) < 0) {
		munmap(map, size + 2 * guard);
		return -ENOMEM;
	}
	*ret_map = map;
	return 0;
}

static int books_alloc(size_t npages)
{
	size_t nshares = 2;

	while (nshares < 2 * npages)
		nshares *= 2;
	arena.map = calloc(npages / 64 + 1, sizeof(*arena.map));
	arena.shares = calloc(nshares, sizeof(*arena.shares));
	if (!arena.map || !arena.shares) {
		free(arena.map);
		free(arena.shares);
		return -ENOMEM;
	}
	arena.share_mask = nshares - 1;
	return 0;
}

int secmem_init(size_t bytes)
{
	size_t grain = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = NULL;
	int r;

	if (arena.base)
		return -EALREADY;
	if (sodium_init() < 0)
		return -EIO;
	if (bytes == 0)
		bytes = default_size();
	if (bytes < PAGE || bytes > SIZE_MAX / 2)
		return -ENOMEM;
	if (grain < PAGE)
		grain = PAGE;
	bytes = (bytes + grain - 1) / grain * grain;
	r = arena_map(bytes, grain, &map);
	if (r < 0)
		return r;
	r = books_alloc(bytes / PAGE);
	if (r < 0) {
		munmap(map, bytes + 2 * grain);
		return r;
	}
	arena.base = map + grain;
	arena.npages = arena.high = bytes / PAGE;
	arena.share = arena.npages / 4;
	page_poison(arena.base, bytes);
	return 0;
}

/* ---- the door ---- */

int secbuf_alloc(struct secbuf *b, size_t cap, uint32_t uid)
{
	return run_take(b, pages_of(cap), uid, 0);
}

int secbuf_grow(struct secbuf *b, size_t cap)
{
	struct secbuf bigger;
	int r;

	if (b->data && cap <= b->cap)
		return 0;
	r = run_take(&bigger, pages_of(cap), b->uid, b->cap / PAGE);
	if (r < 0)
		return r;
	if (b->data)
		memcpy(bigger.data, b->data, b->cap);
	bigger.len = b->len;
	secbuf_free(b);
	*b = bigger;
	return 0;
}

void secbuf_free(struct secbuf *b)
{
	if (!b || !b->data)
		return;
	sodium_memzero(b->data, b->cap);
	run_give_back(b->data, b->cap / PAGE, b->uid);
	*b = SECBUF_INIT;
}

struct secbuf secbuf_take(struct secbuf *from)
{
	struct secbuf taken = *from;

	*from = SECBUF_INIT;
	return taken;
}

int secmem_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void secmem_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

void secmem_wipe_stack(void)
{
	sodium_stackzero(STACK_USED);
}

void secmem_random(void *p, size_t len)
{
	randombytes_buf(p, len);
}

void secmem_usage(struct secmem_usage *ret_usage)
{
	pthread_mutex_lock(&arena.lock);
	*ret_usage = (struct secmem_usage){
		.size = arena.npages * PAGE, .used = arena.used * PAGE, .refused = arena.refused};
	pthread_mutex_unlock(&arena.lock);
}
