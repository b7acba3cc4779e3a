"""A batch, compiled: its calls, and how their answers are read.

Every different key of a batch has a number. What has become of the numbers, and what follows a
reply, is decided in `rounds`; the batches of each verb are made in `reads` and `writes`.

Source of the limits: DynamoDB API reference, BatchGetItem and BatchWriteItem.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import attrs
from msgspec import Raw

from dynamorm_async.codecs import Numbers, Unreadable, asked_for, other_shape, quote
from dynamorm_async.errors import InvalidKey, InvalidRequest, quoted
from dynamorm_async.model import Stored
from dynamorm_async.plan.plan import Estimate
from dynamorm_async.plan.target import Target
from dynamorm_async.wire import ANSWER_CAP, BATCH_ANSWER_CAP, LIMITS, Call

R = TypeVar("R")

ReadAnswer = Callable[[bytes, list[Any]], tuple[Sequence[int], Sequence[Unreadable]]]
"""Body of an answer and results by number, to fill; to the numbers left, and those not readable."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class BatchPlan(Generic[R]):
    """A batch, compiled: printing it shows what would be sent if everything goes well.

    Attributes:
        operation: "BatchGetItem" or "BatchWriteItem".
        entries: The keys, items, puts or deletes, as they were handed in.
        number_of: The number of each entry; entries of one key have one number.
        texts: Key or write request as JSON text, by number.
        keys: Argument name to value of the key, by number; for errors and events.
        tables: Names of the tables.
        homes: Which of the tables, by number; empty where there is one table.
        frames: What stands around the texts of each table.
        most: How many one call may ask for.
        read: What an answer means.
        result: What the verb returns, of the results by number and of what is done, by number.
        price: What each number costs, at least.
    """

    operation: str
    entries: Sequence[Any]
    number_of: Sequence[int]
    texts: Sequence[str]
    keys: Sequence[Mapping[str, object]]
    tables: tuple[str, ...]
    homes: Sequence[int] = ()
    frames: Sequence[tuple[str, str]]
    most: int
    read: ReadAnswer
    result: Callable[[list[Any], Sequence[int]], R]
    price: Estimate

    @property
    def reads(self) -> bool:
        """Whether nothing is written."""
        return self.operation == "BatchGetItem"

    @property
    def estimate(self) -> Estimate:
        """What all calls together are expected to cost, at least."""
        count = len(self.texts)
        return Estimate(read_units=self.price.read_units * count, write_units=self.price.write_units * count)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls, one for each chunk, as they are sent where nothing is left unprocessed."""
        return tuple(self.call(numbers) for numbers in self.chunks())

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests of `calls` as JSON data."""
        return [cast("dict[str, Any]", json.loads(call.body)) for call in self.calls]

    def chunks(self) -> list[list[int]]:
        """Return the numbers, chunk by chunk."""
        found: list[list[int]] = []
        first = 0
        while first < len(self.texts):
            after = self.end_of_chunk(first, 0, 0)
            found.append(list(range(first, after)))
            first = after
        return found

    def end_of_chunk(self, first: int, count: int, size: int) -> int:
        """Return the number after the last one that fits into a call.

        Args:
            first: The first number that may join it.
            count: How many it has already.
            size: How many bytes these have.
        """
        last = min(first + self.most - count, len(self.texts))
        if self.reads:
            return last  # a hundred of the longest keys are far below any limit
        for number in range(first, last):
            size += self.size_of(number)
            if size > LIMITS.batch_bytes and (count or number > first):
                return number
        return last

    def size_of(self, number: int) -> int:
        """Return the bytes that a number adds to a request."""
        text = self.texts[number]
        return len(text) if text.isascii() else len(text.encode())

    def call(self, numbers: Sequence[int]) -> Call:
        """Return the call that asks for these numbers."""
        texts = self.texts
        if not self.homes:
            tables = self.tables
            opening, closing = self.frames[0]
            members = [f"{quote(tables[0])}:{opening}{','.join([texts[n] for n in numbers])}{closing}"]
        else:
            groups: dict[int, list[str]] = {}
            for number in numbers:
                groups.setdefault(self.homes[number], []).append(texts[number])
            tables = tuple(self.tables[home] for home in groups)
            members = [
                f"{quote(self.tables[home])}:{','.join(group).join(self.frames[home])}"
                for home, group in groups.items()
            ]
        return Call(
            operation=self.operation,
            body=f'{{"RequestItems":{{{",".join(members)}}}}}'.encode(),
            tables=tables,
            keys=tuple([self.keys[n] for n in numbers]),
            response_cap=BATCH_ANSWER_CAP if self.reads else ANSWER_CAP,
        )

    def __repr__(self) -> str:
        calls = len(self.chunks())
        return (
            f"BatchPlan({self.operation} on {', '.join(self.tables) or 'no table'}, "
            f"{len(self.texts)} in {calls} call{'' if calls == 1 else 's'})"
        )

    def __str__(self) -> str:
        calls = self.calls
        lines = [f"{self.operation}, {len(calls)} call{'' if len(calls) == 1 else 's'} ({self.estimate})"]
        lines += [json.dumps(request, indent=2, ensure_ascii=False) for request in self.requests]
        return "\n".join(lines)


