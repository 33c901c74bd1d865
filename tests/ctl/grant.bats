# SPDX-License-Identifier: MIT
# grant, revoke, access: rights on a public secret and all its keys, as the kernel then decides.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	umask 077
	ctl 0 create db --a=1 --b=2
	umask 022
	S=$PUB/db
}

teardown() {
	finish
}

CAROL=20003
OPS=30001

# as_ops UID COMMAND...: a member of the group OPS.
as_ops() {
	local uid=$1
	shift
	setpriv --reuid="$uid" --regid="$uid" --groups=$OPS -- "$@"
}

# What UID can do with the secret, by trying: names, values, write, create, delete.
can() {
	local how=(as "$1") could=""
	[ "$1" != ops ] || how=(as_ops $CAROL)
	"${how[@]}" ls "$S" >/dev/null 2>&1 && could+="list "
	"${how[@]}" cat "$S/a" "$S/b" >/dev/null 2>&1 && could+="read "
	"${how[@]}" sh -c 'printf 1 >"$1/a"' sh "$S" 2>/dev/null && could+="write "
	"${how[@]}" sh -c 'umask 022; mkdir -p "$1"/x 2>/dev/null; : >"$1/made"' sh "$S" 2>/dev/null && could+="create "
	printf x >"$S/victim"
	"${how[@]}" rm -f "$S/victim" 2>/dev/null && could+="delete "
	rm -f "$S/victim" "$S/made"
	echo "${could% }"
}

@test "each right is what it says, and no more" {
	same "" "$(can $ALICE)"
	ctl 0 grant db user:$ALICE=list
	out "public/db: user:$ALICE may list"
	same "list" "$(can $ALICE)"
	ctl 0 revoke db user:$ALICE
	out "public/db: user:$ALICE may do nothing"
	same "" "$(can $ALICE)"
	ctl 0 grant db user:$ALICE=read
	out "public/db: user:$ALICE may list, read"
	same "list read" "$(can $ALICE)"
	ctl 0 revoke db user:$ALICE
	ctl 0 grant db user:$ALICE=write
	out "public/db: user:$ALICE may write"
	same "write" "$(can $ALICE)"
	ctl 0 revoke db user:$ALICE
	ctl 0 grant db user:$ALICE=create
	out "public/db: user:$ALICE may create"
	same "create" "$(can $ALICE)"
	test -k "$S"
	ctl 0 revoke db user:$ALICE
	ctl 0 grant db user:$ALICE=create,delete
	out "public/db: user:$ALICE may create, delete"
	same "create delete" "$(can $ALICE)"
	not test -k "$S"
	ctl 0 grant db user:$ALICE=list,read,write,create,delete
	same "list read write create delete" "$(can $ALICE)"
	# Nobody else got anything, and the mode is none that lets others in.
	same "" "$(can $BOB)"
	same "" "$(can ops)"
	ctl 0 revoke db user:$ALICE
	same "" "$(can $ALICE)"
	same "$(printf 'user::rwx\ngroup::---\nother::---')" "$(getfacl -cpE "$S" | grep -v -e ^default -e '^$')"
}

@test "groups and other" {
	ctl 0 grant db group:$OPS=read
	out "public/db: group:$OPS may list, read"
	same "list read" "$(can ops)"
	same "" "$(can $CAROL)"
	ctl 0 grant db other=list
	same "list" "$(can $CAROL)"
	same "list read" "$(can ops)"
	ctl 0 revoke db group:$OPS=read
	out "public/db: group:$OPS may list"
	same "list" "$(can ops)"
	ctl 0 revoke db other
	same "list" "$(can ops)"
	same "" "$(can $CAROL)"
	# The group that owns it.
	chgrp -R $OPS "$S"
	chmod 750 "$S"
	chmod 640 "$S/a" "$S/b"
	same "list read" "$(can ops)"
	ctl 0 revoke db group:$OPS=read
	same "list" "$(can ops)"
	ctl 0 revoke db group:$OPS
	same "" "$(can ops)"
	ctl 0 grant db group:$OPS=read,write
	same "list read write" "$(can ops)"
}

@test "several subjects at once" {
	ctl 0 grant db user:$ALICE=read group:$OPS=list,write other=list
	out "public/db: user:$ALICE may list, read
public/db: group:$OPS may list, write
public/db: other may list"
	same "list read" "$(can $ALICE)"
	same "list write" "$(can ops)"
	same "list" "$(can $BOB)"
	ctl 0 revoke db user:$ALICE=read other
	same "list" "$(can $ALICE)"
	same "" "$(can $BOB)"
}

