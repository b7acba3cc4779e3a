"""Let so many attempts run at the same time, and the others wait in turn.

An `anyio.Semaphore` would do, but making one imports anyio's back end: a quarter of the time from
`connect` to the first answer, for a program in which nobody ever waits.
"""

from collections import OrderedDict

import anyio


class Slots:
    """Places for attempts; whoever has one gives it back.

    Args:
        most: How many there are.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        # In turn; whoever gives up is taken out of the middle at once.
        self._waiting: OrderedDict[anyio.Event, None] = OrderedDict()

    def take(self) -> bool:
        """Take a slot if one is free, and return whether it was."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Take the next slot that comes free, after those who wait already."""
        turn = anyio.Event()
        self._waiting[turn] = None
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():  # cancelled after it was his turn: the slot goes to the next
                self.give_back()
            else:
                del self._waiting[turn]
            raise

    def give_back(self) -> None:
        """Hand a slot to the one who waits longest, or leave it free."""
        if self._waiting:
            turn, _ = self._waiting.popitem(last=False)
            turn.set()
        else:
            self._free += 1
