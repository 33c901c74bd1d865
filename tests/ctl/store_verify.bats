# SPDX-License-Identifier: MIT
# store_verify: what is wrong with a store is named, and can be dropped or taken as it is.

setup() {
	load ../helpers
	load helpers
	make_place
	make_ctl
	make_store
}

teardown() {
	finish
}

# A public and a private secret with two versions each, and three more.
grow() {
	start_daemon
	ctl 0 create db --password=one --user=app
	ctl 0 update db --password=two
	ctl_as $ALICE 0 create -p mail --token=t1
	for i in 1 2 3; do
		ctl 0 create "more$i" --k="$i"
	done
	stop_daemon
}

verify() {
	local want=$1
	shift
	ctl "$want" store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR" "$@"
}

# said LINE: one line of what was printed is exactly this.
said() {
	grep -qxF -- "$1" "$SFS/out" || {
		printf 'not said: %s\n' "$1" >&2
		cat "$SFS/out" "$SFS/err" >&2
		return 1
	}
}

# row NAME: id of the secret that was made as the n-th.
row() {
	tamper rows secret | sed -n "$1p"
}

@test "a store that is whole" {
	grow
	before=$(sha256sum <"$STORE")
	verify 0
	grep -qxE '5 secrets, [0-9]+ versions, [0-9]+ values were read' "$SFS/out"
	same 1 "$(wc -l <"$SFS/out")"
	err ""
	# Nothing is wrong, so nothing is changed.
	verify 0 --accept
	verify 0 --remove
	same "$before" "$(sha256sum <"$STORE")"
	same "" "$(ls "$STORE"-* 2>/dev/null | grep -v lock)"
}

@test "an empty store, and one that was never mounted" {
	verify 0
	said '0 secrets, 0 versions, 0 values were read'
	start_daemon
	stop_daemon
	verify 0
}

@test "beside a daemon that writes" {
	start_daemon
	mkdir "$PUB/s"
	sh -c 'n=0; while echo $n >"$1"; do n=$((n + 1)); done' sh "$PUB/s/k" 2>/dev/null 3>&- &
	pid=$!
	for _ in $(seq 20); do
		verify 0
	done
	kill "$pid"
	wait "$pid" || true
	verify 11 --accept
	err_has "umount"
	verify 11 --remove
}

@test "a damaged value: its key is named, and dropped" {
	grow
	# The first version of db/password is only history, the second is current.
	value=$(tamper rows value | sed -n 3p)
	tamper flip value "$value"
	verify 8
	said 'damaged: public/db/password: the value does not open'
	err_has "1 of its records is damaged"
	start_daemon
	run cat "$PUB/db/password"
	[ "$status" -ne 0 ]
	same app "$(cat "$PUB/db/user")"
	stop_daemon
	verify 0 --remove
	said 'sealed the store as it is now'
	verify 0
	start_daemon
	not test -e "$PUB/db/password"
	same app "$(cat "$PUB/db/user")"
	same 1 "$(cat "$PUB/more1/k")"
	echo new >"$PUB/db/password"
	stop_daemon
	verify 0
}

@test "a missing value, of an earlier version" {
	grow
	tamper delete value "$(tamper rows value | sed -n 1p)"
	verify 8
	grep -qE '^damaged: public/db/(password|user), version [0-9]+: the value is missing$|^damaged: public/db/(password|user): the value is missing$' "$SFS/out"
	verify 0 --remove
	verify 0
}

@test "a damaged manifest: the name is known from an earlier version, the rest goes on" {
	grow
	tamper flip secret "$(row 1)"
	verify 8
	grep -qx 'damaged: public/db: its manifest (names, modes and keys) does not open' "$SFS/out"
	verify 0 --remove
	verify 0
	start_daemon
	not test -e "$PUB/db"
	same "more1 more2 more3" "$(ls "$PUB" | xargs)"
	same t1 "$(as $ALICE cat "$PRIV/mail/token")"
	mkdir "$PUB/db"
	stop_daemon
	verify 0
	# Nothing of it is left as waste.
	not grep -q "belong to nothing" "$SFS/out"
}

@test "a private secret is named with its owner's uid" {
	grow
	tamper flip value "$(tamper rows value | sed -n 4p)"
	verify 8
	said "damaged: private/$ALICE/mail/token: the value does not open"
}

