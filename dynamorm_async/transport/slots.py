"""Let so many attempts run at the same time, and the others wait in turn.

An `anyio.Semaphore` would do, but making one imports anyio's back end: a quarter of the time from
`connect` to the first answer, for a program in which nobody ever waits. On asyncio who waits holds a
bare future, which takes 1 kB less than an event: thousands may wait.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Generator
from typing import Any

import anyio


class _Turn:
    """One who waits, in loops other than asyncio's; there like one of its futures."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._event = anyio.Event()

    def __await__(self) -> Generator[Any, Any, bool]:
        return self._set_in_time().__await__()

    async def _set_in_time(self) -> bool:
        with anyio.move_on_after(self._seconds):
            await self._event.wait()
        return self._event.is_set()

    def done(self) -> bool:
        return self._event.is_set()

    def cancelled(self) -> bool:
        return False

    def result(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: bool) -> None:  # noqa: FBT001 - as futures have it
        if result:
            self._event.set()


class Slots:
    """Places for attempts; whoever has one gives it back.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        # In turn; whoever gives up is taken out of the middle at once.
        self._waiting: OrderedDict[asyncio.Future[bool] | _Turn, None] = OrderedDict()

    def take(self) -> bool:
        """Take a slot if one is free, and return whether it was."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self, seconds: float | None = None) -> bool:
        """Take the next slot that comes free, after those who wait already.

        Args:
            seconds: How long to wait for it at most; None for as long as it takes.

        Returns:
            Whether there was one in time.
        """
        turn, timer = _new_turn(seconds)
        self._waiting[turn] = None
        try:
            return await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.result():
                self.give_back()  # cancelled after it was his turn: the slot goes to the next
            raise
        finally:
            self._waiting.pop(turn, None)  # there still if he gave up
            if timer is not None:
                timer.cancel()

    def give_back(self) -> None:
        """Hand a slot to the one who waits longest, or leave it free."""
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.done():  # who gave up may not have come to say so yet
                turn.set_result(True)
                return
        self._free += 1


def _new_turn(seconds: float | None) -> "tuple[asyncio.Future[bool] | _Turn, asyncio.TimerHandle | None]":
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _Turn(seconds), None
    turn: asyncio.Future[bool] = loop.create_future()
    # A cancel scope takes 1 kB more than a timer.
    return turn, None if seconds is None else loop.call_later(seconds, _end, turn)


def _end(turn: "asyncio.Future[bool]") -> None:
    if not turn.done():
        turn.set_result(False)
