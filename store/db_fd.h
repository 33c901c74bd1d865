/* SPDX-License-Identifier: MIT */
/* db_fd: a database in a file that is already open. For db.c alone. */
#ifndef STORE_DB_FD_H
#define STORE_DB_FD_H

#define DB_FD_VFS "secretfs-fd"

/* Makes the VFS known, once. A name that is opened with it is the number of a descriptor. */
int db_fd_register(void);

#endif
