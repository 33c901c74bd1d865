# SPDX-License-Identifier: MIT
"""secret: what the calls return. Values are in no repr and no str."""
from __future__ import annotations

from datetime import datetime
from typing import Dict, Optional, Sequence, Tuple, Union, overload

Value = Union[str, bytes]


class SecretInfo:
    """A secret without its values. What this user may not see is None."""

    __slots__ = (
        "name", "private", "owner", "owner_id", "id", "created", "updated", "version", "expires", "description", "keys",
        "has_missing_values",
    )  # fmt: skip

    name: str
    private: bool
    owner: str  # a user's name, or the number of one without a name
    owner_id: int
    id: Optional[str]  # a UUID for life
    created: Optional[datetime]
    updated: datetime
    version: Optional[int]  # counts changes
    expires: Optional[datetime]
    description: Optional[str]
    keys: Tuple[str, ...]  # sorted
    has_missing_values: bool  # is there a key whose value this user may not read?

    def __repr__(self) -> str:
        where = "private" if self.private else "public"
        return f"<{type(self).__name__} {where}/{self.name} id={self.id} version={self.version} keys={list(self.keys)!r}>"


class Secret(SecretInfo):
    """A secret with the values that this user may read."""

    __slots__ = ("_values",)

    _values: Dict[str, Value]

    @property
    def secret_values(self) -> Dict[str, Value]:
        """str for a value that is UTF-8, bytes for any other; a copy."""
        return dict(self._values)


class SecretPage(Sequence[SecretInfo]):
    """Some of the secrets that were asked for."""

    def __init__(self, items: Sequence[SecretInfo], total: int, page: int, size: Optional[int]) -> None:
        self.items = tuple(items)
        self.total = total  # on all pages
        self.page = page
        self.size = size  # None: all are here
        self.total_pages = 1 if size is None else max(1, -(-total // size))

    @overload
    def __getitem__(self, index: int) -> SecretInfo: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[SecretInfo]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[SecretInfo, Sequence[SecretInfo]]:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"<SecretPage {self.page} of {self.total_pages}: {list(self.items)!r}>"
