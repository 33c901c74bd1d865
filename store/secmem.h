/* SPDX-License-Identifier: MIT */
/*
 * secmem: the one arena of memory in which plaintext and keys may lie.
 *
 * The arena is mapped once (mmap, mlock2, MADV_DONTDUMP, MADV_WIPEONFORK) and handed
 * out in runs of 4 KiB pages: small ones from the low end, runs of 16 pages and more
 * from the high end, so that neither cuts up the other's room. (Fixed slabs of 1 MiB would
 * not do: a value of 1 MiB needs its length and padding as well.)
 * Each run is charged to a uid: one uid may hold at most a quarter of the arena, and the last
 * sixteenth is only for uid 0 and SECMEM_SELF. Every page is wiped when it is given back and
 * zero when it is handed out.
 *
 * Threads: all functions may be called from any thread; one mutex guards the arena.
 */
#ifndef STORE_SECMEM_H
#define STORE_SECMEM_H

#include <stddef.h>
#include <stdint.h>

/* "Charged to nobody": the program's own keys and scratch, without the quarter limit. */
#define SECMEM_SELF UINT32_MAX

/* A piece of secret memory. data is NULL and cap 0 when nothing is held.
 * len <= cap is the owner's; bytes beyond len are zero unless the owner wrote them. */
struct secbuf {
	uint8_t *data;
	size_t len;
	size_t cap;
	uint32_t uid;
};

#define SECBUF_INIT ((struct secbuf){0})

struct secmem_usage {
	size_t size;      /* bytes in the arena */
	size_t used;      /* bytes handed out */
	uint64_t refused; /* allocations refused since the start */
};

/*
 * Maps and locks the arena, once per process, before any other function here.
 * bytes: wanted size; 0 means three quarters of RLIMIT_MEMLOCK (64 MiB where that is
 * unlimited). Initialises libsodium too.
 * -ENOMEM: could not be locked. -EALREADY: already done. -EIO: libsodium failed.
 */
int secmem_init(size_t bytes);

/* The share of one uid, in bytes; 0: a quarter of the arena. */
void secmem_set_share(size_t bytes);

/*
 * Hands out at least cap bytes (cap 0: one page), zeroed, len 0; b must be empty.
 * -ENOMEM: the arena, or this uid's share of it, is used up; b is then untouched.
 */
int secbuf_alloc(struct secbuf *b, size_t cap, uint32_t uid);

/* Makes room for at least cap bytes, keeping all bytes; the old room is wiped. -ENOMEM: untouched.
 */
int secbuf_grow(struct secbuf *b, size_t cap);

/* Wipes and gives back; NULL and empty ones are fine. Leaves b empty. */
void secbuf_free(struct secbuf *b);

/* Moves the content out: *from is empty afterwards. */
struct secbuf secbuf_take(struct secbuf *from);

/* Constant-time comparison of two equally long byte strings. */
int secmem_equal(const void *a, const void *b, size_t len);

/* Wipes memory that is not a secbuf (a stack copy); the compiler cannot drop it. */
void secmem_wipe(void *p, size_t len);

/*
 * Wipes what calls before have left on this thread's stack, below the caller's frame. Also where no
 * one copied a secret there by name: registers that held one are saved by whoever needs them.
 */
void secmem_wipe_stack(void);

/* len random bytes (libsodium's generator). */
void secmem_random(void *p, size_t len);

void secmem_usage(struct secmem_usage *ret_usage);

#define AUTO_SECBUF __attribute__((cleanup(secbuf_free))) struct secbuf

#endif
