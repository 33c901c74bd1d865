// SPDX-License-Identifier: MIT
/* boot: owns the record that goes from the supervisor to a worker in a sealed memfd. */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fd.h"

/* Nobody, not even the supervisor, changes a record once a worker may have mapped or read it. */
#define BOOT_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int write_all(int fd, const void *bytes, size_t len)
{
	const char *p = bytes;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_at(int fd, void *ret_bytes, size_t len, off_t at)
{
	ssize_t n = pread(fd, ret_bytes, len, at);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EPROTO;
}

int boot_state_write(const struct boot_state *state, const struct config *config)
{
	char text[CONFIG_TEXT];
	struct boot_state record = *state;
	int len = config_write_text(config, text, sizeof(text));
	int err;

	if (len < 0)
		return len;
	record.magic = BOOT_MAGIC;
	record.size = sizeof(record);
	record.config_len = (uint32_t)len;

	AUTO_FD fd = memfd_create("secretfs-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	err = write_all(fd, &record, sizeof(record));
	if (!err)
		err = write_all(fd, text, (size_t)len);
	if (err)
		return err;
	if (fcntl(fd, F_ADD_SEALS, BOOT_SEALS) < 0)
		return -errno;
	return fd_take(&fd);
}

static bool plausible(const struct boot_state *state, off_t file_size)
{
	return state->magic == BOOT_MAGIC && state->size == sizeof(*state) &&
	       state->init_len <= sizeof(state->init_request) &&
	       state->reply_len <= sizeof(state->init_reply) && state->config_len <= CONFIG_TEXT &&
	       file_size == (off_t)(sizeof(*state) + state->config_len);
}

int boot_state_read(
	int fd, struct boot_state *ret_state, struct config *ret_config, struct why *why)
{
	char text[CONFIG_TEXT];
	struct boot_state state;
	struct config config;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	int err;

	if (seals < 0 || (seals & BOOT_SEALS) != BOOT_SEALS)
		return why_set(
			why, -EPROTO, "a worker is started by the daemon itself, not by hand");
	if (fstat(fd, &st) < 0)
		return why_set(why, -errno, "cannot read the start record: %s", strerror(errno));
	err = read_at(fd, &state, sizeof(state), 0);
	if (!err && !plausible(&state, st.st_size))
		err = -EPROTO;
	if (!err)
		err = read_at(fd, text, state.config_len, sizeof(state));
	if (err)
		return why_set(why, err,
			"the start record is another version's: stop the daemon and start it "
			"again");
	config_init(&config);
	err = config_read_text(&config, text, state.config_len, "settings of the daemon", why);
	if (err)
		return err;
	*ret_state = state;
	*ret_config = config;
	return 0;
}
