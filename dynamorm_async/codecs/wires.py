"""Tagged values as msgspec reads them: a struct with one member for each tag that may stand there.

A tagged value is an object with one member, `{"S": "x"}`; its struct has every member that the
reader accepts, and NULL, and refuses others, so that a wrong tag is an error with a path.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from types import GenericAlias
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from dynamorm_async.errors import InvalidValue

TAGS = ("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M")


class Tagged(Struct, forbid_unknown_fields=True):
    """A tagged value of any type."""

    S: str | UnsetType = UNSET
    N: str | UnsetType = UNSET
    B: bytes | UnsetType = UNSET
    BOOL: bool | UnsetType = UNSET
    NULL: bool | UnsetType = UNSET
    SS: list[str] | UnsetType = UNSET
    NS: list[str] | UnsetType = UNSET
    BS: list[bytes] | UnsetType = UNSET
    L: list[Tagged] | UnsetType = UNSET
    M: dict[str, Tagged] | UnsetType = UNSET


ANYTHING: Mapping[str, Any] = {
    "S": str,
    "N": str,
    "B": bytes,
    "BOOL": bool,
    "SS": list[str],
    "NS": list[str],
    "BS": list[bytes],
    "L": list[Tagged],
    "M": dict[str, Tagged],
}


def wire_struct(reads: Mapping[str, Any]) -> Any:
    """Return the struct for values under these tags: tag to msgspec type."""
    return Tagged if reads is ANYTHING else _struct(tuple(sorted(reads.items(), key=_by_tag)))


def _by_tag(pair: tuple[str, Any]) -> int:
    return TAGS.index(pair[0])


@lru_cache(maxsize=512)
def _struct(reads: tuple[tuple[str, Any], ...]) -> Any:
    members = [(tag, tp | UnsetType, UNSET) for tag, tp in reads]
    members.append(("NULL", bool | UnsetType, UNSET))
    name = "Wire_" + "_".join(tag for tag, _ in reads)
    return msgspec.defstruct(name, members, forbid_unknown_fields=True)


def list_of(tp: Any) -> Any:
    """Return the msgspec type of a JSON array of `tp`."""
    return GenericAlias(list, (tp,))


def map_of(tp: Any) -> Any:
    """Return the msgspec type of a JSON object of `tp`."""
    return GenericAlias(dict, (str, tp))


def tag_of(wire: Any) -> str | None:
    """Return the tag that a wire struct holds, or None where it holds none."""
    return next((name for name in wire.__struct_fields__ if getattr(wire, name) is not UNSET), None)


def plain_of(wire: Any) -> Any:
    """Return the Python value of a tagged value whose type nobody declared.

    Numbers are int where they are whole, float where a float says the same, and Decimal otherwise,
    so that no digit is lost. Sets become sets, lists and maps are read all through.
    """
    tag = tag_of(wire)
    match tag:
        case "S" | "B" | "BOOL":
            return getattr(wire, tag)
        case "N":
            return plain_number(wire.N)
        case "NULL":
            return None
        case "SS" | "BS":
            return set(getattr(wire, tag))
        case "NS":
            return {plain_number(text) for text in wire.NS}
        case "L":
            return [plain_of(element) for element in wire.L]
        case "M":
            return {name: plain_of(element) for name, element in wire.M.items()}
        case _:
            raise InvalidValue("a stored value has no type tag", code="codecs.no-tag")


def plain_number(text: str) -> int | float | Decimal:
    """Return a number as int, as float where that is exact, or as Decimal."""
    exact = number_of(text)
    if exact == exact.to_integral_value():
        return int(exact)
    approximate = float(exact)
    return approximate if Decimal(repr(approximate)) == exact else exact


def number_of(text: str) -> Decimal:
    """Return a stored number, exactly.

    Raises:
        InvalidValue: The text is no finite number.
    """
    try:
        exact = Decimal(text)
    except ArithmeticError:
        exact = Decimal("NaN")
    if not exact.is_finite():
        raise InvalidValue("a stored N is no number", code="codecs.bad-number")
    return exact


def binary_text(value: bytes) -> str:
    """Return bytes as the service writes them: base64 with padding."""
    return base64.b64encode(value).decode("ascii")
