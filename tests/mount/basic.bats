# SPDX-License-Identifier: MIT
# basic: the everyday operations on secrets and keys, by the programs that people use.

setup() {
	load ../helpers
	make_store
	start_daemon
}

teardown() {
	finish
}

@test "a secret and a key" {
	mkdir "$PUB/db"
	echo hunter2 >"$PUB/db/password"
	same hunter2 "$(cat "$PUB/db/password")"
	same "755 directory 0 0" "$(stat -c '%a %F %u %g' "$PUB/db")"
	same "644 regular file 0 0 8" "$(stat -c '%a %F %u %g %s' "$PUB/db/password")"
}

@test "the root shows public and private and nothing that is hidden" {
	same "$(printf "%s\n" . .. private public)" "$(ls -a "$MNT" | grep -v "^by-name$")"
	mkdir "$PUB/s"
	same "$(printf '.\n..\n')" "$(ls -a "$PUB/s")"
	same "$(printf '.\n..\ns\n')" "$(ls -a "$PUB")"
}

@test "link counts" {
	mkdir "$PUB/a" "$PUB/b"
	echo 1 >"$PUB/a/k"
	same 4 "$(stat -c %h "$PUB")"
	same 2 "$(stat -c %h "$PUB/a")"
	same 1 "$(stat -c %h "$PUB/a/k")"
}

@test "a key is there, empty, from its creation on" {
	mkdir "$PUB/s"
	exec 7>"$PUB/s/k"
	same "0" "$(stat -c %s "$PUB/s/k")"
	same "" "$(cat "$PUB/s/k")"
	same k "$(ls "$PUB/s")"
	exec 7>&-
	expect EEXIST open "$PUB/s/k" "O_WRONLY|O_CREAT|O_EXCL"
	touch "$PUB/s/empty"
	same 0 "$(stat -c %s "$PUB/s/empty")"
	expect OK mknod "$PUB/s/made"
	same "644 regular empty file" "$(stat -c '%a %F' "$PUB/s/made")"
}

@test "any bytes are kept exactly" {
	mkdir "$PUB/s"
	head -c 300000 /dev/urandom >"$SFS/bytes"
	cp "$SFS/bytes" "$PUB/s/k"
	cmp "$SFS/bytes" "$PUB/s/k"
	printf 'a\0b\n\n' >"$PUB/s/nul"
	same "61 00 62 0a 0a" "$(od -An -tx1 "$PUB/s/nul" | xargs)"
	head -c 1048576 /dev/urandom >"$SFS/bytes"
	cat "$SFS/bytes" >"$PUB/s/big"
	cmp "$SFS/bytes" "$PUB/s/big"
	same 1048576 "$(stat -c %s "$PUB/s/big")"
	for len in 1 63 64 65 4095 4096 4097 131071 131072 131073; do
		head -c "$len" "$SFS/bytes" >"$PUB/s/k$len"
		cmp <(head -c "$len" "$SFS/bytes") "$PUB/s/k$len"
	done
}

@test "append" {
	mkdir "$PUB/s"
	echo one >"$PUB/s/k"
	echo two >>"$PUB/s/k"
	printf three | tee -a "$PUB/s/k" >/dev/null
	same "$(printf 'one\ntwo\nthree')" "$(cat "$PUB/s/k")"
}

@test "appending from two sides loses nothing" {
	mkdir "$PUB/s"
	: >"$PUB/s/k"
	for who in a b; do
		(for i in {1..50}; do echo "$who$i" >>"$PUB/s/k"; done) &
	done
	wait
	same 100 "$(sort -u "$PUB/s/k" | wc -l)"
}

@test "truncate" {
	mkdir "$PUB/s"
	echo abcdef >"$PUB/s/k"
	truncate -s 3 "$PUB/s/k"
	same "abc" "$(cat "$PUB/s/k")"
	truncate -s 5 "$PUB/s/k"
	same "61 62 63 00 00" "$(od -An -tx1 "$PUB/s/k" | xargs)"
	same 5 "$(stat -c %s "$PUB/s/k")"
	truncate -s 0 "$PUB/s/k"
	same 0 "$(stat -c %s "$PUB/s/k")"
	expect OK truncate "$PUB/s/k" 4
	same 4 "$(wc -c <"$PUB/s/k")"
}

