/* SPDX-License-Identifier: MIT */
/*
 * boot: what the supervisor hands to a worker over exec: descriptors with fixed numbers and one
 * record.
 *
 *     0 1               /dev/null
 *     2                 BOOT_LOG_FD once more, for what libraries say before they give up
 *     BOOT_FUSE_FD      /dev/fuse, the mounted connection
 *     BOOT_KEYS_FD      memfd (sealed, locked where mapped) or memfd_secret: struct keyslot_keys
 *     BOOT_STATE_FD     sealed memfd: struct boot_state, then the settings (config_write_text)
 *     BOOT_REPORT_FD    pipe to the supervisor: one byte BOOT_READY when the worker serves; or,
 *                       before it, BOOT_FAILED, exit code u8, and a sentence up to its end;
 *                       before either, BOOT_BUSY now and then while it does what takes long
 *     BOOT_SLOTS_FD     sealed memfd: the requests in flight (slots.h)
 *     BOOT_OPENINGS_FD  memfd: what is open (openings.h)
 *     BOOT_AUDIT_FD     memfd or memfd_secret: struct audit_page
 *     BOOT_HANDOVER_FD  socket to the supervisor: making room for another worker (handover.h)
 *     BOOT_LOG_FD       pipe to the supervisor, which does not block: lines of the log (lines.h)
 *
 * The worker is this same program with argv {"secretfs", "--worker", NULL}.
 */
#ifndef FS_BOOT_H
#define FS_BOOT_H

#include <linux/fuse.h>
#include <stdint.h>

#include "config.h"
#include "keyslot.h"

#define BOOT_FUSE_FD     3
#define BOOT_KEYS_FD     4
#define BOOT_STATE_FD    5
#define BOOT_REPORT_FD   6
#define BOOT_SLOTS_FD    7
#define BOOT_OPENINGS_FD 8
#define BOOT_AUDIT_FD    9
#define BOOT_HANDOVER_FD 10
#define BOOT_LOG_FD      11
#define BOOT_LAST_FD     BOOT_LOG_FD

#define BOOT_MAGIC 0x73667331u
/* Not in every <linux/fuse.h>: Linux 6.9 can be asked to send again what was read and not answered.
 */
#define BOOT_HAS_RESEND    (1ull << 39)
#define BOOT_NOTIFY_RESEND 7

#define BOOT_READY  'R'
#define BOOT_FAILED 'F'
#define BOOT_BUSY   'B'

/* The largest reply that the supervisor agrees to in FUSE_INIT; the slots depend on it. */
#define BOOT_MAX_WRITE (128u << 10)

struct boot_state {
	uint32_t magic;
	uint32_t size;       /* sizeof(struct boot_state) */
	uint32_t generation; /* 1 for the first worker of a mount, one more for each; 12 bits count
			      */
	uint32_t owner;      /* uid that the mount belongs to (who started the daemon) */
	uint32_t group;
	uint32_t worker_uid; /* who the worker becomes; the caller itself for a plain user */
	uint32_t worker_gid;
	uint32_t supervisor_pid;
	uint32_t accept_rollback; /* 1: this worker may serve a store older than its anchor */
	int64_t mounted_at;       /* CLOCK_REALTIME seconds */
	uint64_t mount_id;        /* random: tells this mount's requests from those of another */
	uint32_t blame;    /* what the requests are charged that the last worker was serving when it
			      died */
	uint32_t init_len; /* bytes of init_request */
	uint32_t reply_len;        /* bytes of init_reply */
	uint8_t init_request[256]; /* fuse_in_header + fuse_init_in as read */
	uint8_t init_reply[128];   /* fuse_init_out as answered */
	uint32_t config_len;       /* bytes of text that follow */
};

/* Makes the sealed memfd from state (config_len is filled in) and config. Returns a descriptor or
 * -errno. */
int boot_state_write(const struct boot_state *state, const struct config *config);

/* Reads and checks it in the worker. -EPROTO: not ours, -errno. */
int boot_state_read(
	int fd, struct boot_state *ret_state, struct config *ret_config, struct why *why);

#endif
