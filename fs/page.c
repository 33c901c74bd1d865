/* SPDX-License-Identifier: MIT */
/* page: owns how a page of secrets is made, sealed, mapped and locked. */
#include "page.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fd.h"

/* Pages that the kernel itself cannot read by accident. Off unless asked for at boot before
 * Linux 6.5. */
static int make_secret(void)
{
#ifdef SYS_memfd_secret
	return (int)syscall(SYS_memfd_secret, O_CLOEXEC);
#else
	errno = ENOSYS;
	return -1;
#endif
}

void *page_map(int fd, int protection)
{
	void *page = mmap(NULL, PAGE_BYTES, protection, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED)
		return NULL;
	madvise(page, PAGE_BYTES, MADV_DONTFORK);
	madvise(page, PAGE_BYTES, MADV_DONTDUMP);
	return page;
}

void *page_map_locked(int fd, int protection)
{
	void *page = page_map(fd, protection);

	/* memfd_secret is locked by itself, and says EPERM or ENOMEM to some who ask. */
	if (page && mlock(page, PAGE_BYTES) < 0 && errno != EPERM && errno != ENOMEM &&
		errno != EAGAIN) {
		int err = errno;

		munmap(page, PAGE_BYTES);
		errno = err;
		return NULL;
	}
	return page;
}

static int fill_secret(int fd, int (*fill)(void *page, const void *arg), const void *arg)
{
	void *page;

	if (ftruncate(fd, PAGE_BYTES) < 0)
		return -errno;
	page = page_map(fd, PROT_READ | PROT_WRITE);
	if (!page)
		return -errno;
	int err = fill(page, arg);
	munmap(page, PAGE_BYTES); /* the descriptor keeps it; its pages never go to swap */
	return err;
}

/*
 * An ordinary memfd: our own locked mapping stays for as long as we live, or the page could be
 * swapped between two workers. Sealed against future writing instead of writing: kernels before 6.7
 * refuse shared maps of the latter even for reading.
 */
static int fill_ordinary(
	int fd, bool frozen, int (*fill)(void *page, const void *arg), const void *arg)
{
	const int seals =
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | (frozen ? F_SEAL_FUTURE_WRITE : 0);
	void *page;
	void *kept;
	int err = 0;

	if (ftruncate(fd, PAGE_BYTES) < 0)
		return -errno;
	page = page_map(fd, PROT_READ | PROT_WRITE);
	kept = page_map(fd, PROT_READ);
	if (!page || !kept || mlock(page, PAGE_BYTES) < 0 || mlock(kept, PAGE_BYTES) < 0)
		err = -ENOMEM;
	else
		err = fill(page, arg);
	if (page)
		munmap(page, PAGE_BYTES);
	if (!err && fcntl(fd, F_ADD_SEALS, seals) < 0)
		err = -errno;
	if (err && kept)
		munmap(kept, PAGE_BYTES);
	return err;
}

int page_make(
	const char *name, bool frozen, int (*fill)(void *page, const void *arg), const void *arg)
{
	AUTO_FD secret = make_secret();
	int err;

	if (secret >= 0 && fill_secret(secret, fill, arg) == 0)
		return fd_take(&secret);

	AUTO_FD plain = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	err = plain < 0 ? -errno : fill_ordinary(plain, frozen, fill, arg);
	return err ? err : fd_take(&plain);
}