@test "an open with O_TRUNC empties the key" {
	mkdir "$PUB/s"
	for i in {1..100}; do
		echo "value $i" >"$PUB/s/k"
		expect OK open "$PUB/s/k" "O_WRONLY|O_TRUNC"
		eventually 5 cmp -s /dev/null "$PUB/s/k"
	done
	echo again >"$PUB/s/k"
	: >"$PUB/s/k"
	same 0 "$(stat -c %s "$PUB/s/k")"
}

@test "overwrite in the middle" {
	mkdir "$PUB/s"
	printf abcdefgh >"$PUB/s/k"
	expect OK pwrite "$PUB/s/k" 3 XX
	same abcXXfgh "$(cat "$PUB/s/k")"
	expect OK pwrite "$PUB/s/k" 10 YY
	same "61 62 63 58 58 66 67 68 00 00 59 59" "$(od -An -tx1 "$PUB/s/k" | xargs)"
	printf Z | dd of="$PUB/s/k" bs=1 seek=0 conv=notrunc status=none
	same "5a" "$(od -An -tx1 -N1 "$PUB/s/k" | xargs)"
}

@test "a key is renamed" {
	mkdir "$PUB/s"
	echo value >"$PUB/s/old"
	ino=$(stat -c %i "$PUB/s/old")
	mv "$PUB/s/old" "$PUB/s/new"
	same value "$(cat "$PUB/s/new")"
	same "$ino" "$(stat -c %i "$PUB/s/new")"
	expect ENOENT stat "$PUB/s/old"
	echo other >"$PUB/s/other"
	mv "$PUB/s/other" "$PUB/s/new"
	same other "$(cat "$PUB/s/new")"
	same new "$(ls "$PUB/s")"
	echo b >"$PUB/s/b"
	expect EEXIST rename "$PUB/s/new" "$PUB/s/b" NOREPLACE
	expect OK rename "$PUB/s/new" "$PUB/s/b" EXCHANGE
	same "b other" "$(cat "$PUB/s/new") $(cat "$PUB/s/b")"
	expect ENOENT rename "$PUB/s/none" "$PUB/s/b"
}

@test "sed -i" {
	mkdir "$PUB/s"
	printf 'user=a\npass=b\n' >"$PUB/s/k"
	chmod 640 "$PUB/s/k"
	sed -i s/pass=b/pass=c/ "$PUB/s/k"
	same "$(printf 'user=a\npass=c')" "$(cat "$PUB/s/k")"
	same 640 "$(stat -c %a "$PUB/s/k")"
	same k "$(ls "$PUB/s")"
}

@test "unlink" {
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	exec 7<"$PUB/s/k"
	rm "$PUB/s/k"
	expect ENOENT stat "$PUB/s/k"
	expect ENOENT unlink "$PUB/s/k"
	expect EISDIR unlink "$PUB/s"
	same value "$(cat <&7)"
	exec 7<&-
	echo new >"$PUB/s/k"
	same new "$(cat "$PUB/s/k")"
}

@test "rmdir" {
	mkdir "$PUB/s"
	echo value >"$PUB/s/k"
	expect ENOTEMPTY rmdir "$PUB/s"
	expect ENOTDIR rmdir "$PUB/s/k"
	rm "$PUB/s/k"
	expect OK rmdir "$PUB/s"
	expect ENOENT stat "$PUB/s"
	expect ENOENT rmdir "$PUB/s"
	mkdir "$PUB/s"
	same "" "$(ls "$PUB/s")"
	echo x >"$PUB/s/k"
	rm -r "$PUB/s"
	same "" "$(ls "$PUB")"
}

@test "a secret is renamed" {
	mkdir "$PUB/a" "$PUB/full" "$PUB/empty"
	echo value >"$PUB/a/k"
	echo other >"$PUB/full/k"
	expect EEXIST rename "$PUB/a" "$PUB/full" NOREPLACE
	expect ENOTEMPTY rename "$PUB/a" "$PUB/full"
	expect OK rename "$PUB/a" "$PUB/empty"
	same value "$(cat "$PUB/empty/k")"
	expect ENOENT stat "$PUB/a"
	expect OK rename "$PUB/empty" "$PUB/full" EXCHANGE
	same "other value" "$(cat "$PUB/empty/k") $(cat "$PUB/full/k")"
	mv "$PUB/full" "$PUB/b"
	same value "$(cat "$PUB/b/k")"
	same "$(printf 'b\nempty')" "$(ls "$PUB")"
}

