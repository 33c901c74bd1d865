/* SPDX-License-Identifier: MIT */
/*
 * stack: threads whose stacks are secret memory: what they decrypt passes through registers and
 * copies that no buffer of secmem knows of.
 *
 *     guard | stack, growing down ... | what libc keeps of the thread |      one run of the arena
 *
 * Threads: a struct stack belongs to whoever starts and joins it.
 */
#ifndef STORE_STACK_H
#define STORE_STACK_H

#include <pthread.h>

#include "secmem.h"

/* Bytes of the arena for each. More than four times what the deepest request was seen to use;
 * sanitizers make every frame bigger. */
#if defined(__SANITIZE_THREAD__)
#define STACK_SIZE (1u << 20) /* most of it is what ThreadSanitizer keeps of each thread */
#elif defined(SECRETFS_SANITIZED)
#define STACK_SIZE (256u << 10)
#else
#define STACK_SIZE (128u << 10)
#endif

struct stack {
	pthread_t thread;
	struct secbuf memory;
};

/* -ENOMEM: no room in the arena. -EAGAIN: no more threads. The stack is then empty. */
int stack_start(struct stack *stack, void *(*run)(void *arg), void *arg);

/* Waits for its end, and wipes and gives back the memory. Returns what run returned. */
void *stack_join(struct stack *stack);

#endif
