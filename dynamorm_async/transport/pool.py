"""Keep connections to one place: lend them, take them back, never more than so many.

Takes a way to make one connection; gives connections. The last one given back is the first one
lent, so that those that are not needed grow old and are closed. Everybody who waits is served in
turn, and nobody's cancellation costs another his turn: every decision is one synchronous step.

It also ends requests that are due, with one timer for all of them: hardly any request is late, and
a timer of the loop for each would cost 3 µs to set and to take back.

Invariant: connections that live, plus permissions to make one, never exceed `most`. A permission
is held by whoever dials; it becomes a connection, or goes to the next who waits.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from dynamorm_async.errors import EndpointUnreachable
from dynamorm_async.transport.failures import NO_CONNECTION
from dynamorm_async.transport.http1 import Connection

Dial = Callable[[Callable[[Connection], None]], Awaitable[Connection]]
"""Make a connection that calls what it was given when it is closed."""

_CLOSING_TIME = 1.0
_NEVER = float("inf")
# Timers may fire that much too early: uvloop's count whole milliseconds.
_TIMER_SECONDS = 0.001


class Pool:
    """Connections to one place, for one event loop.

    Args:
        dial: Makes a connection, or raises EndpointUnreachable.
        loop: The running loop.
        most: Connections at the same time.
        longest_idle: Seconds after which a connection that nobody used is closed.

    Attributes:
        made: Connections made so far.
        lent: How often a connection was lent.
    """

    def __init__(
        self, dial: Dial, *, loop: asyncio.AbstractEventLoop, most: int, longest_idle: float
    ) -> None:
        self.made = 0
        self.lent = 0
        self._dial = dial
        self._loop = loop
        self._most = most
        self._longest_idle = longest_idle
        self._all: set[Connection] = set()
        self._idle: list[Connection] = []
        self._dialing = 0
        self._waiters: OrderedDict[asyncio.Future[Connection | None], None] = OrderedDict()
        self._sweep: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = _NEVER
        self._closed: asyncio.Future[None] | None = None

    @property
    def open(self) -> int:
        """Connections that live, the ones being made included."""
        return len(self._all) + self._dialing

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Callers that wait for a connection."""
        return sum(not waiter.done() for waiter in self._waiters)

    def take(self) -> Connection | None:
        """Lend a connection that is there, or return None; then `wait` must be asked."""
        if not self._idle:
            return None
        youngest = self._loop.time() - self._longest_idle
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since >= youngest and connection.is_alive():
                self.lent += 1
                return connection
            self._drop(connection)
        return None

    async def wait(self, deadline: float) -> Connection:
        """Lend a connection, made if there may be another one, given back by someone otherwise.

        Args:
            deadline: By the loop's clock.

        Raises:
            EndpointUnreachable: No connection could be made, or had, in time. Nothing was sent.
        """
        if self.open < self._most:  # so nobody waits: whatever comes free goes to him at once
            self._dialing += 1
            return await self._made(deadline)
        connection = await self._turn(deadline)
        if connection is None:
            return await self._made(deadline)
        if connection.is_alive():
            self.lent += 1
            return connection
        if connection not in self._all:  # lost on its way here: its place has gone to the next
            return await self.wait(deadline)
        self._all.discard(connection)
        connection.abort()
        self._dialing += 1
        return await self._made(deadline)

    def give_back(self, connection: Connection) -> None:
        """Take a connection back; one whose answer is not whole is closed."""
        if connection.lost_unanswered and connection.uses > 1:
            # The other side has closed what was idle, so the others are likely to be closed, too:
            # without them the next attempt gets a fresh one.
            for other in tuple(self._idle):
                self._drop(other)
        if connection not in self._all:
            return
        if self._closed is not None or not connection.is_free:
            self._drop(connection)
            return
        if self._waiters:
            waiter = self._next_waiter()
            if waiter is not None:
                waiter.set_result(connection)
                return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = self._loop.call_later(self._longest_idle, self._close_the_old)

    def watch(self, connection: Connection, deadline: float, timeout: float) -> None:
        """End the request that was just sent if its answer isn't there in time.

        Args:
            connection: One that was lent.
            deadline: By the loop's clock.
            timeout: The seconds that the attempt had, for the error's text.
        """
        connection.deadline = deadline
        connection.timeout = timeout
        if deadline < self._alarm_at:
            self._set_alarm(deadline)

    def close(self) -> "asyncio.Future[None]":
        """Close every connection; who uses one gets ConnectionLost, who waits EndpointUnreachable.

        Returns:
            Done when the last one is closed.
        """
        if self._closed is not None:
            return self._closed
        self._closed = self._loop.create_future()
        if self._sweep is not None:
            self._sweep.cancel()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = -_NEVER  # so that nobody sets it again
        self._idle.clear()
        for connection in tuple(self._all):
            connection.abort("the client was closed")
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(_unreachable("the client was closed", code=NO_CONNECTION))
        if not self._all:
            self._closed.set_result(None)
        return self._closed

    async def aclose(self) -> None:
        """Close every connection, as `close` does, and wait until they are."""
        ended = self.close()
        # Sockets are closed in the loop's next round; a lost one must not hold the caller up.
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_TIME):
                await asyncio.shield(ended)
        await asyncio.sleep(0)

    async def _turn(self, deadline: float) -> Connection | None:
        """Wait for a connection, or for the permission (None) to make one."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiters[waiter] = None
        timer = self._loop.call_at(deadline, _expire, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            # Cancelled after it was its turn: what it got goes to the next.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._hand_on(waiter.result())
            raise
        finally:
            timer.cancel()
            self._waiters.pop(waiter, None)  # there still if he was cancelled, or had no more time

    def _hand_on(self, got: Connection | None) -> None:
        if got is None:
            self._dialing -= 1
            self._permit_next()
        else:
            self.give_back(got)

    async def _made(self, deadline: float) -> Connection:
        """Turn a permission into a connection."""
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._dial(self._forget)
        except TimeoutError:
            self._hand_on(None)
            raise _unreachable("the time was over before a connection was made") from None
        except BaseException:
            self._hand_on(None)
            raise
        self._dialing -= 1
        self._all.add(connection)
        self.made += 1
        self.lent += 1
        if self._closed is not None or not connection.is_alive():
            self._drop(connection)
            if self._closed is not None:
                raise _unreachable("the connection was closed at once, by the client", code=NO_CONNECTION)
            raise _unreachable("the connection was closed at once, by the other side")
        return connection

    def _next_waiter(self) -> "asyncio.Future[Connection | None] | None":
        while self._waiters:
            waiter, _ = self._waiters.popitem(last=False)
            if not waiter.done():
                return waiter
        return None

    def _permit_next(self) -> None:
        if self.open < self._most and self._closed is None:
            waiter = self._next_waiter()
            if waiter is not None:
                self._dialing += 1
                waiter.set_result(None)

    def _drop(self, connection: Connection) -> None:
        connection.abort()
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with suppress(ValueError):
            self._idle.remove(connection)
        if connection in self._all:
            self._all.discard(connection)
            self._permit_next()
        if self._closed is not None and not self._all and not self._closed.done():
            self._closed.set_result(None)

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(at, self._end_the_late)
        self._alarm_at = at

    def _end_the_late(self) -> None:
        self._alarm = None
        self._alarm_at = _NEVER
        now = self._loop.time() + _TIMER_SECONDS
        under_way = [connection for connection in self._all if connection.is_under_way]
        for connection in under_way:
            if connection.deadline <= now:
                connection.expire(connection.timeout)
        left = [connection.deadline for connection in under_way if connection.deadline > now]
        if left:
            self._set_alarm(min(left))

    def _close_the_old(self) -> None:
        self._sweep = None
        youngest = self._loop.time() - self._longest_idle
        for connection in tuple(self._idle):
            if connection.idle_since <= youngest:
                self._drop(connection)
        if self._idle:
            self._sweep = self._loop.call_at(
                self._idle[0].idle_since + self._longest_idle, self._close_the_old
            )


def _expire(waiter: "asyncio.Future[Connection | None]") -> None:
    if not waiter.done():
        why = "all connections were in use until the time was over"
        waiter.set_exception(_unreachable(why, code=NO_CONNECTION))


def _unreachable(why: str, *, code: str | None = None) -> EndpointUnreachable:
    """Return the error of a call that got no connection; with a code where that was our own doing."""
    return EndpointUnreachable(
        "no connection could be had, and nothing was sent",
        why=why,
        fix="raise max_connections or attempt_timeout, or check the endpoint",
        code=code,
    )
