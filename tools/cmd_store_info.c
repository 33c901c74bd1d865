/* SPDX-License-Identifier: MIT */
/* cmd_store_info: what a store file tells without its key. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "args.h"
#include "print.h"
#include "secretctl.h"
#include "store.h"

static const struct args_option info_options[] = {{0}};

static int info_args(const char **ret_path, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (*ret_path != NULL)
			return why_set(why, -EINVAL, "one STORE is enough; see --help");
		*ret_path = args->value;
	}
	if (r == 0 && *ret_path == NULL)
		r = why_set(why, -EINVAL, "which STORE? see --help");
	return r;
}

static const char *info_use(const char *path)
{
	int r = store_in_use(path);

	return r < 0 ? "unknown" : r > 0 ? "yes" : "no";
}

static const char *info_kind(int64_t kind)
{
	const char *word = keyslot_kind_word(kind);

	return word ? word : "unknown kind";
}

static void info_slot(const struct keyslot *slot)
{
	char label[PRINT_NAME];

	print_escape(slot->label, label, sizeof(label));
	printf("slot %" PRId64 ":   %s", slot->id, info_kind(slot->kind));
	if (slot->ops != 0 || slot->mem != 0)
		printf(", Argon2id with %" PRId64 " passes over %" PRId64 " MiB", slot->ops,
			slot->mem >> 20);
	if (label[0] != '\0' && strcmp(label, info_kind(slot->kind)) != 0)
		printf(", \"%s\"", label);
	putchar('\n');
}

static void info_print(const struct store_info *info, const char *use)
{
	printf("format:   %u\n", info->format);
	printf("size:     %" PRIu64 " bytes\n", info->file_bytes);
	printf("secrets:  %" PRIu64 "\n", info->secrets);
	printf("values:   %" PRIu64 " with earlier versions\n", info->values);
	printf("in use:   %s\n", use);
	for (size_t i = 0; i < info->nslots; i++)
		info_slot(&info->slots[i]);
}

static int info_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = info_options, .help = cmd_store_info.help};
	struct store_info info = {0};
	const char *path = NULL;
	struct why why = {0};
	struct stat st;
	int r = info_args(&path, &args, &why);

	if (r == 0 && stat(path, &st) < 0)
		r = why_set(&why, -errno, "%s: %s", path, strerror(errno));
	if (r == 0)
		r = store_info(path, &info, &why);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	info_print(&info, info_use(path));
	return 0;
}

const struct verb cmd_store_info = {
	.group = "store",
	.name = "info",
	.summary = "tell what a store file shows without its key",
	.help = "usage: secretctl store info STORE\n"
		"\n"
		"Prints the format, the size, how many secrets and values there are, whether a "
		"daemon uses\n"
		"the store, and what can open it.\n",
	.store = true,
	.run = info_run,
};
