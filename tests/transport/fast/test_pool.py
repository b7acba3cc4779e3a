"""Who gets which connection, when, and what becomes of it: no sockets, only decisions."""

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from dynamorm_async.errors import CallTimeout, ConnectionLost, EndpointUnreachable
from dynamorm_async.transport.http1 import Connection
from dynamorm_async.transport.pool import Pool
from dynamorm_async.wire import Call
from tests.transport.fast.test_http1 import GET, PLAIN, Wire


@attrs.define
class Dialling:
    """Makes connections without a network; `hold` keeps callers waiting, `fail` refuses them."""

    hold: asyncio.Event | None = None
    fail: Exception | None = None
    calls: int = 0

    async def __call__(self, gone: Callable[[Connection], None]) -> Connection:
        self.calls += 1
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(0)
        if self.fail is not None:
            raise self.fail
        connection = Connection(asyncio.get_running_loop(), gone)
        connection.connection_made(Ending(connection))
        return connection


class Ending(Wire):
    """Reports an abort to the protocol in the loop's next round, as asyncio does."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection

    def abort(self) -> None:
        if not self.aborted:
            asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)
        super().abort()


def pool_of(dial: Any = None, *, most: int = 2, longest_idle: float = 60.0) -> Pool:
    loop = asyncio.get_running_loop()
    return Pool(dial or Dialling(), loop=loop, most=most, longest_idle=longest_idle)


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def lend(pool: Pool, deadline: float | None = None) -> Connection:
    return pool.take() or await pool.wait(soon() if deadline is None else deadline)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_last_one_given_back_is_the_first_one_lent() -> None:
    pool = pool_of()
    first, second = await lend(pool), await lend(pool)

    pool.give_back(first)
    pool.give_back(second)

    assert await lend(pool) is second
    assert (pool.made, pool.lent, pool.open, pool.idle) == (2, 3, 2, 1)


async def test_waiters_are_served_in_turn() -> None:
    pool = pool_of(most=1)
    held = await lend(pool)
    order: list[int] = []

    async def use(number: int) -> None:
        connection = await lend(pool)
        order.append(number)
        pool.give_back(connection)

    tasks = [asyncio.create_task(use(number)) for number in range(5)]
    await settle()
    assert pool.waiting == 5
    pool.give_back(held)
    await asyncio.gather(*tasks)

    assert order == [0, 1, 2, 3, 4]
    assert (pool.made, pool.idle, pool.waiting) == (1, 1, 0)


async def test_a_waiter_gives_up_at_its_deadline() -> None:
    pool = pool_of(most=1)
    await lend(pool)

    with pytest.raises(EndpointUnreachable, match="in use until the time was over"):
        await lend(pool, soon(0.01))

    assert pool.waiting == 0


async def test_a_connection_given_back_after_a_waiter_gave_up_is_lent_again() -> None:
    pool = pool_of(most=1)
    held = await lend(pool)
    with pytest.raises(EndpointUnreachable):
        await lend(pool, soon(0.01))

    pool.give_back(held)

    assert await lend(pool) is held


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_cancelled_waiter_strands_nobody(cancelled: int) -> None:
    pool = pool_of(most=1)
    held = await lend(pool)
    tasks = [asyncio.create_task(lend(pool)) for _ in range(3)]
    await settle()

    tasks[cancelled].cancel()
    pool.give_back(held)
    for task in tasks:
        if task is not tasks[cancelled]:
            pool.give_back(await task)

    assert (pool.open, pool.idle, pool.waiting) == (1, 1, 0)


async def test_a_waiter_cancelled_in_the_round_in_which_it_was_served_hands_on() -> None:
    pool = pool_of(most=1)
    held = await lend(pool)
    first, second = asyncio.create_task(lend(pool)), asyncio.create_task(lend(pool))
    await settle()

    pool.give_back(held)
    first.cancel()

    assert await second is held
    assert first.cancelled()


async def test_a_permission_of_a_cancelled_waiter_is_handed_on() -> None:
    pool = pool_of(most=1)
    held = await lend(pool)
    first, second = asyncio.create_task(lend(pool)), asyncio.create_task(lend(pool))
    await settle()

    held.abort()
    pool.give_back(held)
    first.cancel()

    assert (await second).is_alive()
    assert pool.open == 1


async def test_a_failed_dial_lets_the_next_one_try() -> None:
    dial = Dialling(fail=EndpointUnreachable("no"), hold=asyncio.Event())
    pool = pool_of(dial, most=1)
    tasks = [asyncio.create_task(lend(pool)) for _ in range(3)]
    await settle()

    assert dial.hold is not None
    dial.hold.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(result) for result in results] == [EndpointUnreachable] * 3
    assert (pool.open, dial.calls) == (0, 3)


async def test_a_cancelled_dial_gives_its_place_back() -> None:
    pool = pool_of(Dialling(hold=asyncio.Event()), most=1)
    task = asyncio.create_task(lend(pool))
    await settle()

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert pool.open == 0


async def test_a_dial_ends_at_the_deadline() -> None:
    pool = pool_of(Dialling(hold=asyncio.Event()), most=1)

    with pytest.raises(EndpointUnreachable, match="before a connection was made"):
        await lend(pool, soon(0.01))

    assert pool.open == 0


async def test_a_connection_in_the_middle_of_an_answer_is_closed() -> None:
    pool = pool_of()
    connection = await lend(pool)
    connection.send(GET, b"")

    pool.give_back(connection)

    assert (pool.open, pool.idle) == (0, 0)
    assert not connection.is_alive()


async def test_dead_idle_connections_are_passed_over_all_at_once() -> None:
    pool = pool_of(most=8)
    dead = [await lend(pool) for _ in range(8)]
    for connection in dead:
        pool.give_back(connection)
    for connection in dead:
        connection.abort()

    connection = await lend(pool)

    assert connection.is_alive()
    assert (pool.made, pool.open) == (9, 1)


async def handed_over_dead(pool: Pool, held: Connection) -> Connection:
    """Let a waiter be handed a connection that the other side has closed; return what it gets."""
    waiter = asyncio.create_task(lend(pool))
    await settle()
    pool.give_back(held)
    transport: Any = held._transport  # pyright: ignore[reportPrivateUsage]
    transport.aborted = True  # seen by asking, and not reported yet
    return await waiter


async def test_a_connection_that_is_handed_over_dead_is_replaced_by_a_new_one() -> None:
    pool = pool_of(most=1)
    held = await lend(pool)

    got = await handed_over_dead(pool, held)

    assert got is not held
    assert got.is_alive()
    assert (pool.made, pool.lent, pool.open, pool.idle) == (2, 2, 1, 0)


async def test_the_place_of_a_dead_connection_is_taken_once() -> None:
    pool = pool_of(most=1)
    held = await lend(pool)
    got = await handed_over_dead(pool, held)

    held.connection_lost(None)  # now it is reported
    other = asyncio.create_task(lend(pool))
    await settle()

    assert (pool.open, pool.waiting) == (1, 1)
    pool.give_back(got)
    assert await other is got


async def test_a_connection_that_is_handed_over_dead_is_closed() -> None:
    pool, told = pool_of(most=1), list[bool]()
    held = await lend(pool)

    class Noticing(Ending):
        def abort(self) -> None:
            told.append(True)

    held.connection_made(Noticing(held))
    await handed_over_dead(pool, held)

    assert told == [True]


async def test_a_connection_lost_on_its_way_to_a_waiter_gives_its_place_to_one_caller_only() -> None:
    dial = Dialling()
    pool = pool_of(dial, most=1)
    held = await lend(pool)
    first, second = asyncio.create_task(lend(pool)), asyncio.create_task(lend(pool))
    await settle()
    seen: list[int] = []

    pool.give_back(held)
    held.connection_lost(None)  # before the first has looked at it, as uvloop reports it
    for _ in range(10):
        await asyncio.sleep(0)
        seen.append(pool.open)
    ended, _ = await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)

    assert max(seen) == 1
    assert len(ended) == 1
    pool.give_back(ended.pop().result())
    for task in (first, second):
        assert (await task).is_alive()
    assert pool.open == 1


async def test_a_connection_that_dies_while_it_is_made_is_no_connection() -> None:
    async def dead(gone: Callable[[Connection], None]) -> Connection:
        connection = await Dialling()(gone)
        connection.abort()
        return connection

    pool = pool_of(dead, most=1)

    with pytest.raises(EndpointUnreachable, match="closed at once, by the other side"):
        await lend(pool)

    assert (pool.open, pool.idle) == (0, 0)


async def test_a_connection_that_is_made_after_the_pool_was_closed_is_closed() -> None:
    dial = Dialling(hold=asyncio.Event())
    pool = pool_of(dial, most=1)
    task = asyncio.create_task(lend(pool))
    await settle()

    await pool.aclose()
    assert dial.hold is not None
    dial.hold.set()

    with pytest.raises(EndpointUnreachable, match="closed at once, by the client"):
        await task
    assert pool.open == 0


async def test_a_loss_on_a_new_connection_says_nothing_about_the_idle_ones() -> None:
    pool = pool_of(most=3)
    idle, new = await lend(pool), await lend(pool)
    pool.give_back(idle)
    new.send(GET, b"")

    new.connection_lost(None)
    pool.give_back(new)

    assert (pool.open, pool.idle) == (1, 1)


async def test_a_loss_on_a_used_connection_drops_the_idle_ones() -> None:
    pool = pool_of(most=3)
    lent = [await lend(pool) for _ in range(3)]
    for connection in lent:
        connection.send(GET, b"")
        connection.data_received(PLAIN)
        pool.give_back(connection)
    used = await lend(pool)
    waiting = used.send(GET, b"")

    used.connection_lost(None)
    pool.give_back(used)

    assert isinstance(waiting.exception(), ConnectionLost)
    assert (pool.open, pool.idle) == (0, 0)


async def test_connections_that_nobody_needs_are_closed_in_time() -> None:
    pool = pool_of(longest_idle=0.02)
    for connection in [await lend(pool), await lend(pool)]:
        pool.give_back(connection)

    await asyncio.sleep(0.1)

    assert (pool.open, pool.idle) == (0, 0)


async def test_a_connection_that_is_too_old_is_not_lent() -> None:
    pool = pool_of(longest_idle=0.0)
    old = await lend(pool)
    pool.give_back(old)

    assert await lend(pool) is not old
    assert not old.is_alive()
    assert pool.open == 1


async def test_closing_ends_waiters_users_and_idle_connections() -> None:
    pool = pool_of(most=2)
    idle, used = await lend(pool), await lend(pool)
    answer = used.send(GET, b"")
    waiter = asyncio.create_task(lend(pool))
    await settle()
    pool.give_back(idle)
    taken = await waiter
    pool.give_back(taken)

    await pool.aclose()
    await pool.aclose()

    assert isinstance(answer.exception(), ConnectionLost)
    assert pool.open == 0


async def test_closing_tells_those_who_wait() -> None:
    pool = pool_of(most=1)
    await lend(pool)
    waiter = asyncio.create_task(lend(pool))
    await settle()

    await pool.aclose()

    with pytest.raises(EndpointUnreachable, match="closed"):
        await waiter


async def test_never_more_than_the_most_under_a_storm_of_cancellations() -> None:
    import random

    dice, pool = random.Random(7), pool_of(most=4)
    seen: list[int] = []

    async def use() -> None:
        connection = await lend(pool, soon(dice.choice([0.001, 0.5])))
        seen.append(pool.open)
        try:
            connection.send(Call(operation="GetItem", body=b"{}"), b"")
            await asyncio.sleep(dice.random() / 500)
            if dice.random() < 0.7:
                connection.data_received(PLAIN)
        finally:
            pool.give_back(connection)

    tasks = [asyncio.create_task(use()) for _ in range(500)]
    while any(not task.done() for task in tasks):
        dice.choice(tasks).cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    await settle()

    assert max(seen) <= 4
    assert pool.waiting == 0
    assert pool.open == pool.idle


async def test_those_who_stop_waiting_are_forgotten() -> None:
    pool = pool_of(most=1)
    connection = await lend(pool)
    waiting = [asyncio.create_task(pool.wait(soon())) for _ in range(100)]
    late = [asyncio.create_task(pool.wait(soon(0.01))) for _ in range(10)]
    await asyncio.sleep(0)
    for each in waiting:
        each.cancel()
    ended = await asyncio.gather(*waiting, *late, return_exceptions=True)

    assert [type(each) for each in ended] == [asyncio.CancelledError] * 100 + [EndpointUnreachable] * 10
    assert not pool._waiters  # pyright: ignore[reportPrivateUsage]
    pool.give_back(connection)
    await pool.aclose()


@attrs.define
class Timer:
    """What the clock will do."""

    at: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@attrs.define
class Clock:
    """A loop's clock and timers, moved by hand."""

    now: float = 100.0
    timers: list[Timer] = attrs.field(factory=list[Timer])

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(at, callback))
        return self.timers[-1]

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return self.call_at(self.now + seconds, callback)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    @property
    def pending(self) -> list[float]:
        return [timer.at for timer in self.timers if not timer.cancelled]

    def move(self, to: float) -> None:
        self.now = to
        for timer in [each for each in self.timers if each.at <= to]:
            self.timers.remove(timer)
            if not timer.cancelled:
                timer.callback()


