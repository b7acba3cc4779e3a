"""Mixed verbs on an engine behind a network that fails a fifth of all requests: nothing is lost or doubled.

Each call has items of its own, so that what it may have left there is known. DYNAMORM_SOAK_CALLS says
how many calls there are on each engine, for a longer run than that of every day.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from dynamorm_async import (
    Client,
    ConditionFailed,
    Delete,
    DynamormError,
    Key,
    OutcomeUnknown,
    Put,
    Retry,
    connect,
)
from dynamorm_async.client import Table
from dynamorm_async.testing import Engine, faulty_server
from dynamorm_async.testing.faults import (
    Behaviour,
    Exchange,
    close,
    dripping,
    forwarding,
    hang,
    proxy_page,
    reset,
    truncated,
    wrong_checksum,
)
from dynamorm_async.transport import FastTransport
from tests.shapes import Note

ASKED = os.environ.get("DYNAMORM_SOAK_CALLS")
# Amazon's own engine takes ten times as long.
CALLS = {"dynoxide": int(ASKED or 20_000), "dynamodb-local": int(ASKED or 2_000)}
CONNECTIONS = 48
DEADLINE = 10.0
# Shorter than the answers of a server that hangs or drips.
ATTEMPT = 1.0
BRIEF = 0.3
# A machine that is busy with other tests is late; a call that hangs would be late by much more.
LATE = 4.0
FAULTS = [reset(), close(), truncated(), proxy_page(), wrong_checksum()] * 3 + [hang(), dripping(pause=0.01)]


@attrs.define
class Account:
    """What the callers were told, by verb and item."""

    done: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])
    refused: dict[str, set[str]] = attrs.field(factory=dict[str, set[str]])
    outcomes: Counter[str] = attrs.field(factory=Counter[str])
    overdue: float = 0.0


def before(name: str, verb: str) -> list[Note]:
    """Return what must be there before a verb."""
    there = {
        "count": [Note(id=name)],
        "count once": [Note(id=name)],
        "set": [Note(id=name, text="before")],
        "delete": [Note(id=name)],
        "get": [Note(id=name, text="kept")],
        "query": [Note(id=name, text="kept")],
        "batch": [Note(id=f"{name}-old")],
        "transaction": [Note(id=f"{name}-counter")],
    }
    return there.get(verb, [])


async def read(found: Awaitable[Note]) -> None:
    assert (await found).text == "kept"


async def queried(notes: Table[Note], name: str, timeout: float) -> None:
    assert [note.text for note in await notes.where(Note.id == name).list(timeout=timeout)] == ["kept"]


async def transacted(db: Client, table: str, name: str, timeout: float) -> None:
    transaction = db.transaction(timeout=timeout)
    transaction.put(Note(id=name, text="put"), name=table)
    transaction.update(Key(Note, f"{name}-counter"), Note.count.add(1), name=table)
    await transaction.commit(timeout=timeout)


VERBS: dict[str, Callable[[Client, Table[Note], str, float], Awaitable[object]]] = {
    "put": lambda _, notes, name, timeout: notes.put(Note(id=name, text="put"), timeout=timeout),
    "create": lambda _, notes, name, timeout: notes.create(Note(id=name, text="put"), timeout=timeout),
    "count": lambda _, notes, name, timeout: notes.update(name, Note.count.add(1), timeout=timeout),
    "count once": lambda _, notes, name, timeout: notes.update(
        name, Note.count.add(1), idempotent=True, timeout=timeout
    ),
    "set": lambda _, notes, name, timeout: notes.update(name, Note.text.set("put"), timeout=timeout),
    "delete": lambda _, notes, name, timeout: notes.delete(name, timeout=timeout),
    "get": lambda _, notes, name, timeout: read(notes.get(name, timeout=timeout)),
    "query": lambda _, notes, name, timeout: queried(notes, name, timeout),
    "batch": lambda db, notes, name, timeout: db.batch_write(
        [
            *(Put(Note(id=f"{name}-{number}", text="put")) for number in range(3)),
            Delete(Key(Note, f"{name}-old")),
        ],
        names={Note: notes.name},
        timeout=timeout,
    ),
    "transaction": lambda db, notes, name, timeout: transacted(db, notes.name, name, timeout),
}


def network(endpoint: str, seed: int) -> Behaviour:
    """Stand before an engine, with DynamoDB's heads and with the engine's in turn."""
    dice = random.Random(seed)
    ways = [
        forwarding(endpoint, share=0.2, seed=seed, faults=FAULTS, heads="dynamodb"),
        forwarding(endpoint, share=0.2, seed=seed + 1, faults=FAULTS, heads="engine"),
    ]

    async def behave(exchange: Exchange) -> None:
        await dice.choice(ways)(exchange)

    return behave


async def carry_out(
    db: Client, notes: Table[Note], name: str, verb: str, timeout: float, account: Account
) -> None:
    """Carry one verb out on items of its own, and write down what was said, and when."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        await VERBS[verb](db, notes, name, timeout)
    except ConditionFailed:
        pytest.fail(f"{name}: {verb} met a condition that nobody else could have broken")
    except OutcomeUnknown:
        account.outcomes["unknown"] += 1
    except DynamormError as error:
        account.outcomes[type(error).__name__] += 1
        account.refused.setdefault(verb, set()).add(name)
    else:
        account.outcomes["done"] += 1
        account.done.setdefault(verb, set()).add(name)
    account.overdue = max(account.overdue, loop.time() - started - timeout)


