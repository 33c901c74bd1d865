/* SPDX-License-Identifier: MIT */
/* test_ring: rings on a descriptor that is no mount's: they can do nothing but carry requests, and
 * say what fails. What they carry is tested on a mount (mount/uring). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <linux/fuse.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring.h"

/* The only ring's descriptor, or -1. */
static int ring_fd(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int found = -1;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		char link[300], target[64];
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%s", entry->d_name);
		n = readlink(link, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, "io_uring"))
			found = atoi(entry->d_name);
	}
	closedir(dir);
	return found;
}

static void test_not_built(void **state)
{
	struct why why = {""};

	(void)state;
	if (ring_built())
		skip();
	assert_int_equal(ring_open(0, 1, 0, &why), -ENOTSUP);
	assert_false(ring_on());
}

static void test_can_do_nothing_else(void **state)
{
	int file = memfd_create("test_ring", MFD_CLOEXEC);
	struct why why = {""};

	(void)state;
	if (!ring_built())
		skip();
	int r = ring_open(file, 1, 1, &why);
	if (r == -EACCES || r == -ENOSYS || r == -EINVAL)
		skip(); /* not in this kernel, or not allowed */
	assert_int_equal(r, 0);
	assert_true(ring_on());

	int fd = ring_fd();
	assert_true(fd >= 0);
	/* A file knows no such requests: so says the ring, and does not wait. */
	assert_true(ring_begin(0) < 0);
	assert_int_equal(syscall(SYS_io_uring_register, fd, IORING_UNREGISTER_FILES, NULL, 0), -1);
	assert_int_equal(errno, EACCES);
	assert_int_equal(
		syscall(SYS_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, NULL, 0), -1);
	close(file);
}

static void test_answers_of_others(void **state)
{
	struct fuse_out_header header = {.len = sizeof(header), .unique = 2};
	struct iovec part = {&header, sizeof(header)};

	(void)state;
	/* No request with this number came over a ring; and a notification has none. */
	assert_false(ring_answer(&part, 1));
	header.unique = 0;
	assert_false(ring_answer(&part, 1));
	assert_true(ring_may_wait());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_built),
		cmocka_unit_test(test_answers_of_others),
		cmocka_unit_test(test_can_do_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
