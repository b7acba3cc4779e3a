"""Cancellations, timeouts and faults at random: nobody gets another's answer, the pool ends clean."""

import asyncio
import gc
import random
from typing import Any

import pytest

from dynamorm_async.errors import DynamormError
from dynamorm_async.testing.faults import (
    Exchange,
    after,
    answer,
    dripping,
    faulty_server,
    reset,
    truncated,
    whole_answer,
)
from dynamorm_async.transport import open_waist
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.wire import Call
from tests.transport.fast.test_fast import GET, KEYS


def numbered(number: int) -> Call:
    return Call(operation="GetItem", body=b'{"Count":%d}' % number, tables=("users",))


def echoing(seed: int, *, faults: float = 0.0) -> Any:
    """Answer with the request's own body, sooner or later, in one piece or two, or not at all.

    Half of the answers have DynamoDB's own head; the others, a proxy's, which is read in another way.
    """
    dice = random.Random(seed)

    async def behave(exchange: Exchange) -> None:
        pause, fate, split = dice.random() / 200, dice.random(), dice.random() < 0.3
        await asyncio.sleep(pause)
        body = exchange.request.body
        via = dice.choice([{}, {"Via": "1.1 proxy"}])
        if fate < faults:
            await dice.choice([reset(), truncated(body)])(exchange)
        elif split:
            whole, at = whole_answer(body, headers=via), dice.choice([5, len(body) - 5, len(body) + 20])
            await exchange.write(whole[:-at])
            await asyncio.sleep(pause)
            await exchange.write(whole[-at:])
        else:
            await answer(body, headers=via, chunk=dice.choice([0, 3]) if via else 0)(exchange)

    return behave


async def storm(calls: int, *, connections: int, seed: int) -> None:
    dice = random.Random(seed)
    outcomes: dict[str, int] = {"answered": 0, "cancelled": 0, "failed": 0}
    async with faulty_server(echoing(seed, faults=0.05)) as server:
        transport = FastTransport(
            endpoint=server.url, region="eu-west-1", credentials=KEYS, max_connections=connections
        )

        async def call(number: int) -> None:
            try:
                found = await transport.attempt(numbered(number), timeout=dice.choice([0.004, 5.0, 5.0]))
            except asyncio.CancelledError:
                outcomes["cancelled"] += 1
                raise
            except DynamormError:
                outcomes["failed"] += 1
            else:
                assert found.body == b'{"Count":%d}' % number
                outcomes["answered"] += 1

        running: list[asyncio.Task[None]] = []
        for number in range(calls):
            running.append(asyncio.create_task(call(number)))
            if dice.random() < 0.6:
                asyncio.get_running_loop().call_later(dice.random() / 100, dice.choice(running).cancel)
            if len(running) >= 40:
                await asyncio.sleep(dice.random() / 200)
                running = [task for task in running if not _ended(task)]
        await asyncio.gather(*running, return_exceptions=True)

        (pool,) = transport.pools
        assert all(count > calls / 100 for count in outcomes.values()), outcomes
        assert pool.waiting == 0
        assert pool.open == pool.idle <= connections

        # Every slot is usable afterwards.
        found = await asyncio.gather(*(open_waist(transport).send(numbered(number)) for number in range(100)))
        assert [reply.body for reply in found] == [b'{"Count":%d}' % number for number in range(100)]
        await transport.aclose()
        assert pool.open == 0


def _ended(task: asyncio.Task[None]) -> bool:
    if task.done() and not task.cancelled():
        task.result()
    return task.done()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.slow
async def test_two_thousand_calls_with_cancellations_leave_the_pool_clean(seed: int) -> None:
    await storm(2_000, connections=8, seed=seed)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_ten_thousand_calls_with_cancellations_leave_the_pool_clean() -> None:
    await storm(10_000, connections=16, seed=3)


@pytest.mark.slow
def test_a_server_whose_clients_leave_complains_of_nothing_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")
    complaints: list[object] = []

    async def leave() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with faulty_server(after(0.02, dripping(b"x" * 500, pause=0.0005))) as server:
            transport = FastTransport(endpoint=server.url, region="eu-west-1", credentials=KEYS)
            calls = [asyncio.create_task(transport.attempt(GET, timeout=5.0)) for _ in range(20)]
            await asyncio.sleep(0.03)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            await asyncio.sleep(0.1)
            await transport.aclose()
        gc.collect()

    uvloop.run(leave())

    assert not complaints


def test_the_storm_passes_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(storm(2_000, connections=8, seed=4))


async def test_one_of_sixty_calls_for_one_connection_is_cancelled_at_every_turn() -> None:
    async with faulty_server(echoing(5)) as server:
        transport = FastTransport(
            endpoint=server.url, region="eu-west-1", credentials=KEYS, max_connections=1
        )
        tasks = [
            asyncio.create_task(transport.attempt(numbered(number), timeout=20.0)) for number in range(60)
        ]
        await asyncio.sleep(0.01)
        for task in tasks[::2]:
            task.cancel()
            await asyncio.sleep(0)
        kept = await asyncio.gather(*tasks[1::2])
        await transport.aclose()

    assert [found.body for found in kept] == [b'{"Count":%d}' % number for number in range(1, 60, 2)]
