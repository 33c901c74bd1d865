/* SPDX-License-Identifier: MIT */
/* test_stack: threads in secret memory, and that nothing is left of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "secmem.h"
#include "stack.h"

static void *answer(void *arg)
{
	uint8_t here;

	*(uintptr_t *)arg = (uintptr_t)&here;
	return (void *)(uintptr_t)42;
}

static void test_start(void **state)
{
	struct stack stack;
	struct secmem_usage before, during, after;
	uintptr_t here = 0;

	(void)state;
	secmem_usage(&before);
	assert_int_equal(stack_start(&stack, answer, &here), 0);
	secmem_usage(&during);
	uintptr_t base = (uintptr_t)stack.memory.data;
	assert_int_equal((uintptr_t)stack_join(&stack), 42);
	secmem_usage(&after);
#ifndef SECRETFS_SANITIZED /* may have variables elsewhere */
	assert_true(here >= base && here < base + STACK_SIZE);
#endif
	(void)base;
	assert_int_equal(during.used, before.used + STACK_SIZE);
	assert_int_equal(after.used, before.used);
}

static void test_no_room(void **state)
{
	struct stack stacks[64];
	struct secmem_usage before, after;
	uintptr_t here[64];
	unsigned n = 0;
	int r;

	(void)state;
	secmem_usage(&before);
	while ((r = stack_start(&stacks[n], answer, &here[n])) == 0)
		n++;
	assert_int_equal(r, -ENOMEM);
	assert_null(stacks[n].memory.data);
	assert_true(n >= 1 && n <= 63);
	while (n > 0)
		stack_join(&stacks[--n]);
	secmem_usage(&after);
	assert_int_equal(after.used, before.used);
}

#ifndef SECRETFS_SANITIZED
static void *run_over(void *arg)
{
	volatile uint8_t *guard = arg;

	guard[0] = 1;
	return NULL;
}

static void test_guard(void **state)
{
	struct stack stack;
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		/* The memory is wiped over fork, so the stack has to be made here. */
		signal(SIGSEGV, SIG_DFL);
		struct secbuf probe = SECBUF_INIT;
		if (secbuf_alloc(&probe, STACK_SIZE, SECMEM_SELF) < 0)
			_exit(1);
		uint8_t *lowest = probe.data;
		secbuf_free(&probe);
		if (stack_start(&stack, run_over, lowest) == 0)
			stack_join(&stack);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static const uint8_t mark[16] = "secret on stack";

/* Leaves a mark far down. */
__attribute__((noinline)) static void go_down(unsigned depth)
{
	uint8_t bytes[1024];

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes + 512, mark, sizeof(mark));
	__asm__ volatile("" : : "r"(bytes) : "memory");
	if (depth > 0)
		go_down(depth - 1);
	__asm__ volatile("" : : "r"(bytes) : "memory");
}

struct look {
	const struct stack *stack;
	bool wipe;
	unsigned found;
};

static void *leave_and_look(void *arg)
{
	struct look *look = arg;
	const uint8_t here = 0;

	go_down(10);
	if (look->wipe)
		secmem_wipe_stack();
	/* Down from here, as far as the guard. */
	const uint8_t *low = look->stack->memory.data + sysconf(_SC_PAGESIZE);
	for (const uint8_t *at = low; at + sizeof(mark) < &here; at++)
		look->found += memcmp(at, mark, sizeof(mark)) == 0;
	return NULL;
}

static void test_wipe(void **state)
{
	struct stack stack;
	struct look look = {.stack = &stack, .wipe = false};

	(void)state;
	/* The test sees what it looks for. */
	assert_int_equal(stack_start(&stack, leave_and_look, &look), 0);
	stack_join(&stack);
	assert_true(look.found >= 5 && look.found <= 11); /* looking overwrites the first ones */
	look = (struct look){.stack = &stack, .wipe = true};
	assert_int_equal(stack_start(&stack, leave_and_look, &look), 0);
	stack_join(&stack);
	assert_int_equal(look.found, 0);
}
#endif

static int setup_all(void **state)
{
	(void)state;
	return secmem_init(2u << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_no_room),
#ifndef SECRETFS_SANITIZED
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_wipe),
#endif
	};

	return cmocka_run_group_tests(tests, setup_all, NULL);
}
