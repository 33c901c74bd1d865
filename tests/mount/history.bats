# SPDX-License-Identifier: MIT
# history: earlier versions that somebody changed in the store file, and a store of before they were summed.

setup() {
	load ../helpers
	make_place
}

teardown() {
	finish
}

# A secret with five versions, the second of which was purged, and one that is as it was. An older copy has the second.
grow() {
	make_store
	run_foreground
	mkdir "$PUB/s" "$PUB/t"
	for i in 1 2 3 4; do
		printf '%s' "$i" >"$PUB/s/k"
		printf '%s' "$i" >"$PUB/t/k"
	done
	stop_daemon
	cp "$STORE" "$SFS/old"
	run_foreground
	rmdir "$PUB/s/.versions/3"
	same "1 2 4" "$(ls "$PUB/s/.versions" | xargs)"
	stop_daemon
}

verify() {
	local want=$1 got=0
	shift
	"$CTL" store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" "$@" >"$SFS/out" 2>&1 || got=$?
	[ "$got" = "$want" ] || {
		cat "$SFS/out" >&2
		return 1
	}
}

# Everything of s but what is current is refused, and t is served.
refused() {
	local version
	expect EIO list "$PUB/s/.versions"
	for version in 1 2 3 4; do
		expect EIO stat "$PUB/s/.versions/$version"
		expect EIO read "$PUB/s/.versions/$version/k"
	done
	same "1 2 3 4" "$(ls "$PUB/t/.versions" | xargs)"
	same 3 "$(cat "$PUB/t/.versions/4/k")"
}

# The first row of table history is that of s, which was made first; its number is told.
changed() {
	local id
	id=$(tamper sql 'SELECT min(secret) FROM history')
	verify 8
	grep -q "$1" "$SFS/out"
	run_foreground
	refused
	same 4 "$(cat "$PUB/s/k")"
	grep -q "the earlier versions of secret $id are not those that were sealed" "$LOG"
	grep -q "secretctl store verify $STORE" "$LOG"
	# The owner goes on, and that mends nothing.
	printf 5 >"$PUB/s/k"
	same 5 "$(cat "$PUB/s/k")"
	refused
	rmdir "$PUB/s/.versions"
	expect EIO list "$PUB/s/.versions"
	printf 6 >"$PUB/s/k"
	mv "$PUB/s" "$PUB/other"
	expect EIO list "$PUB/other/.versions"
	same 6 "$(cat "$PUB/other/k")"
	stop_daemon
	verify 8
	grep -q 'public/other: ' "$SFS/out"
	verify 0 --accept
	run_foreground
	same 6 "$(ls "$PUB/other/.versions" | xargs)"
	same 5 "$(cat "$PUB/other/.versions/6/k")"
	printf 7 >"$PUB/other/k"
	same "6 7" "$(ls "$PUB/other/.versions" | xargs)"
	stop_daemon
	verify 0
}

@test "a version is deleted" {
	grow
	tamper sql 'DELETE FROM history WHERE ver = 2 AND secret = (SELECT min(secret) FROM history)'
	changed 'earlier versions are missing'
}

@test "a version that was purged is put back" {
	grow
	"$PYTHON" - "$STORE" "$SFS/old" <<'END'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("ATTACH ? AS old", (sys.argv[2],))
db.execute("INSERT OR IGNORE INTO value SELECT * FROM old.value")
assert db.execute("INSERT OR IGNORE INTO history SELECT * FROM old.history").rowcount == 1
db.commit()
END
	changed 'was put back'
}

@test "what is open over the death of a worker" {
	grow
	run_foreground
	exec 7<"$PUB/s/k" 8<"$PUB/t/k"
	printf 5 >"$PUB/s/k"
	printf 5 >"$PUB/t/k"
	tamper sql 'DELETE FROM history WHERE ver = 2 AND secret = (SELECT min(secret) FROM history)'
	WORKER_MAY_DIE=1
	local before
	before=$(worker_pid)
	kill -KILL "$before"
	eventually 10 worker_is_not "$before"
	# Its value is in an earlier version now.
	same 4 "$(cat <&8)"
	not cat <&7 2>"$SFS/err"
	grep -q 'Input/output error' "$SFS/err"
	same 5 "$(cat "$PUB/s/k")"
	exec 7<&- 8<&-
}

@test "a store of format 1" {
	mkdir -m 700 "$SFS/store"
	"$SECRETFS_BUILD/tests/bin/make_golden" "$STORE" "$KEY"
	chown -R secretfs: "$SFS/store"
	"$CTL" store info "$STORE" | grep -qx 'format: *1'
	listen "$SFS/socket"
	# Its anchor was not kept.
	NOTIFY_SOCKET=$SFS/socket "$DAEMON" "$STORE" "$MNT" --accept-rollback -f -o "keyfile=$KEY,user=secretfs,anchor=$ANCHOR,audit=off" \
		</dev/null >>"$LOG" 2>&1 3>&- &
	disown $!
	eventually 10 mountpoint -q "$MNT"
	# Who waits for it to be ready is asked for more time.
	told 'EXTEND_TIMEOUT_USEC=30000000 '
	told 'READY=1'
	grep -q "has become one of format 2.*$STORE.format1" "$LOG"
	same "admin/password 5" "$(cat "$PUB/db/user")/$(cat "$PUB/db/password")"
	same "1 2 3 5 6" "$(ls "$PUB/db/.versions" | xargs)"
	same "password 4" "$(cat "$PUB/db/.versions/6/password")"
	same "" "$(ls "$PUB/db/.versions/3" | grep user)"
	same "pin 9" "$(as $ALICE cat "$PRIV/bank/.versions/10/pin")"
	printf new >"$PUB/db/password"
	stop_daemon
	"$CTL" store info "$STORE" | grep -qx 'format: *2'
	verify 0
	# Only the first time.
	rm "$STORE.format1"
	run_foreground
	same new "$(cat "$PUB/db/password")"
	[ ! -e "$STORE.format1" ]
	same 1 "$(grep -c 'has become one of format' "$LOG")"
	stop_daemon
	# What was lost by then is known from then on.
	tamper sql 'DELETE FROM history WHERE ver = 9'
	verify 8
}
