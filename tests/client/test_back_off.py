"""How long a writer that lost a race waits before it reads again: dice and clock are given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from dynamorm_async import Answer, Call, Client, Key, VersionConflict, evolve
from dynamorm_async.codecs import default_codecs
from dynamorm_async.transport import open_waist
from tests.plan.given import STORED
from tests.shapes import NOW, Bookmark
from tests.transport.scripted import FakeTime


class Contended:
    """A table with one item, whose next writes are beaten by another writer."""

    name = "contended"

    def __init__(self, beaten: int) -> None:
        self.beaten = beaten
        self.operations: list[str] = []

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        del timeout
        self.operations.append(call.operation)
        if call.operation == "GetItem":
            return _answer(200, {"Item": STORED})
        if self.beaten:
            self.beaten -= 1
            newer = {**STORED, "revision": {"N": "9"}}
            return _answer(400, {"__type": "x#ConditionalCheckFailedException", "Item": newer})
        return _answer(200, {"Attributes": STORED})

    async def aclose(self) -> None:
        """Hold nothing."""


def _answer(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status=status, headers={}, body=json.dumps(body).encode(), checked=True)


def client_of(transport: Contended, time: FakeTime, dice: Iterable[float]) -> Client:
    drawn: Iterator[float] = iter(dice)
    return Client(
        open_waist(transport, clock=time.clock, sleep=time.sleep),
        codecs=default_codecs(),
        table_prefix="",
        cursor_keys=(),
        now=lambda: NOW,
        jitter=lambda: next(drawn),
        sleep=time.sleep,
    )


def retitled(mark: Bookmark) -> Bookmark:
    return evolve(mark, title="new")


async def change(transport: Contended, time: FakeTime, dice: Iterable[float], *, attempts: int = 20) -> None:
    db = client_of(transport, time, dice)
    await db.retry_on_conflict(Key(Bookmark, "ana", "aws"), retitled, attempts=attempts)


async def test_who_wins_at_once_waits_for_nothing() -> None:
    time = FakeTime()

    await change(Contended(beaten=0), time, [])

    assert time.slept == []


async def test_waits_are_drawn_below_bounds_that_double_from_20_ms_to_a_second() -> None:
    time = FakeTime()

    await change(Contended(beaten=9), time, [1.0] * 9)

    assert time.slept == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0, 1.0]


async def test_each_wait_is_drawn_anew_over_the_whole_of_its_bound() -> None:
    time = FakeTime()

    await change(Contended(beaten=4), time, [0.0, 0.5, 1.0, 0.25])

    assert time.slept == [0.0, 0.02, 0.08, 0.04]


async def test_a_writer_waits_after_he_lost_and_reads_again_before_he_writes() -> None:
    transport = Contended(beaten=2)

    await change(transport, FakeTime(), [0.5] * 2)

    assert transport.operations == ["GetItem", "UpdateItem"] * 3


async def test_nobody_waits_after_the_last_attempt() -> None:
    time, transport = FakeTime(), Contended(beaten=99)

    with pytest.raises(VersionConflict):
        await change(transport, time, [1.0] * 9, attempts=3)

    assert time.slept == [0.02, 0.04]
    assert transport.operations == ["GetItem", "UpdateItem"] * 3
