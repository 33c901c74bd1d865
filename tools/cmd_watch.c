/* SPDX-License-Identifier: MIT */
/*
 * cmd_watch: runs a program at each change of a secret.
 *
 * Events only say when to look. What counts is which secret the name leads to, and its version:
 * both are compared with what they were when the program last started. So nothing runs without a
 * change, and all that happens while it runs makes it run once more.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "args.h"
#include "attr.h"
#include "child.h"
#include "fd.h"
#include "log.h"
#include "notice.h"
#include "owner.h"
#include "secretctl.h"
#include "tree.h"
#include "variables.h"

#define WATCH_SETTLE 50   /* ms without events, so that a burst is one change */
#define WATCH_BURST  20   /* ... but who changes it all the time is not waited for */
#define WATCH_LOOK   1000 /* ms between looks while somebody may commit by fsync(2) */
#define WATCH_LOOKS  10   /* of them after the last write */

struct watch_state {
	bool there;
	struct tree_name name; /* with its namespace */
	char id[ATTR_TEXT];
	char version[ATTR_TEXT];
};

struct watch {
	struct ctl *ctl;
	struct tree_name name; /* as it was asked for */
	char **program;
	struct watch_state seen; /* when the program last started, or when there was no secret */
	struct notice notice;
	struct child child;
	char *mount;
	bool look;
	int burst; /* rounds with events since look was set */
	int looks;
};

static const struct args_option watch_options[] = {{0}};

static int watch_args(struct watch *watch, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (watch->name.name[0] != '\0') {
			watch->program = args->argv + args->at - 1;
			return 0;
		}
		r = tree_name_parse(&watch->name, args->value, why);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : why_set(why, -EINVAL, "which NAME and which program? see --help");
}

/* ---- looking ---- */

/* The watch is set before the version is read: what comes later is an event. -ENOENT: removed. */
static int watch_find(
	struct watch *watch, const struct tree *tree, struct watch_state *state, struct why *why)
{
	AUTO_FD dir = -1;
	int r = tree_find(tree, &state->name, &dir, why);

	if (r < 0)
		return r;
	r = notice_secret(&watch->notice, dir);
	if (r == 0)
		r = attr_get(dir, "id", state->id);
	if (r == 0)
		r = attr_get(dir, "version", state->version);
	return r < 0 ? tree_why(why, r, state->name.text) : 0;
}

/* Nothing of the tree stays open behind it, so that it can be unmounted. */
static int watch_look(struct watch *watch, struct watch_state *ret_state, struct why *why)
{
	AUTO_TREE tree = TREE_INIT;
	struct watch_state state = {.name = watch->name};
	int r = tree_open(&tree, watch->mount, why);

	if (r < 0)
		return r;
	r = watch_find(watch, &tree, &state, why);
	state.there = r == 0;
	if (r == -ENOENT || r == -ESTALE)
		r = notice_secret(&watch->notice, -1);
	if (r == 0)
		*ret_state = state;
	return r;
}

/* No value is read, but the program may well do that. */
static int watch_whose(const struct tree *tree, const struct tree_name *name, struct why *why)
{
	struct tree_name found = *name;
	AUTO_FD dir = -1;
	int r = tree_find(tree, &found, &dir, why);

	return r < 0 ? r : owner_check_use(&found, dir, false, why);
}

/* The first look, where the secret must be there; the namespaces are watched from now on. */
static int watch_start(struct watch *watch, struct why *why)
{
	AUTO_TREE tree = TREE_INIT;
	int r = tree_open(&tree, watch->ctl->mount, why);

	if (r < 0)
		return r;
	watch->mount = realpath(tree.path, NULL);
	if (watch->mount == NULL)
		return tree_why(why, -errno, tree.path);
	r = notice_open(&watch->notice, &tree, &watch->name, why);
	watch->seen = (struct watch_state){.name = watch->name};
	if (r == 0)
		r = watch_whose(&tree, &watch->name, why);
	if (r == 0)
		r = watch_find(watch, &tree, &watch->seen, why);
	watch->seen.there = r == 0;
	return r;
}

/* ---- running ---- */

static int watch_variables(
	const struct watch *watch, const struct watch_state *state, struct variables *vars)
{
	char path[PATH_MAX + NAME_MAX_BYTES + 32];
	const char *const pairs[][2] = {{"SECRETFS_NAME", state->name.text},
		{"SECRETFS_PATH", path}, {"SECRETFS_MOUNT", watch->mount},
		{"SECRETFS_VERSION", state->version},
		{"SECRETFS_EVENT", watch->seen.there ? "changed" : "created"}};
	int r = variables_init(vars, environ);

	snprintf(path, sizeof(path), "%s/%s", watch->mount, state->name.text);
	for (size_t i = 0; r == 0 && i < sizeof(pairs) / sizeof(pairs[0]); i++)
		r = variables_set(
			vars, pairs[i][0], strlen(pairs[i][0]), pairs[i][1], strlen(pairs[i][1]));
	return r;
}

/* The environment stays ours: the next run starts from the same one. */
static int watch_run(struct watch *watch, const struct watch_state *state, struct why *why)
{
	AUTO_VARIABLES vars = {0};
	char **own = environ;
	int r = watch_variables(watch, state, &vars);

	if (r < 0)
		return why_set(why, r, "out of memory");
	r = child_start(&watch->child, watch->program, vars.list, -1, -1, why);
	environ = own;
	return r;
}

