# SPDX-License-Identifier: MIT
# stress: users and root at once; SECRETFS_LONG seconds, or 20.

setup() {
	load ../helpers
	make_store
	start_daemon
	chmod 1777 "$PUB"
}

teardown() {
	finish
}

@test "nobody sees what is another's, or a torn value" {
	"$SECRETFS_BUILD/tests/bin/stress" --seconds "${SECRETFS_LONG:-20}" "$MNT"
}
