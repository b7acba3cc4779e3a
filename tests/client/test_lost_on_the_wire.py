"""Answers that are lost between an engine and the fast path, and what becomes of a counter. D-1."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import pytest

from dynamorm_async import DynamormError, OutcomeUnknown, Retry, Table, connect
from dynamorm_async.testing import Engine, faulty_server
from dynamorm_async.testing.faults import Behaviour, FaultyServer, forwarding, reset
from tests.shapes import Note

# The first call of this sequence reaches the engine before its answer is lost.
APPLIED = 4


def lost(endpoint: str) -> Behaviour:
    """Let the engine apply a request, and break the connection instead of answering."""
    return forwarding(endpoint, share=1.0, seed=APPLIED, faults=[reset()])


def passed(endpoint: str) -> Behaviour:
    return forwarding(endpoint, share=0.0)


@asynccontextmanager
async def behind(
    engine: Engine, table: str, script: Sequence[Behaviour], way: Literal["fast", "aiobotocore"] = "fast"
) -> AsyncGenerator[tuple[Table[Note], FaultyServer]]:
    """A table handle over a network that behaves as the script says."""
    async with faulty_server(script) as server:
        options: dict[str, Any] = {**engine.options, "endpoint": server.url}
        retry = Retry(transient_base=0.001, quota=10**9)
        async with connect(**options, transport=way, retry=retry, timeout=20.0) as client:
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
