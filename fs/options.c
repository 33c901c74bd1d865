// SPDX-License-Identifier: MIT
/* options: owns the command line: which words there are, which are mount(8)'s, and what wins over
 * what. */
#include "options.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring.h"

const char options_help[] =
	"usage: secretfs [STORE MOUNTPOINT] [-f] [-d] [-o OPTION[,OPTION...]]\n"
	"\n"
	"Mounts the encrypted store STORE at MOUNTPOINT. Without arguments everything comes\n"
	"from the configuration file.\n"
	"\n"
	"  -f, --foreground      stay in the foreground, log to standard error\n"
	"  -d, --debug           the same with debug messages\n"
	"  -o keyfile=FILE       unlock with a key file\n"
	"  -o passphrase         unlock with a passphrase, asked for on the terminal\n"
	"  -o passphrase-fd=N    unlock with a passphrase, one line from descriptor N\n"
	"  -o credential=NAME    unlock with a systemd credential of this service\n"
	"  -o key_command=CMD    unlock with what CMD prints\n"
	"  -o anchor=FOLDER      where secretfs remembers how new the store is\n"
	"  --accept-rollback     serve a store that is older than that, or of which nothing is\n"
	"                        remembered: what was changed since is lost\n"
	"  -o user=NAME          who serves the mount when root starts it (secretfs)\n"
	"  -o NAME=VALUE         any setting of secretfs.conf(5)\n"
	"  -h, --help            show this\n"
	"  -V, --version         show the version\n";

#define OPT_ACCEPT_ROLLBACK 1

static const struct option longopts[] = {
	{"accept-rollback", no_argument, NULL, OPT_ACCEPT_ROLLBACK},
	{"foreground", no_argument, NULL, 'f'},
	{"debug", no_argument, NULL, 'd'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/*
 * Words that mount(8), fstab and systemd add. The mount is always nosuid, nodev, noexec and noatime
 * with the kernel checking permissions, so that none of them can change anything. ro is missing: it
 * would be a promise that is not kept.
 */
static const char *const mount_words[] = {
	"rw",
	"suid",
	"nosuid",
	"dev",
	"nodev",
	"exec",
	"noexec",
	"auto",
	"noauto",
	"nofail",
	"_netdev",
	"defaults",
	"default_permissions",
	"atime",
	"noatime",
	"relatime",
	"norelatime",
	"strictatime",
	"nodiratime",
	"sync",
	"async",
	"nouser",
	"users",
	"nousers",
	"x-*",
	"X-*",
	"comment=*",
	"fsname=*",
	"subtype=*",
};

/* Which key source the command line has named so far. */
enum source {
	SOURCE_NONE,
	SOURCE_KEYFILE,
	SOURCE_PASSPHRASE,
	SOURCE_FD,
	SOURCE_CREDENTIAL,
	SOURCE_COMMAND,
};

static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		char x = *a == '-' ? '_' : *a;
		char y = *b == '-' ? '_' : *b;

		if (x != y)
			return false;
	}
	return *a == *b;
}

static bool is_mount_word(const char *word)
{
	for (size_t i = 0; i < sizeof(mount_words) / sizeof(mount_words[0]); i++) {
		if (fnmatch(mount_words[i], word, 0) == 0)
			return true;
	}
	/* Bare, it is fstab's "a user may mount this"; with a value it is our setting. */
	return strcmp(word, "user") == 0;
}

static bool is_path(const char *name)
{
	return same_name(name, "store") || same_name(name, "mountpoint") ||
	       same_name(name, "keyfile") || same_name(name, "anchor") ||
	       same_name(name, "audit_file");
}

/* path as seen from the working directory, without slashes at its end: those would make the kernel
 * follow a link. */
static int absolute(const char *path, char *ret_path, size_t size, struct why *why)
{
	size_t used = 0;
	size_t len = strlen(path);

	if (path[0] != '/') {
		if (!getcwd(ret_path, size))
			return why_set(why, -errno, "cannot tell the working directory: %s",
				strerror(errno));
		used = strlen(ret_path);
		if (used > 1)
			ret_path[used++] = '/';
	}
	if (used + len + 1 > size)
		return why_set(why, -EINVAL, "a path is longer than %zu bytes", size - 1);
	memcpy(ret_path + used, path, len + 1);
	used += len;
	while (used > 1 && ret_path[used - 1] == '/')
		ret_path[--used] = '\0';
	return 0;
}

static int set_path(struct config *config, const char *name, const char *value, struct why *why)
{
	char path[CONFIG_PATH];
	int err;

	if (!value || !*value)
		return why_set(why, -EINVAL, "%s needs a path", name);
	err = absolute(value, path, sizeof(path), why);
	return err ? err : config_set(config, name, path, why);
}

