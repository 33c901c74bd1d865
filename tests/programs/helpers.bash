# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # what ../helpers sets
# helpers: the same commands here and there, and what they say.

# tree_of DIR [FORMAT]: every name below DIR with its type, mode, owner, size and bytes. Folders have sizes and link
# counts of their own on each file system.
tree_of() (
	cd "$1" || exit 1
	find . -mindepth 1 \( -type d -printf "%P %y %m %U %G ${2:-}\n" -o -printf "%P %y %m %U %G %n %s ${2:-}\n" \) | sort
	find . -type f -exec sha256sum {} + | sort -k 2
)

# alike [-t] SCRIPT: the same commands in public/ and in a folder on the host say the same, return the same, and leave
# the same names, modes, owners, sizes and bytes; with -t also the same times, to the nanosecond. Both start with
# folders s and t and key s/k; $in is a folder of input.
alike() {
	local format='' side root rc
	if [ "$1" = -t ]; then
		format=%T@
		shift
	fi
	rm -rf "$SFS/host" "${PUB:?}"/*
	mkdir "$SFS/host"
	for side in host tree; do
		root=$PUB
		[ "$side" = tree ] || root=$SFS/host
		rc=0
		(
			cd "$root" || exit 99
			mkdir s t
			printf 'first line\nsecond line\nthird line\n' >s/k
			touch -d '2001-02-03 04:05:06.123456789 UTC' s/k
			in=$SFS/in bash -c "$1"
		) >"$SFS/$side.out" 2>&1 </dev/null 3>&- || rc=$?
		{
			echo "exit code $rc"
			tree_of "$root" "$format"
		} >>"$SFS/$side.out"
	done
	if grep -q 'syntax error\|command not found' "$SFS/host.out" || ! diff -u "$SFS/host.out" "$SFS/tree.out" >&2; then
		printf 'of: %s\n' "$1" >&2
		return 1
	fi
}

# says WANT_CODE WANT_TEXT COMMAND...: run in public/, its output is WANT_TEXT to the byte.
says() {
	local code=$1 text=$2 got rc=0
	shift 2
	got=$(cd "$PUB" && "$@" 2>&1 </dev/null 3>&-) || rc=$?
	same "$code: $text" "$rc: $got"
}

need() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}
