# SPDX-License-Identifier: MIT
# status: does the daemon serve?

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
}

teardown() {
	[ -z "${STOPPED:-}" ] || kill -CONT $STOPPED 2>/dev/null || true
	finish
}

# field NAME: of the JSON that was printed.
field() {
	"$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1])).get(sys.argv[2]))' "$SFS/out" "$1"
}

@test "a daemon that serves" {
	ctl 0 create db --k=1
	ctl 0 status
	grep -qx "mount  *$MNT" "$SFS/out"
	grep -qx "serving  *yes" "$SFS/out"
	grep -qx "supervisor  *$(supervisor_pid)" "$SFS/out"
	grep -qx "worker  *$(worker_pid), number 1 since the mount" "$SFS/out"
	grep -qx "secrets  *1" "$SFS/out"
	grep -qxE "up +0:0[0-9]:[0-9][0-9]" "$SFS/out"
	err ""
	ctl_as $ALICE 0 status -o json
	same "True $MNT 2 $(worker_pid) 1 None" \
		"$(field serving) $(field mount) $(field format) $(field worker) $(field secrets) $(field error)"
	same 1 "$(wc -l <"$SFS/out")"
}

@test "nothing is mounted" {
	ctl 3 -m "$SFS" status
	out ""
	err_has "no secretfs is mounted there"
	ctl 3 -m "$SFS" status -o json
	same "False None" "$(field serving) $(field mount)"
	[[ $(field error) == *"no secretfs is mounted there"* ]]
}

@test "nobody is left to answer" {
	WORKER_MAY_DIE=yes
	kill_all
	eventually 5 no_processes
	ctl 1 status
	out ""
	err_has "start secretfs again"
	ctl 1 status -o json
	same "False" "$(field serving)"
}

@test "a mount that hangs" {
	WORKER_MAY_DIE=yes
	STOPPED="$(supervisor_pid) $(worker_pid)"
	kill -STOP $STOPPED
	# shellcheck disable=SC2086 # two
	eventually 10 all_stopped $STOPPED
	ctl 1 status --timeout 1
	out ""
	err_has "does not answer in 1 seconds"
	kill -CONT $STOPPED
	ctl 0 status
}

@test "bad input and help" {
	ctl 2 status db
	ctl 2 status -o yaml
	ctl 2 status --timeout 0
	ctl 2 status --timeout 5s
	ctl 0 status --help
	grep -q '^usage: secretctl status' "$SFS/out"
}