static enum source source_of(const char *name)
{
	if (same_name(name, "keyfile"))
		return SOURCE_KEYFILE;
	if (same_name(name, "passphrase"))
		return SOURCE_PASSPHRASE;
	if (same_name(name, "passphrase_fd"))
		return SOURCE_FD;
	if (same_name(name, "credential"))
		return SOURCE_CREDENTIAL;
	if (same_name(name, "key_command"))
		return SOURCE_COMMAND;
	return SOURCE_NONE;
}

/* The first source on the command line displaces the configured one; a second of another kind is a
 * contradiction. */
static int note_source(struct config *config, const char *name, enum source *seen, struct why *why)
{
	enum source source = source_of(name);

	if (source == SOURCE_NONE)
		return 0;
	if (*seen != SOURCE_NONE && *seen != source)
		return why_set(why, -EINVAL,
			"give one of keyfile, passphrase, passphrase-fd, credential and "
			"key_command, not several");
	*seen = source;
	config->keyfile[0] = '\0';
	config->credential[0] = '\0';
	config->key_command[0] = '\0';
	config->passphrase = false;
	config->passphrase_fd = -1;
	return 0;
}

static int apply_word(struct config *config, char *word, enum source *seen, struct why *why)
{
	char *value;
	int err;

	if (!*word || is_mount_word(word))
		return 0;
	if (strcmp(word, "ro") == 0)
		return why_set(why, -EINVAL,
			"the option ro is not supported: take write permission away with chmod or "
			"an ACL");
	value = strchr(word, '=');
	if (value)
		*value++ = '\0';
	err = note_source(config, word, seen, why);
	if (err)
		return err;
	if (is_path(word))
		return set_path(config, word, value, why);
	return config_set(config, word, value, why);
}

/* Splits at commas. A backslash keeps the next character as it is. */
static int apply_words(struct config *config, const char *text, enum source *seen, struct why *why)
{
	char word[CONFIG_PATH + 64];
	size_t len = 0;

	for (;; text++) {
		if (*text && *text != ',') {
			if (*text == '\\' && text[1])
				text++;
			if (len + 1 >= sizeof(word))
				return why_set(why, -EINVAL, "an option is too long");
			word[len++] = *text;
			continue;
		}
		word[len] = '\0';
		len = 0;

		int err = apply_word(config, word, seen, why);

		if (err || !*text)
			return err;
	}
}

static int apply_arguments(struct config *config, int n, char **arguments, struct why *why)
{
	int err;

	if (n == 0)
		return 0;
	if (n == 1)
		return why_set(why, -EINVAL, "give both a store and a mountpoint, or neither");
	if (n > 2)
		return why_set(
			why, -EINVAL, "too many arguments: a store and a mountpoint are enough");
	err = set_path(config, "store", arguments[0], why);
	return err ? err : set_path(config, "mountpoint", arguments[1], why);
}

static int bad_option(int argc, char **argv, int opt, struct why *why)
{
	if (opt == ':')
		return why_set(why, -EINVAL, "-%c needs a value", optopt);
	/* A known letter: its long form was given a value. */
	if (optopt > OPT_ACCEPT_ROLLBACK && !strchr("fdhV", optopt))
		return why_set(why, -EINVAL, "unknown option -%c", optopt);
	return why_set(why, -EINVAL, "unknown option %s",
		optind > 0 && optind <= argc ? argv[optind - 1] : "");
}

int options_parse(int argc, char **argv, struct config *config, enum options_action *ret_action,
	struct why *why)
{
	enum source seen = SOURCE_NONE;
	int opt;
	int err = 0;

	if (argc == 2 && strcmp(argv[1], "--worker") == 0) {
		*ret_action = OPTIONS_WORKER;
		return 0;
	}
	opterr = 0;
	optind = 0; /* glibc: forget an earlier scan */
	while (!err && (opt = getopt_long(argc, argv, ":fdhVo:", longopts, NULL)) != -1) {
		switch (opt) {
		case 'd':
			config->debug = true;
			config->foreground = true;
			break;
		case 'f':
			config->foreground = true;
			break;
		case OPT_ACCEPT_ROLLBACK:
			config->accept_rollback = true;
			break;
		case 'o':
			err = apply_words(config, optarg, &seen, why);
			break;
		case 'h':
			*ret_action = OPTIONS_HELP;
			return 0;
		case 'V':
			*ret_action = OPTIONS_VERSION;
			return 0;
		default:
			err = bad_option(argc, argv, opt, why);
		}
	}
	if (!err)
		err = apply_arguments(config, argc - optind, argv + optind, why);
	if (!err)
		*ret_action = OPTIONS_RUN;
	return err;
}

/* transport = auto: the faster one, where there is what it takes. */
static void resolve_transport(struct config *config)
{
	if (config->transport == CONFIG_TRANSPORT_AUTO)
		config->transport = ring_built() && ring_offered() ? CONFIG_TRANSPORT_IO_URING
								   : CONFIG_TRANSPORT_DEV;
}

