# SPDX-License-Identifier: MIT
"""filters: the conditions of list_secrets, written as on secretctl's command line: "OPERATOR:OPERAND" or a plain value."""
from __future__ import annotations

import json
import operator
import re
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Sequence, Tuple, Union

from .errors import InvalidInput
from .secret import SecretInfo

Filter = Union[str, bool, int, datetime]
Condition = Callable[[SecretInfo], bool]

_OPERATORS = ("equals", "notequals", "contains", "startswith", "endswith", "oneof", "gt", "gte", "lt", "lte", "in")
_COMPARE: Dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_TEXTUAL: Dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
_TIMES = ("created", "updated", "expires")
FIELDS = ("name", "owner", "private", "key") + _TIMES + ("id",)
# Stricter than fromisoformat of later Pythons, and the same as secretctl's.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)


def _texts(field: str, info: SecretInfo) -> List[str]:
    if field == "key":
        return list(info.keys)
    if field == "owner":
        return [info.owner, str(info.owner_id)]
    if field == "private":
        return ["true" if info.private else "false"]
    if field in _TIMES:
        return [_utc(t).strftime("%Y-%m-%dT%H:%M:%SZ") for t in _times(field, info)]
    if field == "id":
        return [info.id] if info.id is not None else []
    return [info.name]


def _times(field: str, info: SecretInfo) -> List[datetime]:
    when = getattr(info, field)
    return [when.replace(microsecond=0)] if when is not None else []


def _utc(when: datetime) -> datetime:
    return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def _parse_time(field: str, text: str) -> datetime:
    """RFC 3339, a date, or seconds since 1970; UTC where it does not say; parts of a second are read over."""
    try:
        if re.fullmatch("[0-9]+", text):
            return datetime.fromtimestamp(int(text), timezone.utc)
        match = _TIME.fullmatch(text)
        if match is None:
            raise ValueError
        plain = text.replace("Z", "+00:00").replace("z", "+00:00").replace("t", "T")
        plain = re.sub(r"\.[0-9]+", "", plain)
        return _utc(datetime.fromisoformat(plain))
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(f"{field}: a time is written as 2026-01-31, 2026-01-31T12:00:00Z or seconds since 1970") from None


def _parse_bool(field: str, text: str) -> str:
    word = text.strip().lower()
    if word in ("true", "yes", "on", "1"):
        return "true"
    if word in ("false", "no", "off", "0"):
        return "false"
    raise InvalidInput(f"{field}: true or false")


def _several(field: str, text: str) -> List[str]:
    """["a", "b"] or a,b."""
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",")]
    try:
        parts = json.loads(text)
    except ValueError:
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, (str, int)) for part in parts):
        raise InvalidInput(f'{field}: several values are written as a,b or ["a", "b"]')
    return [str(part) for part in parts]


def _split(field: str, given: object) -> Tuple[str, str]:
    if isinstance(given, bool):
        return "equals", "true" if given else "false"
    if isinstance(given, datetime):
        return "equals", _utc(given).replace(microsecond=0).isoformat()
    if isinstance(given, int):
        return "equals", str(given)
    if not isinstance(given, str):
        raise InvalidInput(f"{field}: a filter is a str, bool, int or datetime, not {type(given).__name__}")
    verb, colon, operand = given.partition(":")
    return (verb, operand) if colon and verb in _OPERATORS else ("equals", given)


def _time_condition(field: str, verb: str, operand: str) -> Condition:
    if verb == "in":
        ends = [_parse_time(field, part) for part in _several(field, operand)]
        if len(ends) != 2:
            raise InvalidInput(f"{field}: in takes two times, in:FROM,TO")
        return lambda info: any(ends[0] <= t <= ends[1] for t in _times(field, info))
    if verb == "oneof":
        wanted = [_parse_time(field, part) for part in _several(field, operand)]
        return lambda info: any(t in wanted for t in _times(field, info))
    when = _parse_time(field, operand)
    if verb == "equals":
        return lambda info: when in _times(field, info)
    if verb == "notequals":
        return lambda info: when not in _times(field, info)
    return lambda info: any(_COMPARE[verb](t, when) for t in _times(field, info))


def _text_condition(field: str, verb: str, operand: str) -> Condition:
    if verb in ("oneof", "in"):
        wanted = _several(field, operand)
        return lambda info: any(text in wanted for text in _texts(field, info))
    if verb == "equals":
        return lambda info: operand in _texts(field, info)
    if verb == "notequals":
        return lambda info: operand not in _texts(field, info)
    compare = _TEXTUAL.get(verb) or _COMPARE[verb]
    return lambda info: any(compare(text, operand) for text in _texts(field, info))


def _condition(field: str, given: object) -> Condition:
    verb, operand = _split(field, given)
    if field == "private":
        if verb not in ("equals", "notequals"):
            raise InvalidInput("private: true or false, equals or notequals; no other operator makes sense")
        return _text_condition(field, verb, _parse_bool(field, operand))
    if field in _TIMES and verb not in _TEXTUAL:
        return _time_condition(field, verb, operand)
    return _text_condition(field, verb, operand)


def conditions(field: str, given: Union[Filter, Sequence[Filter], None]) -> List[Condition]:
    if given is None:
        return []
    several = given if isinstance(given, (list, tuple)) else [given]
    return [_condition(field, one) for one in several]


def sort_key(sort_by: str) -> Tuple[Callable[[SecretInfo], Any], bool]:
    """The key and whether it goes down. Secrets without a value come first."""
    direction, colon, field = sort_by.partition(":") if isinstance(sort_by, str) else ("", "", "")
    if not colon:
        direction, field = "asc", direction
    if direction not in ("asc", "desc") or field not in ("name", "owner", "private") + _TIMES:
        raise InvalidInput("sort_by: asc:FIELD or desc:FIELD of name, owner, private, created, updated, expires")

    def key(info: SecretInfo) -> Tuple[bool, Any]:
        value = getattr(info, field)
        return value is not None, value if value is not None else 0

    return key, direction == "desc"
