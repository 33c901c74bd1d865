#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh format|layers|man|scripts: what can be told without running anything. 77: skipped, with a reason.
set -u
shopt -s nullglob globstar
cd "$(dirname "$0")/.." || exit 1

skip() {
	echo "skipped: $1"
	[ -z "${SECRETFS_SKIPS:-}" ] || echo "check: $1" >>"$SECRETFS_SKIPS"
	exit 77
}

case ${1:-} in
format)
	version=$(clang-format --version 2>/dev/null | grep -o 'version [0-9]*' | cut -d' ' -f2)
	[ -n "$version" ] || skip "clang-format is not installed"
	[ "$version" = 14 ] || skip "clang-format $version; versions differ in style, 14 is the one that counts"
	files=({store,fs,tools,tests}/**/*.[ch])
	clang-format --dry-run -Werror "${files[@]}"
	;;
layers)
	tests/layers.sh
	;;
man)
	command -v mandoc >/dev/null || skip "mandoc is not installed"
	pages=(man/*.[158])
	[ ${#pages[@]} -gt 0 ] || skip "there are no pages"
	mandoc -Tlint -W warning "${pages[@]}"
	;;
scripts)
	scripts=(tests/run tests/run-bats tests/fuzz/run {tools,tests}/**/*.{sh,bash})
	for file in tools/*; do
		[ -f "$file" ] && head -c 64 "$file" | grep -qE '^#!.*\<(ba)?sh\>' && scripts+=("$file")
	done
	for script in "${scripts[@]}"; do
		bash -n "$script" || exit 1
	done
	command -v shellcheck >/dev/null || skip "shellcheck is not installed (bash -n was run)"
	shellcheck -x -S warning "${scripts[@]}"
	;;
*)
	echo "usage: check.sh format|layers|man|scripts" >&2
	exit 2
	;;
esac
