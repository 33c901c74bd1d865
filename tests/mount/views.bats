# SPDX-License-Identifier: MIT
# views: .json, .env and .secretfs/status.

setup() {
	load ../helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	S=$PUB/s
	export S
}

teardown() {
	finish
}

views() {
	local command=$1
	shift
	"$PYTHON" "$TESTS/mount/views.py" "$command" "$S" "$@"
}

own() {
	local uid=$1
	shift
	as "$uid" sh -c "umask 022; $*"
}

@test ".json shows a secret to the byte" {
	views json
}

@test ".json is merged, as a whole or not at all" {
	views write
}

@test "a null in .json removes nothing that unlink would not" {
	chmod 1777 "$PUB"
	as "$ALICE" mkdir "$PUB/sticky"
	as "$ALICE" chmod 1777 "$PUB/sticky"
	as "$ALICE" sh -c 'echo alice >"$PUB/sticky/k" && chmod 666 "$PUB/sticky/k"'
	expect_as "$BOB" EPERM unlink "$PUB/sticky/k"
	run as "$BOB" sh -c 'printf %s "{\"k\": null, \"more\": \"x\"}" | dd of="$PUB/sticky/.json" status=none conv=fsync'
	[ "$status" != 0 ] && [[ $output == *"not permitted"* ]]
	same k "$(ls "$PUB/sticky")"
	as "$BOB" sh -c 'printf %s "{\"k\": \"new\"}" >"$PUB/sticky/.json"'
	same new "$(cat "$PUB/sticky/k")"
	as "$ALICE" sh -c 'printf %s "{\"k\": null}" >"$PUB/sticky/.json"'
	expect ENOENT stat "$PUB/sticky/k"
}

@test ".json takes long values up to the largest, and EFBIG is for a larger one" {
	views large
}

@test "dot names of other programs are files and stay out of the views" {
	printf v >"$S/k"
	printf swap >"$S/.k.swp"
	same ".k.swp k" "$(ls -A "$S" | xargs)"
	same swap "$(cat "$S/.k.swp")"
	same '{"k": "v"}' "$(cat "$S/.json")"
	same k=v "$(cat "$S/.env")"
}

@test "a shell is told that what it wrote to .env is none" {
	printf v >"$S/k"
	not sh -c 'echo garbage >"$S/.env"' 2>/dev/null
	same k=v "$(cat "$S/.env")"
}

@test ".env shows a secret to the byte, and sh and systemd read it alike" {
	views env
}

@test ".env is merged, as a whole or not at all" {
	views envwrite
}

@test "user and password change together" {
	views atomic "$([ -n "${SECRETFS_SANITIZED:-}" ] && echo 200 || echo 500)"
}

@test "by the programs that people use" {
	echo '{"user": "admin", "password": "a b\n"}' >"$S/.json"
	same '{"password": "a b\n", "user": "admin"}' "$(cat "$S/.json")"
	same "a b" "$(cat "$S/password")"
	printf '{"password": null}' | tee "$S/.json" >/dev/null
	same '{"user": "admin"}' "$(cat "$S/.json")"
	same user "$(ls "$S")"
	printf 'user=root\nport=1\n' | dd of="$S/.env" status=none
	same "$(printf 'port=1\nuser=root')" "$(cat "$S/.env")"
	mkdir "$PUB/t"
	cat "$S/.json" >"$PUB/t/.json"
	same "$(cat "$S/.json")" "$(cat "$PUB/t/.json")"
	cp "$S/.env" "$SFS/env"
	same "$(printf 'port=1\nuser=root')" "$(cat "$SFS/env")"
	not sh -c 'echo "[1]" >"$S/.json"' 2>/dev/null
	not dd of="$S/.env" status=none <<<garbage 2>/dev/null
	same '{"port": "1", "user": "root"}' "$(cat "$S/.json")"
	: >"$S/.json"
	: >"$S/.env"
	same '{"port": "1", "user": "root"}' "$(cat "$S/.json")"
}

@test "the whole is written once, so it is one version more" {
	v() {
		getfattr --absolute-names --only-values -n user.secretfs.version "$S"
	}
	before=$(v)
	echo '{"a": "1", "b": "2", "c": "3"}' >"$S/.json"
	same $((before + 1)) "$(v)"
	printf 'a=2\nb=3\n' >"$S/.env"
	same $((before + 2)) "$(v)"
	not sh -c 'echo "{\"a\": 1}" >"$S/.json"' 2>/dev/null
	same $((before + 2)) "$(v)"
}