@test "a working directory follows its secret's new name" {
	mkdir "$PUB/a"
	echo value >"$PUB/a/k"
	cd "$PUB/a"
	mv "$PUB/a" "$PUB/b"
	same value "$(cat k)"
	same "$PUB/b" "$(/bin/pwd)"
	cd /
}

@test "private becomes public and private again" {
	umask 077
	mkdir "$PRIV/x"
	echo value >"$PRIV/x/k"
	same "700 600" "$(stat -c %a "$PRIV/x" "$PRIV/x/k" | xargs)"
	mv "$PRIV/x" "$PUB/x"
	same value "$(cat "$PUB/x/k")"
	same "755 644" "$(stat -c %a "$PUB/x" "$PUB/x/k" | xargs)"
	expect ENOENT stat "$PRIV/x"
	setfacl -m u:"$ALICE":r "$PUB/x/k"
	mv "$PUB/x" "$PRIV/x"
	same "700 600" "$(stat -c %a "$PRIV/x" "$PRIV/x/k" | xargs)"
	same "" "$(getfacl -cpE "$PRIV/x/k" | grep "^user:$ALICE" || true)"
	expect ENOENT stat "$PUB/x"
	same value "$(cat "$PRIV/x/k")"
}

@test "a clash between private and public" {
	mkdir "$PRIV/x" "$PUB/x"
	echo a >"$PRIV/x/k"
	echo b >"$PUB/x/k"
	for flags in NOREPLACE; do
		expect EEXIST rename "$PRIV/x" "$PUB/x" "$flags"
		expect EEXIST rename "$PUB/x" "$PRIV/x" "$flags"
	done
	expect ENOTEMPTY rename "$PRIV/x" "$PUB/x"
	expect ENOTEMPTY rename "$PUB/x" "$PRIV/x"
	same "a b" "$(cat "$PRIV/x/k") $(cat "$PUB/x/k")"
	rm "$PUB/x/k"
	expect EEXIST rename "$PRIV/x" "$PUB/x" NOREPLACE
}

@test "the public mode is a setting" {
	restart_daemon public_mode=0750
	mkdir "$PRIV/x"
	echo a >"$PRIV/x/k"
	mv "$PRIV/x" "$PUB/y"
	same "750 640" "$(stat -c %a "$PUB/y" "$PUB/y/k" | xargs)"
}

@test "chmod, chown and times" {
	mkdir "$PUB/s"
	echo a >"$PUB/s/k"
	chmod 600 "$PUB/s/k"
	chmod 711 "$PUB/s"
	chown 1234:5678 "$PUB/s/k"
	chown 4321:8765 "$PUB/s"
	same "600 1234 5678" "$(stat -c '%a %u %g' "$PUB/s/k")"
	same "711 4321 8765" "$(stat -c '%a %u %g' "$PUB/s")"
	touch -d '2001-02-03 04:05:06.123456789 UTC' "$PUB/s/k"
	same "2001-02-03 04:05:06.123456789" "$(TZ=UTC stat -c %y "$PUB/s/k" | cut -c1-29)"
	touch -d '2002-02-03 04:05:06 UTC' "$PUB/s"
	same 1012709106 "$(stat -c %Y "$PUB/s")"
	echo b >"$PUB/s/k"
	now=$(date +%s)
	[ "$(stat -c %Y "$PUB/s/k")" -ge $((now - 5)) ]
	same "600" "$(stat -c '%a' "$PUB/s/k")"
	chmod 7755 "$PUB/s"
	same "1755" "$(stat -c '%a' "$PUB/s")"
	chmod 6755 "$PUB/s/k"
	same "755" "$(stat -c '%a' "$PUB/s/k")"
}

