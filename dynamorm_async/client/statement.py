"""A PartiQL statement, lazily: what `db.execute` returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import Any, Generic, TypeVar

from dynamorm_async.executors import pages
from dynamorm_async.plan import StatementWalk
from dynamorm_async.wire import Send

R = TypeVar("R")


class Statement(Generic[R]):
    """A statement that is sent when it is awaited or iterated; page after page is followed."""

    def __init__(self, walk: StatementWalk[R], send: Send) -> None:
        self._walk = walk
        self._send = send

    def __aiter__(self) -> AsyncIterator[R]:
        return self._items(None)

    def __await__(self) -> Generator[Any, Any, list[R]]:
        return self.list().__await__()

    async def list(self, *, timeout: float | None = None) -> list[R]:
        """Return all of its items; none where it only writes.

        Args:
            timeout: Seconds for all requests together.
        """
        return [item async for item in self._items(timeout)]

    async def _items(self, timeout: float | None) -> AsyncGenerator[R]:
        async for items, _ in pages(self._walk, self._send, timeout=timeout):
            for item in items:
                yield item
