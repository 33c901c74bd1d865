/* SPDX-License-Identifier: MIT */
/* make_golden STORE KEY: a store of format 1, and its key file. */
#include <stdio.h>

#include "golden.h"
#include "store.h"

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: make_golden STORE KEY\n");
		return 2;
	}
	if (secmem_init(1u << 20) < 0)
		return 1;
	store_prepare();
	return golden_make(argv[1], argv[2]) < 0;
}
