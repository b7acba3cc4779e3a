"""Pages: the answers to Query and Scan, read as items, as a count, or for the keys at their edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from dynamorm_async.errors import ProtocolError

R = TypeVar("R", covariant=True)

# RecursionError is for an answer nested thousands deep.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
INEXACT = (ValueError, RecursionError)  # msgspec's errors and InvalidValue are ValueErrors


class ItemPage(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """One answer to Query or Scan.

    Attributes:
        items: The items, in the answer's order.
        last_key: The JSON text of LastEvaluatedKey, or None at the end.
        scanned: Items that the service evaluated, before filtering.
        count: Items that it found, after filtering; `items` may be left out where only this was asked.
        read_units: What it cost, where that was asked for.
    """

    items: Sequence[R]
    last_key: str | None
    scanned: int
    count: int
    read_units: float | None = None


class PageReader(Protocol[R]):
    """What reads the items of pages."""

    def decode_page(self, body: bytes) -> ItemPage[R]:
        """Return the items of an answer to Query or Scan.

        Raises:
            InvalidValue: A stored item does not fit.
            ProtocolError: The answer is not of the operation's shape.
        """
        ...


def decoded(reader: msgspec.json.Decoder[Any], body: Any, *, code: str = "codecs.protocol") -> Any:
    """Return what a reader makes of an answer, or of a part of one.

    Raises:
        ProtocolError: It is not of the operation's shape; with the code that is given.
    """
    try:
        return reader.decode(body)
    except UNREADABLE as error:
        raise other_shape(str(error)[:200], code=code) from error


def other_shape(why: str, *, code: str = "codecs.protocol") -> ProtocolError:
    """Return the error for an answer that is not of the operation's shape."""
    return ProtocolError("the answer is not of this operation's shape", why=why, code=code)


def page_struct(item: Any) -> Any:
    """Return the msgspec struct of an answer whose items are of a type."""
    return msgspec.defstruct(
        "Page",
        [
            ("Items", list[item]),
            ("LastEvaluatedKey", msgspec.Raw | UnsetType, UNSET),
            ("ScannedCount", int, 0),
        ],
    )


def item_page(page: Any, items: Sequence[R]) -> ItemPage[R]:
    """Return the page that a struct of `page_struct` and its items are."""
    return ItemPage(
        items=items, last_key=_last_key(page), scanned=page.ScannedCount or len(items), count=len(items)
    )


def count_page(body: bytes) -> ItemPage[Any]:
    """Return an answer to a request for the count alone.

    Raises:
        ProtocolError: It has none.
    """
    page = decoded(_COUNT, body)
    return ItemPage(items=(), last_key=_last_key(page), scanned=page.ScannedCount, count=page.Count)


def key_texts(body: bytes, attributes: Sequence[str]) -> list[str]:
    """Return the keys of an answer's items as JSON texts.

    They are the stored texts, to the last digit, which the instances may not have.
    """
    return [_key_text(decoded(_ATTRIBUTES, item), attributes) for item in decoded(_RAW_ITEMS, body).Items]


def attribute_texts(body: bytes, attribute: str) -> list[str]:
    """Return the tagged JSON texts of one attribute, item by item; "" where it is absent."""
    items = decoded(_RAW_ITEMS, body).Items
    return [bytes(decoded(_ATTRIBUTES, item).get(attribute, b"")).decode() for item in items]


def items_body(items: Iterable[str | msgspec.Raw]) -> bytes:
    """Return items, or keys, as the answer to a Query that gave them."""
    return b'{"Items":[%b]}' % b",".join([i.encode() if isinstance(i, str) else bytes(i) for i in items])


def page_of_item(body: bytes) -> bytes:
    """Return an answer to GetItem as that to a Query for this one item.

    Raises:
        ProtocolError: It is not of the operation's shape.
    """
    item = decoded(_ITEM, body).Item
    return items_body(()) if isinstance(item, UnsetType) else items_body([item])


class KeysOnly:
    """Reads pages into the keys of their items, as JSON texts.

    Args:
        attributes: The attributes that are a key.
    """

    def __init__(self, attributes: Sequence[str]) -> None:
        self._attributes = tuple(attributes)

    def decode_page(self, body: bytes) -> ItemPage[str]:
        """Return the keys of a page; raises as `PageReader` says."""
        return replace(count_page(body), items=key_texts(body, self._attributes))


class _Count(msgspec.Struct):
    Count: int
    ScannedCount: int = 0
    LastEvaluatedKey: msgspec.Raw | UnsetType = UNSET


class _Item(msgspec.Struct):
    Item: msgspec.Raw | UnsetType = UNSET


class _RawItems(msgspec.Struct):
    Items: list[msgspec.Raw] = []


_COUNT = msgspec.json.Decoder(_Count)
_ITEM = msgspec.json.Decoder(_Item)
_RAW_ITEMS = msgspec.json.Decoder(_RawItems)
_ATTRIBUTES = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _key_text(item: dict[str, msgspec.Raw], attributes: Sequence[str]) -> str:
    members = [f"{_quoted(name)}:{bytes(item[name]).decode()}" for name in attributes if name in item]
    return f"{{{','.join(members)}}}"


def _quoted(name: str) -> str:
    return msgspec.json.encode(name).decode()


def _last_key(page: Any) -> str | None:
    last = "" if page.LastEvaluatedKey is UNSET else bytes(page.LastEvaluatedKey).decode().strip()
    # An empty key ends the walk as well as an absent one.
    return None if last in ("", "{}", "null") else last
