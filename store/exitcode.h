/* SPDX-License-Identifier: MIT */
/* exitcode: the exit codes that secretfs and secretctl share (in both man pages). */
#ifndef STORE_EXITCODE_H
#define STORE_EXITCODE_H

enum exitcode {
	EXITCODE_OK = 0,
	EXITCODE_FAILURE = 1,
	EXITCODE_USAGE = 2,
	EXITCODE_NOT_FOUND = 3,
	EXITCODE_NOT_PERMITTED = 4,
	EXITCODE_EXISTS = 5,
	EXITCODE_UNRESOLVED = 6,
	EXITCODE_KEY = 7,
	EXITCODE_DAMAGED = 8,
	EXITCODE_FORMAT = 9,
	EXITCODE_UNSAFE = 10,
	EXITCODE_IN_USE = 11,
	EXITCODE_ROLLED_BACK = 12,
};

/*
 * The exit code for what store_* returned: -ENOENT 3, -EACCES 4, -EEXIST 5,
 * -EKEYREJECTED 7, -EBADMSG 8, -EPROTO 9, -EPERM (loose permissions) 10,
 * -EBUSY 11, -ESTALE 12, -EINVAL 2, 0 and above 0, anything else 1.
 */
enum exitcode exitcode_of_store(int err);

#endif
