/* SPDX-License-Identifier: MIT */
/*
 * options: the daemon's command line, also as mount(8) and fstab write it.
 *
 *     secretfs [STORE MOUNTPOINT] [-f] [-d] [-o word[=value][,...]]
 *
 * A comma or backslash that belongs to a value is written with a backslash before it.
 */
#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include <stdint.h>

#include "config.h"
#include "why.h"

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WORKER };

/*
 * Applies the command line to config, which holds defaults or what a file says. Paths that it names
 * become absolute. A key source on the command line replaces the one in config. -EINVAL with a
 * sentence.
 */
int options_parse(int argc, char **argv, struct config *config, enum options_action *ret_action,
	struct why *why);

/* Is there enough to mount: a store, a mountpoint and one key source? -EINVAL with a sentence. */
int options_check(const struct config *config, struct why *why);

/*
 * Defaults, then the configuration file of this uid if there is one, then the command line, then
 * the check. For any other action than OPTIONS_RUN no file is read and ret_config holds nothing of
 * use. -EINVAL, or what config_read_file returns.
 */
int options_load(int argc, char **argv, uint32_t uid, struct config *ret_config,
	enum options_action *ret_action, struct why *why);

/*
 * The same again for a daemon that runs, from its file and command line of then: what can change
 * while it is mounted. Store, mountpoint, key, anchor, audit, audit_file, user, allow_other and
 * threads stay as they are in running; where audit, audit_file, user, allow_other or threads is
 * another one now, *ret_kept names it, else it is NULL. -EINVAL, or what config_read_file returns.
 */
int options_reload(int argc, char **argv, const struct config *running, struct config *ret_config,
	const char **ret_kept, struct why *why);

/* The text of --help. */
extern const char options_help[];

#endif
