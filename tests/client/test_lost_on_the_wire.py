"""Answers that are lost between an engine and the fast path: counters and transactions. D-1, R78."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Literal
from uuid import uuid4

import pytest

from dynamorm_async import (
    Attr,
    Client,
    DynamormError,
    IdempotencyMismatch,
    Key,
    OutcomeUnknown,
    Retry,
    Table,
    Transaction,
    TransactionConditionFailed,
    UniqueViolation,
    attribute,
    connect,
    model,
    partition_key,
)
from dynamorm_async.executors import one
from dynamorm_async.plan import delivered
from dynamorm_async.testing import Engine, faulty_server
from dynamorm_async.testing.faults import Behaviour, FaultyServer, forwarding, reset
from tests.shapes import Note


@model(table="badges")
class Badge:
    id: Attr[str] = partition_key()
    number: Attr[int] = attribute(unique=True)


@model(table="badges-unique")
class Claim:
    """A claim as anybody may read it."""

    unique: Attr[str] = partition_key()
    owner: Attr[str]


# The first call of this sequence reaches the engine before its answer is lost.
APPLIED = 4


def lost(endpoint: str) -> Behaviour:
    """Let the engine apply a request, and break the connection instead of answering."""
    return forwarding(endpoint, share=1.0, seed=APPLIED, faults=[reset()])


def passed(endpoint: str) -> Behaviour:
    return forwarding(endpoint, share=0.0)


@asynccontextmanager
async def client_behind(
    engine: Engine, script: Sequence[Behaviour], way: Literal["fast", "aiobotocore"] = "fast"
) -> AsyncGenerator[tuple[Client, FaultyServer]]:
    """A client over a network that behaves as the script says."""
    async with faulty_server(script) as server:
        options: dict[str, Any] = {**engine.options, "endpoint": server.url}
        retry = Retry(transient_base=0.001, quota=10**9)
        async with connect(**options, transport=way, retry=retry, timeout=20.0) as client:
            yield client, server


@asynccontextmanager
async def behind(
    engine: Engine, table: str, script: Sequence[Behaviour], way: Literal["fast", "aiobotocore"] = "fast"
) -> AsyncGenerator[tuple[Table[Note], FaultyServer]]:
    """A table handle over a network that behaves as the script says."""
    async with client_behind(engine, script, way) as (client, server):
        yield client.table(Note, name=table), server


def endpoint_of(engine: Engine) -> str:
    if engine.endpoint is None:
        pytest.skip("the engine in memory has no wire")
    return engine.endpoint


async def test_a_counter_whose_answer_is_lost_is_counted_once_and_unknown(
    engine: Engine, notes: Table[Note]
) -> None:
    endpoint = endpoint_of(engine)
    await notes.put(Note(id="a"))

    async with behind(engine, notes.name, [lost(endpoint), passed(endpoint)]) as (there, server):
        with pytest.raises(OutcomeUnknown):
            await there.update("a", Note.count.add(1))

    assert (await notes.get("a")).count == 1
    assert len(server.requests) == 1


async def test_a_counter_at_least_once_is_counted_again(engine: Engine, notes: Table[Note]) -> None:
    endpoint = endpoint_of(engine)
    await notes.put(Note(id="a"))

    async with behind(engine, notes.name, [lost(endpoint), passed(endpoint)]) as (there, server):
        await there.update("a", Note.count.add(1), retry_ambiguous=True)

    assert (await notes.get("a")).count == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize("way", ["fast", "aiobotocore"])
async def test_an_idempotent_counter_is_counted_exactly_once(
    engine: Engine, notes: Table[Note], way: Literal["fast", "aiobotocore"]
) -> None:
    endpoint = endpoint_of(engine)
    await notes.put(Note(id="a"))

    script = [lost(endpoint), lost(endpoint), passed(endpoint)]
    async with behind(engine, notes.name, script, way) as (there, server):
        await there.update("a", Note.count.add(1), idempotent=True)

    assert (await notes.get("a")).count == 1
    assert [request.operation for request in server.requests] == ["TransactWriteItems"] * 3
    assert len({request.body for request in server.requests}) == 1


async def test_a_token_of_another_write_is_a_mismatch_and_changes_nothing(
    engine: Engine, db: Client, notes: Table[Note]
) -> None:
    endpoint_of(engine)
    await notes.put(Note(id="a"))
    token, send = str(uuid4()), db._waist.send  # pyright: ignore[reportPrivateUsage]
    await one(delivered(notes.plan.update("a", Note.count.add(1)), token=token), send)

    with pytest.raises(IdempotencyMismatch):
        await one(delivered(notes.plan.update("a", Note.count.add(5)), token=token), send)

    assert (await notes.get("a")).count == 1


@pytest.mark.slow
async def test_no_idempotent_counter_is_doubled_or_lost_under_random_faults(
    engine: Engine, notes: Table[Note]
) -> None:
    endpoint, calls = endpoint_of(engine), 200
    names = [f"n{number}" for number in range(calls)]
    unknown: set[str] = set()
    await asyncio.gather(*(notes.put(Note(id=name)) for name in names))

    async with behind(engine, notes.name, [forwarding(endpoint, share=0.3, seed=5)]) as (there, server):

        async def count(name: str) -> None:
            try:
                await there.update(name, Note.count.add(1), idempotent=True)
            except DynamormError:
                unknown.add(name)

        await asyncio.gather(*map(count, names))

    stored = {note.id: note.count async for note in notes.scan()}
    assert {stored[name] for name in names if name not in unknown} == {1}
    assert {stored[name] for name in unknown} <= {0, 1}
    assert len(unknown) < calls / 10
    assert len(server.requests) > calls * 1.2


def moved(db: Client, table: str, source: str, to: str, amount: int, *, receipt: str) -> Transaction:
    """Return the transfer of an amount, with a receipt that shows afterwards whether it was applied."""
    return (
        db.transaction()
        .update(Key(Note, source), Note.count.subtract(amount), when=Note.count >= amount, name=table)
        .update(Key(Note, to), Note.count.add(amount), name=table)
        .create(Note(id=receipt), name=table)
    )


@pytest.mark.parametrize("way", ["fast", "aiobotocore"])
async def test_a_transaction_whose_answers_are_lost_is_applied_exactly_once(
    engine: Engine, notes: Table[Note], way: Literal["fast", "aiobotocore"]
) -> None:
    """R78: a second application would meet its own condition, and its own receipt."""
    endpoint = endpoint_of(engine)
    await notes.batch_put([Note(id="ana", count=100), Note(id="bob")])

    script = [lost(endpoint), lost(endpoint), passed(endpoint)]
    async with client_behind(engine, script, way) as (client, server):
        (*_, receipt) = await moved(client, notes.name, "ana", "bob", 100, receipt="r1").commit()

    assert receipt == Note(id="r1")
    assert ((await notes.get("ana")).count, (await notes.get("bob")).count) == (0, 100)
    assert [request.operation for request in server.requests] == ["TransactWriteItems"] * 3
    assert len({request.body for request in server.requests}) == 1


async def test_a_refusal_whose_answer_is_lost_is_told_exactly(engine: Engine, notes: Table[Note]) -> None:
    """R78: a token whose transaction was refused is refused again, and that proves it."""
    endpoint = endpoint_of(engine)
    await notes.batch_put([Note(id="ana", count=5), Note(id="bob")])

    async with client_behind(engine, [lost(endpoint), passed(endpoint)]) as (client, server):
        with pytest.raises(TransactionConditionFailed) as caught:
            await moved(client, notes.name, "ana", "bob", 100, receipt="r1").commit()

    assert (caught.value.index, caught.value.attempts) == (0, 2)
    assert caught.value.item == Note(id="ana", count=5)
    assert len(server.requests) == 2


async def test_a_read_whose_answer_is_lost_is_read_again(engine: Engine, notes: Table[Note]) -> None:
    """N6."""
    endpoint = endpoint_of(engine)
    await notes.put(Note(id="ana", count=5))

    async with client_behind(engine, [lost(endpoint), passed(endpoint)]) as (client, _):
        found = await client.transact_get(Key(Note, "ana"), Key(Note, "bob"), names={Note: notes.name})

    assert found == (Note(id="ana", count=5), None)


async def test_a_unique_value_whose_answer_is_lost_is_taken_once(
    engine: Engine, db: Client, table_name: str
) -> None:
    """N10: the claim and the item are one transaction, whose token makes the outcome exact."""
    endpoint = endpoint_of(engine)
    await db.admin.create_table(Badge, name=table_name)

    async with client_behind(engine, [lost(endpoint), passed(endpoint)]) as (client, server):
        badges = client.table(Badge, name=table_name)
        made = await badges.create(Badge(id="a", number=7))
        assert [request.operation for request in server.requests] == ["TransactWriteItems"] * 2
        with pytest.raises(UniqueViolation):
            await badges.create(Badge(id="b", number=7))

    assert await db.table(Badge, name=table_name).scan().list() == [made]


async def test_a_value_is_changed_and_freed_over_a_broken_network(
    engine: Engine, db: Client, table_name: str
) -> None:
    endpoint = endpoint_of(engine)
    await db.admin.create_table(Badge, name=table_name)
    badges = db.table(Badge, name=table_name)

    async with client_behind(engine, [forwarding(endpoint, share=0.3, seed=3)]) as (client, _):
        there = client.table(Badge, name=table_name)
        for number in range(12):
            item = await there.create(Badge(id=str(number), number=7))
            await there.update(item.id, Badge.number.set(100 + number))
        for number in range(0, 12, 2):
            await there.delete(str(number))

    assert {item.number async for item in badges.scan()} == {101, 103, 105, 107, 109, 111}
    await badges.create(Badge(id="x", number=7))
    assert len(await db.table(Claim, name=f"{table_name}-unique").scan().list()) == 7


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
async def test_no_transfer_is_doubled_or_lost_under_random_faults(
    engine: Engine, notes: Table[Note], seed: int
) -> None:
    """R75, R78: 200 transfers over 20 accounts; each balance is that of the receipts that are there."""
    endpoint = endpoint_of(engine)
    names = [f"n{number}" for number in range(20)]
    await notes.batch_put([Note(id=name, count=50) for name in names])
    dice = Random(seed)
    moves = [(dice.sample(names, 2), dice.randint(1, 40)) for _ in range(200)]

    async with client_behind(engine, [forwarding(endpoint, share=0.3, seed=seed)]) as (client, server):
        outcomes = await client.transact_many(
            [
                moved(client, notes.name, source, to, amount, receipt=f"r{number}")
                for number, ((source, to), amount) in enumerate(moves)
            ],
            concurrency=16,
        )

    stored = {note.id: note.count async for note in notes.scan()}
    applied = [number for number in range(200) if f"r{number}" in stored]
    expected = dict.fromkeys(names, 50)
    for (source, to), amount in (moves[number] for number in applied):
        expected[source] -= amount
        expected[to] += amount
    assert {name: stored[name] for name in names} == expected
    for number, outcome in enumerate(outcomes):
        # Certain either way, but for those that are told as unknown.
        certain = outcome.is_committed or isinstance(outcome.error, TransactionConditionFailed)
        assert outcome.is_committed is (number in applied) or not certain
    assert sum(isinstance(each.error, OutcomeUnknown) for each in outcomes) < 20
    assert len(server.requests) > 240
