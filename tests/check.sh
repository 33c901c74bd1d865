#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh format|layers|man|scripts|readme: what can be told without running anything. 77: skipped, with a reason.
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
	scripts=(tests/run tests/run-bats tests/newer tests/fuzz/run tests/bench/run {tools,tests}/**/*.{sh,bash})
	for file in tools/*; do
		[ -f "$file" ] && head -c 64 "$file" | grep -qE '^#!.*\<(ba)?sh\>' && scripts+=("$file")
	done
	for script in "${scripts[@]}"; do
		bash -n "$script" || exit 1
	done
	command -v shellcheck >/dev/null || skip "shellcheck is not installed (bash -n was run)"
	shellcheck -x -S warning "${scripts[@]}"
	;;
readme)
	# Each row of the table beside ZenML names tests that there are, unless it says that it is not there yet.
	rows=0 rc=0
	while IFS= read -r row; do
		rows=$((rows + 1))
		named=0
		while IFS= read -r test; do
			named=$((named + 1))
			file=${test%%: *} name=${test#*: }
			if ! grep -qsxF "@test \"$name\" {" tests/*/"$file.bats" &&
				! grep -qsE "^ +def $name\\(" tests/*/"$file.py"; then
				echo "README.md names a test that is not there: $test"
				rc=1
			fi
		done < <(grep -oE '`[a-z_]+: [^`]+`' <<<"${row##* | }" | tr -d '`')
		if [ "$named" = 0 ] && [[ $row != *"| not there yet |"* ]]; then
			echo "README.md has a row without a test: $row"
			rc=1
		fi
	done < <(sed -n '/^### Beside ZenML/,/^## /p' README.md | grep '^| ' | sed 1d)
	[ "$rows" -ge 25 ] || {
		echo "README.md: the table beside ZenML's secrets has $rows rows; is it still there?"
		rc=1
	}
	exit $rc
	;;
*)
	echo "usage: check.sh format|layers|man|scripts|readme" >&2
	exit 2
	;;
esac
