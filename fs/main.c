// SPDX-License-Identifier: MIT
/* main: owns the first moments of the process: what it inherits, which role it has, and the
 * launcher that waits for the mount. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot.h"
#include "config.h"
#include "exitcode.h"
#include "log.h"
#include "options.h"
#include "ring.h"
#include "supervisor.h"
#include "worker.h"

#ifdef __SANITIZE_ADDRESS__
/* The leak check attaches to the process, which one without dumps does not allow. */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

static const char *const kept_environment[] = {
	"PATH",
	"LANG",
	"NOTIFY_SOCKET",
	"WATCHDOG_PID",
	"WATCHDOG_USEC",
};

#define KEPT (sizeof(kept_environment) / sizeof(kept_environment[0]))

static int complain(int code, const char *text)
{
	fprintf(stderr, "secretfs: %s\n", text);
	return code;
}

/* A descriptor opened later must never land on 0, 1 or 2, where messages go. */
static int open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static void forbid_dumps(void)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static int clear_environment(struct config *config)
{
	char *values[KEPT];
	int err = 0;

	for (size_t i = 0; i < KEPT; i++) {
		const char *value = getenv(kept_environment[i]);

		values[i] = value ? strdup(value) : NULL;
	}
	/* The array and the texts are the kernel's, below the stack: they outlive this. */
	if (config->key_command[0])
		config->environment = environ;
	if (clearenv() != 0)
		err = -ENOMEM;
	for (size_t i = 0; i < KEPT; i++) {
		if (values[i] && setenv(kept_environment[i], values[i], 1) < 0)
			err = -ENOMEM;
		free(values[i]);
	}
	return err;
}

/* Everything above 2 but keep, which the passphrase comes from (-1: none). */
static void close_inherited(int keep)
{
	if (keep <= 2) {
		close_range(3, ~0u, 0);
		return;
	}
	if (keep > 3)
		close_range(3, (unsigned)keep - 1, 0);
	close_range((unsigned)keep + 1, ~0u, 0);
	fcntl(keep, F_SETFD, FD_CLOEXEC);
}

static int own_path(char *ret_path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", ret_path, size - 1);

	if (n < 0)
		return -errno;
	ret_path[n] = '\0';
	return 0;
}

/* Waits for the word of the daemon that is starting, and passes it on. */
static int wait_for_start(pid_t pid, int fd)
{
	struct supervisor_report report;
	int status = 0;

	supervisor_read_report(fd, &report);
	if (report.kind == BOOT_READY)
		return EXITCODE_OK;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (report.kind == BOOT_FAILED)
		fprintf(stderr, "secretfs: %s\n", report.why.text);
	else if (WIFSIGNALED(status))
		fprintf(stderr,
			"secretfs: the daemon was killed by signal %d before it was ready\n",
			WTERMSIG(status));
	else
		fprintf(stderr, "secretfs: the daemon ended before it was ready\n");
	return report.kind == BOOT_FAILED ? report.code : EXITCODE_FAILURE;
}

/* Runs the supervisor in a child that outlives us only once the mount answers. */
static int launch(const struct config *config, const struct supervisor_command *command)
{
	pid_t launcher = getpid();
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return complain(EXITCODE_FAILURE, "cannot make a pipe");
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		fprintf(stderr, "secretfs: cannot fork: %s\n", strerror(errno));
		return EXITCODE_FAILURE;
	}
	if (pid > 0) {
		close(ends[1]);
		return wait_for_start(pid, ends[0]);
	}
	close(ends[0]);
	prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
	if (getppid() != launcher)
		_exit(EXITCODE_FAILURE);
	return supervisor_run(config, command, ends[1]);
}

static int run(const struct config *config, const struct supervisor_command *command)
{
	int fd = config->passphrase_fd;

	if (fd >= 0 && fcntl(fd, F_GETFD) < 0) {
		fprintf(stderr, "secretfs: passphrase-fd: descriptor %d is not open\n", fd);
		return EXITCODE_USAGE;
	}
	if (config->accept_rollback)
		fputs("secretfs: --accept-rollback: if this is an old copy of the store, what was "
		      "changed since is lost, and what was removed or forbidden since is back\n",
			stderr);
	close_inherited(fd);
	prctl(PR_SET_NAME, "secretfs", 0, 0, 0);
	log_init("secretfs", false, config->debug);
	if (config->foreground)
		return supervisor_run(config, command, -1);
	return launch(config, command);
}

static int act(enum options_action action, const struct config *config,
	const struct supervisor_command *command)
{
	switch (action) {
	case OPTIONS_HELP:
		fputs(options_help, stdout);
		return fflush(stdout) == 0 ? EXITCODE_OK : EXITCODE_FAILURE;
	case OPTIONS_VERSION:
		puts("secretfs " SECRETFS_VERSION);
		puts(ring_built() ? "transports: dev, io_uring" : "transports: dev");
		return fflush(stdout) == 0 ? EXITCODE_OK : EXITCODE_FAILURE;
	case OPTIONS_WORKER:
		return worker_main();
	case OPTIONS_RUN:
		break;
	}
	return run(config, command);
}

int main(int argc, char **argv)
{
	static struct config config;
	static char program[PATH_MAX];
	struct why why = {0};
	enum options_action action;
	int err;

	if (open_standard_fds() < 0)
		return EXITCODE_FAILURE;
	umask(077);
	signal(SIGUSR1, SIG_IGN); /* to all that have nothing to reopen, and to a start half-way */
	if (getauxval(AT_SECURE))
		return complain(EXITCODE_FAILURE, "must not be installed set-user-ID");
	if (own_path(program, sizeof(program)) < 0)
		return complain(EXITCODE_FAILURE, "cannot tell its own path: is /proc mounted?");
	forbid_dumps();
	err = options_load(argc, argv, getuid(), &config, &action, &why);
	if (err < 0)
		return complain((int)exitcode_of_store(err), why.text);
	if (clear_environment(&config) < 0)
		return EXITCODE_FAILURE;
	const struct supervisor_command command = {argc, argv, program};
	return act(action, &config, &command);
}
