"""Several walks at once, for a scan in segments: bounded memory, one failure ends all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import anyio
import msgspec

from dynamorm_async.errors import DynamormError
from dynamorm_async.executors.run import pages
from dynamorm_async.plan import State, Walk, position_text
from dynamorm_async.wire import Call, Reply, Send

if TYPE_CHECKING:  # at run time, only who scans in segments pays for them
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

R = TypeVar("R")


class _Piece(msgspec.Struct, Generic[R], frozen=True):
    """What one answer of one segment gave."""

    segment: int
    items: Sequence[R]
    body: bytes


class SegmentStream(Generic[R]):
    """The items of a scan in segments, as they come; iterate it once, inside its `async with`."""

    def __init__(
        self,
        walks: Sequence[Walk[R] | None],
        pieces: MemoryObjectReceiveStream[_Piece[R]],
        *,
        limit: int | None,
        mark: str,
    ) -> None:
        self._walks = walks
        self._pieces = pieces
        self._limit = limit
        self._mark = mark
        self._states: list[State] = [True if walk is None else walk.start for walk in walks]
        self._under_way: tuple[_Piece[R], int] | None = None

    @property
    def position(self) -> str:
        """Where the scan stands, item by item: text for `segments(n).start(position)`.

        Whatever was handed out is not read again.
        """
        states = list(self._states)
        if self._under_way is not None:
            piece, given = self._under_way
            if given:
                states[piece.segment] = self._key(piece, given - 1)
        return position_text(states, self._mark)

    async def __aiter__(self) -> AsyncIterator[R]:
        left = self._limit
        async for piece in self._pieces:
            for number, item in enumerate(piece.items):
                self._under_way = (piece, number + 1)
                yield item
                if left is not None:
                    left -= 1
                    if left == 0:
                        return
            self._under_way = None
            self._states[piece.segment] = self._key(piece, len(piece.items) - 1) if piece.items else True

    def _key(self, piece: _Piece[R], number: int) -> str:
        walk = self._walks[piece.segment]
        assert walk is not None  # noqa: S101 - it gave the piece
        return walk.query.key_texts(piece.body)[number]


@asynccontextmanager
async def segments(
    walks: Sequence[Walk[R] | None], send: Send, *, limit: int | None, mark: str, timeout: float | None = None
) -> AsyncGenerator[SegmentStream[R]]:
    """Read all walks at the same time and hand their items out as they come.

    Each walk holds one answer at most, and asks for the next when that one was taken. Leaving the
    block stops them all; so does the first error, which is raised as it is.

    Args:
        walks: The walks; None for one that has nothing more to give.
        send: The way to the service.
        limit: Items in all, or None.
        mark: The fingerprint of the scan, for positions.
        timeout: Seconds for each walk.
    """
    giving, taking = anyio.create_memory_object_stream[_Piece[R]](0)
    stream = SegmentStream(walks, taking, limit=limit, mark=mark)
    try:
        # Closed last: whoever still gives when the block is left is cancelled, and sees no broken stream.
        async with taking, anyio.create_task_group() as tasks:
            for number, walk in enumerate(walks):
                if walk is not None:
                    tasks.start_soon(_read, number, walk, send, giving.clone(), timeout)
            giving.close()
            yield stream
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        error = _first(group)
        raise error from error.__cause__


async def _read(
    number: int,
    walk: Walk[R],
    send: Send,
    giving: MemoryObjectSendStream[_Piece[R]],
    timeout: float | None,
) -> None:
    body = b""

    async def keeping(call: Call) -> Reply:
        nonlocal body
        reply = await send(call)
        body = reply.body
        return reply

    async with giving:
        async for items, _ in pages(walk, keeping, timeout=timeout):
            if items:
                await giving.send(_Piece(number, items, body))
        await giving.send(_Piece(number, (), b""))


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """Return the error that matters of those that ended several tasks: ours, where there is one."""
    leaves: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(cast("BaseExceptionGroup[Any]", error).exceptions)
        else:
            leaves.append(error)
    ours = [error for error in leaves if isinstance(error, DynamormError)]
    return (ours or leaves)[0]
