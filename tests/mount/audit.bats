# SPDX-License-Identifier: MIT
# audit: who did what is in the audit log, before he gets an answer.

setup() {
	load ../helpers
	make_store
}

teardown() {
	finish
}

workers() {
	[ "$(audit_lines operation=worker)" = "$1" ]
}

@test "each kind of operation is a line" {
	start_daemon
	mkdir "$PUB/db"
	same 1 "$(audit_lines operation=create secret=public/db uid=0 command=mkdir result=ok)"
	echo swordfish >"$PUB/db/pw"
	same 1 "$(audit_lines operation=create secret=public/db key=pw)"
	same 1 "$(audit_lines operation=write secret=public/db key=pw)"
	as "$ALICE" cat "$PUB/db/pw" >/dev/null
	same 1 "$(audit_lines operation=read secret=public/db key=pw uid="$ALICE" gid="$ALICE" command=cat)"
	cat "$PUB/db/.json" >/dev/null
	same 1 "$(audit_lines operation=read secret=public/db view=.json)"
	chmod 700 "$PUB/db"
	same 1 "$(audit_lines operation=permission secret=public/db mode=0700)"
	setfacl -m "u:$BOB:rx" "$PUB/db"
	same 1 "$(audit_lines operation=permission secret=public/db acl=access)"
	setfattr -n user.secretfs.expires -v 2100-01-01T00:00:00Z "$PUB/db"
	same 1 "$(audit_lines operation=expiry secret=public/db)"
	mv "$PUB/db/pw" "$PUB/db/pw2"
	same 1 "$(audit_lines operation=rename secret=public/db key=pw to=pw2)"
	mv "$PUB/db" "$PUB/db2"
	same 1 "$(audit_lines operation=rename secret=public/db to=public/db2)"
	truncate -s 3 "$PUB/db2/pw2"
	same 1 "$(audit_lines operation=write command=truncate key=pw2)"
	rm "$PUB/db2/pw2"
	same 1 "$(audit_lines operation=remove key=pw2)"
	rmdir "$PUB/db2"
	same 1 "$(audit_lines operation=remove secret=public/db2 command=rmdir)"
	cat "$MNT/.secretfs/status" >/dev/null
	same 0 "$(audit_lines command=cat uid=0 secret=None)"
	stop_daemon
	same 1 "$(audit_lines operation=stop)"
	not grep -q swordfish "$AUDIT"
	same "600 secretfs" "$(stat -c '%a %U' "$AUDIT")"
}