class Numbering:
    """Numbers for names, in the order in which they come.

    Attributes:
        numbers: Name to number.
        of: The number of each place.
        firsts: The first place of each number.
    """

    def __init__(self, names: Sequence[Hashable]) -> None:
        self.numbers: dict[Hashable, int] = dict(zip(names, range(len(names)), strict=True))
        self.of: Sequence[int] = range(len(names))
        self.firsts: Sequence[int] = self.of
        if len(self.numbers) < len(names):
            self._number_again(names)

    def _number_again(self, names: Sequence[Hashable]) -> None:
        self.numbers = {}
        self.of, self.firsts = [], []
        for place, name in enumerate(names):
            number = self.numbers.setdefault(name, len(self.firsts))
            if number == len(self.firsts):
                self.firsts.append(place)
            self.of.append(number)


def listed(given: object, what: str) -> list[Any]:
    """Return what was handed in as a list.

    Args:
        given: Keys, items, puts or deletes.
        what: What they are called.

    Raises:
        InvalidKey: It is one thing, or a text, and not several.
    """
    things: Any = given
    if isinstance(things, (str, bytes, dict, Stored)) or not isinstance(things, Iterable):
        raise InvalidKey(
            f"{what}={quoted(given)}: several are taken", fix="put it in a list", code="plan.batch-one"
        )
    return list(cast("Iterable[Any]", given))


def at(place: int, what: str, error: InvalidRequest) -> InvalidRequest:
    """Return the error, saying which of many it is about."""
    error.what = f"{what}[{place}]: {error.what}"
    return error


def names_of(target: Target[Any], texts: Sequence[str]) -> list[Hashable]:
    """Return what keys, or items, are known by: equal for keys of equal value.

    Raises:
        InvalidValue: A text in one of them is no Unicode.
    """
    try:
        return target.record.batches.names_of(texts)
    except UnicodeEncodeError:
        for text in texts:
            target.closed(f'{target.opening},"Key":{text}')
        raise


class Homes:
    """The tables of a batch over several, each with the target that stands for its keys."""

    def __init__(self) -> None:
        self.targets: list[Target[Any]] = []
        self._by_name: dict[str, int] = {}

    def add(self, target: Target[Any]) -> int:
        """Return the home of a target.

        Raises:
            InvalidKey: Another model of the same table has other key attributes.
        """
        home = self._by_name.setdefault(target.table, len(self.targets))
        if home == len(self.targets):
            self.targets.append(target)
        first = self.targets[home]
        if first is not target and first.record.batches.key_form != target.record.batches.key_form:
            raise InvalidKey(
                f"{first.spec.name} and {target.spec.name} say that {target.table} has different keys",
                fix="name the table of each, or give their keys the same attributes and types",
                code="plan.batch-keys",
            )
        return home

    @property
    def tables(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(target.table for target in self.targets)

    def number_in(self, table: str, raw: Raw, numbers: Numbers) -> int:
        """Return the number of an item, or key, of an answer.

        Args:
            table: The table's name in the answer.
            raw: The item's or the key's JSON text.
            numbers: Of home and name of key.

        Raises:
            ProtocolError: It was not asked for.
        """
        home = self._of(table)
        if home is None:
            raise other_shape(f"the table {quoted(table)} was not asked for")
        return asked_for((home, self.targets[home].record.batches.name_of(raw)), numbers)

    def _of(self, table: str) -> int | None:
        if table in self._by_name or len(self.targets) == 1:
            return self._by_name.get(table, 0)
        # Where a table was named by its ARN, either may come back.
        last = table.rpartition("/")[2]
        return next((home for name, home in self._by_name.items() if name.rpartition("/")[2] == last), None)
