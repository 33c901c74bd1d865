/* SPDX-License-Identifier: MIT */
/* fuzz_header: root, bucket and namespace records (a first byte says which; what follows is cut or
 * filled up with zeros). What is decoded encodes to the same bytes. */
#include "fuzz.h"

#include <errno.h>

#include "header.h"

static void root(const uint8_t *bytes)
{
	struct header_root h;
	uint8_t again[HEADER_ROOT];
	int r = header_root_decode(&h, bytes);

	must(r == 0 || r == -EPROTO || r == -EBADMSG);
	if (r < 0)
		return;
	header_root_encode(&h, again);
	must(memcmp(again, bytes, sizeof(again)) == 0);
}

static void bucket(const uint8_t *bytes)
{
	struct header_bucket h;
	uint8_t again[HEADER_BUCKET];
	int r = header_bucket_decode(&h, bytes);

	must(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	header_bucket_encode(&h, again);
	must(memcmp(again, bytes, sizeof(again)) == 0);
}

static void ns(const uint8_t *bytes)
{
	struct header_ns h;
	uint8_t again[HEADER_NS];
	int r = header_ns_decode(&h, bytes);

	must(r == 0 || r == -EBADMSG);
	if (r < 0)
		return;
	must(header_ns_encode(&h, again) == 0);
	must(memcmp(again, bytes, sizeof(again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = {HEADER_ROOT, HEADER_BUCKET, HEADER_NS};
	static void (*const decode[])(const uint8_t *bytes) = {root, bucket, ns};

	if (size < 1)
		return 0;
	unsigned which = data[0] % 3;
	uint8_t *bytes = calloc(1, sizes[which]);
	must(bytes);
	size--;
	if (size)
		memcpy(bytes, data + 1, size < sizes[which] ? size : sizes[which]);
	decode[which](bytes);
	free(bytes);
	return 0;
}
