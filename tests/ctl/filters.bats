# SPDX-License-Identifier: MIT
# filters: "list" with conditions, order and pages.

setup() {
	load ../helpers
	load helpers
	make_store
	start_daemon
	make_ctl
	ctl 0 create alpha --user=1 --password=2
	ctl 0 create beta --token=1
	ctl 0 create -p alphabet --user=1
	ctl 0 create -p beta
	setfattr -n user.secretfs.expires -v 2099-01-01T00:00:00Z "$PUB/alpha"
	setfattr -n user.secretfs.expires -v 2098-01-01T00:00:00Z "$PUB/beta"
}

teardown() {
	finish
}

# listed "NAMES" OPTIONS...: exactly these, in this order; -x is private, +x public.
listed() {
	local want=$1
	shift
	ctl 0 list --columns private,name -o tsv "$@"
	same "$want" "$(sed 1d "$SFS/out" | sed 's/^true\t/-/; s/^false\t/+/' | xargs)"
}

@test "name: each operator" {
	listed "+alpha -alphabet -beta +beta"
	listed "+alpha" --name alpha
	listed "+alpha" --name=equals:alpha
	listed "-alphabet -beta +beta" --name notequals:alpha
	listed "+alpha -alphabet" --name contains:lph
	listed "+alpha -alphabet" --name startswith:alpha
	listed "+alpha -beta +beta" --name endswith:a
	listed "+alpha -beta +beta" --name 'oneof:["alpha", "beta"]'
	listed "+alpha -beta +beta" --name oneof:alpha,beta
	listed "+alpha -beta +beta" --name 'oneof: alpha , beta '
	listed "-alphabet" --name in:alphabet,none
	listed "-alphabet -beta +beta" --name gt:alpha
	listed "+alpha -alphabet -beta +beta" --name gte:alpha
	listed "+alpha" --name lt:alphabet
	listed "+alpha -alphabet" --name lte:alphabet
	listed "" --name alph
	listed "" --name other:alpha
	listed "" --name contains:ALPHA
}

@test "a name with a colon, and one that begins like an operator" {
	ctl 0 create contains:x
	ctl 0 create a:b
	listed "+contains:x" --name equals:contains:x
	listed "+a:b" --name a:b
}

@test "several of the same filter, and and or" {
	listed "-alphabet" --name startswith:alpha --name endswith:t
	listed "+beta" --name beta --private false
	listed "-alphabet" --name startswith:alpha --private true --logical-operator and
	listed "+alpha -alphabet -beta" --name startswith:alpha --private true --logical-operator or
	listed "+alpha -alphabet -beta +beta" --name alpha --name beta --key user --logical-operator or
	listed "+alpha -alphabet -beta +beta" --logical-operator or
}

@test "private" {
	for word in true yes equals:1 notequals:false; do
		listed "-alphabet -beta" --private $word
	done
	for word in false no off notequals:true; do
		listed "+alpha +beta" --private $word
	done
}

@test "owner, key and id" {
	listed "+alpha -alphabet -beta +beta" --owner root
	listed "+alpha -alphabet -beta +beta" --owner 0
	listed "" --owner notequals:root
	listed "" --owner notequals:0
	listed "+alpha -alphabet" --key user
	listed "-beta +beta" --key notequals:user
	listed "+alpha +beta" --key oneof:password,token
	listed "+alpha" --key startswith:pass
	listed "+beta" --id "$(getfattr --only-values -n user.secretfs.id "$PUB/beta")"
}

@test "times" {
	local all="+alpha -alphabet -beta +beta"
	listed "$all" --created "gt:$(date -u -d yesterday +%FT%TZ)"
	listed "" --created "lt:$(date -u -d yesterday +%FT%TZ)"
	listed "$all" --updated "in:$(date -u -d yesterday +%s),$(date -u -d tomorrow +%s)"
	listed "" --updated in:2001-01-01,2002-01-01
	listed "$all" --created "startswith:$(date -u +%Y)"
	listed "+alpha" --expires 2099-01-01T00:00:00Z
	listed "+alpha" --expires 2099-01-01T01:00:00+01:00
	listed "+alpha" --expires 'equals:2099-01-01 00:00'
	listed "+alpha" --expires 2099-01-01
	listed "+alpha" --expires 4070908800
	listed "+alpha" --expires gt:2098-06-01
	listed "+beta" --expires lte:2098-01-01
	listed "+alpha +beta" --expires gte:2098-01-01T00:00:00.5Z
	listed "+beta" --expires lt:2099-01-01
	listed "-alphabet -beta +beta" --expires notequals:2099-01-01
	listed "+alpha" --expires oneof:2099-01-01,2097-01-01
}