@test "an earlier version that is damaged or gone" {
	start_daemon
	ctl 0 create db --k=0
	for i in 1 2 3 4 5; do
		echo "$i" >"$PUB/db/k"
	done
	version=$(getfattr --only-values -n user.secretfs.version "$PUB/db")
	oldest=$(find "$PUB/db/.versions" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort -n | head -n 1)
	stop_daemon
	tamper sql "UPDATE history SET box = zeroblob(length(box)) WHERE ver = $((version - 2))"
	tamper sql "DELETE FROM history WHERE ver = $oldest"
	verify 8
	said "damaged: public/db, version $((version - 2)): this version does not open"
	said "damaged: public/db, version $oldest: this version is missing"
	verify 0 --remove
	verify 0
	start_daemon
	same 5 "$(cat "$PUB/db/k")"
	same 4 "$(cat "$PUB/db/.versions/$((version - 1))/k")"
	same 2 "$(cat "$PUB/db/.versions/$((version - 3))/k")"
	not test -e "$PUB/db/.versions/$((version - 2))"
	not test -e "$PUB/db/.versions/$oldest"
}

@test "a secret put back: doubtful, and --accept takes it as it is" {
	grow
	tamper save secret "$(row 1)" "$SFS/old"
	start_daemon
	ctl 0 update db --user=other
	stop_daemon
	tamper load secret "$SFS/old"
	verify 8
	grep -q '^doubtful: bucket [0-9]*: the records of this bucket are not those that were sealed$' "$SFS/out"
	start_daemon
	run cat "$PUB/db/user"
	[ "$status" -ne 0 ]
	stop_daemon
	verify 0 --accept
	verify 0
	start_daemon
	ls "$PUB/db" >/dev/null
	stop_daemon
}

@test "a secret removed behind the daemon's back, and one added" {
	grow
	tamper save secret "$(row 3)" "$SFS/more1"
	tamper delete secret "$(row 3)"
	verify 8
	grep -q '^doubtful: public, row [0-9]*: its secrets are not as many as its record says' "$SFS/out"
	verify 0 --accept
	start_daemon
	not test -e "$PUB/more1"
	same 2 "$(cat "$PUB/more2/k")"
	stop_daemon
	# It comes back: now that is what is not sealed.
	tamper load secret "$SFS/more1"
	verify 8
	grep -q '^doubtful: public/more1: it, or another one of its bucket, was put back' "$SFS/out"
	verify 0 --accept
	start_daemon
	ls "$PUB/more1" >/dev/null
}

@test "a damaged or missing sum" {
	grow
	bucket=$(tamper bucket "$(row 1)")
	tamper flip bucket "$bucket"
	verify 8
	said "damaged: bucket $bucket: the sum of this bucket does not open"
	verify 0 --accept
	tamper delete bucket 17
	verify 8
	said "damaged: bucket 17: the sum of this bucket is missing"
	verify 0 --accept
	tamper sql "INSERT INTO bucket(id, ver, box) VALUES(5000, 1, x'00')"
	verify 8
	verify 0 --accept
	tamper sql "INSERT INTO root(id, box) SELECT 60, box FROM root"
	verify 8
	said "damaged: store: there are roots beside the one"
	verify 0 --accept
	verify 0
	start_daemon
	same two "$(cat "$PUB/db/password")"
}

@test "the record of a namespace that is lost is made anew, its secrets stay" {
	grow
	public=$(tamper sql "SELECT ns FROM secret WHERE id = $(row 1)")
	private=$(tamper sql "SELECT ns FROM secret WHERE id = $(row 2)")
	tamper flip ns "$private"
	tamper delete ns "$public"
	verify 8
	grep -q "^damaged: private/$ALICE, row $private: the record of the namespace (" "$SFS/out"
	grep -q "^damaged: public, row $public: the record of the namespace is missing" "$SFS/out"
	verify 0 --remove
	verify 0
	start_daemon
	same "1755 0" "$(stat -c '%a %u' "$PUB")"
	same two "$(cat "$PUB/db/password")"
	same t1 "$(as $ALICE cat "$PRIV/mail/token")"
}

