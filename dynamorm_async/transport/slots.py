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

    def __init__(self) -> None:
        self._event = anyio.Event()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()

    def done(self) -> bool:
        return self._event.is_set()

    def cancelled(self) -> bool:
        return False

    def set_result(self, result: None) -> None:
        del result
        self._event.set()


class Slots:
    """Places for attempts; whoever has one gives it back.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        # In turn; whoever gives up is taken out of the middle at once.
        self._waiting: OrderedDict[asyncio.Future[None] | _Turn, None] = OrderedDict()

    def take(self) -> bool:
        """Take a slot if one is free, and return whether it was."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Take the next slot that comes free, after those who wait already."""
        turn = _new_turn()
        self._waiting[turn] = None
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it was his turn: the slot goes to the next
                self.give_back()
            else:
                self._waiting.pop(turn, None)  # or passed over, by the one before
            raise

    def give_back(self) -> None:
        """Hand a slot to the one who waits longest, or leave it free."""
        while self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            if not turn.done():  # a future is cancelled before the one who waits for it hears of it
                turn.set_result(None)
                return
        self._free += 1


def _new_turn() -> "asyncio.Future[None] | _Turn":
    try:
        return asyncio.get_running_loop().create_future()
    except RuntimeError:
        return _Turn()
