"""Answers to BatchGetItem and BatchWriteItem: which of the things asked for they tell of, and what.

Takes the bytes of an answer and a number for each key; gives instances by number. The service
answers in any order and writes numbers in a form of its own, so keys are matched by value.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import msgspec
from msgspec import Raw

from dynamorm_async.codecs.base import quote
from dynamorm_async.codecs.generate import key_namer, plain_key_texts
from dynamorm_async.codecs.keys import KeyPart
from dynamorm_async.codecs.pages import decoded, other_shape
from dynamorm_async.codecs.wires import exact_struct, list_of, map_of
from dynamorm_async.errors import InvalidValue, ProtocolError, quoted
from dynamorm_async.wire import LIMITS

if TYPE_CHECKING:
    from dynamorm_async.codecs.records import Record

M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)

Numbers = Mapping[Hashable, int]
"""Name of a key to its number."""

Unreadable = tuple[int, InvalidValue]


class ItemReader(Protocol[M_co]):
    """What reads the items of a batch: a model's record, or some of its fields."""

    @property
    def exact(self) -> tuple[Any, Callable[[Any], M_co]]:
        """As `Record.exact`; the struct has the table's keys by the names of their fields."""
        ...

    def decode_raw(self, raw: str | Raw) -> M_co:
        """Return the item of a JSON text; raises as `Record.decode_raw` does."""
        ...


class BatchCodec(Generic[M]):
    """What the answers to batches need of one model's record; made once for it.

    Args:
        record: The model's.
        items: What reads the items, where that is not the record.
    """

    def __init__(self, record: Record[Any], items: ItemReader[M] | None = None) -> None:
        self._items: ItemReader[M] = record if items is None else items
        spec = record.spec
        tags = {field.name: record.key_type(field.name) for field in spec.key_fields}
        self.key_form = tuple((field.attribute, tags[field.name]) for field in spec.key_fields)
        key = msgspec.defstruct(
            "Key",
            [(name, exact_struct(tag, bytes if tag == "B" else str)) for name, tag in tags.items()],
            rename={field.name: field.attribute for field in spec.key_fields},
            gc=False,
        )
        self._name_of: Callable[[Any], Hashable] = key_namer(spec.name, list(tags.items()))
        self._key_reader = msgspec.json.Decoder(key)
        self._keys_reader = msgspec.json.Decoder(list_of(key))
        members = [record.members[name] for name in tags]
        is_plain = all(isinstance(each.codec, KeyPart) and each.codec.is_plain_text for each in members)
        has_template = any(field.template is not None for field in spec.key_fields)
        self._encode_plain = plain_key_texts(spec.name, members) if is_plain and not has_template else None
        item, read_exact = self._items.exact
        self._read_exact: Callable[[Any], M] = read_exact
        self._exact_reader = msgspec.json.Decoder(_answer(item, key))
        self._item_reader = msgspec.json.Decoder(item)

    def plain_texts(self, keys: Sequence[Sequence[object]]) -> list[str] | None:
        """Return the texts of keys that consist of plain texts, or None where one of them does not.

        What such a key is known by is its one text, or the tuple of its two. All are looked at
        together, which takes a third of the time of encoding and reading each.
        """
        if self._encode_plain is None or not keys:
            return None
        for column in zip(*keys, strict=True):
            if set(map(type, column)) != {str} or not all(column):
                return None
            if max(map(len, column)) > LIMITS.sort_key_bytes:
                return None
            together = "".join(column)
            # Nothing to escape, and no more bytes than characters.
            if not together.isascii() or len(quote(together)) != len(together) + 2:
                return None
        return self._encode_plain(cast("Sequence[Sequence[str]]", keys))

    def names_of(self, texts: Iterable[str]) -> list[Hashable]:
        """Return what each key is known by: equal for keys of equal value.

        Args:
            texts: Keys, or whole items, as JSON text.

        Raises:
            UnicodeEncodeError: One of them holds a lone surrogate.
        """
        return list(map(self._name_of, self._keys_reader.decode(f"[{','.join(texts)}]".encode())))

    def name_of(self, raw: Raw) -> Hashable:
        """Return what the key of an item, or a key by itself, is known by.

        Raises:
            ProtocolError: It does not have the key's attributes.
        """
        try:
            return self._name_of(self._key_reader.decode(raw))
        except (ValueError, AttributeError) as error:
            raise ProtocolError(
                "an answer to a batch holds something without a key",
                why=str(error)[:200],
                code="codecs.protocol",
            ) from error

    def fill(
        self, body: bytes, numbers: Numbers, results: list[M | None]
    ) -> tuple[Sequence[int], Sequence[Unreadable]]:
        """Put the instances of an answer about one table where their numbers say.

        Args:
            body: The answer to BatchGetItem.
            numbers: Of all keys that may be in it.
            results: By number.

        Returns:
            The numbers of the keys that the service did not process, and the numbers of the items
            that do not fit the model, each with its error.

        Raises:
            ProtocolError: The answer is not of the operation's shape, or tells of another key.
        """
        name_of, read = self._name_of, self._read_exact
        try:
            answer = self._exact_reader.decode(body)
            for items in answer.Responses.values():
                for item in items:
                    results[numbers[name_of(item)]] = read(item)
            left = [numbers[name_of(key)] for each in answer.UnprocessedKeys.values() for key in each.Keys]
        except _INEXACT:
            return self._fill_one_by_one(body, numbers, results)
        return left, ()

    def instance_of(self, raw: Raw | str) -> M:
        """Return the instance of the JSON text of one item; raises as `Record.decode_item` does."""
        try:
            return self._read_exact(self._item_reader.decode(raw))
        except (ValueError, RecursionError):
            return self._items.decode_raw(raw)

    def _fill_one_by_one(
        self, body: bytes, numbers: Numbers, results: list[M | None]
    ) -> tuple[list[int], list[Unreadable]]:
        unreadable: list[Unreadable] = []
        items, keys = read_answer(body)
        for raw in (each for many in items.values() for each in many):
            number = asked_for(self.name_of(raw), numbers)
            try:
                results[number] = self.instance_of(raw)
            except InvalidValue as error:
                unreadable.append((number, error))
        left = [asked_for(self.name_of(raw), numbers) for many in keys.values() for raw in many]
        return left, unreadable


