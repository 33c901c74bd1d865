# SPDX-License-Identifier: MIT
# table: every system call on every kind of node, as four users, beside cases.txt.

setup() {
	load ../helpers
	make_store
	start_daemon
}

teardown() {
	finish
}

@test "every call answers what cases.txt says, and what was refused changed nothing" {
	"$PYTHON" "$TESTS/posix/table.py" "$MNT"
}
