# SPDX-License-Identifier: MIT
# versions: .versions/ of a secret.

setup() {
	load ../helpers
	make_store
	start_daemon
	mkdir "$PUB/s"
	S=$PUB/s
	V=$S/.versions
	export S V
}

teardown() {
	finish
}

version() {
	getfattr --absolute-names --only-values -n user.secretfs.version "${1:-$S}"
}

# The versions that are listed, in one line.
listed() {
	ls "${1:-$V}" | sort -n | xargs
}

@test "each commit makes one" {
	same 1 "$(version)"
	same "" "$(ls -A "$V")"
	echo one >"$S/k"
	same 2 "$(version)" # made and written through one descriptor
	same 1 "$(listed)"
	same "" "$(ls -A "$V/1")"
	echo two >"$S/k"
	same "3: 1 2" "$(version): $(listed)"
	same one "$(cat "$V/2/k")"
	echo three >>"$S/k"
	same "4: 1 2 3" "$(version): $(listed)"
	same two "$(cat "$V/3/k")"
	touch "$S/l"
	same 5 "$(version)"
	mv "$S/l" "$S/m"
	same 6 "$(version)"
	rm "$S/m"
	same 7 "$(version)"
	truncate -s 1 "$S/k"
	same "8: 1 2 3 4 5 6 7" "$(version): $(listed)"
	same "k" "$(ls "$V/4")"
	same "k l" "$(ls "$V/5" | xargs)"
	same "k m" "$(ls "$V/6" | xargs)"
	same "two three" "$(xargs <"$V/7/k")"
}

@test "what changes no value makes none" {
	echo one >"$S/k"
	chmod 600 "$S/k"
	chown 5 "$S/k"
	touch "$S/k"
	setfacl -m u:5:r "$S/k"
	chmod 700 "$S"
	mv "$S" "$PUB/t"
	setfattr -n user.secretfs.description -v x "$PUB/t"
	cat "$PUB/t/k" >/dev/null
	same "2: 1" "$(version "$PUB/t"): $(listed "$PUB/t/.versions")"
}

@test "one descriptor makes one, however often it commits" {
	"$PYTHON" - "$S/k" <<'END'
import os, sys
w = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o644)
for i in range(5):
    os.pwrite(w, b"%d" % i, 0)
    os.fsync(w)
    os.close(os.dup(w))
os.close(w)
END
	same "2: 1" "$(version): $(listed)"
	"$PYTHON" - "$S/k" <<'END'
import os, sys
w = os.open(sys.argv[1], os.O_WRONLY)
for i in range(5):
    os.pwrite(w, b"x%d" % i, 0)
    os.fsync(w)
os.close(w)
END
	same "3: 1 2" "$(version): $(listed)"
	same "4 x4" "$(cat "$V/2/k") $(cat "$S/k")"
}

@test "another's commit in between is not merged away" {
	echo first >"$S/k"
	echo l >"$S/l"
	"$PYTHON" - "$S" <<'END'
import os, sys
s = sys.argv[1]
w = os.open(f"{s}/k", os.O_WRONLY)
os.pwrite(w, b"1", 0)
os.fsync(w)
with open(f"{s}/l", "w") as f:
    f.write("between")
os.pwrite(w, b"2", 0)
os.close(w)
END
	same "6: 1 2 3 4 5" "$(version): $(listed)"
	same "1irst l" "$(cat "$V/4/k") $(cat "$V/4/l")"
	same "1irst between" "$(cat "$V/5/k") $(cat "$V/5/l")"
	same "2irst between" "$(cat "$S/k") $(cat "$S/l")"
}

@test "the last ten are kept" {
	for i in {1..15}; do
		echo "$i" >"$S/k"
	done
	same "16: 6 7 8 9 10 11 12 13 14 15" "$(version): $(listed)"
	for v in {6..15}; do
		same $((v - 1)) "$(cat "$V/$v/k")"
	done
	for v in 0 1 5 16 17 007 6x -1 "" 99999999999999999999; do
		[ -z "$v" ] || expect ENOENT stat "$V/$v"
	done
	restart_daemon
	same "16: 6 7 8 9 10 11 12 13 14 15" "$(version): $(listed)"
	same 7 "$(cat "$V/8/k")"
	echo 16 >"$S/k"
	same "17: 7 8 9 10 11 12 13 14 15 16" "$(version): $(listed)"
	expect ENOENT stat "$V/6"
	# Their values are gone from the store with them.
	stop_daemon
	same 11 "$("$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows value | wc -l)"
	start_daemon
}

@test "history is a setting" {
	restart_daemon history=2
	for i in 1 2 3 4; do
		echo $i >"$S/k"
	done
	same "5: 3 4" "$(version): $(listed)"
	restart_daemon history=0
	echo 5 >"$S/k"
	same "6: " "$(version): $(listed)"
	same "" "$(ls -A "$V")"
	expect ENOENT stat "$V/5"
	echo 6 >"$S/k"
	same "6 7" "$(cat "$S/k") $(version)"
	restart_daemon history=3
	echo 7 >"$S/k"
	same "7" "$(listed)"
}

@test "with no history a reader keeps what it has open" {
	restart_daemon history=0
	echo old >"$S/k"
	exec 7<"$S/k"
	echo new >"$S/k"
	echo newer >"$S/k"
	same old "$(cat <&7)"
	exec 7<&-
	same newer "$(cat "$S/k")"
}