@test "keys that come later, by whomever" {
	ctl 0 grant db user:$ALICE=read user:$BOB=list,create
	ctl 0 update db --c=3
	same 3 "$(as $ALICE cat "$S/c")"
	not as $BOB cat "$S/c" 2>/dev/null
	as $BOB sh -c 'umask 077; printf 4 >"$1/d"' sh "$S"
	same 4 "$(as $ALICE cat "$S/d")"
	same 4 "$(cat "$S/d")"
	ctl 0 revoke db user:$ALICE=read
	ctl 0 update db --e=5
	not as $ALICE cat "$S/e" 2>/dev/null
	same "list" "$(can $ALICE)"
	# The owner of the secret has what others make in it.
	setfacl -m u:$ALICE:rwx "$PUB"
	as $ALICE sh -c 'umask 077; mkdir "$1/public/box"' sh "$MNT"
	ctl_as $ALICE 0 grant box user:$BOB=create
	as $BOB sh -c 'umask 077; printf dropped >"$1/k"' sh "$PUB/box"
	same dropped "$(as $ALICE cat "$PUB/box/k")"
	not as $CAROL cat "$PUB/box/k" 2>/dev/null
	as $ALICE rm "$PUB/box/k"
}

@test "a grant widens nothing that the mask of before held back" {
	setfacl -m u:$BOB:rwx,m::--- "$S"
	setfacl -m u:$BOB:rw,m::--- "$S/a" "$S/b"
	same "" "$(can $BOB)"
	ctl 0 grant db user:$ALICE=list,read,write,create,delete
	same "" "$(can $BOB)"
	same "list read write create delete" "$(can $ALICE)"
	# chmod g=: the mask of a file with an ACL.
	chmod 700 "$S"
	same "" "$(can $ALICE)"
	ctl 0 grant db group:$OPS=read
	same "list read" "$(can ops)"
	same "" "$(can $ALICE)"
}

@test "a grant takes nothing away that somebody had otherwise" {
	chmod 755 "$S"
	chmod 644 "$S/a" "$S/b"
	ctl 0 grant db user:$ALICE=write
	out "public/db: user:$ALICE may list, read, write"
	same "list read write" "$(can $ALICE)"
	ctl 0 grant db group:$OPS=write
	same "list read write" "$(can ops)"
	same "list read" "$(can $BOB)"
	# And a new key is as the others are, whatever the umask.
	(umask 077 && printf 3 >"$S/c")
	same 3 "$(as $BOB cat "$S/c")"
	# A revocation holds against other and groups.
	ctl 0 revoke db user:$ALICE
	out "public/db: user:$ALICE may do nothing"
	same "" "$(can $ALICE)"
	same "list read" "$(can $BOB)"
	ctl 0 revoke db user:$BOB=read
	out "public/db: user:$BOB may list"
	same "list" "$(can $BOB)"
	same "list read" "$(can $CAROL)"
	printf 4 >"$S/d"
	not as $BOB cat "$S/d" 2>/dev/null
	same 4 "$(as $CAROL cat "$S/d")"
}

@test "the sticky bit: set where it changes nobody's rights, refused where it would" {
	ctl 0 grant db user:$ALICE=create
	test -k "$S"
	ctl 0 grant db group:$OPS=create
	test -k "$S"
	ctl 2 grant db user:$BOB=create,delete
	err_has "others would get delete, too"
	same "" "$(can $BOB)"
	same "create" "$(can $ALICE)"
	ctl 0 grant db user:$ALICE=create,delete group:$OPS=create,delete
	not test -k "$S"
	same "create delete" "$(can ops)"
	ctl 2 grant db user:$BOB=create
	err_has "others would lose delete"
	same "create delete" "$(can $ALICE)"
	ctl 2 grant db user:$BOB=create,delete user:$CAROL=create
	err_has "the sticky bit is the secret's"
	ctl 2 revoke db user:$ALICE=delete
	err_has "group:$OPS"
	same "create delete" "$(can $ALICE)"
	ctl 0 revoke db user:$ALICE=delete group:$OPS=delete
	same "create" "$(can $ALICE)"
	same "create" "$(can ops)"
	ctl 0 revoke db user:$ALICE=create group:$OPS
	same "" "$(can $ALICE)"
}

