/* SPDX-License-Identifier: MIT */
/* cmd_store_verify: reads all of a store and says what is wrong with it; makes it whole again. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "finding.h"
#include "secretctl.h"
#include "storefile.h"

struct verify {
	struct storefile file;
	bool accept;
	bool remove;
};

static const struct args_option verify_options[] = {
	STOREFILE_OPTIONS,
	{.name = "accept", .letter = 'A', .hidden = true},
	{.name = "remove", .letter = 'R', .hidden = true},
	{0},
};

static int verify_arg(struct verify *verify, int what, const char *value, struct why *why)
{
	if (what == 'A')
		verify->accept = true;
	else if (what == 'R')
		verify->remove = true;
	else if (what != ARGS_WORD)
		return storefile_take(&verify->file, what, value, why);
	else if (verify->file.path)
		return why_set(why, -EINVAL, "one STORE is enough; see --help");
	else
		verify->file.path = value;
	return 0;
}

static int verify_args(struct verify *verify, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		r = verify_arg(verify, r, args->value, why);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = storefile_settle(&verify->file, why);
	return r < 0 ? r : keyarg_check(&verify->file.key, "", why);
}

/* What needs root comes first. */
static int verify_prepare(
	struct verify *verify, struct secbuf *ret_keys, struct anchor **ret_anchor, struct why *why)
{
	bool change = verify->accept || verify->remove;
	AUTO_SECBUF source = SECBUF_INIT;
	int r = storefile_lock(&verify->file, change ? STORE_USE_ALONE : STORE_USE_LOOK, why);

	if (r == 0)
		r = keyarg_read(&verify->file.key, &source, why);
	if (r == 0)
		r = storefile_anchor(&verify->file, change, ret_anchor, why);
	if (r == 0)
		r = storefile_become(&verify->file, why);
	if (r == 0)
		r = storefile_open_slot(&verify->file, &source, NULL, ret_keys, why);
	/* Before the store is looked at, or a daemon's next commit would seem to be missing. */
	if (r == 0 && *ret_anchor)
		r = anchor_unlock(*ret_anchor, storefile_keys(ret_keys)->anchor, why);
	return r;
}

static int verify_store(struct verify *verify, struct why *why)
{
	AUTO_SECBUF keys = SECBUF_INIT;
	AUTO_ANCHOR anchor = NULL;
	struct finding_print print = {0};
	struct store_verify_result result = {0};
	int r = verify_prepare(verify, &keys, &anchor, why);

	if (r < 0)
		return r;
	const struct store_verify ask = {.accept = verify->accept,
		.remove = verify->remove,
		.anchor = anchor,
		.found = finding_found,
		.progress = finding_progress,
		.arg = &print};
	meter_begin(&print.meter, "verifying");
	r = store_verify(verify->file.path, storefile_keys(&keys), &ask, &result, why);
	meter_end(&print.meter);
	if (result.sealed)
		puts("sealed the store as it is now");
	if (result.namespaces)
		finding_summary(&result);
	return r;
}

static int verify_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {.argc = argc,
		.argv = argv,
		.options = verify_options,
		.help = cmd_store_verify.help};
	struct verify verify = {.file = STOREFILE_INIT};
	struct why why = {0};
	int r = verify_args(&verify, &args, &why);

	if (r == 0)
		r = verify_store(&verify, &why);
	if (verify.file.lock >= 0)
		close(verify.file.lock);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_store_verify = {
	.group = "store",
	.name = "verify",
	.summary = "read all of a store and say what is wrong with it",
	.help = "usage: secretctl store verify [STORE] [KEY] [--accept] [--remove]\n"
		"\n"
		"Opens every record, compares all sums and counts, and the anchor. What is damaged "
		"is named,\n"
		"one line each; nothing is changed unless one of these is given:\n"
		"\n"
		"  --accept            seal sums, counts and anchor as the store is now: what was "
		"put "
		"back or\n"
		"                      removed behind the daemon's back counts from here on\n"
		"  --remove            the same, and drop what is damaged: keys whose value is "
		"lost, "
		"versions,\n"
		"                      secrets whose names are lost\n" STOREFILE_HELP,
	.secrets = true,
	.store = true,
	.run = verify_run,
};
