/* SPDX-License-Identifier: MIT */
/* handover: the messages, the memory, and handles in it. */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "handle.h"
#include "secmem.h"

#define HANDOVER_MAGIC 0x73667368u
#define HANDOVER_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)
#define PAGE           4096u

struct head {
	uint32_t magic;
	uint32_t record; /* sizeof(struct handle_carried) */
	uint64_t count;
};

/* ---- messages ---- */

int handover_send(int socket, const struct handover_message *message, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec part = {(void *)(uintptr_t)message, sizeof(*message)};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int take_descriptor(struct msghdr *msg)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
		control->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(control), sizeof(fd));
	return fd;
}

int handover_receive(int socket, struct handover_message *ret_message, int *ret_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {ret_message, sizeof(*ret_message)};
	struct msghdr msg = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n;

	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	AUTO_FD fd = take_descriptor(&msg);
	if (n == 0)
		return -EPIPE;
	if ((size_t)n != sizeof(*ret_message))
		return -EPROTO;
	ret_message->text[sizeof(ret_message->text) - 1] = '\0';
	*ret_fd = fd_take(&fd);
	return 0;
}

/* ---- memory ---- */

int handover_memory_make(size_t size, struct handover_memory *ret_memory)
{
	AUTO_FD fd = memfd_create("secretfs-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, HANDOVER_SEALS) < 0)
		return -errno;
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	if (mlock(bytes, size) < 0 || madvise(bytes, size, MADV_DONTDUMP) < 0) {
		int r = -errno;
		munmap(bytes, size);
		return r;
	}
	*ret_memory = (struct handover_memory){.fd = fd_take(&fd), .bytes = bytes, .size = size};
	return 0;
}

void handover_memory_free(struct handover_memory *memory)
{
	if (memory->bytes) {
		secmem_wipe(memory->bytes, memory->size);
		munmap(memory->bytes, memory->size);
	}
	fd_close(&memory->fd);
	*memory = HANDOVER_MEMORY_NONE;
}

/* ---- handles ---- */

static size_t padded(size_t len)
{
	return (len + 7) / 8 * 8;
}

static void add_size(struct handle *handle, void *arg)
{
	*(size_t *)arg += sizeof(struct handle_carried) + padded(handle->data.len);
}

size_t handover_size(void)
{
	size_t size = sizeof(struct head);

	handle_each_carried(add_size, &size);
	return (size + PAGE - 1) / PAGE * PAGE;
}

struct save {
	uint8_t *bytes;
	size_t size;
	size_t at;
	uint64_t count;
	int error;
};

static void save_one(struct handle *handle, void *arg)
{
	struct save *save = arg;
	struct handle_carried carried;
	size_t need = sizeof(carried) + padded(handle->data.len);

	if (save->size - save->at < need) {
		save->error = -ENOSPC;
		return;
	}
	handle_describe(handle, &carried);
	memcpy(save->bytes + save->at, &carried, sizeof(carried));
	if (handle->data.len)
		memcpy(save->bytes + save->at + sizeof(carried), handle->data.data,
			handle->data.len);
	save->at += need;
	save->count++;
}

/* The supervisor has locked its pages. */
static int map(int fd, size_t size, void **ret_bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)sizeof(struct head) || (uint64_t)st.st_size < size)
		return -EPROTO;
	*ret_bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*ret_bytes == MAP_FAILED)
		return -errno;
	madvise(*ret_bytes, size, MADV_DONTDUMP);
	return 0;
}

int handover_save(int fd, size_t size)
{
	void *bytes;
	int r = map(fd, size, &bytes);

	if (r < 0)
		return r;
	struct save save = {.bytes = bytes, .size = size, .at = sizeof(struct head)};
	handle_each_carried(save_one, &save);
	if (save.error == 0)
		*(struct head *)bytes =
			(struct head){HANDOVER_MAGIC, sizeof(struct handle_carried), save.count};
	munmap(bytes, size);
	return save.error;
}

static int load_one(const uint8_t *bytes, size_t size, size_t *at)
{
	struct handle_carried carried;
	AUTO_SECBUF data = SECBUF_INIT;

	if (size - *at < sizeof(carried))
		return -EPROTO;
	memcpy(&carried, bytes + *at, sizeof(carried));
	*at += sizeof(carried);
	if (carried.len > size - *at || padded(carried.len) > size - *at)
		return -EPROTO;
	int r = secbuf_alloc(&data, carried.len, carried.uid);
	if (r < 0)
		return r;
	if (carried.len)
		memcpy(data.data, bytes + *at, carried.len);
	data.len = carried.len;
	*at += padded(carried.len);
	return handle_take_over(&carried, &data);
}

static int load_all(const uint8_t *bytes, size_t size)
{
	const struct head *head = (const struct head *)(const void *)bytes;
	size_t at = sizeof(*head);
	int r = 0;

	if (head->magic != HANDOVER_MAGIC || head->record != sizeof(struct handle_carried))
		return -EPROTO;
	for (uint64_t i = 0; i < head->count && r == 0; i++)
		r = load_one(bytes, size, &at);
	return r;
}

int handover_load(int fd, struct why *why)
{
	struct stat st;
	void *bytes;
	int r = fstat(fd, &st) < 0 ? -errno : map(fd, (size_t)st.st_size, &bytes);

	if (r == 0) {
		r = load_all(bytes, (size_t)st.st_size);
		munmap(bytes, (size_t)st.st_size);
	}
	if (r == -EPROTO)
		return why_set(why, r, "what is open was left by another version");
	return r < 0 ? why_set(why, r, "cannot take over what is open: %s", strerror(-r)) : 0;
}
