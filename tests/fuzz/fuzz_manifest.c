/* SPDX-License-Identifier: MIT */
/* fuzz_manifest: the record of a secret. There is one way to write a manifest: what is decoded
 * encodes to the same bytes, and stays whole when keys come and go. */
#include "fuzz.h"

#include <errno.h>

#include "manifest.h"

static void check_keys(const struct manifest *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		const struct manifest_key *key = &m->keys[i];
		must(manifest_key_by_no(m, key->no) == key);
		must(key->name_len == strlen(key->name));
		/* The first of a name is what a look-up finds. */
		must(manifest_key_by_name(m, key->name, key->name_len) <= key);
	}
	must(!manifest_key_by_no(m, m->next_key));
}

static void check_same(
	const struct manifest *m, enum manifest_form form, const uint8_t *bytes, size_t size)
{
	must(manifest_size(m, form) == size);
	uint8_t *again = malloc(size);
	must(again);
	manifest_encode(m, form, again);
	must(memcmp(again, bytes, size) == 0);
	free(again);
}

/* Takes out the first key and adds one; decodes what that gives. */
static void change(struct manifest *m, enum manifest_form form)
{
	struct manifest_key *key;
	AUTO_MANIFEST back = {0};

	if (m->n)
		manifest_key_remove(m, &m->keys[0]);
	int r = manifest_key_add(m, &key);
	must(r == 0 || r == -ENOSPC || r == -EDQUOT);
	if (r == 0) {
		key->name = "added";
		key->name_len = 5;
	}
	size_t size = manifest_size(m, form);
	uint8_t *bytes = malloc(size);
	must(bytes);
	manifest_encode(m, form, bytes);
	must(manifest_decode(&back, form, bytes, size) == 0);
	must(back.n == m->n && back.next_key == m->next_key);
	check_keys(&back);
	manifest_clear(&back);
	free(bytes);
}

static void try_form(enum manifest_form form, const uint8_t *data, size_t size)
{
	static struct manifest m; /* used again, as a reader does */
	uint8_t *bytes = fuzz_copy(data, size);
	int r = manifest_decode(&m, form, bytes, size);

	must(r == 0 || r == -EBADMSG);
	if (r == 0) {
		check_keys(&m);
		check_same(&m, form, bytes, size);
		change(&m, form);
	} else {
		must(m.n == 0 && !m.name);
	}
	free(bytes);
	manifest_clear(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_form(MANIFEST_EARLIER, data, size);
	try_form(MANIFEST_CURRENT, data, size);
	return 0;
}