@test "times beyond what nanoseconds can count become the last that they can" {
	mkdir "$PUB/s"
	echo a >"$PUB/s/k"
	touch -d @9223372037 "$PUB/s/k" "$PUB/s"
	same "9223372036 9223372036" "$(stat -c %Y "$PUB/s/k" "$PUB/s" | xargs)"
	touch -d @-99999999999 "$PUB/s/k"
	same "-9223372037" "$(stat -c %Y "$PUB/s/k")"
	touch -d @9223372035 "$PUB/s/k"
	same 9223372035 "$(stat -c %Y "$PUB/s/k")"
}

@test "cp -p keeps the times although it writes after setting them" {
	mkdir "$PUB/s"
	echo a >"$SFS/file"
	touch -d '2001-02-03 04:05:06 UTC' "$SFS/file"
	chmod 640 "$SFS/file"
	cp -p "$SFS/file" "$PUB/s/k"
	same "$(stat -c '%Y %a' "$SFS/file")" "$(stat -c '%Y %a' "$PUB/s/k")"
}

@test "umask" {
	umask 027
	mkdir "$PUB/s"
	echo a >"$PUB/s/k"
	same "750 640" "$(stat -c %a "$PUB/s" "$PUB/s/k" | xargs)"
}

@test "df" {
	mkdir "$PUB/s"
	read -r blocks free names <<<"$(stat -f -c '%b %a %l' "$MNT")"
	[ "$blocks" -gt 0 ]
	[ "$free" -gt 0 ]
	same 255 "$names"
	df "$MNT" >/dev/null
}

@test "a thousand secrets are listed, each once" {
	"$PYTHON" "$TESTS/mount/many.py" list "$PUB" 1000
}

@test "a listing goes on while its secrets are removed" {
	"$PYTHON" "$TESTS/mount/many.py" remove "$PUB" 1000
	same "" "$(ls "$PUB")"
}

@test "256 keys in a secret and not one more" {
	mkdir "$PUB/s"
	"$PYTHON" "$TESTS/mount/many.py" keys "$PUB/s" 256
	expect EDQUOT open "$PUB/s/more" "O_WRONLY|O_CREAT"
	rm "$PUB/s/k7"
	expect OK open "$PUB/s/more" "O_WRONLY|O_CREAT"
	rm -r "$PUB/s"
}

@test "a restart finds everything" {
	mkdir "$PUB/s" "$PRIV/mine"
	head -c 100000 /dev/urandom >"$SFS/bytes"
	cp "$SFS/bytes" "$PUB/s/big"
	echo value >"$PUB/s/k"
	echo secret >"$PRIV/mine/k"
	chown 7:8 "$PUB/s/k"
	chmod 604 "$PUB/s/k"
	setfacl -m u:"$ALICE":r "$PUB/s/big"
	touch -d '2001-02-03 04:05:06.5 UTC' "$PUB/s/k" "$PUB/s"
	format='%n %i %a %u %g %s %y %z %F %h'
	before=$(stat -c "$format" "$PUB" "$PUB/s" "$PUB/s/k" "$PUB/s/big" "$PRIV/mine/k"; getfacl -cpn "$PUB/s/big")
	restart_daemon
	same "$before" "$(stat -c "$format" "$PUB" "$PUB/s" "$PUB/s/k" "$PUB/s/big" "$PRIV/mine/k"; getfacl -cpn "$PUB/s/big")"
	same value "$(cat "$PUB/s/k")"
	same secret "$(cat "$PRIV/mine/k")"
	cmp "$SFS/bytes" "$PUB/s/big"
}

@test "what others see of a file that changes is never stale" {
	mkdir "$PUB/s"
	for i in {1..100}; do
		value=$(printf "%0$((i * 7 % 50 + 1))d" "$i")
		printf %s "$value" >"$PUB/s/k"
		same "${#value}" "$(stat -c %s "$PUB/s/k")"
		same "$value" "$(busybox cat "$PUB/s/k")"
		mv "$PUB/s/k" "$PUB/s/m"
		expect ENOENT stat "$PUB/s/k"
		mv "$PUB/s/m" "$PUB/s/k"
	done
	for _ in {1..50}; do
		echo x >"$PUB/s/gone"
		rm "$PUB/s/gone"
		expect ENOENT stat "$PUB/s/gone"
		mkdir "$PUB/t"
		rmdir "$PUB/t"
		expect ENOENT stat "$PUB/t"
	done
}