@test "the command and the container of who asked" {
	local cgroup
	cgroup=$(findmnt -t cgroup2 -n -o TARGET | head -n 1)/${SFS##*/}
	start_daemon
	mkdir "$PUB/s"
	echo v >"$PUB/s/k"
	mkdir "$cgroup" 2>/dev/null || skip "no cgroup of one's own here"
	run sh -c 'echo $$ >"$1/cgroup.procs" && exec cat "$2"' sh "$cgroup" "$PUB/s/k"
	rmdir "$cgroup"
	same v "$output"
	same 1 "$(audit_lines operation=read command=cat container="/${SFS##*/}")"
	# Its name is the caller's word: what it has in it for a terminal or for JSON is escaped.
	cp /bin/cat "$SFS/bin/$(printf 'a"\\\033\n,')"
	"$SFS/bin/$(printf 'a"\\\033\n,')" "$PUB/s/k" >/dev/null
	same 1 "$(audit_lines operation=read command="$(printf 'a"\\\033\n,')")"
	not grep -q "$(printf '\033')" "$AUDIT"
}

@test "refusals of the worker are lines" {
	start_daemon
	as "$ALICE" sh -c 'mkdir "$1/p" && echo v >"$1/p/k"' sh "$PRIV"
	expect EACCES open "$MNT/.private/$ALICE/p/k" O_RDONLY
	not same 0 "$(audit_lines result=EACCES uid=0)" 2>/dev/null
	mkdir "$PUB/e"
	echo v >"$PUB/e/k"
	setfattr -n user.secretfs.expires -v 2000-01-01T00:00:00Z "$PUB/e"
	expect EKEYEXPIRED open "$PUB/e/k" O_RDONLY
	same 1 "$(audit_lines operation=read result=EKEYEXPIRED secret=public/e key=k)"
}

@test "what is the same within a second is counted" {
	start_daemon
	mkdir "$PUB/s"
	echo v >"$PUB/s/k"
	cat "$PUB/s/k" "$PUB/s/k" "$PUB/s/k" >/dev/null
	same 1 "$(audit_lines operation=read key=k)"
	eventually 10 grep -q '"count":2' "$AUDIT"
	same 2 "$(audit_lines operation=read key=k)"
}

@test "a log that is removed is made anew, and what is missing shows" {
	start_daemon
	mkdir "$PUB/s"
	echo v >"$PUB/s/k"
	rm "$AUDIT"
	cat "$PUB/s/k" "$PUB/s/k" >/dev/null
	eventually 10 test -s "$AUDIT"
	mkdir "$PUB/t"
	same 1 "$(audit_lines operation=create secret=public/t)"
	grep -q '^{"n":[0-9]*,"time":"[^"]*","operation":"file"' "$AUDIT"
	not grep -q '^{"n":1,' "$AUDIT"
}

@test "names can be left out" {
	start_daemon audit_names=id
	mkdir "$PUB/payroll"
	echo v >"$PUB/payroll/iban"
	mv "$PUB/payroll" "$PUB/wages"
	stop_daemon
	not grep -qE 'payroll|iban|wages' "$AUDIT"
	same 1 "$(audit_lines operation=write key_no=1 namespace=public)"
}

@test "off writes nothing" {
	start_daemon audit=off
	mkdir "$PUB/s"
	not test -e "$AUDIT"
}

@test "what is served again after a worker's death has one line" {
	grep -q "fault-segv" "$DAEMON" || skip "the build has no faults"
	WORKER_MAY_DIE=1
	start_daemon
	mkdir "$PUB/s"
	echo v >"$PUB/s/k"
	# The line is written when it dies, and the file is not open yet.
	expect ENOENT stat "$MNT/.fault-open"
	same v "$(cat "$PUB/s/k")"
	same 1 "$(audit_lines operation=worker)"
	same 1 "$(audit_lines operation=read command=cat key=k)"
	# It is committed when it dies, and the line is not written yet.
	expect ENOENT stat "$MNT/.fault-commit"
	dd if=/dev/zero of="$PUB/s/k" bs=5 count=1 status=none
	same 2 "$(audit_lines operation=worker)"
	same 1 "$(audit_lines operation=write command=dd key=k uid=0)"
	expect ENOENT stat "$MNT/.fault-commit"
	mkdir "$PUB/t"
	same 3 "$(audit_lines operation=worker)"
	same 1 "$(audit_lines operation=create secret=public/t command=mkdir result=ok)"
	# Another request is another line.
	same v "$(echo v >"$PUB/s/k2" && cat "$PUB/s/k2")"
	same 1 "$(audit_lines operation=read key=k2)"
}

@test "numbers go on through a crash, a rotation and a restart" {
	WORKER_MAY_DIE=1
	start_daemon
	mkdir "$PUB/a"
	kill -9 "$(worker_pid)"
	mkdir "$PUB/b"
	mv "$AUDIT" "$AUDIT.1"
	kill -USR1 "$(supervisor_pid)"
	eventually 10 test -s "$AUDIT"
	grep -q '"operation":"file"' "$AUDIT"
	mkdir "$PUB/c"
	restart_daemon
	mkdir "$PUB/d"
	stop_daemon
	"$PYTHON" - "$AUDIT.1" "$AUDIT" <<'END'
import json, sys
n, prev = 0, "0" * 64
for name in sys.argv[1:]:
    for line in open(name):
        o = json.loads(line)
        n += 1
        assert o["n"] == n, o
        assert o.get("prev", prev) == prev, o
        prev = o["hash"]
assert n >= 10, n
END
}

@test "a handover to another worker leaves no gap, also while somebody is delayed" {
	start_daemon audit_rate=10
	as "$ALICE" sh -c 'mkdir "$1/s"; for i in $(seq 30); do : >"$1/s/k$i"; done' sh "$PRIV" 3>&- &
	flooder=$!
	for i in 1 2 3; do
		kill -HUP "$(supervisor_pid)"
		eventually 10 workers "$i"
		mkdir "$PUB/s$i"
	done
	wait "$flooder"
	same 31 "$(audit_lines operation=create uid="$ALICE" result=ok)"
	stop_daemon
	same 1 "$(audit_lines operation=stop)"
	"$CTL" audit verify --log "$AUDIT" --store "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" >/dev/null
}

@test "a full file system: required refuses, best-effort goes on" {
	mkdir "$SFS/audit"
	mount -t tmpfs -o size=4m,mode=700,uid="$(id -u secretfs)" tmpfs "$SFS/audit"
	start_daemon
	mkdir "$PUB/s"
	echo v >"$PUB/s/k"
	stop_daemon
	dd if=/dev/zero of="$SFS/audit/fill" bs=64k 2>/dev/null || true
	run run_daemon
	same 1 "$status"
	start_daemon audit=best-effort
	same v "$(cat "$PUB/s/k")"
	stop_daemon
}

@test "a file system that fills up: refused when the room that was kept is used, removals go on, nothing is lost" {
	WORKER_MAY_DIE=1
	mkdir "$SFS/audit"
	mount -t tmpfs -o size=4m,mode=700,uid="$(id -u secretfs)" tmpfs "$SFS/audit"
	start_daemon
	mkdir "$PUB/s" "$PUB/t"
	echo v >"$PUB/s/k"
	dd if=/dev/zero of="$SFS/audit/fill" bs=4k 2>/dev/null || true
	# There is room yet. The next worker finds it.
	same v "$(cat "$PUB/s/k")"
	kill -9 "$(worker_pid)"
	same v "$(cat "$PUB/s/k")"
	"$PYTHON" - "$PUB" <<'END'
import errno, os, sys
a, b = (sys.argv[1] + "/" + c * 63 for c in "\U0001f511\U0001f512")
os.mkdir(a)
for i in range(2000):
    try:
        os.rename(a, b)
    except OSError as e:
        assert e.errno == errno.ENOSPC, e
        break
    a, b = b, a
else:
    sys.exit("never refused")
assert i > 20, i
assert os.path.isdir(a) and not os.path.exists(b)
END
	expect ENOSPC open "$PUB/s/k" O_RDONLY
	# ENOSPC comes out of close.
	run sh -c 'echo w >"$1"' sh "$PUB/s/k"
	not same 0 "$status" 2>/dev/null
	rmdir "$PUB/t"
	kill -9 "$(worker_pid)"
	eventually 10 ls "$PUB"
	expect ENOSPC open "$PUB/s/k" O_RDONLY
	rm "$SFS/audit/fill"
	same v "$(cat "$PUB/s/k")"
	echo w >"$PUB/s/k"
	stop_daemon
	"$CTL" audit verify --log "$AUDIT" --store "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" >/dev/null
}

@test "logrotate, as it is installed" {
	command -v logrotate >/dev/null || skip "there is no logrotate"
	start_daemon
	local conf=$SFS/logrotate.conf i
	sed -e "s|/var/log/secretfs/audit.log|$AUDIT|" -e "s|pkill.*|kill -USR1 $(supervisor_pid)|" \
		"$TESTS/../tools/secretfs.logrotate" >"$conf"
	chmod 644 "$conf"
	for i in 1 2 3; do
		mkdir "$PUB/s$i"
		logrotate -f -s "$SFS/logrotate.state" "$conf"
		eventually 10 test -s "$AUDIT"
	done
	same "600 secretfs" "$(stat -c '%a %U' "$AUDIT")"
	mkdir "$PUB/s4"
	stop_daemon
	for i in 1 2 3; do
		grep -q "public/s$((4 - i))" "$AUDIT.$i"
	done
	grep -q public/s4 "$AUDIT"
	"$CTL" audit verify --log "$AUDIT" --store "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" >"$SFS/out"
	grep -q "^9 lines, 1 to 9, are as they were written" "$SFS/out"
}
