/* SPDX-License-Identifier: MIT */
/* progress: a bar on standard error while long work goes on. */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_PAUSE 100 /* ms until the first one, and between two */
#define PROGRESS_BAR   40  /* columns of the bar at most */

static int64_t progress_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

void progress_start(struct progress *progress, const char *what, size_t total)
{
	const char *term = getenv("TERM");

	*progress = (struct progress){.what = what, .total = total};
	progress->terminal =
		total > 1 && isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
	progress->next = progress_now() + PROGRESS_PAUSE;
}

static size_t progress_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

/* "exporting [####------]  40% 4000/10000", without the bar where it does not fit. */
static void progress_draw(const struct progress *progress)
{
	char line[256], bar[PROGRESS_BAR + 3] = "";
	size_t columns = progress_columns(), percent = progress->done * 100 / progress->total;
	size_t room, width;

	snprintf(line, sizeof(line), "%s  %3zu%% %zu/%zu", progress->what, percent, progress->done,
		progress->total);
	room = strlen(line) + 4 < columns ? columns - strlen(line) - 4 : 0;
	width = room < PROGRESS_BAR ? room : PROGRESS_BAR;
	if (width >= 5) {
		memset(bar, '-', width + 2);
		memset(bar + 1, '#', width * progress->done / progress->total);
		bar[0] = '[';
		bar[width + 1] = ']';
		bar[width + 2] = '\0';
	}
	snprintf(line, sizeof(line), "%s %s %3zu%% %zu/%zu", progress->what, bar, percent,
		progress->done, progress->total);
	/* One column stays free, so that no terminal begins a new line. */
	dprintf(STDERR_FILENO, "\r\033[K%.*s", (int)(columns - 1), line);
}

void progress_step(struct progress *progress)
{
	int64_t now;

	progress->done++;
	if (!progress->terminal || progress->done > progress->total)
		return;
	now = progress_now();
	if (now < progress->next)
		return;
	progress->next = now + PROGRESS_PAUSE;
	progress->drawn = true;
	progress_draw(progress);
}

void progress_hide(struct progress *progress)
{
	if (progress->drawn)
		dprintf(STDERR_FILENO, "\r\033[K");
	progress->drawn = false;
}
