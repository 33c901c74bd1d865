/* SPDX-License-Identifier: MIT */
/* meter: one line on standard error that says how far long work has come. */
#include "meter.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define QUIET_MS 1000
#define EVERY_MS 100
#define WIDTH    30

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void meter_begin(struct meter *meter, const char *what)
{
	*meter = (struct meter){.what = what, .began = now_ms(), .on = isatty(STDERR_FILENO) == 1};
}

static void meter_draw(const struct meter *meter, uint64_t done, uint64_t total)
{
	char bar[WIDTH + 1];
	uint64_t percent = total ? done * 100 / total : 100;

	if (percent > 100)
		percent = 100;
	for (unsigned i = 0; i < WIDTH; i++)
		bar[i] = i < percent * WIDTH / 100 ? '#' : '.';
	bar[WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %3llu%%", meter->what, bar, (unsigned long long)percent);
	fflush(stderr);
}

void meter_tell(struct meter *meter, uint64_t done, uint64_t total)
{
	int64_t now;

	if (!meter->on)
		return;
	now = now_ms();
	if (now - meter->began < QUIET_MS || (meter->drawn && now - meter->drawn < EVERY_MS))
		return;
	meter->drawn = now;
	meter_draw(meter, done, total);
}

void meter_end(struct meter *meter)
{
	if (!meter->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	meter->drawn = 0;
}
