"""Sizes and prices: what an item weighs and what reading or writing it costs.

Source: DynamoDB developer guide, "Item sizes and formats" and "Read and write operations".
"""

from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024


class _Units(msgspec.Struct):
    CapacityUnits: float = 0.0


class _Consumed(msgspec.Struct):
    ConsumedCapacity: _Units | list[_Units] | UnsetType = UNSET


_CONSUMED = msgspec.json.Decoder(_Consumed)


def consumed_units(body: bytes) -> float | None:
    """Return the capacity units that an answer says it cost, over all its tables; None without a word.

    The service says so only where the request asked for it.
    """
    if b'"ConsumedCapacity"' not in body:
        return None
    try:
        found = _CONSUMED.decode(body).ConsumedCapacity
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(found, list):
        return sum(each.CapacityUnits for each in found)
    return None if isinstance(found, UnsetType) else found.CapacityUnits


def read_units(size: int, *, consistent: bool) -> float:
    """Return the read units of reading `size` bytes at once: at least half a unit."""
    units = max(1, ceil(size / READ_UNIT_BYTES))
    return float(units) if consistent else units / 2


def write_units(size: int) -> float:
    """Return the write units of writing an item of `size` bytes: at least one."""
    return float(max(1, ceil(size / WRITE_UNIT_BYTES)))


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the size of an item in bytes, nearly as the service bills it.

    Args:
        item: Attribute name to tagged value as it is in the JSON, `{"id": {"S": "u1"}}`; binary
            values are base64 text.

    Returns:
        Bytes of names and values. Numbers are an upper bound that can be two bytes too high.
    """
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(tagged: Mapping[str, Any]) -> int:
    ((tag, value),) = tagged.items()
    match tag:
        case "S":
            return len(value.encode())
        case "N":
            return _number_size(value)
        case "B":
            return _binary_size(value)
        case "SS":
            return sum(len(element.encode()) for element in value)
        case "NS":
            return sum(_number_size(element) for element in value)
        case "BS":
            return sum(_binary_size(element) for element in value)
        case "L":
            return 3 + sum(1 + _value_size(element) for element in value)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(element) for name, element in value.items())
        case _:
            return 1


def _binary_size(base64_text: str) -> int:
    return len(base64_text) * 3 // 4 - base64_text.count("=")


def _number_size(text: str) -> int:
    # normalize() would round to 28 digits, and the service keeps 38.
    number = Decimal(text)
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if not digits:
        return 1
    # Two digits to a byte. A sign takes one more; so do pairs that straddle an odd exponent.
    straddles = len(digits) % 2 == 0 and number.adjusted() % 2 == 1
    return (len(digits) + 1) // 2 + 1 + straddles + number.is_signed()
