# SPDX-License-Identifier: MIT
# history, rollback and diff: earlier versions of a secret, and back to one.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
}

teardown() {
	finish
}

# Versions 1 (empty), 2 (a b), 3 (a changed, b removed, c added), 4 (a changed, same length).
make_versions() {
	ctl 0 create "$@" --a=1 --b=hunter2
	ctl 0 update "${!#}" --a=long -r b --c=3
	ctl 0 update "${!#}" --a=LONG
}

@test "history: numbers, times, keys, what changed, no values" {
	before=$(date +%s)
	make_versions db
	ctl 0 history db
	same "VERSION KEYS CHANGES" "$(awk 'NR == 1 { print $1, $3, $4 }' "$SFS/out")"
	same "$(printf '%s\n' '1 0 ' '2 2 +a +b' '3 2 ~a -b +c' '4 2 ~a')" \
		"$(awk 'NR > 1 { n = $1 " " $3 " "; for (i = 4; i <= NF; i++) n = n (i > 4 ? " " : "") $i; print n }' "$SFS/out")"
	not grep -q -e hunter2 -e long -e LONG "$SFS/out"
	for when in $(awk 'NR > 1 { print $2 }' "$SFS/out"); do
		at=$(date +%s -d "$when")
		test "$at" -ge $((before - 1)) && test "$at" -le "$(date +%s)"
	done
	# A secret that has expired still has a history.
	ctl 0 update db --expires=now
	ctl 0 history db
	grep -q '^4 .* ~a$' "$SFS/out"
}

@test "history: for programs" {
	make_versions db
	ctl 0 history db -o json
	"$PYTHON" - "$SFS/out" <<-'END'
		import json, re, sys
		h = json.load(open(sys.argv[1]))
		assert (h["name"], h["namespace"]) == ("db", "public"), h
		got = [(v["version"], v["current"], v["keys"], v["added"], v["changed"], v["removed"]) for v in h["versions"]]
		assert got == [
		    (1, False, [], None, None, None),
		    (2, False, ["a", "b"], ["a", "b"], [], []),
		    (3, False, ["a", "c"], ["c"], ["a"], ["b"]),
		    (4, True, ["a", "c"], [], ["a"], []),
		], got
		assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", v["time"]) for v in h["versions"])
	END
	rmdir "$PUB/db/.versions/2"
	ctl 0 history db --output=json
	same "1 3 4 None" "$("$PYTHON" -c '
import json, sys
v = json.load(open(sys.argv[1]))["versions"]
print(*[x["version"] for x in v], v[1]["added"])' "$SFS/out")"
	ctl 0 history db -o table
	ctl 2 history db -o yaml
	err_has "table or json"
}

@test "history: only the last ones are kept, of both namespaces, for the owner" {
	ctl_as $ALICE 0 create -p db --a=0
	for i in {1..14}; do
		ctl_as $ALICE 0 update db --a="$i"
	done
	ctl_as $ALICE 0 history db
	same 12 "$(wc -l <"$SFS/out")"
	same "6 1" "$(awk 'NR == 2 { print $1, $3 }' "$SFS/out")"
	same "" "$(awk 'NR == 2 { print $4 }' "$SFS/out")"
	ctl 0 create db --k=1
	ctl_as $BOB 4 history db
	err_has "only its owner may see the versions"
	ctl_as $ALICE 0 history private/db
	ctl_as $ALICE 4 history public/db
	ctl 3 history nothing
}

@test "rollback: exactly that content, in one transaction, the rest stays" {
	make_versions db
	chmod 640 "$PUB/db/a"
	ctl 0 update db --description=stays --expires=2099-01-01
	ctl 0 rollback db 2
	out "public/db is as in version 2; this is version 5"
	same '{"a": "1", "b": "hunter2"}' "$(cat "$PUB/db/.json")"
	same 640 "$(stat -c %a "$PUB/db/a")"
	same stays "$(getfattr --only-values -n user.secretfs.description "$PUB/db")"
	same 2099-01-01T00:00:00Z "$(getfattr --only-values -n user.secretfs.expires "$PUB/db")"
	ctl 0 rollback db 4
	same '{"a": "LONG", "c": "3"}' "$(cat "$PUB/db/.json")"
	ctl 0 rollback db 1
	same '{}' "$(cat "$PUB/db/.json")"
	ctl 0 rollback db 1
	out "public/db is as in version 1; this is version 7"
	ctl 0 rollback db 7
	out "public/db is as in version 7; this is version 7"
}

@test "rollback: bytes, private secrets, those without one" {
	head -c 100000 /dev/urandom >"$SFS/blob"
	ctl_as $ALICE 0 create -p db --blob=@"$SFS/blob" --x=1
	ctl_as $ALICE 0 update db --blob=gone --y=2
	ctl_as $ALICE 0 rollback db 2
	as $ALICE cat "$PRIV/db/blob" | cmp - "$SFS/blob"
	same "$(printf 'blob\nx\n')" "$(as $ALICE ls "$PRIV/db")"
	ctl_as $ALICE 3 rollback db 99
	err_has "version 99 is not kept"
	ctl 0 create db --k=1
	ctl_as $BOB 4 rollback db 1
	ctl 3 rollback nothing 1
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create hers --k=1
	ctl 4 rollback hers 1
	ctl 0 rollback public/hers 1
	same "" "$(ls "$PUB/hers")"
}

@test "diff: keys, and values only when asked" {
	make_versions db
	ctl 0 diff db 2 3
	out "$(printf '~ a\n- b\n+ c')"
	ctl 0 diff db 3 2
	out "$(printf '~ a\n+ b\n- c')"
	ctl 0 diff db 3 4
	out "~ a"
	ctl 0 diff db 4 4
	out ""
	ctl 0 diff db 2 3 --show
	out "$(printf -- '- a 1\n+ a long\n- b hunter2\n+ c 3')"
	ctl 0 create -p db --k=1
	ctl 0 diff db 1 2
	out "+ k"
	# A value that is the same, whatever its time says.
	ctl 0 update db --other=1
	touch -d 2001-01-01 "$PRIV/db/k"
	ctl 0 update db --other=2
	ctl 0 diff db 2 4
	out "+ other"
	ctl_as $BOB 4 diff public/db 1 2
	ctl 3 diff db 1 99
}

@test "bad input" {
	ctl 0 create db --k=1
	for words in "" "db" "db x" "db 0" "db -1" "db 1 2 3" "a/b 1"; do
		# shellcheck disable=SC2086 # words
		ctl 2 rollback $words
		# shellcheck disable=SC2086 # words
		ctl 2 diff $words
	done
	ctl 2 diff db 1
	ctl 2 history
	ctl 2 history a b
	for verb in history rollback diff; do
		ctl 0 $verb --help
		grep -q "^usage: secretctl $verb NAME" "$SFS/out"
	done
	value 1 "$PUB/db/k"
}
