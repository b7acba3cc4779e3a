"""Many items, lazily: what `scan` returns."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Generic, TypeVar

from dynamorm_async.codecs import ItemPage
from dynamorm_async.executors import pages
from dynamorm_async.plan import Plan
from dynamorm_async.wire import Send

M = TypeVar("M")


class Query(Generic[M]):
    """A question that is sent when it is iterated: `async for mark in bookmarks.scan(): ...`.

    Items come page by page; one page is held at a time, and nothing is read ahead. It may be
    iterated again, which asks again.
    """

    def __init__(self, plan: Plan[ItemPage[M]], send: Send) -> None:
        self.plan = plan
        self._send = send

    def __aiter__(self) -> AsyncIterator[M]:
        return self._items(timeout=None)

    async def list(self, *, timeout: float | None = None) -> list[M]:
        """Return all items at once; for what fits into memory.

        Args:
            timeout: Seconds for all pages together.
        """
        return [item async for item in self._items(timeout=timeout)]

    async def _items(self, *, timeout: float | None) -> AsyncGenerator[M]:
        async for page in pages(self.plan, self._send, timeout=timeout):
            for item in page.items:
                yield item
