"""Stored values as texts that are equal where the values are equal.

The service compares numbers by value, and writes JSON in a form of its own; so a text as it came, or
as it is sent, says less than these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Context
from typing import Any

import msgspec
from msgspec import Raw, UnsetType

from dynamorm_async.codecs.pages import decoded
from dynamorm_async.codecs.wires import number_of
from dynamorm_async.wire import LIMITS

# As exact as the service: the ordinary context would round to 28 digits.
_EXACT = Context(prec=LIMITS.number_digits)


class _Stored(msgspec.Struct):
    Item: dict[str, Raw] | UnsetType = msgspec.UNSET


_STORED = msgspec.json.Decoder(_Stored)
_TAGGED = msgspec.json.Decoder(dict[str, Any])


def canonical(tagged: str | Raw) -> str:
    """Return the tagged JSON text of a value in the one form that equal values have."""
    return _text(
        {tag: _number(value) if tag == "N" else value for tag, value in _TAGGED.decode(tagged).items()}
    )


def canonical_key(text: str) -> str:
    """Return the JSON text of a key in the one form that equal keys have."""
    return _text({name: json.loads(canonical(_text(value))) for name, value in _TAGGED.decode(text).items()})


def stored_texts(body: bytes) -> Mapping[str, str] | None:
    """Return the attributes under "Item" of an answer as JSON texts, or None where there is no item.

    Raises:
        ProtocolError: The answer is not of the operation's shape.
    """
    item = decoded(_STORED, body).Item
    return None if item is msgspec.UNSET else {name: bytes(raw).decode() for name, raw in item.items()}


def _number(text: str) -> str:
    number = number_of(text)
    if not number:
        return "0"  # whose sign is not stored
    number = _EXACT.normalize(number)
    return f"{number:f}" if abs(number.adjusted()) < LIMITS.number_digits else str(number)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
