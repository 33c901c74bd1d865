/* SPDX-License-Identifier: MIT */
/* stack: owns the memory of threads that handle secrets. */
#include "stack.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t guard_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* libc makes no guard in memory that it was given. */
static int guard(const struct stack *stack, int protection)
{
	return mprotect(stack->memory.data, guard_size(), protection) < 0 ? -errno : 0;
}

static int start(struct stack *stack, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attr;
	int r = -pthread_attr_init(&attr);

	if (r < 0)
		return r;
	r = -pthread_attr_setstack(
		&attr, stack->memory.data + guard_size(), stack->memory.cap - guard_size());
	if (r == 0)
		r = -pthread_create(&stack->thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return r;
}

static void give_back(struct stack *stack)
{
	/* If it stays closed, wiping it ends us: better than to go on without knowing
	 * why. */
	guard(stack, PROT_READ | PROT_WRITE);
	secbuf_free(&stack->memory);
}

int stack_start(struct stack *stack, void *(*run)(void *arg), void *arg)
{
	*stack = (struct stack){0};
	int r = secbuf_alloc(&stack->memory, STACK_SIZE, SECMEM_SELF);

	if (r < 0)
		return r;
	r = guard(stack, PROT_NONE);
	if (r == 0)
		r = start(stack, run, arg);
	if (r < 0)
		give_back(stack);
	return r;
}

void *stack_join(struct stack *stack)
{
	void *result = NULL;

	pthread_join(stack->thread, &result);
	give_back(stack);
	return result;
}
