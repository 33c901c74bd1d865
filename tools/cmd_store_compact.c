/* SPDX-License-Identifier: MIT */
/* cmd_store_compact: gives back the room that a store does not use. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fd.h"
#include "finding.h"
#include "print.h"
#include "secretctl.h"
#include "storefile.h"

static const struct args_option compact_options[] = {STOREFILE_OPTIONS, {0}};

static int compact_args(struct storefile *file, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r != ARGS_WORD)
			r = storefile_take(file, r, args->value, why);
		else if (file->path)
			r = why_set(why, -EINVAL, "one STORE is enough; see --help");
		else
			file->path = args->value;
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = storefile_settle(file, why);
	if (r == 0 && file->key.n > 1)
		r = keyarg_check(&file->key, "", why);
	return r;
}

static int compact_prepare(struct storefile *file, struct secbuf *ret_keys, struct why *why)
{
	AUTO_SECBUF source = SECBUF_INIT;
	bool key = storefile_has_key(file);
	int r = storefile_lock(file, STORE_USE_ALONE, why);

	if (r == 0 && key)
		r = keyarg_read(&file->key, &source, why);
	if (r == 0)
		r = storefile_become(file, why);
	if (r == 0 && key)
		r = storefile_open_slot(file, &source, NULL, ret_keys, why);
	return r;
}

static void compact_tell(
	const struct storefile *file, const struct store_compacted *done, bool with_key)
{
	print_done("compacted", file->path);
	printf("%" PRIu64 " bytes, %" PRIu64 " before\n", done->after, done->before);
	if (done->waste)
		printf("%" PRIu64 " rows that belonged to nothing were dropped\n", done->waste);
	if (!with_key)
		puts("no key was given: rows that belong to nothing were not looked for");
}

static int compact_store(struct storefile *file, struct why *why)
{
	AUTO_SECBUF keys = SECBUF_INIT;
	struct finding_print print = {0};
	struct store_compacted done = {0};
	const struct store_verify ask = {
		.found = finding_found, .progress = finding_progress, .arg = &print};
	int r = compact_prepare(file, &keys, why);

	if (r < 0)
		return r;
	meter_begin(&print.meter, "compacting");
	r = store_compact(file->path, keys.data ? storefile_keys(&keys) : NULL, &ask, &done, why);
	meter_end(&print.meter);
	if (r == 0)
		compact_tell(file, &done, keys.data != NULL);
	return r;
}

static int compact_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {.argc = argc,
		.argv = argv,
		.options = compact_options,
		.help = cmd_store_compact.help};
	struct storefile file = STOREFILE_INIT;
	struct why why = {0};
	int r = compact_args(&file, &args, &why);

	if (r == 0)
		r = compact_store(&file, &why);
	fd_close(&file.lock);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_store_compact = {
	.group = "store",
	.name = "compact",
	.summary = "give back the room that a store does not use",
	.help = "usage: secretctl store compact [STORE] [KEY]\n"
		"\n"
		"Copies all records into a new file, which takes the place of the store: without "
		"free pages,\n"
		"remnants of what was deleted, and (with KEY) rows that belong to nothing. No "
		"daemon "
		"may serve\n"
		"it.\n"
		"\n" STOREFILE_HELP,
	.secrets = true,
	.store = true,
	.run = compact_run,
};
