# SPDX-License-Identifier: MIT
# refuse: when the daemon does not start, the exit code that says why, and that nothing is left mounted.

setup() {
	load ../helpers
	make_store
}

teardown() {
	finish
}

# refused CODE [NAME=VALUE...]
refused() {
	local code=$1
	shift
	run run_daemon "$@"
	same "$code" "$status"
	not mountpoint -q "$MNT"
	eventually 5 no_processes
	: >"$LOG"
}

@test "another key" {
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	refused 7 "keyfile=$SFS/other"
	start_daemon
}

@test "another format" {
	sqlite3 "$STORE" 'PRAGMA user_version = 99' >/dev/null
	refused 9
	sqlite3 "$STORE" 'PRAGMA user_version = 2' >/dev/null
	start_daemon
}

@test "loose permissions" {
	chmod 644 "$STORE"
	refused 10
	chmod 600 "$STORE"
	chmod 440 "$KEY"
	refused 10
	chmod 400 "$KEY"
	chown "$ALICE" "$KEY"
	refused 10
	chown root "$KEY"
	chown "$ALICE" "$STORE"
	refused 10
	chown secretfs "$STORE"
	chmod 777 "$SFS/store"
	refused 10
	chmod 700 "$SFS/store"
	chmod 777 "$SFS"
	refused 10
	chmod 755 "$SFS"
	start_daemon
	: >"$LOG"
}

@test "a second daemon on one store" {
	start_daemon
	mkdir "$SFS/mnt2"
	run "$DAEMON" "$STORE" "$SFS/mnt2" -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor,audit=off"
	same 11 "$status"
	not mountpoint -q "$SFS/mnt2"
	mountpoint -q "$MNT"
	mkdir "$PUB/s"
}

@test "an audit log that others can get at, or that is another mount's" {
	mkdir "$SFS/audit"
	refused 10 "audit_file=$AUDIT" # root's
	chown secretfs: "$SFS/audit"
	chmod 777 "$SFS/audit"
	refused 10
	chmod 700 "$SFS/audit"
	touch "$AUDIT"
	refused 10 # root's
	chown "$ALICE" "$AUDIT"
	refused 10
	chown secretfs: "$AUDIT"
	chmod 644 "$AUDIT"
	refused 10
	chmod 600 "$AUDIT"
	echo "not a log" >"$AUDIT"
	refused 2
	same "not a log" "$(cat "$AUDIT")"
	rm "$AUDIT"
	ln -s "$SFS/elsewhere" "$AUDIT"
	refused 1
	not test -e "$SFS/elsewhere"
	rm "$AUDIT"
	mkfifo "$AUDIT"
	chown secretfs: "$AUDIT"
	refused 10
	rm "$AUDIT"
	refused 3 "audit_file=$SFS/none/deeper/audit.log"
	start_daemon
	mkdir "$SFS/mnt2"
	"$CTL" store init "$SFS/store2/store.db" --keyfile "$SFS/key2" --user secretfs >/dev/null
	run "$DAEMON" "$SFS/store2/store.db" "$SFS/mnt2" -o "keyfile=$SFS/key2,user=secretfs,anchor=$ANCHOR,audit_file=$AUDIT"
	same 11 "$status"
	[[ $output == *"another secretfs"* ]]
	not mountpoint -q "$SFS/mnt2"
	: >"$LOG"
}

@test "things that are not there" {
	run "$DAEMON" "$SFS/none/store.db" "$MNT" -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor,audit=off"
	same 3 "$status"
	refused 3 "keyfile=$SFS/none"
	run "$DAEMON" "$STORE" "$SFS/nowhere" -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor,audit=off"
	same 3 "$status"
}

@test "wrong settings" {
	refused 2 nonsense=1
	refused 2 threads=0
	refused 2 user=no-such-user-here
	refused 2 user=root
	run "$DAEMON" --nonsense
	same 2 "$status"
}

@test "what is not a store" {
	head -c 100000 /dev/urandom >"$STORE"
	refused 8
	: >"$STORE"
	refused 8
}

@test "a mountpoint that is a file or a link" {
	touch "$SFS/file"
	ln -s "$MNT" "$SFS/link"
	run "$DAEMON" "$STORE" "$SFS/file" -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor,audit=off"
	[ "$status" -ne 0 ]
	run "$DAEMON" "$STORE" "$SFS/link" -o "keyfile=$KEY,user=secretfs,anchor=$SFS/anchor,audit=off"
	[ "$status" -ne 0 ]
	not mountpoint -q "$MNT"
	no_processes
}

@test "a store is not made over another" {
	before=$(sha256sum <"$STORE")
	run "$CTL" store init "$STORE" --keyfile "$SFS/key2" --user secretfs
	same 5 "$status"
	same "$before" "$(sha256sum <"$STORE")"
	key=$(sha256sum <"$KEY")
	"$CTL" store init "$SFS/store/two.db" --keyfile "$KEY" --user secretfs
	same "$key" "$(sha256sum <"$KEY")"
}

@test "--help and --version" {
	run "$DAEMON" --help
	same 0 "$status"
	[[ $output == *MOUNTPOINT* || $output == *mountpoint* ]]
	run "$DAEMON" --version
	same 0 "$status"
}
