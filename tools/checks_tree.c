/* SPDX-License-Identifier: MIT */
/* checks_tree: the settings, the mount and the daemon behind it. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checks.h"
#include "mounts.h"

#define CHECKS_SECONDS 5

void checks_settings(struct checks *checks)
{
	char path[PATH_MAX];
	struct stat st;
	struct why why;
	int r = config_path(geteuid(), path, sizeof(path));

	if (r < 0) {
		checks_add(checks, CHECKS_NOTE, "settings", "set HOME or XDG_CONFIG_HOME",
			"there is no home folder that could have any");
		return;
	}
	if (lstat(path, &st) < 0 && errno == EACCES) {
		checks_add(checks, CHECKS_NOTE, "settings", "set HOME to your own home folder",
			"%s is not for you to look at, and is not used", path);
		return;
	}
	r = config_read_file(&checks->config, path, &why);
	checks->configured = r == 0;
	if (r == 0)
		checks_add(checks, CHECKS_OK, "settings", NULL, "%s", path);
	else if (r == -ENOENT)
		checks_add(checks, CHECKS_OK, "settings", NULL,
			"there is no %s; all settings come from the command line or /etc/fstab",
			path);
	else
		checks_add(checks, CHECKS_BAD, "settings",
			"correct it: secretfs does not start with it, and secretctl does not look "
			"for "
			"a tree with it; see secretfs.conf(5)",
			"%s", why.text);
}

/* ---- the mount ---- */

static void checks_mount_options(struct checks *checks, const struct mounts_entry *entry)
{
	static const char *const flags[] = {"nosuid", "nodev", "noexec"};

	if (!mounts_option(entry->options, "default_permissions"))
		checks_add(checks, CHECKS_BAD, "mount options",
			"mount it with secretfs itself, which always asks for it",
			"default_permissions is missing: the kernel does not check who may do "
			"what");
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (!mounts_option(entry->flags, flags[i]))
			checks_add(checks, CHECKS_BAD, "mount options",
				"mount it with secretfs itself, or mount a bind of it with nosuid, "
				"nodev, "
				"noexec",
				"%s is missing", flags[i]);
	}
	if (entry->owner == 0 && !mounts_option(entry->options, "allow_other"))
		checks_add(checks, CHECKS_NOTE, "mount options",
			"take \"allow_other = no\" out of the settings if others need it",
			"without allow_other, so only root sees it");
	if (mounts_option(entry->flags, "ro"))
		checks_add(checks, CHECKS_NOTE, "mount options", NULL, "read only here");
}

void checks_mount(struct checks *checks)
{
	const struct mounts_entry *entry;
	AUTO_MOUNTS mounts = {0};
	struct why why;
	int r = serving_ask(checks->mount, CHECKS_SECONDS, &checks->serving, &why);
	size_t before;

	if (r < 0) {
		/* The sentence says what to do. */
		checks_add(checks, CHECKS_BAD, "mount", NULL, "%s", why.text);
		return;
	}
	checks_add(checks, CHECKS_OK, "mount", NULL, "%s", checks->serving.path);
	r = mounts_read(&mounts);
	entry = r < 0 ? NULL : mounts_find(&mounts, checks->serving.dev);
	if (entry == NULL) {
		checks_add(checks, CHECKS_BAD, "mount options", NULL,
			"/proc/self/mountinfo does not tell them");
		return;
	}
	before = checks->n;
	checks_mount_options(checks, entry);
	if (checks->n == before)
		checks_add(checks, CHECKS_OK, "mount options", NULL, "%s", entry->options);
}

/* ---- the daemon ---- */

static long long checks_status(const struct checks *checks, const char *name)
{
	return (long long)json_integer_value(json_object_get(checks->serving.status, name));
}

void checks_daemon(struct checks *checks)
{
	const char *version = json_string_value(json_object_get(checks->serving.status, "version"));
	long long deaths = checks_status(checks, "generation") - 1;
	long long errors = checks_status(checks, "errors");
	long long refused = checks_status(checks, "locked_refused");

	if (checks->serving.status == NULL)
		return;
	checks_add(checks, CHECKS_OK, "daemon", NULL, "serves, process %lld",
		checks_status(checks, "supervisor"));
	if (version == NULL || strcmp(version, SECRETFS_VERSION) != 0)
		checks_add(checks, CHECKS_NOTE, "daemon",
			"unmount it and start it again, so that both are of one version",
			"it is version %.64s, secretctl is " SECRETFS_VERSION,
			version != NULL ? version : "?");
	if (deaths > 0)
		checks_add(checks, CHECKS_NOTE, "daemon",
			"its log says when and how (journalctl, syslog)",
			"its worker was started again %lld times since the mount", deaths);
	if (errors > 0)
		checks_add(checks, CHECKS_NOTE, "daemon", "its log says which (journalctl, syslog)",
			"it refused %lld requests for damage, a full disk or a limit", errors);
	if (refused > 0)
		checks_add(checks, CHECKS_BAD, "daemon",
			"give it a higher limit of locked memory (ulimit -l, LimitMEMLOCK=) and "
			"start "
			"it again",
			"its locked memory, %lld KiB, was not enough %lld times",
			checks_status(checks, "locked_limit") >> 10, refused);
}
