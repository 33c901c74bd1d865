/* SPDX-License-Identifier: MIT */
/* cmd_doctor: is everything that secretfs needs as it should be, and what to do where it is not? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "checks.h"
#include "print.h"
#include "secretctl.h"

static const struct args_option doctor_options[] = {
	{.name = "output", .letter = 'o', .takes = true},
	{0},
};

static int doctor_args(bool *ret_json, struct args *args, struct why *why)
{
	int r;

	while ((r = args_next(args, why)) > 0) {
		if (r == ARGS_WORD)
			return why_set(why, -EINVAL, "takes no arguments; see --help");
		*ret_json = strcmp(args->value, "json") == 0;
		if (!*ret_json && strcmp(args->value, "text") != 0)
			return why_set(why, -EINVAL, "--output: text or json");
	}
	return r;
}

static void doctor_print(const struct checks_finding *f)
{
	static const char *const words[] = {"ok", "note", "BAD"};
	static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
	bool colour = print_colours(stdout);
	char text[4 * sizeof(f->text)];

	print_escape(f->text, text, sizeof(text));
	printf("%s%-4s%s  %s: %s\n", colour ? colours[f->state] : "", words[f->state],
		colour ? "\033[0m" : "", f->what, text);
	if (f->help[0] != '\0')
		printf("      -> %s\n", f->help);
}

static void doctor_print_json(const struct checks_finding *f, bool first)
{
	static const char *const words[] = {"ok", "note", "bad"};

	printf("%s{\"state\": \"%s\", \"what\": \"%s\", \"text\": ", first ? "[\n  " : ",\n  ",
		words[f->state], f->what);
	print_json_string(f->text);
	fputs(", \"help\": ", stdout);
	if (f->help[0] != '\0')
		print_json_string(f->help);
	else
		fputs("null", stdout);
	fputc('}', stdout);
}

static void doctor_look(struct checks *checks)
{
	checks_settings(checks);
	checks_mount(checks);
	checks_daemon(checks);
	checks_store(checks);
	checks_key(checks);
	checks_fuse(checks);
	checks_memory(checks);
	checks_kernel(checks);
}

/* How many are bad. */
static size_t doctor_show(const struct checks *checks, bool json)
{
	size_t bad = 0;

	for (size_t i = 0; i < checks->n; i++) {
		if (json)
			doctor_print_json(&checks->findings[i], i == 0);
		else
			doctor_print(&checks->findings[i]);
		bad += checks->findings[i].state == CHECKS_BAD;
	}
	if (json)
		puts("\n]");
	return bad;
}

static int doctor_run(struct ctl *ctl, int argc, char **argv)
{
	struct args args = {
		.argc = argc, .argv = argv, .options = doctor_options, .help = cmd_doctor.help};
	struct checks *checks = NULL;
	struct why why;
	bool json = false;
	size_t bad;
	int r = doctor_args(&json, &args, &why);

	if (r == 0) {
		checks = checks_new(ctl->mount);
		if (checks == NULL)
			r = why_set(&why, -ENOMEM, "out of memory");
	}
	if (r == 0) {
		doctor_look(checks);
		bad = doctor_show(checks, json);
		if (checks->out_of_memory)
			r = why_set(&why, -ENOMEM, "out of memory: not everything was looked at");
		else if (bad > 0)
			r = why_set(&why, -ENOTRECOVERABLE, "%zu of %zu findings are bad", bad,
				checks->n);
	}
	checks_free(checks);
	return r < 0 ? ctl_fail(ctl, r, &why) : 0;
}

const struct verb cmd_doctor = {
	.name = "doctor",
	.summary = "look for what is wrong, and say what to do about it",
	.help = "usage: secretctl doctor [-o text|json]\n"
		"\n"
		"Looks at the settings, the mount, the daemon, the store and the key as far as you "
		"may "
		"see\n"
		"them, /dev/fuse, fuse.conf, locked memory and the kernel. Each finding is ok, a "
		"note "
		"(works,\n"
		"but you may want to know) or BAD, with what to do about it. Exits 0 if none is "
		"BAD.\n"
		"\n"
		"  -o, --output text|json\n",
	.run = doctor_run,
};
