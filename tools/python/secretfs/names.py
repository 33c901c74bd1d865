# SPDX-License-Identifier: MIT
"""names: which names a secret or a key can have, and how a name looks in a message."""
from __future__ import annotations

import difflib
import re
from typing import Dict, Iterable

from .errors import InvalidInput

_BAD = re.compile("[\x00-\x1f\x7f-\x9f/\u2028-\u202e\u2066-\u2069]")
_VIEWS = (".json", ".env", ".versions")
_UUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def shown(name: str) -> str:
    """The name so that it can do nothing to a terminal."""
    return "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode("utf-8", "surrogatepass")) for c in name)


def _check(name: object, what: str) -> str:
    if not isinstance(name, str):
        raise InvalidInput(f"the name of a {what} is a str, not {type(name).__name__}")
    long = len(name.encode("utf-8", "surrogatepass")) > 255
    if not name or name in (".", "..") or long or _BAD.search(name) or re.search("[\ud800-\udfff]", name):
        raise InvalidInput(
            f"that cannot be the name of a {what}: 1 to 255 bytes of UTF-8 without '/' and control characters"
        )
    return name


def check_secret(name: object) -> str:
    return _check(name, "secret")


def check_key(name: object) -> str:
    key = _check(name, "key")
    if key in _VIEWS:
        raise InvalidInput(f"{key}: this name is reserved for a view; choose another key")
    if not is_key(key):
        raise InvalidInput(f"{shown(key)}: names that begin with a dot are other programs' files; choose another key")
    return key


def is_key(name: str) -> bool:
    """Files with a dot (an editor's, say) are no part of the views, so they cannot change together with keys."""
    return not name.startswith(".")


def is_id(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def near(wanted: str, names: Iterable[str]) -> str:
    """'; did you mean x?' with the likeliest of the names, or nothing. Namespaces do not count as likeness."""
    by_bare: Dict[str, str] = {}
    for name in names:
        by_bare.setdefault(name.rpartition("/")[2], name)
    best = difflib.get_close_matches(wanted, list(by_bare), n=1, cutoff=0.5 if len(wanted) < 4 else 0.7)
    return f"; did you mean {shown(by_bare[best[0]])}?" if best else ""
