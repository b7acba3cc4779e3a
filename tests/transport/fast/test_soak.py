"""Mixed verbs on an engine behind a network that fails a fifth of all calls: nothing is lost or doubled."""

import asyncio
import random
from collections import Counter
from typing import Any

import attrs
import pytest

from dynamorm_async import ConditionFailed, DynamormError, OutcomeUnknown, Retry, connect
from dynamorm_async.client import Table
from dynamorm_async.testing import Engine, faulty_server
from dynamorm_async.testing.faults import forwarding
from dynamorm_async.transport import FastTransport
from tests.shapes import Note

# Amazon's own engine takes ten times as long.
CALLS = {"dynoxide": 20_000}
DEADLINE = 10.0


@attrs.define
class Account:
    """What the callers were told, by item."""

    put: set[str] = attrs.field(factory=set[str])
    created: set[str] = attrs.field(factory=set[str])
    counted: set[str] = attrs.field(factory=set[str])
    uncertain: set[str] = attrs.field(factory=set[str])
    outcomes: Counter[str] = attrs.field(factory=Counter[str])
    longest: float = 0.0


async def carry_out(notes: Table[Note], name: str, verb: str, account: Account) -> None:
    """Carry one verb out on an item of its own, and write down what was said."""
    try:
        if verb == "put":
            await notes.put(Note(id=name, text="put"))
            account.put.add(name)
        elif verb == "create":
            await notes.create(Note(id=name, text="created"))
            account.created.add(name)
        elif verb == "count":
            await notes.update(name, Note.count.add(1))
            account.counted.add(name)
        else:
            await notes.find(name)
    except ConditionFailed:
        pytest.fail(f"{name} was created once, and reported as there already")
    except OutcomeUnknown:
        account.uncertain.add(name)
        account.outcomes["unknown"] += 1
    except DynamormError as error:
        account.outcomes[type(error).__name__] += 1
    else:
        account.outcomes["done"] += 1


async def run_soak(engine: Engine, table_name: str, *, calls: int, seed: int) -> None:
    dice, account, loop = random.Random(seed), Account(), asyncio.get_running_loop()
    slots = asyncio.Semaphore(48)
    verbs = [dice.choice(["put", "create", "count", "count", "find"]) for _ in range(calls)]
    counters = [f"{seed}-{number}" for number, verb in enumerate(verbs) if verb == "count"]
    async with engine.connect() as db:
        await db.admin.ensure_table(Note, name=table_name)
        notes = db.table(Note, name=table_name)
        await asyncio.gather(*(notes.put(Note(id=name)) for name in counters))
    assert engine.endpoint is not None
    async with faulty_server(forwarding(engine.endpoint, share=0.2, seed=seed)) as server:
        options: dict[str, Any] = {**engine.options, "endpoint": server.url}
        transport = FastTransport(**options, max_connections=24)
        retry = Retry(transient_base=0.002, quota=10_000_000)
        async with connect(transport=transport, timeout=DEADLINE, retry=retry) as db:
            notes = db.table(Note, name=table_name)

            async def one(number: int) -> None:
                async with slots:
                    started = loop.time()
                    await carry_out(notes, f"{seed}-{number}", verbs[number], account)
                    account.longest = max(account.longest, loop.time() - started)

            await asyncio.gather(*(one(number) for number in range(calls)))
            (pool,) = transport.pools
            assert pool.open == pool.idle <= 24
            assert pool.waiting == 0
        assert pool.open == 0
    assert account.longest < DEADLINE + 1
    await check(engine, table_name, account, calls)


async def check(engine: Engine, table_name: str, account: Account, calls: int) -> None:
    async with engine.connect() as db:
        notes = db.table(Note, name=table_name)
        stored = {note.id: note async for note in notes.scan()}
    assert not (account.put | account.created | account.counted) - set(stored)
    assert {stored[name].text for name in account.put} == {"put"}
    assert {stored[name].count for name in account.counted} == {1}
    assert {note.count for note in stored.values()} <= {0, 1}
    assert account.outcomes["done"] > calls * 0.7
    assert account.outcomes["unknown"] > calls * 0.02


@pytest.mark.timeout(300)
async def test_acknowledged_writes_are_there_and_no_counter_is_doubled(
    engine: Engine, table_name: str
) -> None:
    if engine.endpoint is None:
        pytest.skip("the engine in memory has no wire to fail")

    await run_soak(engine, table_name, calls=CALLS.get(engine.name, 2_000), seed=11)
