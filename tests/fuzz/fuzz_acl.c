/* SPDX-License-Identifier: MIT */
/* fuzz_acl: the kernel's binary ACLs. A first byte says where the input is cut in two ACLs, two
 * more are a mode; what is valid stays valid through every change. */
#include "fuzz.h"

#include <errno.h>

#include "acl.h"

/* What every function must survive, valid or not. */
static void look(const uint8_t *acl, size_t len)
{
	static const uint32_t groups[] = {0, 5, 1000};

	must(acl_mode(acl, len) <= 0777);
	must(acl_group_perm(acl, len) <= 7);
	acl_is_mode(acl, len);
	for (uint32_t uid = 0; uid < 3; uid++)
		must(acl_permits(acl_mode(acl, len), acl, len, 1, 5, uid * 500, groups, 3) <= 7);
}

static void change(
	const uint8_t *acl, size_t len, uint32_t mode, const uint8_t *other, size_t other_len)
{
	uint8_t copy[ACL_MAX], child[ACL_MAX];
	uint16_t child_len;

	memcpy(copy, acl, len);
	acl_chmod(copy, len, mode);
	must(acl_check(copy, len) == 0);
	must(acl_mode(copy, len) == (mode & 0777));
	uint32_t bits = acl_inherit(acl, len, mode, child, &child_len);
	must((bits & ~mode) == 0 && (bits & ~acl_mode(acl, len)) == 0);
	must(child_len == 0 || (child_len == len && acl_check(child, child_len) == 0 &&
				       acl_mode(child, child_len) == bits));
	memcpy(copy, acl, len);
	acl_and_write(copy, len, other, other_len, mode);
	must(acl_check(copy, len) == 0);
	/* It only takes away, and only writing. */
	for (size_t i = 0; i < len; i++)
		must((copy[i] & ~acl[i]) == 0 && ((acl[i] ^ copy[i]) & ~2) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, size};
	size_t len, other_len;
	size_t cut = fuzz_u8(&in);
	uint32_t mode = (uint32_t)fuzz_uint(&in, 2);
	const uint8_t *first = fuzz_bytes(&in, 4 + cut * 4, &len);
	uint8_t *acl = fuzz_copy(first, len);
	const uint8_t *second = fuzz_bytes(&in, in.left, &other_len);
	uint8_t *other = fuzz_copy(second, other_len);

	int r = acl_check(acl, len);
	int s = acl_check(other, other_len);
	must(r == 0 || r == -EINVAL || r == -ENOSPC);
	must(s == 0 || s == -EINVAL || s == -ENOSPC);
	look(acl, len);
	if (r == 0) {
		must(len <= ACL_MAX);
		change(acl, len, mode, other, s == 0 ? other_len : 0);
	}
	free(acl);
	free(other);
	return 0;
}
