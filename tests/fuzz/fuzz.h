/* SPDX-License-Identifier: MIT */
/*
 * fuzz: what the targets share: a way to say that something must hold, and taking fields out of an
 * input.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Unlike assert it stays in every build. */
#define must(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #what);      \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* What is left of an input. At its end every field is zero. */
struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

/* Up to n bytes; *ret_n says how many. */
static inline const uint8_t *fuzz_bytes(struct fuzz_in *in, size_t n, size_t *ret_n)
{
	const uint8_t *at = in->at;

	if (n > in->left)
		n = in->left;
	in->at += n;
	in->left -= n;
	*ret_n = n;
	return at;
}

static inline uint64_t fuzz_uint(struct fuzz_in *in, size_t bytes)
{
	uint64_t v = 0;
	size_t n;
	const uint8_t *at = fuzz_bytes(in, bytes, &n);

	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)at[i] << 8 * i;
	return v;
}

static inline uint8_t fuzz_u8(struct fuzz_in *in)
{
	return (uint8_t)fuzz_uint(in, 1);
}

/* A copy exactly as long as it is, so that a byte too many is seen. */
static inline void *fuzz_copy(const uint8_t *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	must(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

#endif
