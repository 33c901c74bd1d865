/* SPDX-License-Identifier: MIT */
/* test_request: which requests are whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/fuse.h>

#include "request.h"

static union {
	struct fuse_in_header header;
	uint8_t bytes[512];
} request;

/* Header, arguments of zeros, then what follows. */
static size_t make(uint32_t opcode, size_t args, const void *rest, size_t len)
{
	memset(&request, 0, sizeof(request));
	size_t n = sizeof(request.header) + args;
	memcpy(request.bytes + n, rest, len);
	request.header = (struct fuse_in_header){.len = (uint32_t)(n + len), .opcode = opcode};
	return n + len;
}

/* Whole as it is, and not with one byte less, or a length that lies. */
static void whole(uint32_t opcode, size_t args, const void *rest, size_t len)
{
	size_t n = make(opcode, args, rest, len);

	assert_int_equal(request_check(&request, n), 0);
	assert_int_equal(request_check(&request, n - 1), -EPROTO);
	assert_int_equal(request_check(&request, n + 1), -EPROTO);
	request.header.len--;
	assert_int_equal(request_check(&request, n), -EPROTO);
	if (args + len > 0)
		assert_int_equal(request_check(&request, n - 1), -EPROTO);
}

static void test_header(void **state)
{
	(void)state;
	whole(FUSE_STATFS, 0, "", 0);
	size_t n = make(FUSE_STATFS, 0, "", 0);
	assert_int_equal(n, sizeof(struct fuse_in_header));
	for (size_t len = 0; len < n; len++) {
		request.header.len = (uint32_t)len;
		assert_int_equal(request_check(&request, len), -EPROTO);
	}
}

static void test_arguments(void **state)
{
	(void)state;
	whole(FUSE_GETATTR, sizeof(struct fuse_getattr_in), "", 0);
	whole(FUSE_SETATTR, sizeof(struct fuse_setattr_in), "", 0);
	whole(FUSE_OPEN, sizeof(struct fuse_open_in), "", 0);
	whole(FUSE_READ, sizeof(struct fuse_read_in), "", 0);
	whole(FUSE_FLUSH, sizeof(struct fuse_flush_in), "", 0);
	whole(FUSE_RELEASE, sizeof(struct fuse_release_in), "", 0);
	whole(FUSE_FSYNC, sizeof(struct fuse_fsync_in), "", 0);
	whole(FUSE_LISTXATTR, sizeof(struct fuse_getxattr_in), "", 0);
	whole(FUSE_READDIRPLUS, sizeof(struct fuse_read_in), "", 0);
}

static void test_names(void **state)
{
	(void)state;
	whole(FUSE_LOOKUP, 0, "name", 5);
	whole(FUSE_MKDIR, sizeof(struct fuse_mkdir_in), "name", 5);
	whole(FUSE_CREATE, sizeof(struct fuse_create_in), "name", 5);
	whole(FUSE_MKNOD, sizeof(struct fuse_mknod_in), "name", 5);
	whole(FUSE_UNLINK, 0, "name", 5);
	whole(FUSE_GETXATTR, sizeof(struct fuse_getxattr_in), "user.x", 7);
	whole(FUSE_REMOVEXATTR, 0, "user.x", 7);
	whole(FUSE_RENAME, sizeof(struct fuse_rename_in), "from\0to", 8);
	whole(FUSE_RENAME2, sizeof(struct fuse_rename2_in), "from\0to", 8);
	whole(FUSE_SYMLINK, 0, "name\0target", 12);
	size_t n = make(FUSE_RENAME2, sizeof(struct fuse_rename2_in), "from", 5);
	assert_int_equal(request_check(&request, n), -EPROTO);
	n = make(FUSE_LOOKUP, 0, "", 0);
	assert_int_equal(request_check(&request, n), -EPROTO);
}

/* libfuse would copy as many bytes as the argument says. */
static void test_data(void **state)
{
	struct fuse_write_in *write_in =
		(struct fuse_write_in *)(void *)(request.bytes + sizeof(struct fuse_in_header));
	uint32_t *xattr_size = (uint32_t *)(void *)(request.bytes + sizeof(struct fuse_in_header));

	(void)state;
	size_t n = make(FUSE_WRITE, sizeof(*write_in), "data", 4);
	static const uint32_t lies[] = {0, 3, 5, 1 << 20, UINT32_MAX};
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		write_in->size = lies[i];
		assert_int_equal(request_check(&request, n), -EPROTO);
	}
	write_in->size = 4;
	assert_int_equal(request_check(&request, n), 0);
	n = make(FUSE_SETXATTR, 8, "user.x\0value", 12);
	assert_int_equal(request_check(&request, n), -EPROTO);
	*xattr_size = 5;
	assert_int_equal(request_check(&request, n), 0);
	*xattr_size = 12;
	assert_int_equal(request_check(&request, n), -EPROTO);
	n = make(FUSE_SETXATTR, 8, "user.x", 6);
	assert_int_equal(request_check(&request, n), -EPROTO);
}

static void test_forgets(void **state)
{
	struct {
		struct fuse_batch_forget_in in;
		struct fuse_forget_one one[2];
	} forgets = {.in = {.count = 2}};

	(void)state;
	whole(FUSE_FORGET, sizeof(struct fuse_forget_in), "", 0);
	size_t n = make(FUSE_BATCH_FORGET, 0, &forgets, sizeof(forgets));
	assert_int_equal(request_check(&request, n), 0);
	forgets.in.count = 3;
	n = make(FUSE_BATCH_FORGET, 0, &forgets, sizeof(forgets));
	assert_int_equal(request_check(&request, n), -EPROTO);
	forgets.in.count = UINT32_MAX;
	n = make(FUSE_BATCH_FORGET, 0, &forgets, sizeof(forgets));
	assert_int_equal(request_check(&request, n), -EPROTO);
}

static void test_unknown(void **state)
{
	(void)state;
	whole(FUSE_IOCTL, 0, "", 0);
	whole(63, 0, "", 0);
	whole(UINT32_MAX, 0, "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_forgets),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
