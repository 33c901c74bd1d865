# SPDX-License-Identifier: MIT
"""client: creates, reads, changes, lists and deletes secrets of a mounted tree."""
from __future__ import annotations

import os
from typing import Dict, List, Mapping, Optional, Sequence, Union

from . import filters, mount, names, tree
from .errors import InvalidInput, KeyNotFound, NotPermitted, SecretExists, SecretfsError, SecretNotFound
from .filters import Filter
from .secret import Secret, SecretInfo, SecretPage, Value

_Filters = Union[Filter, Sequence[Filter], None]
_PAGE_SIZE = 20  # if only the page is given


def _values(given: object, what: str) -> Dict[str, Value]:
    if not isinstance(given, Mapping):
        raise InvalidInput(f"{what} is a dict of str to str or bytes, not {type(given).__name__}")
    values: Dict[str, Value] = {}
    for key, value in given.items():
        key = names.check_key(key)
        if isinstance(value, (bytearray, memoryview)):
            value = bytes(value)
        if not isinstance(value, (str, bytes)):
            raise InvalidInput(f"{names.shown(key)}: a value is str or bytes, not {type(value).__name__}; convert it first")
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            raise InvalidInput(f"{names.shown(key)}: this str cannot be written as UTF-8; give bytes")
        values[key] = value
    return values


def _remove(given: object) -> List[str]:
    if isinstance(given, (str, bytes)) or not isinstance(given, (list, tuple, set, frozenset)):
        raise InvalidInput(f"remove_values is a list of keys, not {type(given).__name__}")
    return sorted({names.check_key(key) for key in given})


def _flag(given: object, what: str) -> None:
    if given is not None and not isinstance(given, bool):
        raise InvalidInput(f"{what} is True or False, not {type(given).__name__}")


def _count(given: object, what: str) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidInput(f"{what} is a whole number from 1 on")