@test "rows that belong to nothing are waste, not damage" {
	grow
	tamper sql "INSERT INTO value(id, box) VALUES(999, zeroblob(104))"
	tamper sql "INSERT INTO history(secret, ver, box) VALUES(777, 1, zeroblob(600))"
	verify 8 # numbers that were never given out
	verify 0 --remove
	verify 0
	not grep -q "belong to nothing" "$SFS/out"
	same "" "$(tamper sql "SELECT id FROM value WHERE id = 999")"
}

@test "a root that is lost cannot be made again" {
	grow
	tamper flip root 1
	verify 8
	verify 8 --accept
	verify 8 --remove
	err_has "restore it from a backup"
}

@test "an index that says something else than its table" {
	grow
	tamper empty-index secret_ns
	verify 8
	err_has "structure of the file"
	ctl 8 store verify "$STORE" --keyfile "$KEY" --anchor "$ANCHOR"
	verify 0 --accept
	said 'sealed the store as it is now'
	verify 0
	start_daemon
	same two "$(cat "$PUB/db/password")"
}

@test "an old copy: 12, and --accept takes it" {
	start_daemon
	mkdir "$PUB/s"
	stop_daemon
	cp -a "$STORE" "$SFS/old"
	start_daemon
	mkdir "$PUB/t"
	stop_daemon
	cp -a "$STORE" "$SFS/new"
	cp -a "$SFS/old" "$STORE"
	verify 12
	err_has "old copy"
	verify 0 --accept
	said 'sealed the store as it is now'
	start_daemon
	ls -d "$PUB/s"
	not test -e "$PUB/t"
	stop_daemon
	cp -a "$SFS/new" "$STORE"
	verify 12
	run_daemon && false
	grep -q "old copy" "$LOG"
}

@test "a copy elsewhere has no anchor, and needs none" {
	grow
	mkdir "$SFS/copies"
	cp "$STORE" "$SFS/copies/copy.db"
	ctl 0 store verify "$SFS/copies/copy.db" --keyfile "$KEY"
	ctl 12 store verify "$SFS/copies/copy.db" --keyfile "$KEY" --anchor "$ANCHOR"
	err_has "no anchor"
}

@test "the wrong key, no key, no store" {
	head -c 32 /dev/urandom >"$SFS/other"
	chmod 400 "$SFS/other"
	ctl 7 store verify "$STORE" --keyfile "$SFS/other" --anchor "$ANCHOR"
	ctl 2 store verify "$STORE" --anchor "$ANCHOR"
	ctl 3 store verify "$SFS/none" --keyfile "$KEY"
	ctl 2 store verify "$STORE" "$STORE" --keyfile "$KEY"
	echo data >"$SFS/file"
	ctl 8 store verify "$SFS/file" --keyfile "$KEY"
	ctl 0 store verify --help
	grep -q '^usage: secretctl store verify' "$SFS/out"
}

@test "root verifies as the owner of the store" {
	grow
	verify 0
	# What root leaves behind in the store's folder must be the owner's, or the daemon could not use it.
	same "secretfs" "$(stat -c %U "$SFS"/store/* | sort -u)"
	start_daemon
	same two "$(cat "$PUB/db/password")"
}

@test "earlier versions" {
	grow
	start_daemon
	ctl 0 update db --password=three
	ctl 0 update db --password=four
	ctl_as $ALICE 0 update private/mail --token=t2
	ctl_as $ALICE 0 update private/mail --token=t3
	stop_daemon
	local mail
	mail=$(row 2)
	tamper sql "DELETE FROM history WHERE ver = 2 AND secret IN ($(row 1), $mail)"
	verify 8
	said 'doubtful: public/db: earlier versions are missing that were not purged'
	said "doubtful: private/$ALICE/mail: earlier versions are missing that were not purged"
	grep -q -- --accept "$SFS/err"
	# Nothing more is lost by dropping what is damaged.
	verify 0 --remove
	verify 0
	start_daemon
	ctl 0 get db password
	out four
	same "" "$(ls "$PUB/db/.versions" | grep -x 2)"
	ctl 0 get more1 k
	as $ALICE cat "$PRIV/mail/.versions/3/token"
	stop_daemon
}