@test "order" {
	listed "-beta +beta -alphabet +alpha" --sort-by desc:name
	listed "+alpha -alphabet -beta +beta" --sort-by asc:name
	listed "+alpha -alphabet -beta +beta" --sort-by name
	listed "+alpha +beta -alphabet -beta" --sort-by asc:private
	listed "-alphabet -beta +alpha +beta" --sort-by asc:namespace
	listed "-alphabet -beta +beta +alpha" --sort-by asc:expires
	listed "+alpha +beta -alphabet -beta" --sort-by desc:expires
	listed "-beta -alphabet +beta +alpha" --sort-by asc:keys
	touch -d 2001-01-01 "$PUB/alpha" "$PUB"/alpha/*
	touch -d 2002-01-01 "$PUB/beta" "$PUB"/beta/*
	listed "+alpha +beta" --sort-by asc:updated --private no
	listed "+beta +alpha" --sort-by desc:updated --private no
	printf 3 >"$PUB/alpha/user"
	listed "+alpha +beta" --sort-by desc:version --private no
	for field in owner group mode created id description; do
		ctl 0 list --sort-by desc:$field -o name
		same 4 "$(wc -l <"$SFS/out")"
	done
}

@test "pages, and the count of all" {
	listed "+alpha -alphabet -beta" --size 3
	err "page 1 of 2, 3 of 4 secrets"
	listed "+beta" --size 3 --page 2
	err "page 2 of 2, 1 of 4 secrets"
	listed "" --size 3 --page 3
	err "page 3 of 2, 0 of 4 secrets"
	ctl 0 list --page 2
	out ""
	err "page 2 of 1, 0 of 4 secrets"
	ctl 0 list
	err ""
	ctl 0 list --size 3 --page 2 -o json
	err ""
	same "4 2 3 2 beta" "$("$PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
print(d["total"], d["page"], d["size"], d["pages"], *[s["name"] for s in d["items"]])' <"$SFS/out")"
	ctl 0 list -o json
	same "4 1 None 1" "$("$PYTHON" -c 'import json, sys
d = json.load(sys.stdin)
print(d["total"], d["page"], d["size"], d["pages"])' <"$SFS/out")"
}

@test "an exact match is found behind any number of others" {
	local i
	for i in {100..150}; do
		mkdir "$PUB/a$i"
	done
	mkdir "$PUB/zz"
	listed "+zz" --name zz --size 5
	err "page 1 of 1, 1 of 1 secrets"
	listed "+alpha +a100 +a101" --name oneof:a101,alpha,a100 --size 5 --sort-by desc:version
}

@test "bad input" {
	ctl 2 list --private maybe
	ctl 2 list --private contains:t
	err_has "no other operator"
	ctl 2 list --created gt:yesterday
	err_has "--created: a time is written as"
	ctl 2 list --created 2026-02-30
	ctl 2 list --created 2026-01-01x
	ctl 2 list --created 2026-1-1
	ctl 2 list --created in:2001-01-01
	err_has "in:FROM,TO"
	ctl 2 list --name 'oneof:[1'
	ctl 2 list --name 'oneof:[[]]'
	err_has '["a", "b"]'
	ctl 2 list --key 'oneof:[{}]'
	err_has "--key"
	ctl 2 list --sort-by up:name
	ctl 2 list --sort-by asc:values
	err_has "fields are name,"
	ctl 2 list --logical-operator xor
	ctl 2 list --page 0
	ctl 2 list --page -1
	ctl 2 list --size 3x
	err_has "--size: a whole number"
	ctl 2 list --size 99999999999999999999
	ctl 2 list --nmae x
	ctl 2 list alpha
	err_has "--name NAME"
	ctl 2 list --name
	ctl 2 list -o xml
	err_has "table, json, yaml, csv, tsv or name"
	ctl 2 list --columns name,values
	err_has "there are name, namespace"
	ctl 2 list --columns name,name
	ctl 2 list --columns ""
}