@test "no listing shows the views, and nothing is in their way" {
	echo v >"$S/k"
	cat "$S/.json" "$S/.env" >/dev/null
	ls "$S/.versions" >/dev/null
	same "$(printf '.\n..\nk')" "$(ls -a "$S")"
	same "$S $S/k" "$(find "$S" | LC_ALL=C sort | xargs)"
	cp -r "$S" "$SFS/copy"
	same "k" "$(ls -A "$SFS/copy")"
	tar -C "$PUB" -cf "$SFS/tar" s
	same "s/ s/k" "$(tar -tf "$SFS/tar" | xargs)"
	same "$S/k:v" "$(grep -r v "$S")"
	cat "$MNT/.secretfs/status" >/dev/null
	same "by-name private public" "$(ls -A "$MNT" | LC_ALL=C sort | xargs)"
	rm -r "$S"
	expect ENOENT stat "$S"
}

@test "the views cannot be made, removed, renamed or changed otherwise" {
	echo v >"$S/k"
	for view in .json .env; do
		same "regular file 644 0 0" "$(stat -c '%F %a %u %g' "$S/$view")"
		expect EPERM chmod "$S/$view" 600
		expect EPERM chown "$S/$view" 1 1
		expect EPERM unlink "$S/$view"
		expect EPERM rename "$S/$view" "$S/x"
		expect EPERM rename "$S/k" "$S/$view"
		expect EPERM truncate "$S/$view" 0
		expect EEXIST open "$S/$view" "O_WRONLY|O_CREAT|O_EXCL"
		expect EEXIST mkdir "$S/$view"
		not setfacl -m u:5:r "$S/$view" 2>/dev/null
		not touch -d 2001-01-01 "$S/$view" 2>/dev/null
		expect EPERM mkdir "$S/$view.d"
	done
	expect OK rmdir "$S/.versions" # drops history: purge.bats
	expect EPERM rename "$S/.versions" "$S/x"
	expect EISDIR rename "$S/k" "$S/.versions"
	same k "$(ls "$S")"
	same '{"k": "v\n"}' "$(cat "$S/.json")"
}

@test "a view is as strict as the strictest key" {
	printf 1 >"$S/a"
	printf 2 >"$S/b"
	modes() {
		stat -c %a "$S/.json" "$S/.env" | uniq
	}
	same 644 "$(modes)"
	chmod 640 "$S/a"
	same 640 "$(modes)"
	chmod 604 "$S/b"
	same 600 "$(modes)"
	expect_as "$ALICE" EACCES read "$S/.json"
	chmod 666 "$S/a" "$S/b"
	same 644 "$(modes)" # of the secret for writing
	expect_as "$ALICE" OK read "$S/.env"
	expect_as "$ALICE" EACCES open "$S/.env" O_WRONLY
	chmod 777 "$S"
	same 666 "$(modes)"
	own "$ALICE" 'echo "{\"a\": \"x\", \"c\": \"3\"}" >"$S/.json"'
	same "x 2 3" "$(cat "$S/a") $(cat "$S/b") $(cat "$S/c")"
	same "$ALICE" "$(stat -c %u "$S/c")"
	# Now the owners differ: for the owner of the secret alone.
	case $(modes) in
	?00) ;;
	*) false ;;
	esac
	expect_as "$ALICE" EACCES read "$S/.json"
	expect_as "$BOB" EACCES read "$S/.json"
	expect OK read "$S/.json"
	rm "$S/c"
	same 666 "$(modes)"
	chgrp 30000 "$S/a"
	same 6 "$(modes | cut -c1)"
	same 00 "$(modes | cut -c2-)"
	chgrp 0 "$S/a"
	setfacl -m u:"$BOB":r "$S/a"
	same 00 "$(modes | cut -c2-)"
	expect_as "$BOB" EACCES read "$S/.json"
	setfacl -m u:"$BOB":r "$S/b"
	chmod o= "$S/a" "$S/b"
	expect_as "$BOB" OK read "$S/.json"
	expect_as "$BOB" EACCES open "$S/.json" O_WRONLY
	expect_as "$ALICE" EACCES read "$S/.json"
	setfacl -m u:"$BOB":rw "$S/a" "$S/b"
	expect_as "$BOB" EACCES open "$S/.json" O_WRONLY
	setfacl -m u:"$BOB":rwx "$S"
	expect_as "$BOB" OK open "$S/.json" O_WRONLY
	chmod 000 "$S/a"
	same 0 "$(modes)"
}

