"""Finds of one turn of the loop are one batch, on every engine and under cancellation. N11."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest

from dynamorm_async import (
    Client,
    DynamormError,
    InvalidKey,
    InvalidValue,
    Loader,
    PartialBatch,
    Reply,
    Table,
    Throttled,
)
from dynamorm_async.executors import OnError, batch
from dynamorm_async.plan import BatchPlan, batch_get, name_of_key
from dynamorm_async.wire import Call, Send
from tests.client.given import put_raw
from tests.plan.given import target
from tests.scripted_batches import BatchService
from tests.scripted_send import refused
from tests.shapes import Note


def service(*steps: Any) -> BatchService:
    items = [{"id": {"S": f"n{number}"}, "count": {"N": str(number)}} for number in range(5)]
    return BatchService(steps or (1000,), {"notes": items})


def loader_over(send: Send, **more: Any) -> Loader[Note]:
    notes = target(Note, "notes")

    async def carry(plan: BatchPlan[list[Note | None]], on_error: OnError) -> list[Note | None]:
        return await batch(plan, send, on_error=on_error, jitter=lambda: 0.0)

    return Loader(partial(batch_get, notes, consistent=False), partial(name_of_key, notes), carry, **more)


async def outcomes(loader: Loader[Note], *keys: Any) -> list[Any]:
    found: list[Any] = [None] * len(keys)

    async def find(place: int, key: Any) -> None:
        try:
            found[place] = await loader.find(key)
        except DynamormError as error:
            found[place] = error

    async with anyio.create_task_group() as tasks:
        for place, key in enumerate(keys):
            tasks.start_soon(find, place, key)
    return found


async def test_what_many_tasks_ask_for_at_once_is_one_call(db: Client, notes: Table[Note]) -> None:
    await notes.batch_put([Note(id=f"n{number}", count=number) for number in range(20)])
    loader = db.loader(Note, name=notes.name, consistent=True)

    found = await outcomes(loader, "n3", "absent", ("n1",), Note(id="n19"), "n3")

    assert [each and each.count for each in found] == [3, None, 1, 19, 3]
    assert found[0] is found[4]


async def test_finds_of_one_turn_are_one_call_and_later_ones_another() -> None:
    at = service()
    loader = loader_over(at.send)

    await outcomes(loader, "n0", "n1", "n0")
    await loader.find("n0")

    assert at.sizes == [2, 1]


async def test_a_wrong_key_fails_alone() -> None:
    at = service()

    found = await outcomes(loader_over(at.send), "n0", 7, "n1")

    assert [type(each) for each in found] == [Note, InvalidKey, Note]
    assert at.sizes == [2]


async def test_a_failed_call_fails_everyone_with_an_error_of_its_own() -> None:
    at = service(refused("ThrottlingException", operation="BatchGetItem"), 1000)
    loader = loader_over(at.send)

    first, second = await outcomes(loader, "n0", "n1")

    assert (type(first), type(second)) == (Throttled, Throttled)
    assert first is not second
    assert await loader.find("n0") == Note(id="n0")


async def test_an_unreadable_item_fails_alone(db: Client, notes: Table[Note]) -> None:
    await notes.batch_put([Note(id="a"), Note(id="c")])
    await put_raw(db, notes.name, {"id": {"S": "b"}, "count": {"S": "many"}})

    found = await outcomes(db.loader(Note, name=notes.name, consistent=True), "a", "b", "c")

    assert [type(each) for each in found] == [Note, InvalidValue, Note]


async def test_a_key_left_unprocessed_fails_alone() -> None:
    found = await outcomes(loader_over(service(1, 0).send), "n0", "n1")

    assert [type(each) for each in found] == [Note, PartialBatch]


@pytest.mark.parametrize("where", ["turn", "call"])
async def test_one_who_is_cancelled_takes_nobody_along(where: str) -> None:
    at = service()
    release, entered = anyio.Event(), anyio.Event()

    async def wait_in_turn() -> None:
        if where == "turn" and not entered.is_set():
            entered.set()
            await release.wait()

    async def send(call: Call) -> Reply:
        if where == "call" and not entered.is_set():
            entered.set()
            await anyio.sleep_forever()
        return await at.send(call)

    loader = loader_over(send, turn=wait_in_turn)
    found: list[Any] = []

    async def find(key: str) -> None:
        found.append(await loader.find(key))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as others:
            leader = anyio.CancelScope()
            await _start(others, leader, partial(find, "n0"))
            others.start_soon(find, "n1")
            others.start_soon(find, "n0")
            await entered.wait()
            await anyio.wait_all_tasks_blocked()
            leader.cancel()

    assert sorted(each.id for each in found) == ["n0", "n1"]


async def _start(tasks: Any, scope: anyio.CancelScope, work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        with scope:
            await work()

    tasks.start_soon(run)
    await anyio.lowlevel.checkpoint()


async def test_a_key_that_nobody_waits_for_any_more_is_not_asked_for() -> None:
    at = service()
    release = anyio.Event()
    loader = loader_over(at.send, turn=release.wait)
    given_up = anyio.CancelScope()

    async with anyio.create_task_group() as tasks:
        await _start(tasks, anyio.CancelScope(), partial(_found, loader, "n0"))
        await _start(tasks, given_up, partial(_found, loader, "n1"))
        given_up.cancel()
        await anyio.wait_all_tasks_blocked()
        release.set()

    assert [key["id"] for call in at.calls for key in call.keys] == ["n0"]


async def _found(loader: Loader[Note], key: str) -> None:
    await loader.find(key)
