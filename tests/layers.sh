#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# layers.sh: who may include what. Prints every include that breaks a rule.
set -u
cd "$(dirname "$0")/.." || exit 1
rc=0

# only HEADER-REGEX ALLOWED-REGEX: files of the product that include it and may not.
only() {
	local found
	found=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]$1[>\"]" --include='*.[ch]' store fs tools |
		grep -vE "^($2):")
	[ -z "$found" ] && return
	echo "$found"
	rc=1
}

names() { # DIR: its headers, as a regex
	find "$1" -name '*.h' -printf '%f\n' | sed 's/\./\\./' | paste -sd'|'
}

only 'sqlite3\.h' 'store/(db\.[ch]|db_fd\.c|schema\.[ch]|store[a-z_]*\.c|writer\.c)'
only 'sodium\.h' 'store/(seal|keyslot|index|secmem|audit)\.c'
only '(linux/)?fuse[a-z_]*\.h' 'fs/[a-z_]+\.[ch]'
only 'fuse3/.*' 'fs/[a-z_]+\.[ch]'
only 'ini\.h' 'store/config\.c'
only 'yaml\.h' 'tools/doc_yaml\.c' # with its memory
only "((\.\./)?fs/.*|$(names fs))" 'fs/[a-z_]+\.[ch]'
only "((\.\./)?tools/.*|$(names tools))" 'tools/[a-z_]+\.[ch]'
exit $rc