def read_answer(body: bytes) -> tuple[dict[str, list[Raw]], dict[str, list[Raw]]]:
    """Return the items and the unprocessed keys of an answer to BatchGetItem, by table.

    Raises:
        ProtocolError: The answer is not of the operation's shape.
    """
    answer = decoded(_RAW_ANSWER, body)
    return answer.Responses, {table: each.Keys for table, each in answer.UnprocessedKeys.items()}


def read_unprocessed(body: bytes) -> dict[str, list[Raw]]:
    """Return the items, or keys, that an answer to BatchWriteItem gives back, by table.

    Raises:
        ProtocolError: The answer is not of the operation's shape.
    """
    found: dict[str, list[Raw]] = {}
    for table, requests in decoded(_LEFT_WRITES, body).UnprocessedItems.items():
        found[table] = [_text_of(request) for request in requests]
    return found


def asked_for(name: Hashable, numbers: Numbers) -> int:
    """Return the number of a key.

    Raises:
        ProtocolError: It was not asked for.
    """
    number = numbers.get(name)
    if number is None:
        raise other_shape(f"the key {quoted(name)} was not asked for")
    return number


def _text_of(request: _Write) -> Raw:
    if request.PutRequest is not None:
        return request.PutRequest.Item
    if request.DeleteRequest is not None:
        return request.DeleteRequest.Key
    raise other_shape("an unprocessed item is neither a put nor a delete")


def _answer(item: Any, key: Any) -> Any:
    keys = msgspec.defstruct("Unprocessed", [("Keys", list_of(key))], gc=False)
    nothing: Any = {}  # msgspec makes a new one for each answer
    return msgspec.defstruct(
        "Answer",
        [
            ("Responses", map_of(list_of(item)), nothing),
            ("UnprocessedKeys", map_of(keys), nothing),
        ],
    )


class _PutPart(msgspec.Struct):
    Item: Raw


class _DeletePart(msgspec.Struct):
    Key: Raw


class _Write(msgspec.Struct):
    PutRequest: _PutPart | None = None
    DeleteRequest: _DeletePart | None = None


class _LeftWrites(msgspec.Struct):
    UnprocessedItems: dict[str, list[_Write]] = msgspec.field(default_factory=dict[str, list[_Write]])


_RAW_ANSWER = msgspec.json.Decoder(_answer(Raw, Raw))
_LEFT_WRITES = msgspec.json.Decoder(_LeftWrites)
# msgspec's errors and InvalidValue are ValueErrors; the others are for keys that are not there.
_INEXACT = (ValueError, RecursionError, KeyError, AttributeError)