@test "the views of an empty secret follow the secret" {
	same "644 {}" "$(stat -c %a "$S/.json") $(cat "$S/.json")"
	same "" "$(cat "$S/.env")"
	same "3 0" "$(stat -c %s "$S/.json" "$S/.env" | xargs)"
	chmod 700 "$S"
	same 600 "$(stat -c %a "$S/.json")"
	echo '{"k": "v"}' >"$S/.json"
	same 600 "$(stat -c %a "$S/k")"
	chmod 755 "$S"
	echo '{"l": "v"}' >"$S/.json"
	same 644 "$(stat -c %a "$S/l")"
}

@test "sizes and contents are those of the moment" {
	for i in {1..40}; do
		printf %s "$(seq -s, "$i")" >"$S/k"
		same "{\"k\": \"$(seq -s, "$i")\"}" "$(cat "$S/.json")"
		same "$(stat -c %s "$S/.json")" "$(wc -c <"$S/.json")"
		same "k=$(seq -s, "$i")" "$(cat "$S/.env")"
	done
	mv "$S/k" "$S/with-dash"
	same '# Left out: "with-dash".' "$(cat "$S/.env")"
	mv "$S/with-dash" "$S/m"
	same "m=$(seq -s, 40)" "$(cat "$S/.env")"
	exec 7<"$S/.json"
	echo changed >"$S/m"
	same "{\"m\": \"$(seq -s, 40)\"}" "$(cat <&7)"
	exec 7<&-
	restart_daemon
	same '{"m": "changed\n"}' "$(cat "$S/.json")"
}

@test "private views are the owner's" {
	own "$ALICE" 'mkdir "$PRIV/p"; echo "{\"k\": \"v\"}" >"$PRIV/p/.json"; cat "$PRIV/p/.env"' >"$SFS/out"
	same k=v "$(cat "$SFS/out")"
	for uid in 0 "$BOB"; do
		for view in .json .env .versions .versions/1; do
			expect_as "$uid" EACCES open "$MNT/.private/$ALICE/p/$view" O_RDONLY
		done
	done
}

@test "status" {
	same "dr-xr-xr-x" "$(stat -c %A "$MNT/.secretfs")"
	same "444" "$(stat -c %a "$MNT/.secretfs/status")"
	same status "$(ls -A "$MNT/.secretfs")"
	echo v >"$S/k"
	as "$ALICE" cat "$MNT/.secretfs/status" >"$SFS/status"
	"$PYTHON" - "$SFS/status" "$(worker_pid)" "$(supervisor_pid)" <<'END'
import json, sys
s = json.load(open(sys.argv[1]))
assert s["worker"] == int(sys.argv[2]), s
assert s["supervisor"] == int(sys.argv[3]), s
assert s["secrets"] == 1, s
assert isinstance(s["version"], str) and s["version"], s
for name in ("format", "generation", "uptime", "handles", "locked_bytes", "locked_limit", "operations", "errors"):
    assert isinstance(s[name], int) and s[name] >= 0, name
assert 0 < s["locked_bytes"] < s["locked_limit"] and s["uptime"] < 600, s
END
	operations() {
		grep -o '"operations": [0-9]*' "$MNT/.secretfs/status" | cut -d' ' -f2
	}
	first=$(operations)
	cat "$S/k" >/dev/null
	[ "$(operations)" -gt "$first" ]
	expect EROFS open "$MNT/.secretfs/status" O_WRONLY
	expect_as "$ALICE" EACCES open "$MNT/.secretfs/status" O_WRONLY
	expect EPERM unlink "$MNT/.secretfs/status"
	expect EPERM mkdir "$MNT/.secretfs/x"
	expect ENOENT stat "$MNT/.secretfs/none"
	not grep -q "$SFS" "$MNT/.secretfs/status"
}