@test "keys of others: all else is done, and it is said" {
	setfacl -m u:$ALICE:rwx "$PUB"
	as $ALICE sh -c 'umask 077; mkdir "$1/public/hers"; printf 1 >"$1/public/hers/k"' sh "$MNT"
	ctl_as $ALICE 0 grant hers user:$BOB=create
	as $BOB sh -c 'printf 2 >"$1/his"' sh "$PUB/hers"
	ctl_as $ALICE 4 grant hers user:$CAROL=read
	err_has "public/hers: 1 of 2 keys belong to others, such as his to $BOB"
	same 1 "$(as $CAROL cat "$PUB/hers/k")"
	not as $CAROL cat "$PUB/hers/his" 2>/dev/null
	ctl 0 grant public/hers user:$CAROL=read
	same 2 "$(as $CAROL cat "$PUB/hers/his")"
	ctl_as $ALICE 4 revoke hers user:$CAROL
	not as $CAROL cat "$PUB/hers/k" 2>/dev/null
	not as $CAROL cat "$PUB/hers/his" 2>/dev/null
}

@test "views are read by who may read" {
	ctl 0 grant db user:$ALICE=read
	same '{"a": "1", "b": "2"}' "$(as $ALICE cat "$S/.json")"
	ctl 0 update db --c=3
	same '{"a": "1", "b": "2", "c": "3"}' "$(as $ALICE cat "$S/.json")"
	ctl_as $ALICE 0 get db c
	not as $BOB cat "$S/.json" 2>/dev/null
	ctl 0 grant db user:$BOB=read user:$ALICE=create
	ctl 0 update db --d=4
	same '{"a": "1", "b": "2", "c": "3", "d": "4"}' "$(as $ALICE cat "$S/.json")"
	same '{"a": "1", "b": "2", "c": "3", "d": "4"}' "$(as $BOB cat "$S/.json")"
	ctl 0 revoke db user:$BOB
	not as $BOB cat "$S/.json" 2>/dev/null
	same '{"a": "1", "b": "2", "c": "3", "d": "4"}' "$(as $ALICE cat "$S/.json")"
}

@test "access: in words, as JSON, with a warning for what differs" {
	ctl 0 grant db user:$ALICE=read group:$OPS=list,write
	ctl 0 access db
	same "WHO MAY AS" "$(awk 'NR == 1 { print $1, $2, $3 }' "$SFS/out")"
	same "$(printf '%s\n' 'user:root list, read, write, create, delete owner' "user:$ALICE list, read" \
		"group:$OPS list, write" 'group:root nothing owning group' 'other nothing')" \
		"$(awk 'NR > 1' "$SFS/out" | sed 's/  */ /g; s/ *$//')"
	err ""
	chmod o=r "$S/a"
	chmod o=x "$S"
	ctl 0 access db
	err_has "public/db/a is open to more than its siblings: other may read it"
	ctl 0 access db -o json
	same "list read" "$("$PYTHON" -c '
import json, sys
a = json.load(open(sys.argv[1]))
assert a["name"] == "db" and a["namespace"] == "public"
who = {(w["kind"], w.get("id")): w for w in a["access"]}
assert who["other", None]["may"] == [] and who["other", None]["more"] == {"a": ["read"]}
assert who["user", 0]["owner"] and not who["user", 20001]["owner"]
print(*who["user", 20001]["may"])' "$SFS/out")"
	ctl_as $ALICE 0 access public/db
	ctl_as $BOB 4 access public/db
	ctl_as $ALICE 0 create -p mine --k=1
	ctl_as $ALICE 0 access mine
	same "user:$ALICE list, read, write, create, delete owner" "$(awk 'NR > 1' "$SFS/out" | sed 's/  */ /g')"
	ctl 3 access mine
	ctl 3 access nothing
	ctl 2 access
	ctl 2 access db db
	ctl 2 access db -o yaml
}

@test "for its owner and root, public only" {
	setfacl -m u:$ALICE:rwx "$PUB"
	ctl_as $ALICE 0 create hers --k=1
	chmod 777 "$PUB/hers"
	ctl_as $BOB 4 grant public/hers user:$BOB=read
	err_has "public/hers belongs to $ALICE: only $ALICE or root may say"
	ctl_as $BOB 4 revoke public/hers other
	ctl 4 grant hers user:$BOB=read
	err_has "public/hers belongs to $ALICE"
	ctl 0 revoke public/hers other group:$ALICE
	ctl_as $ALICE 0 grant hers user:$BOB=write
	ctl_as $ALICE 2 grant hers user:$ALICE=read
	err_has "an owner's own rights are in the mode"
	ctl_as $ALICE 0 create -p mine --k=1
	ctl_as $ALICE 2 grant mine user:$BOB=read
	err_has "make it public first: secretctl update private/mine --private=false"
	ctl_as $ALICE 2 revoke private/mine user:$BOB
	ctl_as $BOB 3 grant private/mine user:$BOB=read
}

