# SPDX-License-Identifier: MIT
# store_key: key slots: from where a key may come, adding, removing, and what the daemon makes of them.

setup() {
	load ../helpers
	load helpers
	make_place
	make_ctl
	make_store
	unset CREDENTIALS_DIRECTORY
}

teardown() {
	finish
}

# daemon WANT OPTION...: starts it with these and stops it again.
daemon() {
	local want=$1 opts="user=secretfs,anchor=$ANCHOR,audit=off" opt
	shift
	for opt; do
		opts+=,$opt
	done
	code "$want" "$DAEMON" "$STORE" "$MNT" -o "$opts"
	[ "$want" != 0 ] || stop_daemon
}

key() {
	local want=$1 verb=$2
	shift 2
	ctl "$want" store key "$verb" "$STORE" "$@"
}

slots() {
	"$SECRETCTL" store key list "$STORE" | awk 'NR > 1 { print $1, $2 }' | paste -sd, -
}

@test "a passphrase beside the key file" {
	key 0 list
	same "SLOT KIND     ARGON2ID LABEL
1    key file -        key file" "$(cat "$SFS/out")"
	key 0 add --keyfile "$KEY" --new-passphrase-fd 9 --label "the paper in the safe" 9<<<"correct horse"
	out "added slot 2"
	key 0 list
	grep -qE '2 +passphrase +[0-9]+ x [0-9]+ MiB +the paper in the safe' "$SFS/out"
	daemon 0 passphrase-fd=9 9<<<"correct horse"
	daemon 7 passphrase-fd=9 9<<<"wrong horse"
	daemon 0 "keyfile=$KEY"
	key 0 test --passphrase-fd 9 9<<<"correct horse"
	out "opens slot 2"
	key 0 test --keyfile "$KEY"
	out "opens slot 1"
	key 7 test --passphrase-fd 9 9<<<"wrong horse"
	out ""
	err_has "opens no key slot"
}

@test "a new key file is made, an existing one is taken" {
	key 0 add --keyfile "$KEY" --new-keyfile "$SFS/two"
	out "created $SFS/two
added slot 2"
	same "400 32" "$(stat -c '%a %s' "$SFS/two")"
	daemon 0 "keyfile=$SFS/two"
	head -c 32 /dev/urandom >"$SFS/three"
	chmod 400 "$SFS/three"
	key 0 add --keyfile "$SFS/two" --new-keyfile "$SFS/three"
	out "added slot 3"
	daemon 0 "keyfile=$SFS/three"
	head -c 32 /dev/urandom >"$SFS/wrong"
	chmod 400 "$SFS/wrong"
	key 7 add --keyfile "$SFS/wrong" --new-keyfile "$SFS/four"
	same "1 key,2 key,3 key" "$(slots)"
}

@test "a command: what it prints, without a shell" {
	echo "from the vault" >"$SFS/vault"
	key 0 add --keyfile "$KEY" --new-command "cat '$SFS/vault'"
	daemon 0 "key_command=cat $SFS/vault"
	# The same bytes typed open it too, with or without the newline.
	daemon 0 passphrase-fd=9 9<<<"from the vault"
	daemon 0 "key_command=sh -c 'printf %s \"from the vault\"'"
	daemon 7 "key_command=echo from the vaul"
	daemon 7 "key_command=false"
	grep -q 'exit code 1' "$SFS/err"
	daemon 3 "key_command=$SFS/none"
	daemon 2 'key_command=cat /x | head'
	grep -q "sh -c" "$SFS/err"
	key 0 test --command "cat $SFS/vault"
	out "opens slot 2"
	key 7 test --command "sh -c 'exit 5'"
	err_has "exit code 5"
	key 2 test --command "head -c 5000 /dev/zero"
	err_has "4096"
	# Nothing of it is in the store.
	not grep -qa "vault" "$STORE"
}

@test "the command sees the environment that the daemon was started with; the worker does not" {
	key 0 add --keyfile "$KEY" --new-passphrase-fd 9 9<<<"hunter2 of the environment"
	start() {
		CANARY="hunter2 of the environment" code 0 "$DAEMON" "$STORE" "$MNT" \
			-o "user=secretfs,anchor=$ANCHOR,audit=off,key_command=printenv CANARY"
	}
	start
	not grep -qa CANARY "/proc/$(worker_pid)/environ"
	stop_daemon
}