async def run_soak(engine: Engine, table_name: str, *, calls: int, seed: int) -> None:
    dice, account = random.Random(seed), Account()
    planned = [(f"{seed}-{number}", dice.choice(list(VERBS))) for number in range(calls)]
    timeouts = [BRIEF if dice.random() < 0.05 else DEADLINE for _ in planned]
    async with engine.connect() as db:
        await db.admin.ensure_table(Note, name=table_name)
        notes = db.table(Note, name=table_name)
        await notes.batch_put(note for name, verb in planned for note in before(name, verb))
    assert engine.endpoint is not None
    async with faulty_server(network(engine.endpoint, seed)) as server:
        options: dict[str, Any] = {**engine.options, "endpoint": server.url}
        transport = FastTransport(**options, max_connections=CONNECTIONS)
        retry = Retry(transient_base=0.002, quota=10_000_000)
        async with connect(transport=transport, attempt_timeout=ATTEMPT, retry=retry) as db:
            notes = db.table(Note, name=table_name)
            left = iter(zip(planned, timeouts, strict=True))

            async def work() -> None:
                for (name, verb), timeout in left:
                    await carry_out(db, notes, name, verb, timeout, account)

            await asyncio.gather(*(work() for _ in range(64)))
            (pool,) = transport.pools
            assert pool.open == pool.idle <= CONNECTIONS
            assert pool.waiting == 0
        assert pool.open == 0
    assert account.overdue < LATE
    assert account.outcomes["done"] > calls * 0.5, account.outcomes
    assert account.outcomes["unknown"] > calls * 0.02, account.outcomes
    await check(engine, table_name, account)


async def check(engine: Engine, table_name: str, account: Account) -> None:
    async with engine.connect() as db:
        stored = {note.id: note async for note in db.table(Note, name=table_name).scan()}
    done = account.done
    assert set(done) == set(VERBS)

    assert {stored[name].text for verb in ("put", "create", "set") for name in done[verb]} == {"put"}
    assert {stored[f"{name}-{number}"].text for name in done["batch"] for number in range(3)} == {"put"}
    assert {stored[name].count for verb in ("count", "count once") for name in done[verb]} == {1}
    assert not done["delete"] & set(stored)
    assert not {f"{name}-old" for name in done["batch"]} & set(stored)

    # All of a transaction or nothing; and whatever was said, nothing counted twice.
    assert {note.count for note in stored.values()} == {0, 1}
    counters = {
        name.removesuffix("-counter"): note.count for name, note in stored.items() if "-counter" in name
    }
    assert all((name in stored) == (count == 1) for name, count in counters.items())
    assert all(counters[name] == 1 for name in done["transaction"])

    # An error that is not OutcomeUnknown says that a write which may not be repeated was not carried out.
    refused = account.refused
    assert not refused.get("create", set()) & set(stored)
    assert not any(stored[name].count for verb in ("count", "count once") for name in refused.get(verb, ()))
    assert not any(counters[name] for name in refused.get("transaction", ()))


@pytest.mark.timeout(60 + max(CALLS.values()) / 50)
async def test_acknowledged_writes_are_there_and_no_counter_is_doubled(
    engine: Engine, table_name: str
) -> None:
    if engine.endpoint is None:
        pytest.skip("the engine in memory has no wire to fail")

    await run_soak(engine, table_name, calls=CALLS.get(engine.name, 2_000), seed=11)
