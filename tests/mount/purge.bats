# SPDX-License-Identifier: MIT
# purge: dropping history by rmdir and unlink below .versions.

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

# Versions 1 (empty), 2 to 4 with k and l; 5 is the current one.
make_versions() {
	local i
	for i in 1 2 3 4; do
		printf '{"k": "k%s", "l": "l%s"}' "$i" "$i" >"${1:-$S}/.json"
	done
}

listed() {
	ls "${1:-$V}" | sort -n | xargs
}

# A file through the page cache.
mapped() {
	"$PYTHON" -c '
import mmap, sys
with open(sys.argv[1], "rb") as f:
    print(mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)[:].decode(), end="")' "$1"
}

# Rows of a table of the store.
rows() {
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" rows "$1" | wc -l
}

@test "one version" {
	make_versions
	expect OK rmdir "$V/3"
	same "1 2 4" "$(listed)"
	expect ENOENT stat "$V/3"
	expect ENOENT stat "$V/3/k"
	expect ENOENT rmdir "$V/3"
	same k1k3k4 "$(cat "$V/2/k" "$V/4/k" "$S/k" | tr -d "\n")"
	same 5 "$(getfattr --only-values --absolute-names -n user.secretfs.version "$S")"
	expect OK rmdir "$V/1"
	same "2 4" "$(listed)"
	restart_daemon
	same "2 4" "$(listed)"
	expect ENOENT stat "$V/3"
	echo more >"$S/k"
	same "2 4 5" "$(listed)"
	stop_daemon
	# 2 and 4: two values each, 5: two, the current one: k alone is its own.
	same "3 7" "$(rows history) $(rows value)"
	same "" "$("$CTL" store verify "$STORE" --keyfile "$KEY" 2>&1 | grep -i -e waste -e damaged || true)"
}

@test "all of them" {
	make_versions
	expect OK rmdir "$V"
	same "" "$(ls -A "$V")"
	for v in 1 2 3 4; do
		expect ENOENT stat "$V/$v"
	done
	same "k4 5" "$(cat "$S/k") $(getfattr --only-values --absolute-names -n user.secretfs.version "$S")"
	expect OK rmdir "$V"
	echo new >"$S/k"
	same "5" "$(listed)"
	same k4 "$(cat "$V/5/k")"
	stop_daemon
	same "1 3" "$(rows history) $(rows value)"
}

@test "one key of one version" {
	make_versions
	same "$(printf '{"k": "k2", "l": "l2"}')" "$(mapped "$V/3/.json")"
	expect OK unlink "$V/3/k"
	same l "$(ls -A "$V/3")"
	expect ENOENT stat "$V/3/k"
	expect ENOENT unlink "$V/3/k"
	same '{"l": "l2"}' "$(cat "$V/3/.json")"
	same 'l=l2' "$(cat "$V/3/.env")"
	same "12 5" "$(stat -c %s "$V/3/.json" "$V/3/.env" | xargs)"
	# The page cache knew it.
	same '{"l": "l2"}' "$(mapped "$V/3/.json")"
	same "k1 k3 k4" "$(cat "$V/2/k") $(cat "$V/4/k") $(cat "$S/k")"
	same "l2" "$(cat "$V/3/l")"
	# Back to it: k is not in it, so it stays as it is.
	cat "$V/3/.json" >"$S/.json"
	same '{"k": "k4", "l": "l2"}' "$(cat "$S/.json")"
	restart_daemon
	same l "$(ls -A "$V/3")"
	same '{"l": "l2"}' "$(cat "$V/3/.json")"
	expect OK unlink "$V/3/l"
	same '{}' "$(cat "$V/3/.json")"
	same "1 2 3 4 5" "$(listed)"
}

@test "a value that other versions have stays there" {
	echo one >"$S/k"
	echo x >"$S/l"
	echo y >"$S/l"
	last=$(listed | awk '{ print $NF }')
	expect OK unlink "$V/$last/k"
	same "one one" "$(cat "$V/$((last - 1))/k") $(cat "$S/k")"
	expect OK rmdir "$V"
	same "one y" "$(cat "$S/k") $(cat "$S/l")"
}

@test "the errnos of what is not to be removed" {
	make_versions
	expect ENOENT rmdir "$V/5" # the current one is not listed
	expect ENOENT rmdir "$V/9"
	expect ENOENT rmdir "$V/x"
	expect ENOENT unlink "$V/3/x"
	expect EROFS unlink "$V/3/.json"
	expect EROFS unlink "$V/3/.env"
	expect ENOTDIR rmdir "$V/3/k"
	expect EISDIR unlink "$V/3"
	expect EISDIR unlink "$V"
	expect EPERM unlink "$S/.json"
	expect ENOTDIR rmdir "$S/.json"
	expect ENOTDIR rmdir "$S/k"
	expect EROFS mkdir "$V/3/d"
	expect EROFS rename "$V/3" "$V/30"
	expect EROFS rename "$V/3/k" "$V/3/m"
	same "1 2 3 4" "$(listed)"
}

@test "for the owner, and root in public" {
	setfacl -m u:$ALICE:rwx "$PUB"
	as $ALICE mkdir "$PUB/hers"
	make_versions "$PUB/hers"
	chown -R $ALICE "$PUB/hers"
	chmod 777 "$PUB/hers"
	H=$PUB/hers/.versions
	expect_as $BOB EACCES rmdir "$H/2"
	expect_as $BOB EACCES unlink "$H/2/k"
	# Who may write to the secret gets past the kernel here.
	expect_as $BOB EACCES rmdir "$H"
	same "1 2 3 4" "$(listed "$H")"
	expect_as $ALICE EROFS mkdir "$H/8"
	expect_as $ALICE OK unlink "$H/2/k"
	expect_as $ALICE OK rmdir "$H/3"
	same "1 2 4" "$(as $ALICE ls "$H" | xargs)"
	expect OK rmdir "$H/4"
	expect_as $ALICE OK rmdir "$H"
	same "" "$(ls -A "$H")"
	# It follows the owner of now.
	chown $BOB "$PUB/hers"
	echo '{"k": "x"}' >"$PUB/hers/.json"
	expect_as $ALICE EACCES rmdir "$H"
	expect_as $BOB OK rmdir "$H"
}

