"""Tagged values as msgspec reads them: a struct with one member for each tag that may stand there.

A tagged value is an object with one member, `{"S": "x"}`; its struct has every member that the
reader accepts, and NULL, and refuses others, so that a wrong tag is an error with a path.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from types import GenericAlias
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from dynamorm_async.errors import InvalidValue, quoted
from dynamorm_async.wire import LIMITS

# All that a number under N is made of.
NUMERALS = "0123456789+-.eE"

TAGS = ("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M")


class Tagged(Struct, forbid_unknown_fields=True, gc=False):
    """A tagged value of any type. A tree without cycles, so the garbage collector need not look."""

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
    return msgspec.defstruct(name, members, forbid_unknown_fields=True, gc=False)


@lru_cache(maxsize=512)
def exact_struct(tag: str, tp: Any) -> Any:
    """Return the struct for values under one tag and nothing else."""
    return msgspec.defstruct(f"Exact_{tag}", [(tag, tp)], forbid_unknown_fields=True, gc=False)


def list_of(tp: Any) -> Any:
    """Return the msgspec type of a JSON array of `tp`."""
    return GenericAlias(list, (tp,))


def map_of(tp: Any) -> Any:
    """Return the msgspec type of a JSON object of `tp`."""
    return GenericAlias(dict, (str, tp))


def tag_of(wire: Any) -> str | None:
    """Return the tag that a wire struct holds, or None where it holds none, or two."""
    tags = [name for name in wire.__struct_fields__ if getattr(wire, name) is not UNSET]
    return tags[0] if len(tags) == 1 else None


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
        InvalidValue: The text is no number, or one so large that no service stores it.
    """
    # Python would also read "1_0", " 1", "NaN" and the digits of other scripts.
    try:
        if len(text) <= LIMITS.number_digits and not text.strip("0123456789.-"):
            return Decimal(text)
        exact = Decimal("NaN" if text.strip(NUMERALS) else text)
    except ArithmeticError:
        exact = Decimal("NaN")
    # int() of 1E+999999999 would take all memory.
    if not exact.is_finite() or exact.adjusted() > 2 * LIMITS.number_exponent_max:
        raise InvalidValue(f"found {quoted(text)} as a number in the stored item", code="codecs.bad-number")
    return exact


def path_of_error(where: str, names: Mapping[str, str]) -> str:
    """Return where in a Python value msgspec found an error: `.tags.SS[2]` is `tags[2]`.

    Args:
        where: The place in the JSON of an item or map, as msgspec tells it, after `$`.
        names: Attribute name to field name, for the outermost names.
    """
    known = [name for name in names if re.match(rf"\.{re.escape(name)}(?![^.\[])", where)]
    name = max(known, key=len, default=None)
    steps = re.findall(r"\.[^.\[]+|\[[^\]]*\]", where if name is None else where[len(name) + 1 :])
    path = "" if name is None else f".{names[name]}"
    expect_name = name is None
    for step in steps:
        if step.startswith("[") or expect_name:
            path += step
            expect_name = False
        else:
            expect_name = step == ".M"
    return path.removeprefix(".")


def binary_text(value: bytes) -> str:
    """Return bytes as the service writes them: base64 with padding."""
    return base64.b64encode(value).decode("ascii")