@test "a credential of systemd" {
	mkdir -m 700 "$SFS/creds"
	printf 'sealed by the machine\n' >"$SFS/creds/store-key"
	chmod 400 "$SFS/creds/store-key"
	key 3 add --keyfile "$KEY" --new-credential store-key
	err_has "CREDENTIALS_DIRECTORY"
	export CREDENTIALS_DIRECTORY=$SFS/creds
	key 0 add --keyfile "$KEY" --new-credential store-key
	same "1 key,2 credential" "$(slots)"
	daemon 0 credential=store-key
	daemon 3 credential=other
	daemon 2 credential=../key
	chmod 444 "$SFS/creds/store-key"
	daemon 10 credential=store-key
	chmod 400 "$SFS/creds/store-key"
	key 0 test --credential store-key
	out "opens slot 2"
	unset CREDENTIALS_DIRECTORY
	daemon 3 credential=store-key
}

@test "sources from a settings file" {
	echo "from the vault" >"$SFS/vault"
	key 0 add --keyfile "$KEY" --new-command "cat $SFS/vault"
	mkdir -p "$SFS/etc/secretfs"
	cp -a /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache "$SFS/etc"
	cat >"$SFS/etc/secretfs/secretfs.conf" <<-EOF
		store = $STORE
		mountpoint = $MNT
		anchor = $ANCHOR
		audit = off
		key_command = cat $SFS/vault
	EOF
	with_conf() {
		unshare -m --propagation private sh -c 'mount --bind "$SFS/etc" /etc && exec "$@"' sh "$@"
	}
	code 0 with_conf sh -c "'$DAEMON' && umount '$MNT'"
	sweep_wait "$SFS" 10
	code 0 with_conf "$SECRETCTL" store key test
	out "opens slot 2"
	code 0 with_conf "$SECRETCTL" store key list
	code 0 with_conf "$SECRETCTL" store key remove 1
	same "2 command" "$(slots)"
	echo "keyfile = $KEY" >>"$SFS/etc/secretfs/secretfs.conf"
	code 2 with_conf "$DAEMON"
	grep -q "one of keyfile, credential and key_command" "$SFS/err"
}

@test "remove: another slot must open, the last one stays, and old copies are named" {
	key 0 add --keyfile "$KEY" --new-keyfile "$SFS/two"
	cp -a "$STORE" "$SFS/old"
	key 7 remove 2 --keyfile "$SFS/two"
	err_has "slots that stay"
	key 3 remove 7 --keyfile "$KEY"
	key 2 remove x --keyfile "$KEY"
	key 2 remove --keyfile "$KEY"
	key 2 remove 2
	same "1 key,2 key" "$(slots)"
	key 0 remove 2 --keyfile "$KEY"
	grep -qx "removed slot 2" "$SFS/out"
	grep -q "Copies of the store that were made before still open with that key" "$SFS/out"
	grep -q "secretctl store rotate $STORE" "$SFS/out"
	daemon 7 "keyfile=$SFS/two"
	daemon 0 "keyfile=$KEY"
	ctl 0 store key test "$SFS/old" --keyfile "$SFS/two"
	key 2 remove 1 --keyfile "$KEY"
	err_has "the last one"
	daemon 0 "keyfile=$KEY"
	# A number that is free is given again.
	key 0 add --keyfile "$KEY" --new-keyfile "$SFS/three"
	same "1 key,2 key" "$(slots)"
}

@test "what a removed slot held is not in the file any more" {
	key 0 add --keyfile "$KEY" --new-keyfile "$SFS/two" --label "zebra crossing"
	grep -qa "zebra crossing" "$STORE"
	key 0 remove 2 --keyfile "$KEY"
	not grep -qa "zebra crossing" "$STORE"
	not test -e "$STORE-wal"
}

@test "sixteen slots and no more" {
	for i in $(seq 2 16); do
		key 0 add --keyfile "$KEY" --new-keyfile "$SFS/k$i"
	done
	key 1 add --keyfile "$KEY" --new-keyfile "$SFS/k17"
	grep -q "16 key slots" "$SFS/err"
	daemon 0 "keyfile=$SFS/k16"
}

@test "beside a daemon slots are listed and tested, not changed" {
	start_daemon
	key 0 list
	key 0 test --keyfile "$KEY"
	key 11 add --keyfile "$KEY" --new-keyfile "$SFS/two"
	err_has "umount"
	not test -e "$SFS/two"
	key 11 remove 1 --keyfile "$KEY"
}

@test "costs below the floor are refused before Argon2id runs" {
	key 0 add --keyfile "$KEY" --new-passphrase-fd 9 9<<<"correct horse"
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" sql "UPDATE slot SET ops = 1, mem = 8192 WHERE id = 2"
	daemon 7 passphrase-fd=9 9<<<"correct horse"
	grep -q "costs outside" "$SFS/err"
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" sql "UPDATE slot SET ops = 20, mem = 1 << 50 WHERE id = 2"
	daemon 7 passphrase-fd=9 9<<<"correct horse"
	daemon 0 "keyfile=$KEY"
}

