# SPDX-License-Identifier: MIT
# exitcodes: the table of exit codes, the same wherever it stands, and each code as it comes about.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	TOP=$TESTS/..
}

teardown() {
	finish
}

codes_of_header() {
	sed -n 's/^\tEXITCODE_[A-Z_]* = \([0-9]*\),$/\1/p' "$TOP/store/exitcode.h"
}

# Of a man page: the tags of the list in its section EXIT STATUS.
codes_of_page() {
	sed -n '/^\.Sh EXIT STATUS/,/^\.El/s/^\.It \([0-9][0-9]*\)$/\1/p' "$TOP/man/$1"
}

codes_of_readme() {
	sed -n 's/^| \([0-9][0-9]*\) | .* |$/\1/p' "$TOP/README.md"
}

codes_of_help() {
	"$SECRETCTL" --help | sed -n '/^Exit codes:/,$p' | tr -d '\n' | sed 's/^Exit codes: *//' | tr ',' '\n' |
		sed -n 's/^ *\([0-9][0-9]*\) .*/\1/p'
}

@test "one table in exitcode.h, secretctl(1), README and --help" {
	local want
	want=$(codes_of_header)
	[ "$(wc -l <<<"$want")" -ge 12 ]
	same "$want" "$(codes_of_page secretctl.1)"
	same "$want" "$(codes_of_readme)"
	same "$want" "$(codes_of_help)"
}

@test "secretfs(8) has no code that the table lacks" {
	local code
	for code in $(codes_of_page secretfs.8); do
		codes_of_header | grep -qx "$code"
	done
}

@test "0 done, 1 another failure, 2 wrong use" {
	ctl 0 create db --k=1
	setfattr -n user.secretfs.expires -v 2001-01-01T00:00:00Z "$PUB/db"
	ctl 1 get db k
	ctl 2 list --nothing
	ctl 2 get
}

@test "3 not found: secret, key, tree, file" {
	ctl 0 create db --k=1
	ctl 3 get none
	ctl 3 get db none
	ctl 3 -m /nonexistent list
	ctl 3 import none.yaml
	ctl 3 store info "$SFS/none"
}

@test "4 not permitted, 5 exists already" {
	ctl 0 create db --k=1
	chmod 600 "$PUB/db/k"
	ctl_as $ALICE 4 get db k
	ctl_as $ALICE 4 update public/db --k=2
	ctl_as $ALICE 4 create new --k=1
	ctl 5 create db --k=1
}

@test "6 references do not resolve" {
	ctl 0 create db --k=1
	printf 'x={{db.none}}\n' >"$SFS/in"
	ctl 6 check "$SFS/in"
	ctl 6 inject -i "$SFS/in"
	printf 'x={{db.k}}\n' >"$SFS/in"
	ctl 0 check "$SFS/in"
}

@test "7 no key opens the store, 8 damaged, 9 another format" {
	stop_daemon
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	ctl 7 store key test "$STORE" --keyfile "$SFS/other"
	head -c 8192 /dev/urandom >"$SFS/junk"
	ctl 8 store info "$SFS/junk"
	start_daemon
	echo '{"secretfs": 99, "name": "x", "values": {}}' >"$SFS/later.json"
	ctl 9 import "$SFS/later.json"
}

@test "10 can be read or changed by others" {
	ctl 0 create db --k=1
	mkdir "$SFS/above" "$SFS/above/mnt"
	chmod 777 "$SFS/above"
	mount --bind "$MNT" "$SFS/above/mnt"
	ctl 10 -m "$SFS/above/mnt" get db k
	umount "$SFS/above/mnt"
	chmod 644 "$KEY"
	ctl 10 store key test "$STORE" --keyfile "$KEY"
}

@test "11 in use, 12 older than its anchor says" {
	local rc=0
	mkdir "$SFS/second"
	"$DAEMON" "$STORE" "$SFS/second" -o "keyfile=$KEY,user=secretfs,anchor=$ANCHOR,audit=off" </dev/null >>"$LOG" 2>&1 3>&- || rc=$?
	same 11 "$rc"
	stop_daemon
	cp -p "$STORE" "$SFS/old.db"
	start_daemon
	ctl 0 create db --k=1
	stop_daemon
	cp -p "$SFS/old.db" "$STORE"
	rc=0
	run_daemon || rc=$?
	same 12 "$rc"
}
