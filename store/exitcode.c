/* SPDX-License-Identifier: MIT */
/* exitcode: the one table from errnos of the store to exit codes. */
#include "exitcode.h"

#include <errno.h>

enum exitcode exitcode_of_store(int err)
{
	if (err >= 0)
		return EXITCODE_OK;
	switch (-err) {
	case EINVAL:
		return EXITCODE_USAGE;
	case ENOENT:
		return EXITCODE_NOT_FOUND;
	case EACCES:
		return EXITCODE_NOT_PERMITTED;
	case EEXIST:
		return EXITCODE_EXISTS;
	case EKEYREJECTED:
		return EXITCODE_KEY;
	case EBADMSG:
		return EXITCODE_DAMAGED;
	case EPROTO:
		return EXITCODE_FORMAT;
	case EPERM:
		return EXITCODE_UNSAFE;
	case EBUSY:
		return EXITCODE_IN_USE;
	case ESTALE:
		return EXITCODE_ROLLED_BACK;
	default:
		return EXITCODE_FAILURE;
	}
}
