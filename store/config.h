/* SPDX-License-Identifier: MIT */
/*
 * config: every setting of the daemon, from secretfs.conf (inih), from -o words and from the
 * command line.
 *
 * One table in config.c names all settings, their kinds and limits; the file, -o and the text that
 * the supervisor hands to a worker go through the same setter.
 */
#ifndef STORE_CONFIG_H
#define STORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

#define CONFIG_PATH    4096
#define CONFIG_DENY    16
#define CONFIG_COMMAND 1024
#define CONFIG_TEXT    (8 * CONFIG_PATH) /* config_write_text never needs more */

enum config_unset { CONFIG_AUTO = -1 };

/* In the order of their words in config.c. */
enum config_audit { CONFIG_AUDIT_REQUIRED, CONFIG_AUDIT_BEST_EFFORT, CONFIG_AUDIT_OFF };
enum config_audit_names { CONFIG_AUDIT_NAME, CONFIG_AUDIT_ID };
enum config_transport { CONFIG_TRANSPORT_DEV, CONFIG_TRANSPORT_IO_URING, CONFIG_TRANSPORT_AUTO };

struct config_range {
	uint32_t first;
	uint32_t last;
};

struct config {
	char store[CONFIG_PATH];      /* store = PATH, absolute once loaded */
	char mountpoint[CONFIG_PATH]; /* mountpoint = PATH */
	char keyfile[CONFIG_PATH];    /* keyfile = PATH; empty: not a key file */
	char credential[256];         /* credential = NAME of a systemd credential; empty: none */
	char key_command[CONFIG_COMMAND]; /* key_command = COMMAND, whose output is the key */
	char anchor[CONFIG_PATH]; /* anchor = PATH, a folder; config_anchor_default if empty */
	char user[64];        /* user = NAME, who the worker is when root starts it (secretfs) */
	int allow_other;      /* allow_other = yes|no; CONFIG_AUTO: yes for root, no for others */
	unsigned threads;     /* threads = 1..64 (8) */
	unsigned history;     /* history = 0..1000 versions kept besides the current one (10) */
	uint32_t max_value;   /* max_value = bytes, with k or M; 1 MiB, at most 1 MiB */
	unsigned max_keys;    /* max_keys = 1..1024 (256) */
	unsigned max_secrets; /* max_secrets = secrets that one user may own, 0: any number (10000);
				 not root */
	uint32_t max_bytes;   /* max_bytes = bytes of values that one user may own, 0: any number
				 (256M); not root */
	uint32_t max_open;    /* max_open = bytes of opened values of one user, 0: a quarter of the
				 locked memory (0) */
	uint32_t public_mode; /* public_mode = octal, mode of a secret made public (0755); keys get
				 it & 0666 */
	bool private_root;    /* private_root = yes|no (yes): may uid 0 have a private namespace */
	struct config_range deny[CONFIG_DENY]; /* private_deny = UID or UID-UID, comma separated;
						  added to the built-in ones */
	size_t ndeny;
	unsigned stop_timeout; /* stop_timeout = seconds to wait for open files at SIGTERM (5) */
	unsigned hang_timeout; /* hang_timeout = seconds after which a worker that does not move is
				  replaced, 0: never (60) */
	bool resend; /* resend = yes|no (yes): may the kernel be asked to send unanswered requests
			again */
	bool kernel_cache; /* kernel_cache = yes|no (no): may the kernel keep values in its page
			    * cache
			    */
	bool debug;        /* debug = yes|no */
	int audit; /* audit = required|best-effort|off; CONFIG_AUTO: required for root and where
		      audit_file is set, else off */
	char audit_file[CONFIG_PATH]; /* audit_file = PATH; empty until config_audit_resolve */
	int audit_names;              /* audit_names = name|id (name) */
	unsigned audit_rate; /* audit_rate = lines a second of one user before he is delayed, 0:
				any number (200) */
	int transport;       /* transport = dev|io_uring|auto: how requests come (dev) */
	/* Not in the file: only from the command line or -o. */
	int passphrase_fd;             /* passphrase-fd=N; -1: none */
	bool passphrase;               /* -o passphrase: ask on the terminal */
	bool foreground;               /* -f */
	char credentials[CONFIG_PATH]; /* $CREDENTIALS_DIRECTORY; empty: none */
	char *const *environment; /* what the program was started with, for key_command; NULL: what
				     it has */
	bool accept_rollback;     /* --accept-rollback, for this start alone */
	char file[CONFIG_PATH];   /* the configuration file that was read; empty: none */
	bool anchor_default;      /* anchor is config_anchor_default's: made if it is missing */
};

/* All defaults. */
void config_init(struct config *config);

/*
 * Sets one setting by the name it has in the file ("keyfile", "max_value"; '-' and '_' are the
 * same), as -o NAME=VALUE does. A bare word (value NULL) is "yes" for switches. -EINVAL: unknown
 * name or bad value, with a sentence that names the setting and what is allowed, but not the bad
 * value of a name that is not known.
 */
int config_set(struct config *config, const char *name, const char *value, struct why *why);

/*
 * Reads a file of the form "name = value", '#' or ';' comments on lines of their own, no sections.
 * Unknown and repeated names, sections, lines over 198 bytes, continuation lines, NUL bytes and bad
 * values are refused with file and line; nothing is then changed. What does not fit in a line goes
 * on in further ones: private_deny+ = UID,... and, in quotes, store+ = "REST" (mountpoint+,
 * keyfile+, anchor+, audit_file+, key_command+). The file must be regular, owned by root or the
 * caller and not writable by others: -EPERM. -ENOENT: there is none (no sentence).
 */
int config_read_file(struct config *config, const char *path, struct why *why);

/* The same from memory; label stands for the file in messages. */
int config_read_text(
	struct config *config, const char *text, size_t len, const char *label, struct why *why);

/* Writes all settings that may stand in a file as text that config_read_text reads back.
 * Returns the length (without NUL); -ENOSPC if size is too small (CONFIG_TEXT is enough); -EINVAL
 * if a path is not absolute or has control characters, spaces at its ends or " ;". */
int config_write_text(const struct config *config, char *text, size_t size);

/* Where the file is for this uid: /etc/secretfs/secretfs.conf for 0, else $XDG_CONFIG_HOME (or
 * ~/.config)/secretfs/secretfs.conf. -ENOENT: no home; -ENAMETOOLONG. */
int config_path(uint32_t uid, char *ret_path, size_t size);

/* Reads the file that is there by config_path, and notes it in config->file; none is fine.
 * -ENAMETOOLONG, or what config_read_file returns, with a sentence. */
int config_read_own(struct config *config, uint32_t uid, struct why *why);

/* Where anchors are for this uid if nothing else is set: /var/lib/secretfs-anchor for 0, else
 * $XDG_STATE_HOME (or ~/.local/state)/secretfs/anchor. -ENOENT: no home; -ENAMETOOLONG. */
int config_anchor_default(uint32_t uid, char *ret_path, size_t size);

/*
 * Fills in what the configuration leaves open of the audit log for a daemon of this uid: how strict
 * it is, and its file: /var/log/secretfs/audit.log for 0, else $XDG_STATE_HOME (or
 * ~/.local/state)/secretfs/audit.log. -ENOENT: no home, -ENAMETOOLONG.
 */
int config_audit_resolve(struct config *config, uint32_t uid);

/* May this uid have a private namespace? (design: not nobody, not systemd's dynamic users, not
 * private_deny, root by private_root) */
bool config_private_allowed(const struct config *config, uint32_t uid);

#endif
