/* SPDX-License-Identifier: MIT */
/* status: counters and their JSON. */
#include "status.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "handle.h"
#include "ops.h"
#include "trail.h"

#define STATUS_MAX 1024

static _Atomic uint64_t serial;
static _Atomic uint64_t operations;
static _Atomic uint64_t errors;

uint64_t status_serial(void)
{
	return atomic_fetch_add(&serial, 1) + 1;
}

void status_operation(void)
{
	atomic_fetch_add_explicit(&operations, 1, memory_order_relaxed);
}

void status_error(void)
{
	atomic_fetch_add_explicit(&errors, 1, memory_order_relaxed);
}

int status_render(uint32_t uid, struct secbuf *ret_text)
{
	struct secmem_usage locked;
	int r = secbuf_alloc(ret_text, STATUS_MAX, uid);

	if (r < 0)
		return r;
	secmem_usage(&locked);
	int n = snprintf((char *)ret_text->data, STATUS_MAX,
		"{\"version\": \"%s\", \"format\": %d, \"supervisor\": %u, \"worker\": %d, "
		"\"generation\": %u, "
		"\"uptime\": %lld, \"handles\": %u, \"locked_bytes\": %zu, \"locked_limit\": %zu, "
		"\"locked_refused\": %llu, \"operations\": %llu, \"errors\": %llu, \"secrets\": "
		"%llu",
		SECRETFS_VERSION, STORE_FORMAT, ops.boot->supervisor_pid, getpid(),
		ops.boot->generation, (long long)time(NULL) - (long long)ops.boot->mounted_at,
		handle_count(), locked.used, locked.size, (unsigned long long)locked.refused,
		(unsigned long long)operations, (unsigned long long)errors,
		(unsigned long long)store_secret_count(ops.store));
	n += (int)trail_status((char *)ret_text->data + n, STATUS_MAX - (size_t)n - 2);
	memcpy(ret_text->data + n, "}\n", 2);
	ret_text->len = (size_t)n + 2;
	return 0;
}
