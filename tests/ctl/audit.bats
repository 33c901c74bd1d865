# SPDX-License-Identifier: MIT
# audit: what secretctl shows of the audit log, and what it finds in one that was tampered with.

setup() {
	load ../helpers
	load helpers
	make_store
	make_ctl
	FOLLOWER=
}

teardown() {
	[ -z "$FOLLOWER" ] || kill "$FOLLOWER" 2>/dev/null || true
	finish
}

audit() {
	local want=$1
	shift
	ctl "$want" audit "$@" --log "$AUDIT"
}

verify() {
	local want=$1
	shift
	ctl "$want" audit verify --store "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" "$@"
}

count() {
	same "$1" "$(grep -c . "$SFS/out")"
}

# Renames the log and has the daemon go on in a new one.
rotate() {
	local i
	for i in 3 2 1; do
		[ ! -e "$AUDIT.$i" ] || mv "$AUDIT.$i" "$AUDIT.$((i + 1))"
	done
	mv "$AUDIT" "$AUDIT.1"
	kill -USR1 "$(supervisor_pid)"
	eventually 10 test -s "$AUDIT"
}

@test "lines of a secret, of a key, of a user, from a moment on" {
	start_daemon
	as "$ALICE" sh -c 'mkdir "$1/db" && echo v >"$1/db/pw"' sh "$PRIV"
	mkdir "$PUB/db" "$PUB/dbx"
	echo v >"$PUB/db/pw"
	echo v >"$PUB/db/url"
	id=$(getfattr --only-values --absolute-names -n user.secretfs.id "$PUB/db")
	mv "$PUB/db" "$PUB/db2"
	audit 0 -o json
	same "$(grep -c . "$AUDIT")" "$(grep -c . "$SFS/out")"
	cmp "$AUDIT" "$SFS/out"
	audit 0 public/db -o json
	same 6 "$(grep -c '"secret":"public/db"' "$SFS/out")"
	count 6
	audit 0 public/db2 -o json
	count 1
	audit 0 "$id" -o json
	count 6
	audit 0 db/pw -o json
	count 4 # alice's too
	audit 0 private/db -o json
	count 3
	audit 0 db --user "$ALICE" -o json
	count 3
	not grep -qv "\"uid\":$ALICE" "$SFS/out"
	audit 0 db --user root --since 1h -o json
	count 6
	audit 0 db --since 2100-01-01 -o json
	count 0
	audit 0 nothing -o json
	count 0
	audit 2 --user nobody-of-this-name
	audit 2 --since yesterday
	audit 2 -o yaml
	audit 2 a b
	ctl 3 audit --log "$SFS/none"
	ctl_as "$ALICE" 4 audit --log "$AUDIT"
}

@test "a table that nothing in it can disturb" {
	start_daemon
	mkdir "$PUB/a b"
	cp /bin/mkdir "$SFS/bin/$(printf 'e\033[31m')"
	"$SFS/bin/$(printf 'e\033[31m')" "$PUB/c"
	mkdir "$PUB/$(printf 'sm\303\270r')"
	audit 0
	grep -q '^TIME  *USER  *COMMAND  *OPERATION  *RESULT  *WHAT$' "$SFS/out"
	grep -Eq '^20[0-9-]+T[0-9:.]+Z root +mkdir +create +ok +public/a b' "$SFS/out"
	grep -Fq 'e\x1b[31m' "$SFS/out"
	grep -q "public/$(printf 'sm\303\270r')" "$SFS/out"
	not grep -q "$(printf '\033')" "$SFS/out"
	# A line that is none is left out, and said.
	printf 'x\033[2J\n' >>"$AUDIT"
	audit 8
	err_has "1 lines are none"
	not grep -q "$(printf '\033')" "$SFS/out"
}

@test "--follow goes on over a rotation, a second one at once, and a cut" {
	start_daemon
	mkdir "$PUB/s1"
	"$SECRETCTL" audit -f -o json --log "$AUDIT" >"$SFS/follow" 2>"$SFS/err" 3>&- &
	FOLLOWER=$!
	eventually 10 grep -q public/s1 "$SFS/follow"
	mkdir "$PUB/s2"
	eventually 10 grep -q public/s2 "$SFS/follow"
	mkdir "$PUB/s3"
	rotate
	mkdir "$PUB/s4"
	rotate
	mkdir "$PUB/s5"
	eventually 10 grep -q public/s5 "$SFS/follow"
	cmp <(cat "$AUDIT.2" "$AUDIT.1" "$AUDIT") "$SFS/follow"
	# Somebody else's truncation: what comes then is shown from its beginning.
	cp "$AUDIT" "$SFS/copy"
	truncate -s 0 "$AUDIT"
	sleep 0.5
	head -n 1 "$SFS/copy" >>"$AUDIT"
	eventually 10 sh -c '[ "$(grep -c public/s5 "$1")" = 1 ] && [ "$(grep -c "\"operation\":\"file\"" "$1")" = 3 ]' sh "$SFS/follow"
	kill "$FOLLOWER"
	audit 0 -o json
	WORKER_MAY_DIE=1
}