@test "a version has its keys, their values and the views" {
	printf '{"user": "u1", "password": "p1", "binary": {"base64": "/wA="}}' >"$S/.json"
	echo '{"user": "u2", "password": null, "new": "n"}' >"$S/.json"
	same "binary password user" "$(ls -A "$V/2" | xargs)"
	same "u1 p1" "$(cat "$V/2/user") $(cat "$V/2/password")"
	same "ff 00" "$(od -An -tx1 "$V/2/binary" | xargs)"
	same '{"binary": {"base64": "/wA="}, "password": "p1", "user": "u1"}' "$(cat "$V/2/.json")"
	same "$(printf '# Left out: "binary".\npassword=p1\nuser=u1')" "$(cat "$V/2/.env")"
	same '{}' "$(cat "$V/1/.json")"
	same "700 400 400 400" "$(stat -c %a "$V" "$V/2/user" "$V/2/.json" "$V/2/.env" | xargs)"
	same "700 directory" "$(stat -c '%a %F' "$V/2")"
	for name in user binary .json .env; do
		same "$(wc -c <"$V/2/$name")" "$(stat -c %s "$V/2/$name")"
	done
	expect ENOENT stat "$V/2/new"
	expect ENOENT stat "$V/2/.versions"
	cp -r "$V" "$SFS/copy"
	same "u1" "$(cat "$SFS/copy/2/user")"
}

@test "restoring is writing an earlier .json" {
	echo '{"user": "u1", "password": "p1"}' >"$S/.json"
	echo '{"user": "u2", "password": "p2", "more": "m"}' >"$S/.json"
	cat "$V/2/.json" >"$S/.json"
	same '{"more": "m", "password": "p1", "user": "u1"}' "$(cat "$S/.json")"
	same "4: 1 2 3" "$(version): $(listed)"
	same '{"more": "m", "password": "p2", "user": "u2"}' "$(cat "$V/3/.json")"
	cat "$V/3/user" >"$S/user"
	same u2 "$(cat "$S/user")"
	cp "$V/3/.env" "$S/.env"
	same '{"more": "m", "password": "p2", "user": "u2"}' "$(cat "$S/.json")"
}

@test "versions are the owner's" {
	chmod 777 "$S"
	echo '{"k": "v1"}' >"$S/.json"
	echo '{"k": "v2"}' >"$S/.json"
	chmod 666 "$S/k"
	same v2 "$(as "$ALICE" cat "$S/k")"
	expect_as "$ALICE" EACCES list "$V"
	for name in 2 2/k 2/.json 2/.env 9; do
		expect_as "$ALICE" EACCES stat "$V/$name"
	done
	chown -R "$ALICE" "$S"
	same v1 "$(as "$ALICE" cat "$V/2/k")"
	expect_as "$BOB" EACCES list "$V"
	same "$ALICE" "$(stat -c %u "$V/2/k")"
	as "$BOB" sh -c 'umask 022; mkdir "$PRIV/p"; echo 1 >"$PRIV/p/k"; echo 2 >"$PRIV/p/k"; cat "$PRIV/p/.versions/2/k"' >"$SFS/out"
	same 1 "$(cat "$SFS/out")"
	for uid in 0 "$ALICE"; do
		expect_as "$uid" EACCES read "$MNT/.private/$BOB/p/.versions/2/k"
		expect_as "$uid" EACCES list "$MNT/.private/$BOB/p/.versions"
	done
}

@test "versions are read only" {
	echo 1 >"$S/k"
	echo 2 >"$S/k"
	expect EROFS open "$V/2/k" O_WRONLY
	expect EROFS open "$V/2/k" O_RDWR
	expect EROFS open "$V/2/k" "O_WRONLY|O_TRUNC"
	expect EROFS open "$V/2/.json" O_WRONLY
	expect EROFS truncate "$V/2/k" 0
	expect EROFS unlink "$V/2/.json"
	expect EROFS mkdir "$V/2/d"
	expect EROFS mkdir "$V/9"
	expect ENOTDIR rmdir "$V/2/k"
	expect EISDIR unlink "$V/2"
	expect EROFS mknod "$V/2/new"
	expect EROFS rename "$V/2/k" "$V/2/l"
	expect EROFS rename "$V/1" "$V/2"
	not sh -c ': >"$V/2/new"' 2>"$SFS/err"
	not chmod 777 "$V/2/k" 2>/dev/null
	not chown 5 "$V/2/k" 2>/dev/null
	not setfattr -n user.secretfs.expires -v 1 "$V/2" 2>/dev/null
	same "1 2: 1 2" "$(cat "$V/2/k") $(cat "$S/k"): $(listed)"
}

@test "what is open of a version that goes stays readable" {
	echo 1 >"$S/k"
	echo 2 >"$S/k"
	exec 7<"$V/2/k"
	for i in {3..20}; do
		echo "$i" >"$S/k"
	done
	expect ENOENT stat "$V/2"
	same 1 "$(cat <&7)"
	exec 7<&-
}

@test "versions go with their secret" {
	echo 1 >"$S/k"
	echo 2 >"$S/k"
	rm -r "$S"
	expect ENOENT stat "$V"
	mkdir "$S"
	same "1: " "$(version): $(listed)"
	stop_daemon
	same "0 0" "$("$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows history | wc -l) $("$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows value | wc -l)"
}
