"""Batches of writes: puts, deletes, and both over several models and tables.

A batch can hold no condition, so whatever would need one is refused here: an instance that holds a
version, and two writes of one key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from dynamorm_async.codecs import Stamps, Unreadable, read_unprocessed, timestamp_text
from dynamorm_async.errors import InvalidKey, InvalidRequest, quoted
from dynamorm_async.plan.batch import BatchPlan, Homes, Numbering, at, listed, names_of
from dynamorm_async.plan.changes import held_version
from dynamorm_async.plan.keys import Key, key_parts, model_of
from dynamorm_async.plan.plan import Estimate
from dynamorm_async.plan.single import created_text
from dynamorm_async.plan.target import Target
from dynamorm_async.wire import LIMITS

M = TypeVar("M")

_NO_STAMPS = Stamps()

Duplicates = Literal["refuse", "last"]


class Put(msgspec.Struct, Generic[M], frozen=True):
    """Storing an item over whatever is there, for `db.batch_write`."""

    item: M


class Delete(msgspec.Struct, frozen=True):
    """Deleting the item of a `Key`, or of an instance, for `db.batch_write`."""

    key: object


class _Write(msgspec.Struct, frozen=True, gc=False):
    """One write: its request, and its key or item, as JSON text.

    It is no part of a cycle, and ten thousand of them are nothing for the collector to look through.
    """

    text: str
    keyed: str
    key: Mapping[str, object]
    is_put: bool


_Result = Callable[[Sequence[_Write], Sequence[int], Sequence[int]], Any]
"""Of the writes by number, the number of each place, and what is done, by number."""


def batch_put(
    target: Target[M], items: object, *, now: datetime, duplicates: Duplicates, unchecked: bool
) -> BatchPlan[list[M]]:
    """Return the plan of storing many items of one model; the result is what is stored, in order.

    Raises:
        InvalidValue: One of the items cannot be stored; the text says which.
        InvalidRequest: Two have one key, or one holds a version.
    """
    entries = listed(items, "items")
    asked = [(target, Put(item)) for item in entries]
    stamps = _first_stamps(now)
    writes = [_write(*each, place, "items", stamps, unchecked) for place, each in enumerate(asked)]
    return _plan(entries, asked, writes, "items", duplicates, _stored(target))


def batch_delete(
    target: Target[Any], keys: object, *, duplicates: Duplicates, unchecked: bool
) -> BatchPlan[None]:
    """Return the plan of deleting many items of one model; what is not there is fine.

    Raises:
        InvalidKey: One of the keys is none of the model's; the text says which.
        InvalidRequest: Two are equal, or one is an instance that holds a version.
    """
    entries = listed(keys, "keys")
    asked = [(target, Delete(key)) for key in entries]
    writes = [_write(*each, place, "keys", _NO_STAMPS, unchecked) for place, each in enumerate(asked)]
    return _plan(entries, asked, writes, "keys", duplicates, _nothing)


def batch_write(
    writes: Iterable[tuple[Target[Any], Put[Any] | Delete]],
    *,
    now: datetime,
    duplicates: Duplicates,
    unchecked: bool,
) -> BatchPlan[None]:
    """Return the plan of puts and deletes of several models and tables, in any order.

    Args:
        writes: Each write with its target.
        now: The time of the puts.
        duplicates: What to do with two writes of one kind and key.
        unchecked: Whether an instance may hold a version.

    Raises:
        InvalidRequest: As `batch_put` and `batch_delete` do.
    """
    asked = list(writes)
    stamps = _first_stamps(now)
    found = [_write(*each, place, "writes", stamps, unchecked) for place, each in enumerate(asked)]
    return _plan([write for _, write in asked], asked, found, "writes", duplicates, _nothing)


class EncodedWrite(msgspec.Struct, frozen=True):
    """A write as it is when it is handed in, however its instance changes later.

    Attributes:
        target: Of its model.
        entry: What it is told of as: as it was handed in, but that a key says of which model it is.
        name: What its key is known by.
        request: What is sent.
    """

    target: Target[Any]
    entry: Put[Any] | Delete
    name: Hashable
    request: _Write


def encoded_write(
    target: Target[Any], write: Put[Any] | Delete, *, now: datetime, unchecked: bool
) -> EncodedWrite:
    """Return a write as it is sent.

    Raises:
        InvalidRequest: It cannot be.
    """
    entry: Put[Any] | Delete = write
    if isinstance(write, Put):
        request = _put(target, write.item, _first_stamps(now), unchecked=unchecked)
    else:
        request = _delete(target, write.key, unchecked=unchecked)
        if model_of(write.key) is None:
            entry = Delete(Key(target.spec.cls, *request.key.values()))
    return EncodedWrite(target, entry, names_of(target, [request.keyed])[0], request)


def batch_write_encoded(writes: Sequence[EncodedWrite]) -> BatchPlan[None]:
    """Return the plan of writes of different keys, in any order."""
    entries = [each.entry for each in writes]
    asked = [(each.target, each.entry) for each in writes]
    return _plan(entries, asked, [each.request for each in writes], "writes", "refuse", _nothing)


def _write(
    target: Target[Any],
    write: Put[Any] | Delete,
    place: int,
    what: str,
    stamps: Stamps,
    unchecked: bool,  # noqa: FBT001 - the callers of this room only
) -> _Write:
    try:
        if isinstance(write, Put):
            return _put(target, write.item, stamps, unchecked=unchecked)
        return _delete(target, write.key, unchecked=unchecked)
    except InvalidRequest as error:
        raise at(place, what, error) from error.__cause__


def _first_stamps(now: datetime) -> Stamps:
    """Return what most items of a batch are stamped with: made once, since none of them changes it."""
    moment = timestamp_text(now)
    return Stamps(created=moment, updated=moment, version="0")


def _put(target: Target[Any], item: Any, stamps: Stamps, *, unchecked: bool) -> _Write:
    target.record.check_instance(item)
    held = held_version(target, item)
    _check_conditions(target, held, unchecked=unchecked)
    created = created_text(target, item)
    if created is not None or held is not None:
        stamps = replace(
            stamps,
            created=created or stamps.created,
            version=stamps.version if held is None else str(held + 1),
        )
    text = target.record.encode_item(item, stamps)
    values = {name: getattr(item, name) for name in target.spec.key_arguments}
    return _Write(f'{{"PutRequest":{{"Item":{text}}}}}', text, values, is_put=True)


def _delete(target: Target[Any], key: object, *, unchecked: bool) -> _Write:
    parts = key_parts(target.record, key)
    held = None if parts.item is None else held_version(target, parts.item)
    _check_conditions(target, held, unchecked=unchecked)
    return _Write(f'{{"DeleteRequest":{{"Key":{parts.text}}}}}', parts.text, parts.values, is_put=False)


def _check_conditions(target: Target[Any], held: int | None, *, unchecked: bool) -> None:
    if target.is_unique:
        name = target.spec.name
        fields = " and ".join(field.name for field in target.spec.unique_fields)
        raise InvalidRequest(
            f"a batch cannot write a {name}, whose {fields} must be unique",
            why="BatchWriteItem takes no condition, so that a value would be given twice, or never be free",
            fix="write each by itself, or many at a time with db.transact_many([db.transaction().create(…)])",
            code="plan.batch-unique",
        )
    if held is not None and not unchecked:
        raise InvalidRequest(
            f"the {target.spec.name} holds version {held}, and a batch checks none",
            why="BatchWriteItem takes no condition, so that a newer item would be lost without a word",
            fix="write it with put, save or delete, or say unchecked=True",
            code="plan.batch-version",
        )


def _plan(
    entries: Sequence[Any],
    asked: Sequence[tuple[Target[Any], Put[Any] | Delete]],
    writes: Sequence[_Write],
    what: str,
    duplicates: Duplicates,
    result: _Result,
) -> BatchPlan[Any]:
    if duplicates not in get_args(Duplicates):
        raise InvalidRequest(
            f"duplicates={quoted(duplicates)}", fix='use "refuse" or "last"', code="plan.duplicates"
        )
    homes = Homes()
    home_of = [homes.add(target) for target, _ in asked]
    numbering = Numbering(_names(asked, writes, home_of))
    lasts = _lasts(numbering, writes, what, duplicates)
    kept = [writes[place] for place in lasts]

    def read(body: bytes, results: list[Any]) -> tuple[Sequence[int], Sequence[Unreadable]]:
        del results
        left = read_unprocessed(body)
        numbers = numbering.numbers
        return [homes.number_in(table, raw, numbers) for table, raws in left.items() for raw in raws], ()

    return BatchPlan(
        operation="BatchWriteItem",
        entries=entries,
        number_of=numbering.of,
        texts=[write.text for write in kept],
        keys=[write.key for write in kept],
        tables=homes.tables,
        homes=[home_of[place] for place in lasts] if len(homes.targets) > 1 else (),
        frames=[("[", "]")] * len(homes.targets),
        most=LIMITS.batch_writes,
        read=read,
        result=lambda _, done: result(kept, numbering.of, done),
        price=Estimate(write_units=1.0),
    )


def _names(
    asked: Sequence[tuple[Target[Any], object]], writes: Sequence[_Write], home_of: Sequence[int]
) -> list[Hashable]:
    targets = {id(target): target for target, _ in asked}
    if len(targets) == 1:
        (target,) = targets.values()
        return [(0, name) for name in names_of(target, [write.keyed for write in writes])]
    return [
        (home, names_of(target, [write.keyed])[0])
        for home, (target, _), write in zip(home_of, asked, writes, strict=True)
    ]


def _lasts(
    numbering: Numbering, writes: Sequence[_Write], what: str, duplicates: Duplicates
) -> Sequence[int]:
    """Return the place of the last write of each number."""
    if len(numbering.firsts) == len(writes):
        return numbering.firsts
    lasts = list(numbering.firsts)
    for place, number in enumerate(numbering.of):
        first = numbering.firsts[number]
        if place == first:
            continue
        both = f"{what}[{first}] and {what}[{place}]"
        if writes[place].is_put != writes[first].is_put:
            raise InvalidKey(
                f"{both} put and delete the same key",
                why="the writes of a batch have no order",
                fix="leave one of them out",
                code="plan.batch-put-and-delete",
            )
        if duplicates == "refuse":
            raise InvalidKey(
                f"{both} have the same key",
                why="one of them would be lost; numbers are one key where their values are equal",
                fix='leave one of them out, or say duplicates="last"',
                code="plan.batch-duplicate",
            )
        lasts[number] = place
    return lasts


def _stored(target: Target[M]) -> _Result:
    def stored(kept: Sequence[_Write], number_of: Sequence[int], done: Sequence[int]) -> list[M | None]:
        # What was sent is what is stored, so the stored instances are read from it.
        found = [
            target.record.batches.instance_of(write.keyed) if is_done else None
            for write, is_done in zip(kept, done, strict=True)
        ]
        return [found[number] for number in number_of]

    return stored


def _nothing(*_: object) -> None:
    return None