def pool_by(clock: Any) -> Pool:
    return Pool(Dialling(), loop=clock, most=8, longest_idle=1e6)


async def asked(pool: Pool, deadline: float) -> tuple[Connection, "asyncio.Future[Any]"]:
    connection = await lend(pool)
    waiting = connection.send(GET, b"")
    pool.watch(connection, deadline, 5.0)
    return connection, waiting


async def test_each_request_ends_when_it_is_due_in_whatever_order_they_were_sent() -> None:
    clock = Clock()
    pool = pool_by(clock)
    _, late = await asked(pool, 103.0)
    _, soonest = await asked(pool, 101.0)
    _, middle = await asked(pool, 102.0)

    ended: list[list[bool]] = []
    for now in (100.9, 101.0, 101.9, 102.0, 103.0):
        clock.move(now)
        ended.append([each.done() for each in (soonest, middle, late)])

    assert ended == [
        [False, False, False],
        [True, False, False],
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    assert all(isinstance(each.exception(), CallTimeout) for each in (soonest, middle, late))
    assert clock.pending == []


async def test_requests_that_are_answered_in_time_share_one_timer() -> None:
    clock = Clock()
    pool = pool_by(clock)
    connection = await lend(pool)
    for _ in range(100):
        clock.move(clock.now + 0.01)
        connection.send(GET, b"")
        pool.watch(connection, clock.now + 5.0, 5.0)
        connection.data_received(PLAIN)

    assert len(clock.timers) == 1
    clock.move(200.0)
    assert connection.is_free
    assert clock.pending == []


async def test_a_request_sent_after_the_timer_was_set_gets_all_of_its_time() -> None:
    clock = Clock()
    pool = pool_by(clock)
    first, _ = await asked(pool, 105.0)
    first.data_received(PLAIN)
    clock.move(104.0)
    _, second = await asked(pool, 109.0)

    clock.move(105.0)
    assert not second.done()
    clock.move(108.9)
    assert not second.done()
    clock.move(109.0)
    assert isinstance(second.exception(), CallTimeout)


async def test_a_timer_that_fires_a_little_early_ends_the_request_all_the_same() -> None:
    clock = Clock()
    pool = pool_by(clock)
    _, waiting = await asked(pool, 101.0)

    clock.now = 100.9996
    clock.timers[0].callback()

    assert isinstance(waiting.exception(), CallTimeout)


async def test_closing_leaves_no_timer() -> None:
    clock = Clock()
    pool = pool_by(clock)
    idle, answered = await asked(pool, 105.0)
    idle.data_received(PLAIN)
    await answered
    pool.give_back(idle)
    _, waiting = await asked(pool, 105.0)

    await pool.aclose()

    assert isinstance(waiting.exception(), ConnectionLost)
    assert clock.pending == []
