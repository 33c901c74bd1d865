/* SPDX-License-Identifier: MIT */
/* cmd_status: what the daemon says of itself, and in the exit code whether it serves. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "print.h"
#include "secretctl.h"
#include "serving.h"

#define STATUS_SECONDS 5

struct status {
	bool json;
	unsigned seconds;
};

static const struct args_option status_options[] = {
	{.name = "output", .letter = 'o', .takes = true},
	{.name = "timeout", .letter = 't', .hidden = true, .takes = true},
	{0},
};

static int status_args(struct status *status, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == ARGS_WORD)
			return why_set(why, -EINVAL, "takes no arguments; see --help");
		if (r == 't') {
			r = args_count("--timeout", args->value, 3600, &status->seconds, why);
		} else {
			status->json = strcmp(args->value, "json") == 0;
			r = status->json || strcmp(args->value, "text") == 0
				    ? 0
				    : why_set(why, -EINVAL, "--output: text or json");
		}
		if (r < 0)
			return r;
	}
	return r;
}

/* ---- for programs ---- */

static int status_print_json(const struct serving *serving, int err, const struct why *why)
{
	json_t *all = json_object();
	int r = all == NULL;

	r = r || json_object_set_new(all, "serving", json_boolean(err == 0));
	r = r || json_object_set_new(all, "mount",
			 serving->path[0] != '\0' ? json_string(serving->path) : json_null());
	if (err < 0)
		r = r || json_object_set_new(all, "error", json_string(why->text));
	else
		r = r || json_object_update(all, serving->status);
	/* A path that is not UTF-8 is no string of JSON's. */
	r = r || json_dumpf(all, stdout, JSON_ENSURE_ASCII);
	json_decref(all);
	puts("");
	return r ? -EIO : 0;
}

/* ---- for people ---- */

static void status_line(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void status_line(const char *name, const char *format, ...)
{
	va_list args;

	printf("%-11s ", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	puts("");
}

static long long status_number(const json_t *status, const char *name)
{
	return (long long)json_integer_value(json_object_get(status, name));
}

static void status_uptime(long long seconds)
{
	if (seconds >= 86400)
		status_line("up", "%lld d %02lld:%02lld:%02lld", seconds / 86400,
			seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
	else
		status_line("up", "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60,
			seconds % 60);
}

static void status_locked(const json_t *status)
{
	long long refused = status_number(status, "locked_refused");

	status_line("locked", "%lld KiB of %lld KiB%s", status_number(status, "locked_bytes") >> 10,
		status_number(status, "locked_limit") >> 10,
		refused > 0 ? "; it was not enough at times: see secretctl doctor" : "");
}

/* What a newer daemon says besides. */
static void status_others(json_t *status)
{
	static const char *const known[] = {"version", "format", "supervisor", "worker",
		"generation", "uptime", "handles", "locked_bytes", "locked_limit", "locked_refused",
		"operations", "errors", "secrets"};
	const size_t n = sizeof(known) / sizeof(known[0]);
	const char *name;
	json_t *value;

	json_object_foreach(status, name, value)
	{
		size_t i = 0;
		char *text;

		while (i < n && strcmp(known[i], name) != 0)
			i++;
		text = i < n ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		if (text != NULL)
			status_line(name, "%s", text);
		free(text);
	}
}

static void status_print(const struct serving *serving)
{
	json_t *status = serving->status;
	const char *version = json_string_value(json_object_get(status, "version"));
	long long errors = status_number(status, "errors");
	char path[PATH_MAX * 4];

	print_escape(serving->path, path, sizeof(path));
	status_line("mount", "%s", path);
	status_line("serving", "yes");
	status_line("version", "%s, store format %lld", version != NULL ? version : "?",
		status_number(status, "format"));
	status_line("supervisor", "%lld", status_number(status, "supervisor"));
	status_line("worker", "%lld, number %lld since the mount", status_number(status, "worker"),
		status_number(status, "generation"));
	status_uptime(status_number(status, "uptime"));
	status_line("secrets", "%lld", status_number(status, "secrets"));
	status_line("open", "%lld values", status_number(status, "handles"));
	status_locked(status);
	status_line("requests", "%lld, %lld refused for damage, a full disk or a limit%s",
		status_number(status, "operations"), errors,
		errors > 0 ? ": the daemon's log says more" : "");
	status_others(status);
}

static int status_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = status_options, .help = cmd_status.help};
	struct status status = {.seconds = STATUS_SECONDS};
	AUTO_SERVING serving = {0};
	struct why why;
	int r = status_args(&status, &args, &why), printed = 0;

	if (r < 0)
		return ctl_fail(ctl, r, &why);
	r = serving_ask(ctl->mount, status.seconds, &serving, &why);
	if (status.json)
		printed = status_print_json(&serving, r, &why);
	else if (r == 0)
		status_print(&serving);
	if (r < 0)
		return ctl_fail(ctl, r, &why);
	if (printed < 0) {
		why_set(&why, printed, "the status cannot be written as JSON");
		ctl_fail(ctl, printed, &why);
	}
	return printed;
}

const struct verb cmd_status = {
	.name = "status",
	.summary = "does the daemon serve, and how is it?",
	.help = "usage: secretctl status [-o text|json] [--timeout SECONDS]\n"
		"\n"
		"Asks the daemon behind the tree how it is. Exits 0 if it serves, 3 if nothing is "
		"mounted,\n"
		"1 if nobody answers.\n"
		"\n"
		"  -o, --output text|json\n"
		"      --timeout SECONDS   how long to wait for an answer; 5 by default\n",
	.run = status_run,
};