class Client:
    """The tree at `mount`, at $SECRETFS_MOUNT, at the mountpoint of secretfs.conf, or the only one that is mounted."""

    def __init__(self, mount: Union[str, "os.PathLike[str]", None] = None) -> None:
        self.mount = _find(mount)

    def __repr__(self) -> str:
        return f"Client({self.mount!r})"

    def create_secret(self, name: str, values: Mapping[str, Value], private: bool = False) -> Secret:
        """Makes a secret with all its keys at once, or none. SecretExists: that name is taken in that namespace."""
        _flag(private, "private")
        if private is None:
            raise InvalidInput("private is True or False, not None")
        name, where = tree.selector(name, True if private else None)
        checked = _values(values, "values")
        with tree.Tree(self.mount) as opened:
            return opened.create(bool(where), name, checked)

    def get_secret(self, name_or_id: str, private: Optional[bool] = None) -> Secret:
        """The secret of exactly this name or id: your private one, else the public one, unless `private` says which."""
        _flag(private, "private")
        with tree.Tree(self.mount) as opened, opened.find(name_or_id, private) as found:
            return tree.read(found)

    def update_secret(
        self,
        name_or_id: str,
        private: Optional[bool] = None,
        new_name: Optional[str] = None,
        update_private: Optional[bool] = None,
        add_or_update_values: Optional[Mapping[str, Value]] = None,
        remove_values: Optional[Sequence[str]] = None,
    ) -> Secret:
        """Changes values in one transaction, and name and visibility in another one.

        `private` says which secret is meant, `update_private` what it shall be. What can be known to fail is found before
        anything is changed.
        """
        _flag(private, "private")
        _flag(update_private, "update_private")
        values = _values(add_or_update_values, "add_or_update_values") if add_or_update_values is not None else {}
        remove = _remove(remove_values) if remove_values is not None else []
        if new_name is not None:
            names.check_secret(new_name)
        if not values and not remove and new_name is None and update_private is None:
            raise InvalidInput("nothing to change was given")
        both = sorted(set(values) & set(remove))
        if both:
            raise InvalidInput(f"{names.shown(both[0])}: both set and removed; leave out one of the two")
        with tree.Tree(self.mount) as opened, opened.find(name_or_id, private) as found:
            return _update(opened, found, new_name, update_private, values, remove)

    def delete_secret(self, name_or_id: str, private: Optional[bool] = None) -> None:
        """Removes a secret with all its keys."""
        _flag(private, "private")
        with tree.Tree(self.mount) as opened, opened.find(name_or_id, private) as found:
            opened.delete(found)

    def list_secrets(
        self,
        *,
        name: _Filters = None,
        owner: _Filters = None,
        private: _Filters = None,
        created: _Filters = None,
        updated: _Filters = None,
        expires: _Filters = None,
        key: _Filters = None,
        id: _Filters = None,
        sort_by: str = "asc:name",
        logical_operator: str = "and",
        page: Optional[int] = None,
        size: Optional[int] = None,
    ) -> SecretPage:
        """The secrets that this user can see, without values; all on one page unless `page` or `size` is given.

        Filters come before pages, so that a secret which fits is never lost.
        """
        if logical_operator not in ("and", "or"):
            raise InvalidInput('logical_operator is "and" or "or"')
        if page is not None:
            _count(page, "page")
            size = _PAGE_SIZE if size is None else size
        page = page or 1
        if size is not None:
            _count(size, "size")
        given = zip(filters.FIELDS, (name, owner, private, key, created, updated, expires, id))
        wanted = [condition for field, one in given for condition in filters.conditions(field, one)]
        join = all if logical_operator == "and" or not wanted else any
        sort_key, down = filters.sort_key(sort_by)
        hits = [info for info in self._all() if join(condition(info) for condition in wanted)]
        # Of two with one name the private one, which wins a look-up, stands first.
        hits.sort(key=lambda info: (info.name, not info.private))
        hits.sort(key=sort_key, reverse=down)
        first = (page - 1) * (size or 0)
        return SecretPage(hits[first : first + size if size else None], len(hits), page, size)

    def _all(self) -> List[SecretInfo]:
        infos = []
        with tree.Tree(self.mount) as opened:
            for found in opened.each(None):
                try:
                    infos.append(tree.info(found))
                except SecretNotFound:  # removed meanwhile
                    continue
        return infos


def _find(given: Union[str, "os.PathLike[str]", None]) -> str:
    path = mount.find(given)
    with tree.Tree(path):
        return path


def _check_keys(found: tree.Found, remove: Sequence[str]) -> None:
    known = tree.keys_of(found) if remove else []
    for key in remove:
        if key not in known:
            raise KeyNotFound(f"{found.text}: there is no key {names.shown(key)}{names.near(key, known)}")


def _check_move(opened: tree.Tree, found: tree.Found, private: bool, name: str) -> None:
    target = f"{tree.ns_text(private)}/{names.shown(name)}"
    if private != found.private and os.fstat(found.dir).st_uid != os.geteuid():
        raise NotPermitted(f"{found.text}: only its owner may change who sees it")
    if opened.exists(private, name):
        raise SecretExists(f"{target}: it exists already; nothing was changed; remove or rename one of the two")


def _update(
    opened: tree.Tree,
    found: tree.Found,
    new_name: Optional[str],
    update_private: Optional[bool],
    values: Mapping[str, Value],
    remove: Sequence[str],
) -> Secret:
    private = found.private if update_private is None else update_private
    name = new_name or found.name
    moves = (private, name) != (found.private, found.name)
    _check_keys(found, remove)
    if moves:
        _check_move(opened, found, private, name)
    # Private before its new values are there, public after its old ones are gone.
    first = moves and private and not found.private
    done = ""
    try:
        if first:
            found = opened.move(found, private, name)
            done = f"; it is {found.text} already"
        tree.write(found, values, remove)
        if moves and not first:
            done = "; its values were changed already" if values or remove else ""
            found = opened.move(found, private, name)
    except SecretfsError as error:
        if done:
            error.args = (f"{error}{done}",)
        raise
    return tree.read(found)