@test "bad input changes nothing" {
	before=$(getfacl -cp "$S" "$S/a" "$S/b")
	ctl 2 grant
	ctl 2 grant db
	ctl 2 grant db user:$ALICE
	err_has "which rights?"
	ctl 2 grant db user:$ALICE=
	ctl 2 grant db user:$ALICE=raed
	err_has "did you mean read?"
	ctl 2 grant db user:$ALICE=read,
	ctl 2 grant db user:$ALICE=delete
	err_has "say create,delete"
	ctl 2 grant db alice=read
	err_has "say user:NAME, group:NAME or other"
	ctl 2 grant db user:=read
	ctl 2 grant db mask=read
	ctl 3 grant db user:nobdy=read
	err_has "did you mean user:nobody?"
	ctl 3 grant db group:nogrop=read
	err_has "did you mean group:nogroup?"
	ctl 3 grant db user:4294967295=read
	ctl 2 grant db user:$ALICE=read user:$ALICE=write
	err_has "give it once"
	ctl 3 grant dbb user:$ALICE=read
	err_has "did you mean public/db?"
	ctl 3 grant db user:$ALICE=read user:nobdy=read
	ctl 2 revoke db
	ctl 2 revoke db user:$ALICE=raed
	same "$before" "$(getfacl -cp "$S" "$S/a" "$S/b")"
	# One that has no rights has none.
	ctl 0 revoke db user:$ALICE
	out "public/db: user:$ALICE may do nothing"
	same "$before" "$(getfacl -cp "$S" "$S/a" "$S/b")"
	# One that fails midway: who has no way in yet has none.
	for i in {1..60}; do
		echo "u:$((40000 + i)):r"
	done | setfacl -M - "$S/b"
	ctl 1 grant db user:$ALICE=read
	err_has "public/db/b: its ACL has no room for more; changed so far: keys that come later, 1 of 2 keys; not the secret itself"
	same "" "$(can $ALICE)"
	setfacl -b "$S/b"
	ctl 0 grant db user:$ALICE=read
	same "list read" "$(can $ALICE)"
	ctl 0 revoke db user:$ALICE
	# No room: 64 entries.
	for i in {1..60}; do
		echo "u:$((40000 + i)):r"
	done | setfacl -M - "$S"
	ctl 1 grant db user:$ALICE=read
	err_has "its ACL has no room for more; nothing was given"
	same "" "$(can $ALICE)"
	for verb in grant revoke access; do
		ctl 0 $verb --help
		grep -q "^usage: secretctl $verb NAME" "$SFS/out"
	done
}

@test "a secret without keys, and keys that have names of any kind" {
	ctl 0 create empty
	chmod 700 "$PUB/empty"
	ctl 0 grant empty user:$ALICE=read,write
	same 1 "$(printf 1 >"$PUB/empty/k" && as $ALICE cat "$PUB/empty/k")"
	not as $BOB cat "$PUB/empty/k" 2>/dev/null
	chmod 711 "$PUB/empty"
	not as $BOB cat "$PUB/empty/k" 2>/dev/null
	ctl 0 create odd "--a b=1" --.hidden=2 "--ä=3"
	chmod 700 "$PUB/odd"
	ctl 0 grant odd user:$ALICE=read
	same 123 "$(as $ALICE cat "$PUB/odd/a b" "$PUB/odd/.hidden" "$PUB/odd/ä")"
	ctl 0 revoke odd user:$ALICE
	not as $ALICE cat "$PUB/odd/ä" 2>/dev/null
}

@test "grants and revocations beside writers: nobody sees an error, and it ends as asked" {
	(
		for i in {1..40}; do
			printf %s "$i" >"$S/new$i" || exit 1
		done
	) &
	writer=$!
	for i in 1 2 3 4 5; do
		ctl 0 grant db user:$ALICE=read
		ctl 0 revoke db user:$ALICE
	done
	ctl 0 grant db user:$ALICE=read
	wait $writer
	as $ALICE sh -c 'cat "$1"/*' sh "$S" >/dev/null
	not as $BOB cat "$S/new1" 2>/dev/null
}

@test "completion" {
	code 0 "$SECRETCTL" complete -- grant d
	grep -q '^db	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- grant db ''
	grep -q '^other=	' "$SFS/out"
	grep -q '^user:	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- grant db user:nobod
	grep -q '^user:nobody=	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- grant db user:nobody=
	grep -q '^user:nobody=read	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- grant db user:nobody=list,w
	grep -q '^user:nobody=list,write	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- revoke db group:nogr
	grep -q '^group:nogroup	' "$SFS/out"
	code 0 "$SECRETCTL" complete -- access db -o ''
	grep -q '^json	' "$SFS/out"
}
