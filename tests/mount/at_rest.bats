# SPDX-License-Identifier: MIT
# at_rest: what the store file tells a thief (nothing), and what changing it does (it is noticed).

setup() {
	load ../helpers
	make_store
	start_daemon
}

teardown() {
	finish
}

scan() {
	"$PYTHON" "$TESTS/tools/scan.py" "$@"
}

# The row of table $1 that the $2-th creation made.
row() {
	tamper rows "$1" | sed -n "$2p"
}

# Five secrets public/s1 .. s5 with one key each, which got their rows in this order.
make_five() {
	for i in 1 2 3 4 5; do
		mkdir "$PUB/s$i"
		echo "value $i" >"$PUB/s$i/k"
	done
}

# others N...: all of the five but these read as ever, unless they share a bucket with one of these.
others() {
	local bad=" $* " i j clash
	for i in 1 2 3 4 5; do
		[[ $bad == *" $i "* ]] && continue
		clash=
		for j in "$@"; do
			[ "${buckets[i]}" = "${buckets[j]}" ] && clash=yes
		done
		[ -n "$clash" ] || same "value $i" "$(cat "$PUB/s$i/k")"
	done
}

stop_and_note_buckets() {
	local i
	stop_daemon
	for i in 1 2 3 4 5; do
		buckets[i]=$(tamper bucket "$(row secret "$i")")
	done
}

@test "the scanner finds what is there" {
	mkdir "$SFS/planted"
	echo "xx needle-in-a-haystack" | base64 >"$SFS/planted/file"
	run -1 scan "$SFS/planted" needle-in-a-haystack
	printf 'needle-in-a-haystack' | iconv -t utf-16le >"$SFS/planted/file"
	run -1 scan "$SFS/planted" needle-in-a-haystack
	echo nothing >"$SFS/planted/file"
	run -0 scan "$SFS/planted" needle-in-a-haystack
}

@test "no name and no value is in the store, its log or anything beside it" {
	umask 077
	mkdir "$PUB/payroll-database" "$PRIV/personal-mailbox"
	echo swordfish-one >"$PUB/payroll-database/admin-password"
	echo swordfish-two >"$PRIV/personal-mailbox/imap-password"
	setfacl -m u:123456789:r "$PUB/payroll-database/admin-password"
	words=(payroll-database personal-mailbox admin-password imap-password swordfish-one swordfish-two)
	scan "$SFS/store" "${words[@]}"
	echo swordfish-three >"$PUB/payroll-database/admin-password"
	mv "$PUB/payroll-database" "$PUB/renamed-database"
	mv "$PRIV/personal-mailbox" "$PUB/published-mailbox"
	words+=(swordfish-three renamed-database published-mailbox)
	scan "$SFS/store" "${words[@]}"
	rm -r "$PUB/renamed-database"
	scan "$SFS/store" "${words[@]}"
	not scan "$PUB" published-mailbox # it would be found
	stop_daemon
	scan "$SFS/store" "${words[@]}"
	scan "$SFS/store" "$(head -c 32 "$KEY" | base64)" # the key file's text form, for what it is worth
	"$PYTHON" - "$SFS/store" "$KEY" <<'END'
import os, sys
key = open(sys.argv[2], "rb").read()
assert len(key) == 32
for name in os.listdir(sys.argv[1]):
    assert key not in open(os.path.join(sys.argv[1], name), "rb").read()
END
}

@test "no value is in what the daemon says, debug or not" {
	WORKER_MAY_DIE=1
	stop_daemon
	run_foreground debug=yes
	mkdir "$PUB/s"
	echo swordfish-four >"$PUB/s/k"
	same swordfish-four "$(cat "$PUB/s/k")"
	run expect OK mkdir "$PUB/s/x"
	stop_daemon
	not grep -q swordfish "$LOG"
}

@test "values of a length class have one length in the store" {
	mkdir "$PUB/s"
	for len in 1 10 30 59; do
		head -c "$len" /dev/zero >"$PUB/s/k$len"
	done
	stop_daemon
	same 1 "$(tamper sql 'SELECT DISTINCT length(box) FROM value' | wc -l)"
}