@test "in private: for its owner alone" {
	as $ALICE sh -c 'mkdir "$PRIV/p"; for i in 1 2 3; do echo "{\"k\": \"$i\"}" >"$PRIV/p/.json"; done'
	P=$MNT/.private/$ALICE/p/.versions
	for uid in 0 $BOB; do
		expect_as $uid EACCES rmdir "$P"
		expect_as $uid EACCES rmdir "$P/2"
		expect_as $uid EACCES unlink "$P/2/k"
	done
	expect_as $ALICE OK unlink "$P/2/k"
	expect_as $ALICE OK rmdir "$P/3"
	expect_as $ALICE OK rmdir "$P"
	same "" "$(as $ALICE ls -A "$P")"
	same 3 "$(as $ALICE cat "$PRIV/p/k")"
}

@test "what is open stays readable, also over the death of a worker" {
	make_versions
	exec 7<"$V/2/k" 8<"$V/3/k" 9<"$V/4/.json"
	expect OK unlink "$V/2/k"
	expect OK rmdir "$V/3"
	expect OK rmdir "$V"
	same "k3" "$("$PYTHON" -c 'import json, os; print(json.loads(os.pread(9, 99, 0))["k"])')"
	same 2 "$(stat -Lc %s /proc/$$/fd/7)"
	WORKER_MAY_DIE=1
	before=$(worker_pid)
	kill -KILL "$before"
	eventually 10 worker_is_not "$before"
	same "k1 k2" "$(cat <&7) $(cat <&8)"
	exec 7<&- 8<&- 9<&-
	# Then it goes.
	eventually 10 only_current
}

only_current() {
	[ "$(rows value)" = 2 ]
}

@test "each happens once over the death of a worker" {
	WORKER_MAY_DIE=1
	for resend in yes no; do
		[ $resend = yes ] || restart_daemon resend=$resend
		grep -q "fault-segv" "$DAEMON" || skip "the build has no faults"
		rm -rf "$S" && mkdir "$S"
		make_versions
		after_commit expect OK unlink "$V/2/k"
		same l "$(ls "$V/2")"
		after_commit expect OK rmdir "$V/3"
		same "1 2 4" "$(listed)"
		after_commit expect OK rmdir "$V"
		same "" "$(listed)"
		same '{"k": "k4", "l": "l4"}' "$(cat "$S/.json")"
	done
}

@test "who stands in a folder that is dropped is not in the way" {
	make_versions
	(
		cd "$V" && exec sleep 60 3>&-
	) &
	stands=$!
	eventually 5 stands_there $stands
	expect OK rmdir "$V"
	echo again >"$S/k"
	same "5" "$(listed)"
	same k4 "$(cat "$V/5/k")"
	kill $stands
	wait $stands || true
	same "5" "$(listed)"
}

stands_there() {
	[ "$(readlink "/proc/$1/cwd")" = "$V" ]
}

@test "rm -r of .versions drops it; rm, cp, find and tar of the secret never see it" {
	make_versions
	same "$(printf '%s\n' "$S" "$S/k" "$S/l")" "$(find "$S" | sort)"
	cp -r "$S" "$SFS/copy"
	same "k l" "$(ls -A "$SFS/copy" | xargs)"
	same "s/ s/k s/l" "$(tar -C "$PUB" -cf - s | tar -tf - | sort | xargs)"
	cp -r "$V" "$SFS/old"
	same k2 "$(cat "$SFS/old/3/k")"
	same "1 2 3 4" "$(find "$V" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | xargs)"
	rm -r "$V"
	same "" "$(ls -A "$V")"
	same "k4 l4" "$(cat "$S/k") $(cat "$S/l")"
	echo 5 >"$S/k"
	rm -r "$S"
	expect ENOENT stat "$S"
}

@test "readers beside it see a whole version or none" {
	"$PYTHON" - "$S" <<'END'
import os, sys, threading
s = sys.argv[1]
v = s + "/.versions"
wrong, stop = [], threading.Event()

def write(i):
    with open(s + "/.json", "w") as f:
        f.write('{"k": "%d", "l": "%d"}' % (i, i))

def reader():
    while not stop.is_set():
        try:
            for n in os.listdir(v):
                with open(f"{v}/{n}/.json") as f:
                    text = f.read()
                if text not in ("{}\n",):
                    import json
                    d = json.loads(text)
                    if len(d) == 2 and d["k"] != d["l"]:
                        wrong.append(text)
        except FileNotFoundError:
            pass
        except OSError as e:
            # Another listing of a folder that was removed under it.
            wrong.append(repr(e))

threads = [threading.Thread(target=reader) for _ in range(3)]
for t in threads:
    t.start()
for i in range(60):
    write(i)
    if i % 7 == 3:
        names = sorted(os.listdir(v), key=int)
        os.rmdir(f"{v}/{names[len(names) // 2]}")
        os.unlink(f"{v}/{names[-1]}/k")
    if i % 20 == 19:
        os.rmdir(v)
stop.set()
for t in threads:
    t.join()
assert not wrong, wrong[:3]
END
}
