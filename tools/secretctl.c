/* SPDX-License-Identifier: MIT */
/* secretctl: the table of verbs, the global options and the exit codes. */
#include "secretctl.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "exitcode.h"
#include "log.h"
#include "secmem.h"

static const struct verb *const verbs[] = {
	&cmd_create,
	&cmd_get,
	&cmd_list,
	&cmd_tree,
	&cmd_update,
	&cmd_delete,
	&cmd_rename,
	&cmd_grant,
	&cmd_revoke,
	&cmd_access,
	&cmd_history,
	&cmd_rollback,
	&cmd_diff,
	&cmd_purge,
	&cmd_export,
	&cmd_import,
	&cmd_status,
	&cmd_doctor,
	&cmd_audit_verify,
	&cmd_audit,
	&cmd_check,
	&cmd_register,
	&cmd_inject,
	&cmd_run,
	&cmd_watch,
	&cmd_complete,
	&cmd_store_init,
	&cmd_store_info,
	&cmd_store_key,
	&cmd_store_verify,
	&cmd_store_backup,
	&cmd_store_restore,
	&cmd_store_compact,
	&cmd_store_rotate,
};

#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

const struct verb *ctl_verb(size_t number)
{
	return number < NVERBS ? verbs[number] : NULL;
}

int ctl_fail(const struct ctl *ctl, int err, const struct why *why)
{
	log_err("%s: %s", ctl->verb, why->text);
	return err;
}

void ctl_begin_change(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* In the tree EPERM is a refusal by the kernel; of a store file it says that others could change
 * it. */
static int ctl_exitcode(const struct verb *verb, int err)
{
	if (err > 0)
		return err;
	switch (err) {
	case -EPERM:
		return verb->store ? EXITCODE_UNSAFE : EXITCODE_NOT_PERMITTED;
	case -ESTALE: /* in the tree: what it named has just gone */
		return verb->store ? EXITCODE_ROLLED_BACK : EXITCODE_FAILURE;
	case -ENOTEMPTY:
		return EXITCODE_EXISTS;
	case -ESRMNT:
		return EXITCODE_UNSAFE;
	case -ENOTUNIQ:
	case -ENOTTY:
		return EXITCODE_USAGE;
	default:
		return (int)exitcode_of_store(err);
	}
}

static void ctl_help(FILE *file)
{
	fputs("usage: secretctl [-m DIR] VERB [ARGUMENT...]\n"
	      "       secretctl VERB --help\n"
	      "\n"
	      "  -m DIR      the mounted tree; default: $SECRETFS_MOUNT, else that of "
	      "secretfs.conf,\n"
	      "              else the only one mounted\n"
	      "  --help      this text\n"
	      "  --version   the version\n"
	      "\n",
		file);
	for (size_t i = 0; i < NVERBS; i++) {
		char name[32];

		if (verbs[i]->hidden)
			continue;
		snprintf(name, sizeof(name), "%s%s%s",
			verbs[i]->group != NULL ? verbs[i]->group : "",
			verbs[i]->group != NULL ? " " : "", verbs[i]->name);
		fprintf(file, "  %-13s %s\n", name, verbs[i]->summary);
	}
	fputs("\n"
	      "NAME may be private/NAME or public/NAME in every verb.\n"
	      "Exit codes: 0 done, 1 failed, 2 wrong use, 3 not found, 4 not permitted, 5 exists "
	      "already,\n"
	      "6 references do not resolve, 7 no key opens the store, 8 damaged, 9 another "
	      "format,\n"
	      "10 unsafe permissions, 11 in use, 12 older than its anchor says.\n",
		file);
}

/* Finds the verb at argv[0], and argv[1] for one of a group. Returns how many words it took, 0 for
 * none. */
static int ctl_find(int argc, char **argv, const struct verb **ret_verb)
{
	for (size_t i = 0; i < NVERBS; i++) {
		const struct verb *verb = verbs[i];
		int words = verb->group != NULL ? 2 : 1;

		if (argc < words || strcmp(argv[words - 1], verb->name) != 0)
			continue;
		if (verb->group != NULL && strcmp(argv[0], verb->group) != 0)
			continue;
		*ret_verb = verb;
		return words;
	}
	return 0;
}

/* Global options. Returns how many words they took, or -1 with *ret_code when the program is done.
 */
static int ctl_globals(struct ctl *ctl, int argc, char **argv, int *ret_code)
{
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
			ctl_help(stdout);
			*ret_code = fflush(stdout) == 0 ? EXITCODE_OK : EXITCODE_FAILURE;
			return -1;
		}
		if (strcmp(argv[at], "--version") == 0) {
			*ret_code = puts("secretctl " SECRETFS_VERSION) >= 0 && fflush(stdout) == 0
					    ? EXITCODE_OK
					    : EXITCODE_FAILURE;
			return -1;
		}
		if (strncmp(argv[at], "-m", 2) != 0 || (argv[at][2] == '\0' && at + 1 == argc)) {
			log_err("%.40s: no such option, or its value is missing; see secretctl "
				"--help",
				argv[at]);
			*ret_code = EXITCODE_USAGE;
			return -1;
		}
		ctl->mount = argv[at][2] != '\0' ? argv[at] + 2 : argv[++at];
	}
	return at;
}

static int ctl_run(struct ctl *ctl, const struct verb *verb, int argc, char **argv)
{
	struct why why;
	int r = 0;

	/* No core dump, and no other program of this user that looks into this one. */
	if (verb->secrets && prctl(PR_SET_DUMPABLE, 0) < 0)
		r = -errno;
	if (verb->secrets && r == 0)
		r = secmem_init(0);
	if (r < 0) {
		why_set(&why, r,
			"cannot lock memory for secrets: %s; raise the limit with ulimit -l",
			strerror(-r));
		return ctl_fail(ctl, r, &why);
	}
	r = verb->run(ctl, argc, argv);
	if (fflush(stdout) != 0 && r == 0) {
		r = -errno;
		why_set(&why, r, "standard output: %s", strerror(-r));
		ctl_fail(ctl, r, &why);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct ctl ctl = {0};
	const struct verb *verb;
	char name[64];
	int at, words, code = EXITCODE_OK;

	setlocale(LC_ALL, "");
	log_init("secretctl", false, false);
	at = ctl_globals(&ctl, argc, argv, &code);
	if (at < 0)
		return code;
	if (at == argc) {
		ctl_help(stderr);
		return EXITCODE_USAGE;
	}
	words = ctl_find(argc - at, argv + at, &verb);
	if (words == 0) {
		log_err("%.40s: no such verb; see secretctl --help", argv[at]);
		return EXITCODE_USAGE;
	}
	snprintf(name, sizeof(name), "%s%s%s", verb->group != NULL ? verb->group : "",
		verb->group != NULL ? " " : "", verb->name);
	ctl.verb = name;
	return ctl_exitcode(verb, ctl_run(&ctl, verb, argc - at - words, argv + at + words));
}
