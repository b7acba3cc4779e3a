"""Gets of one turn of the event loop, made one batch: for code that asks item by item, many at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from copy import copy
from typing import Any, Generic, TypeVar

import anyio
import anyio.lowlevel
import msgspec

from dynamorm_async.errors import BatchFailure, DynamormError, PartialBatch
from dynamorm_async.executors import OnError
from dynamorm_async.plan import BatchPlan

M = TypeVar("M")


class _Ask(msgspec.Struct, eq=False):
    """One key, whoever waits for it, and what came of it."""

    key: object
    settled: anyio.Event = msgspec.field(default_factory=anyio.Event)
    waiting: int = 0
    is_answered: bool = False
    item: Any = None
    error: Exception | None = None


class Loader(Generic[M]):
    """Gathers what many tasks ask for in one turn of the event loop into one batch; from `db.loader`.

    `user = await loader.find("ana")`. A key that several ask for at the same time is read once, and
    all get the one instance. Nothing is kept: who asks later reads again. Whoever asks first does
    the reading for all; if it is cancelled, another one does it.
    """

    def __init__(
        self,
        plan_of: Callable[[list[object]], BatchPlan[list[M | None]]],
        name_of: Callable[[object], Hashable],
        carry: Callable[[BatchPlan[list[M | None]], OnError], Awaitable[list[M | None]]],
        *,
        turn: Callable[[], Awaitable[object]] = anyio.lowlevel.checkpoint,
    ) -> None:
        self._plan_of = plan_of
        self._name_of = name_of
        self._carry = carry
        self._turn = turn
        self._asked: dict[Hashable, _Ask] = {}
        self._gathers = False

    async def find(self, *key: object) -> M | None:
        """Return the item of a key, or None where there is none.

        Raises:
            InvalidKey: The key is none of the model's; nothing else is affected.
            PartialBatch: The service left this key unprocessed.
            DynamormError: What the call that asked for it, or its stored item, failed for.
        """
        given = key[0] if len(key) == 1 else key
        name = self._name_of(given)
        while True:
            ask = self._asked.setdefault(name, _Ask(given))
            await self._settled(name, ask)
            if isinstance(ask.error, DynamormError):
                # Each of those who wait gets an error of its own to add its traceback to.
                raise copy(ask.error) from ask.error
            if ask.error is not None:
                raise ask.error
            if ask.is_answered:
                item: M | None = ask.item
                return item

    async def _settled(self, name: Hashable, ask: _Ask) -> None:
        ask.waiting += 1
        try:
            if self._gathers:
                await ask.settled.wait()
            else:
                await self._gather()
        finally:
            ask.waiting -= 1
            if not ask.waiting and self._asked.get(name) is ask:
                del self._asked[name]  # nobody waits for it any more

    async def _gather(self) -> None:
        """Wait for a turn of the loop, then read what all have asked for."""
        asks: dict[Hashable, _Ask] = {}
        self._gathers = True
        try:
            try:
                await self._turn()
            finally:
                self._gathers = False
                asks, self._asked = self._asked, {}
            await self._read(list(asks.values()))
        finally:
            # Where this task was cancelled they are not answered, and ask again.
            for ask in asks.values():
                ask.settled.set()

    async def _read(self, asks: list[_Ask]) -> None:
        by_key = {id(ask.key): ask for ask in asks}

        def failed(failure: BatchFailure) -> None:
            for key in failure.entries:
                by_key[id(key)].error = failure.error

        try:
            found = await self._carry(self._plan_of([ask.key for ask in asks]), failed)
        except PartialBatch as error:
            for key in error.unprocessed:
                by_key[id(key)].error = error
            found = error.results
        for ask, item in zip(asks, found, strict=True):
            ask.item, ask.is_answered = item, True