int options_check(const struct config *config, struct why *why)
{
	if (!config->store[0])
		return why_set(why, -EINVAL,
			"no store: give STORE and MOUNTPOINT, or set both in "
			"/etc/secretfs/secretfs.conf (root) or ~/.config/secretfs/secretfs.conf; "
			"see secretfs --help");
	if (!config->mountpoint[0])
		return why_set(why, -EINVAL, "no mountpoint: set it in the configuration file");
	if (config->transport == CONFIG_TRANSPORT_IO_URING && !ring_built())
		return why_set(why, -ENOTSUP,
			"transport = io_uring: this secretfs was built without liburing; set "
			"transport = dev");
	int sources = (config->keyfile[0] != '\0') + (config->credential[0] != '\0') +
		      (config->key_command[0] != '\0') + config->passphrase +
		      (config->passphrase_fd >= 0);
	if (sources == 0)
		return why_set(why, -EINVAL,
			"no key: give -o keyfile=FILE, -o passphrase, -o passphrase-fd=N, "
			"-o credential=NAME or -o key_command=CMD");
	if (sources > 1)
		return why_set(why, -EINVAL,
			"set one of keyfile, credential and key_command in the configuration file, "
			"not several");
	return 0;
}

/* Before the environment is cleared. */
static int find_credentials(struct config *config, struct why *why)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (!config->credential[0] || !folder)
		return 0;
	if (strlen(folder) >= sizeof(config->credentials))
		return why_set(why, -EINVAL, "CREDENTIALS_DIRECTORY is too long");
	strcpy(config->credentials, folder);
	return 0;
}

static int find_anchor(uint32_t uid, struct config *config, struct why *why)
{
	if (config->anchor[0])
		return 0;
	config->anchor_default = true;
	int err = config_anchor_default(uid, config->anchor, sizeof(config->anchor));
	return err ? why_set(why, -EINVAL,
			     "cannot tell where the store's anchor is: set HOME, or anchor=FOLDER")
		   : 0;
}

int options_load(int argc, char **argv, uint32_t uid, struct config *ret_config,
	enum options_action *ret_action, struct why *why)
{
	int err;

	/* Once for the action and for mistakes, so that --help works beside a broken file. */
	config_init(ret_config);
	err = options_parse(argc, argv, ret_config, ret_action, why);
	if (err || *ret_action != OPTIONS_RUN)
		return err;
	config_init(ret_config);
	err = config_read_own(ret_config, uid, why);
	if (!err)
		err = options_parse(argc, argv, ret_config, ret_action, why);
	resolve_transport(ret_config);
	if (!err)
		err = options_check(ret_config, why);
	if (!err)
		err = find_credentials(ret_config, why);
	if (!err && (err = config_audit_resolve(ret_config, uid)) < 0)
		why_set(why, err, "cannot tell where the audit log is to be: set audit_file=");
	return err ? err : find_anchor(uid, ret_config, why);
}

/* What a mount is made of. */
static void keep_fixed(struct config *config, const struct config *running)
{
	struct config now = *config;

	*config = *running;
	config->history = now.history;
	config->max_value = now.max_value;
	config->max_keys = now.max_keys;
	config->max_secrets = now.max_secrets;
	config->max_bytes = now.max_bytes;
	config->max_open = now.max_open;
	config->public_mode = now.public_mode;
	config->private_root = now.private_root;
	memcpy(config->deny, now.deny, sizeof(config->deny));
	config->ndeny = now.ndeny;
	config->stop_timeout = now.stop_timeout;
	config->hang_timeout = now.hang_timeout;
	config->resend = now.resend;
	config->kernel_cache = now.kernel_cache;
	config->audit_names = now.audit_names;
	config->audit_rate = now.audit_rate;
	config->debug = now.debug;
}

int options_reload(int argc, char **argv, const struct config *running, struct config *ret_config,
	const char **ret_kept, struct why *why)
{
	enum options_action action;
	int err = 0;

	config_init(ret_config);
	if (running->file[0])
		err = config_read_file(ret_config, running->file, why);
	if (err == -ENOENT)
		why_set(why, err, "%s: is gone", running->file);
	if (!err)
		err = options_parse(argc, argv, ret_config, &action, why);
	if (err)
		return err;
	resolve_transport(ret_config);
	/* Where it cannot tell a place, what is running has one. */
	config_audit_resolve(ret_config, geteuid());
	*ret_kept = NULL;
	if (ret_config->audit != running->audit)
		*ret_kept = "audit";
	else if (strcmp(ret_config->audit_file, running->audit_file) != 0)
		*ret_kept = "audit_file";
	if (strcmp(ret_config->user, running->user) != 0)
		*ret_kept = "user";
	if (ret_config->allow_other != running->allow_other)
		*ret_kept = "allow_other";
	if (ret_config->threads != running->threads)
		*ret_kept = "threads";
	if (ret_config->transport != running->transport)
		*ret_kept = "transport";
	keep_fixed(ret_config, running);
	return 0;
}
