# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2154 # what ../helpers sets
# helpers: secretctl as root and as others, its exit code, and exactly what it prints.

# make_ctl: a copy of secretctl that a plain user can reach.
make_ctl() {
	cp "$CTL" "$SFS/bin/secretctl"
	SECRETCTL=$SFS/bin/secretctl
	cp "$TESTS/ctl/terminal.py" "$SFS/bin/terminal.py"
	export SECRETFS_MOUNT=$MNT
	export LC_ALL=C.UTF-8 TZ=UTC
}

# code WANT COMMAND...: runs it without a terminal; what it printed is in $SFS/out and $SFS/err.
code() {
	local want=$1 got=0
	shift
	"$@" >"$SFS/out" 2>"$SFS/err" 3>&- <"${INPUT:-/dev/null}" || got=$?
	[ "$got" = "$want" ] || {
		printf '%s: wanted exit code %s, got %s\n' "$*" "$want" "$got" >&2
		cat "$SFS/out" "$SFS/err" >&2
		return 1
	}
}

# ctl WANT ARGUMENTS...: secretctl as whoever runs the test.
ctl() {
	local want=$1
	shift
	code "$want" "$SECRETCTL" "$@"
}

# ctl_as UID WANT ARGUMENTS...
ctl_as() {
	local uid=$1 want=$2
	shift 2
	code "$want" setpriv --reuid="$uid" --regid="$uid" --clear-groups -- "$SECRETCTL" "$@"
}

# out TEXT, err TEXT: exactly this and a newline, or nothing at all for an empty TEXT.
out() {
	same "$1" "$(cat "$SFS/out")"
}

err() {
	same "$1" "$(cat "$SFS/err")"
}

# err_has TEXT: one line with TEXT in it, beginning as every message does.
err_has() {
	same 1 "$(wc -l <"$SFS/err")"
	grep -q '^secretctl: ' "$SFS/err" && grep -qF -- "$1" "$SFS/err" || {
		printf 'no "%s" in: %s\n' "$1" "$(cat "$SFS/err")" >&2
		return 1
	}
}

# value TEXT FILE: the file's bytes are TEXT.
value() {
	printf %s "$1" | cmp - "$2"
}

# tty WANT [-a PROMPT ANSWER]... -- COMMAND...: on a terminal; what it showed is in $SFS/out.
tty() {
	local want=$1 got=0
	shift
	"$PYTHON" "$SFS/bin/terminal.py" "$@" >"$SFS/out" 2>"$SFS/err" </dev/null || got=$?
	[ "$got" = "$want" ] || {
		printf '%s: wanted exit code %s, got %s\n' "$*" "$want" "$got" >&2
		cat "$SFS/out" "$SFS/err" >&2
		return 1
	}
}