@test "a slot that is no slot does not hide the others" {
	key 0 add --keyfile "$KEY" --new-keyfile "$SFS/two"
	"$PYTHON" "$TESTS/tools/tamper.py" "$STORE" sql "UPDATE slot SET salt = x'00', label = 5 WHERE id = 1"
	key 0 list
	grep -qE "^1 +damaged" "$SFS/out"
	daemon 0 "keyfile=$SFS/two"
	daemon 7 "keyfile=$KEY"
	key 0 remove 1 --keyfile "$SFS/two"
	same "2 key" "$(slots)"
}

@test "age keeps the key" {
	command -v age >/dev/null || skip "age is not installed"
	age-keygen -o "$SFS/identity" 2>/dev/null
	head -c 24 /dev/urandom | base64 | age -r "$(age-keygen -y "$SFS/identity")" -o "$SFS/key.age"
	key 0 add --keyfile "$KEY" --new-command "age -d -i $SFS/identity $SFS/key.age" --label age
	daemon 0 "key_command=age -d -i $SFS/identity $SFS/key.age"
	age-keygen -o "$SFS/other" 2>/dev/null
	daemon 7 "key_command=age -d -i $SFS/other $SFS/key.age"
}

@test "systemd-creds keeps the key" {
	command -v systemd-creds >/dev/null || skip "systemd-creds is not installed"
	# Its host key is made in a folder that is gone after the test.
	creds() {
		unshare -m --propagation private sh -c 'mkdir -p /var/lib/systemd "$SFS/systemd" &&
			mount --bind "$SFS/systemd" /var/lib/systemd && exec "$@"' sh "$@"
	}
	head -c 24 /dev/urandom | base64 | creds systemd-creds encrypt --with-key=host --name=store-key - "$SFS/store-key.cred" ||
		skip "systemd-creds has no key on this machine"
	not grep -qa "$(creds systemd-creds decrypt --name=store-key "$SFS/store-key.cred" -)" "$SFS/store-key.cred"
	code 0 creds "$SECRETCTL" store key add "$STORE" --keyfile "$KEY" \
		--new-command "systemd-creds decrypt --name=store-key $SFS/store-key.cred -"
	code 0 creds sh -c "'$DAEMON' '$STORE' '$MNT' -o 'user=secretfs,anchor=$ANCHOR,audit=off,key_command=systemd-creds decrypt --name=store-key $SFS/store-key.cred -' && umount '$MNT'"
	sweep_wait "$SFS" 10
	# As LoadCredentialEncrypted= does it.
	mkdir -m 700 "$SFS/creds"
	(umask 077 && creds systemd-creds decrypt --name=store-key "$SFS/store-key.cred" - >"$SFS/creds/store-key")
	export CREDENTIALS_DIRECTORY=$SFS/creds
	daemon 0 credential=store-key
}

@test "bad input" {
	ctl 2 store key
	ctl 2 store key frobnicate "$STORE"
	ctl 2 store key list
	ctl 3 store key list "$SFS/none"
	key 2 list --label x
	key 2 test
	key 2 test --keyfile "$KEY" --command x
	key 2 add --keyfile "$KEY"
	key 2 add --new-keyfile "$SFS/x"
	key 2 add --keyfile "$KEY" --new-keyfile "$SFS/x" --new-passphrase
	key 2 add extra --keyfile "$KEY" --new-keyfile "$SFS/x"
	key 2 add --keyfile "$KEY" --new-passphrase-fd 9 --label "$(printf '%065d' 1)" 9<<<"x"
	not test -e "$SFS/x"
	ctl 0 store key --help
	grep -q '^usage: secretctl store key add' "$SFS/out"
	ctl 0 store key add --help
	grep -q '^usage: secretctl store key add' "$SFS/out"
}

@test "a passphrase from the terminal" {
	tty 0 -a "New passphrase: " hunter2 -a "again: " hunter2 -- "$SECRETCTL" store key add "$STORE" --keyfile "$KEY" --new-passphrase
	tty 0 -a "Passphrase: " hunter2 -- "$SECRETCTL" store key test "$STORE" --passphrase
	grep -q "opens slot 2" "$SFS/out"
	tty 7 -a "Passphrase: " hunter3 -- "$SECRETCTL" store key test "$STORE" --passphrase
	not grep -q hunter "$SFS/out"
	code 2 setsid -w "$SECRETCTL" store key test "$STORE" --passphrase
	err_has "no terminal"
}