@test "verify: whole over rotations and restarts; changed, missing, put in, swapped" {
	start_daemon
	mkdir "$PUB/a" "$PUB/b" "$PUB/c"
	rotate
	mkdir "$PUB/d"
	restart_daemon
	mkdir "$PUB/e"
	rotate
	mkdir "$PUB/f"
	verify 0 --log "$AUDIT"
	stop_daemon
	verify 0 --log "$AUDIT"
	grep -q "lines, 1 to [0-9]*, are as they were written" "$SFS/out"
	not grep -q "no anchor" "$SFS/out"
	sed 's|public/b|public/x|' "$AUDIT.2" >"$SFS/changed"
	verify 8 "$SFS/changed"
	grep -q "changed:3: was changed" "$SFS/out"
	sed 3d "$AUDIT.2" >"$SFS/missing"
	verify 8 "$SFS/missing"
	grep -q "missing:3: line 3 is missing before it" "$SFS/out"
	sed '3{h;d};4{G}' "$AUDIT.2" >"$SFS/swapped"
	verify 8 "$SFS/swapped"
	{ cat "$AUDIT.2" && sed -n 2p "$AUDIT.2"; } >"$SFS/twice"
	verify 8 "$SFS/twice"
	grep -q "put in, or out of order" "$SFS/out"
	# In any order; the end of what is named may be anywhere.
	verify 0 "$AUDIT" "$AUDIT.2" "$AUDIT.1"
	verify 0 "$AUDIT.1" "$AUDIT.2"
	grep -q "that the anchor knows, was not among them" "$SFS/out"
	verify 8 "$AUDIT" "$AUDIT.2"
	grep -q "are missing before it" "$SFS/out"
	mv "$AUDIT.1" "$SFS/hidden"
	verify 8 --log "$AUDIT"
	mv "$SFS/hidden" "$AUDIT.1"
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	ctl 7 audit verify --store "$STORE" --keyfile "$SFS/other" --anchor "$ANCHOR" --log "$AUDIT"
	verify 3 --log "$SFS/none"
	verify 3 "$SFS/none"
	ctl 0 audit verify --help
}

@test "verify: what was cut off at the end, by the anchor" {
	start_daemon
	mkdir "$PUB/a" "$PUB/b"
	stop_daemon
	cp -p "$AUDIT" "$SFS/whole"
	sed -i '$d' "$AUDIT"
	verify 8 --log "$AUDIT"
	grep -q "the end is missing: the anchor knows line 4, the last one is line 3" "$SFS/out"
	: >"$AUDIT"
	verify 8 --log "$AUDIT"
	grep -q "the end is missing" "$SFS/out"
	# The next start leaves the gap to be seen.
	chown secretfs: "$AUDIT"
	start_daemon
	mkdir "$PUB/c"
	stop_daemon
	same 5 "$(head -n 1 "$AUDIT" | grep -o '^{"n":[0-9]*' | grep -o '[0-9]*')"
	verify 0 "$SFS/whole" "$AUDIT"
	sed -i '2,3d' "$SFS/whole"
	verify 8 "$SFS/whole" "$AUDIT"
	# Another line with the anchor's number.
	cp -p "$AUDIT" "$SFS/now"
	sed -i '$s/"hash":"..../"hash":"0000/' "$AUDIT"
	verify 8 --log "$AUDIT"
	cp -p "$SFS/now" "$AUDIT"
	# Without an anchor it says what it cannot know.
	mkdir -m 700 "$SFS/noanchor"
	verify 0 --log "$AUDIT" --anchor "$SFS/noanchor"
	grep -q "there is no anchor that knows the log" "$SFS/out"
}

@test "the log of the settings is the one that is shown and checked" {
	mkdir -p "$SFS/config/secretfs"
	printf '%s\n' "store = $STORE" "keyfile = $KEY" "anchor = $ANCHOR" "audit_file = $AUDIT" \
		>"$SFS/config/secretfs/secretfs.conf"
	start_daemon
	mkdir "$PUB/a"
	mkdir -p "$SFS/etc"
	cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$SFS/etc"
	cp -a "$SFS/config/secretfs" "$SFS/etc"
	with_conf() {
		unshare -m --propagation private sh -c 'mount --bind "$SFS/etc" /etc && exec "$@"' sh "$@"
	}
	code 0 with_conf "$SECRETCTL" audit a
	grep -q 'public/a' "$SFS/out"
	code 0 with_conf "$SECRETCTL" audit verify
	grep -q 'are as they were written' "$SFS/out"
}