static bool watch_same(const struct watch_state *a, const struct watch_state *b)
{
	return a->there == b->there &&
	       (!a->there || (a->name.ns == b->name.ns && strcmp(a->id, b->id) == 0 &&
				     strcmp(a->version, b->version) == 0));
}

/* Looks, and starts the program if something has changed. */
static int watch_check(struct watch *watch, struct why *why)
{
	struct watch_state state;
	int r = watch_look(watch, &state, why);

	watch->look = false;
	watch->burst = 0;
	if (r < 0 || watch_same(&watch->seen, &state))
		return r;
	watch->looks = 0;
	if (state.there)
		r = watch_run(watch, &state, why);
	else
		log_warn("%s: %s was removed; waiting for it to come back", watch->ctl->verb,
			watch->seen.name.text);
	watch->seen = state;
	return r;
}

/* ---- waiting ---- */

static void watch_ended(const struct watch *watch)
{
	int status = watch->child.status;

	if (WIFSIGNALED(status))
		log_warn("%s: %.300s was ended by signal %d", watch->ctl->verb, watch->program[0],
			WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		log_warn("%s: %.300s ended with %d", watch->ctl->verb, watch->program[0],
			WEXITSTATUS(status));
}

static int watch_timeout(const struct watch *watch)
{
	if (watch->child.pid > 0)
		return -1;
	if (watch->look)
		return WATCH_SETTLE;
	return watch->looks > 0 ? WATCH_LOOK : -1;
}

static void watch_signals(struct watch *watch)
{
	pid_t before = watch->child.pid;
	bool resized;

	child_read_signals(&watch->child, &resized);
	if (resized)
		child_resized(&watch->child);
	if (before > 0 && watch->child.pid == 0) {
		watch_ended(watch);
		watch->look = true;
	}
}

static int watch_news(struct watch *watch, struct why *why)
{
	struct notice_news news;
	int r = notice_read(&watch->notice, &news);

	if (r < 0)
		return why_set(why, r, "cannot watch: %s", strerror(-r));
	if (news.unmount)
		return why_set(why, -ENOTCONN, "%s: the tree was unmounted", watch->mount);
	watch->look = watch->look || news.any;
	if (news.open)
		watch->looks = WATCH_LOOKS;
	return 0;
}

/* One round. 0: go on. */
static int watch_round(struct watch *watch, struct why *why)
{
	struct pollfd polls[] = {{.fd = watch->child.fd, .events = POLLIN},
		{.fd = watch->notice.fd, .events = POLLIN}};
	int n = poll(polls, 2, watch_timeout(watch)), r;

	if (n < 0 && errno != EINTR)
		return why_set(why, -errno, "cannot wait: %s", strerror(errno));
	watch_signals(watch);
	r = watch_news(watch, why);
	if (r < 0 || watch->child.ended != 0 || watch->child.pid > 0)
		return r;
	if (n != 0 && ++watch->burst < WATCH_BURST)
		return 0;
	if (!watch->look && watch->looks > 0)
		watch->looks--;
	return watch_check(watch, why);
}

/* Whatever ends us, a program that runs is waited for. */
static void watch_finish(struct watch *watch)
{
	while (watch->child.pid > 0) {
		struct pollfd poll_signals = {.fd = watch->child.fd, .events = POLLIN};

		poll(&poll_signals, 1, -1);
		watch_signals(watch);
	}
}

static int watch_all(struct watch *watch, struct why *why)
{
	int r = child_signals(&watch->child, why);

	if (r == 0)
		r = watch_start(watch, why);
	while (r == 0 && watch->child.ended == 0)
		r = watch_round(watch, why);
	watch_finish(watch);
	return r;
}

static int watch_run_verb(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = watch_options, .help = cmd_watch.help};
	struct watch watch = {.ctl = ctl, .notice = NOTICE_INIT, .child = CHILD_INIT};
	struct why why;
	int r = watch_args(&watch, &args, &why), ended;

	if (r == 0)
		r = watch_all(&watch, &why);
	ended = watch.child.ended;
	notice_close(&watch.notice);
	child_close(&watch.child);
	free(watch.mount);
	if (r != 0)
		return ctl_fail(ctl, r, &why);
	child_die_of(ended);
	return 128 + ended;
}

const struct verb cmd_watch = {
	.name = "watch",
	.summary = "run a program at each change of a secret",
	.help = "usage: secretctl watch NAME [--] PROGRAM [ARGUMENT...]\n"
		"\n"
		"Runs PROGRAM each time that a value or a key of the secret has changed, or that "
		"the\n"
		"secret has come back. It never runs twice at once; what changes meanwhile makes "
		"it "
		"run\n"
		"once more. Ends with a signal. PROGRAM finds SECRETFS_NAME, SECRETFS_PATH,\n"
		"SECRETFS_VERSION, SECRETFS_EVENT (changed, created) and SECRETFS_MOUNT in its\n"
		"environment, and no value.\n",
	.secrets = true,
	.run = watch_run_verb,
};