@test "permissions of the store" {
	mkdir "$PUB/s"
	same "700 secretfs" "$(stat -c '%a %U' "$SFS/store")"
	for file in "$SFS"/store/*; do
		same "600 secretfs" "$(stat -c '%a %U' "$file")"
	done
	same "400 root 32" "$(stat -c '%a %U %s' "$KEY")"
}

@test "a flipped bit in a value" {
	make_five
	stop_and_note_buckets
	for offset in 0 30 45 -1; do
		id=$(row value 2)
		tamper flip value "$id" "$offset"
		start_daemon
		expect EIO read "$PUB/s2/k"
		expect OK stat "$PUB/s2/k"
		for i in 1 3 4 5; do
			same "value $i" "$(cat "$PUB/s$i/k")"
		done
		stop_daemon
		tamper flip value "$id" "$offset"
	done
	start_daemon
	same "value 2" "$(cat "$PUB/s2/k")"
}

@test "values that changed places" {
	make_five
	stop_and_note_buckets
	tamper swap value "$(row value 2)" "$(row value 3)"
	start_daemon
	expect EIO read "$PUB/s2/k"
	expect EIO read "$PUB/s3/k"
	for i in 1 4 5; do
		same "value $i" "$(cat "$PUB/s$i/k")"
	done
}

@test "a value that is missing" {
	make_five
	stop_and_note_buckets
	tamper delete value "$(row value 2)"
	start_daemon
	expect EIO read "$PUB/s2/k"
	for i in 1 3 4 5; do
		same "value $i" "$(cat "$PUB/s$i/k")"
	done
}

@test "secrets that changed places" {
	make_five
	stop_and_note_buckets
	tamper swap secret "$(row secret 2)" "$(row secret 3)"
	start_daemon
	expect EIO read "$PUB/s2/k"
	expect EIO read "$PUB/s3/k"
	expect EIO mkdir "$PUB/s2"
	others 2 3
}

@test "damage that nobody touches is found soon after the start" {
	make_five
	stop_and_note_buckets
	tamper delete secret "$(row secret 4)"
	run_foreground
	WORKER_AT_START=$(worker_pid)
	eventually 60 grep -q "bucket ${buckets[4]} of the store does not add up" "$LOG"
	others 4
}

@test "a flipped bit in a secret" {
	make_five
	stop_and_note_buckets
	tamper flip secret "$(row secret 4)"
	start_daemon
	expect EIO read "$PUB/s4/k"
	others 4
	mkdir "$PUB/new"
	echo new >"$PUB/new/k"
	same new "$(cat "$PUB/new/k")"
}

@test "a secret that is missing is an error, not an absence" {
	make_five
	stop_and_note_buckets
	tamper delete secret "$(row secret 2)"
	start_daemon
	expect EIO stat "$PUB/s2"
	expect EIO mkdir "$PUB/s2"
	expect EIO list "$PUB"
	others 2
	expect ENOENT stat "$PUB/never-there"
}

@test "a secret that was rolled back" {
	make_five
	stop_daemon
	tamper save secret "$(row secret 2)" "$SFS/row"
	start_daemon
	chmod 700 "$PUB/s2"
	echo newer >"$PUB/s2/k"
	stop_and_note_buckets
	tamper load secret "$SFS/row"
	start_daemon
	expect EIO stat "$PUB/s2"
	expect EIO read "$PUB/s2/k"
	others 2
}

@test "a secret that was removed and is put back" {
	make_five
	stop_daemon
	buckets=([2]="$(tamper bucket "$(row secret 2)")")
	tamper save secret "$(row secret 2)" "$SFS/row"
	start_daemon
	rm -r "$PUB/s2"
	stop_daemon
	tamper load secret "$SFS/row"
	start_daemon
	not expect OK read "$PUB/s2/k"
}

@test "a private secret that was put into public" {
	make_five
	mkdir "$PRIV/mine"
	echo value >"$PRIV/mine/k"
	stop_daemon
	public=$(tamper sql "SELECT ns FROM secret WHERE id = $(row secret 1)")
	tamper moved "$(row secret 6)" "$public"
	start_daemon
	not expect OK read "$PUB/mine/k"
	run cat "$PUB"/*/k
	[[ $output != *"value"$'\n'* ]]
	expect EIO read "$PRIV/mine/k"
}

@test "a damaged bucket or root is refused at start" {
	make_five
	stop_daemon
	cp -a "$SFS/store" "$SFS/good"
	tamper flip root 1
	run run_daemon
	same 8 "$status"
	rm -rf "$SFS/store"
	cp -a "$SFS/good" "$SFS/store"
	tamper flip bucket "$(tamper bucket "$(row secret 1)")"
	run run_daemon
	same 8 "$status"
	rm -rf "$SFS/store"
	cp -a "$SFS/good" "$SFS/store"
	tamper sql "CREATE TRIGGER t AFTER DELETE ON value BEGIN SELECT RAISE(IGNORE); END"
	run run_daemon
	same 8 "$status"
	rm -rf "$SFS/store"
	mv "$SFS/good" "$SFS/store"
	start_daemon
	same "value 1" "$(cat "$PUB/s1/k")"
}
