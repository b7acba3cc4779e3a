"""Several walks at once, for a scan in segments: bounded memory, one failure ends all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from dynamorm_async.executors.fan_in import fan_in, next_of
from dynamorm_async.executors.run import pages
from dynamorm_async.plan import Progress, Question, State, Walk, position_text
from dynamorm_async.wire import Call, Reply, Send

if TYPE_CHECKING:  # at run time, only who scans in segments pays for them
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

R = TypeVar("R")


class _Piece(msgspec.Struct, Generic[R]):
    """What one answer of one segment gave, and where the segment stands behind it."""

    segment: int
    items: Sequence[R]
    body: bytes
    state: State
    keys: Sequence[str] | None = None


class _Spent(msgspec.Struct):
    """What all segments have used by now, and why they can't go on: a budget ran out, or one failed."""

    requests: int = 0
    scanned: int = 0
    read_units: float = 0.0
    what: str | None = None
    failed: Exception | None = None


class _OutOfBudgetError(Exception):
    """A segment may not send another request; what was read before is handed out all the same."""


class SegmentStream(Generic[R]):
    """The items of a scan in segments, as they come, inside its `async with`.

    Breaking out of `async for` and iterating again goes on with the next item.
    """

    def __init__(
        self,
        walks: Sequence[Walk[R] | None],
        pieces: MemoryObjectReceiveStream[_Piece[R]],
        *,
        question: Question,
        mark: str,
        spent: _Spent,
    ) -> None:
        self._walks = walks
        self._pieces = pieces
        self._question = question
        self._mark = mark
        self._spent = spent
        self._states: list[State] = [True if walk is None else walk.start for walk in walks]
        self._under_way: tuple[_Piece[R], int] | None = None
        self._left = question.limit

    @property
    def position(self) -> str:
        """Where the scan stands, item by item: text for `segments(n).start(position)`.

        Whatever was handed out is not read again. It is not signed: keep it where clients can't write.
        """
        states = list(self._states)
        if self._under_way is not None:
            piece, given = self._under_way
            if given:
                states[piece.segment] = self._key(piece, given - 1)
        return position_text(states, self._mark)

    def __aiter__(self) -> AsyncIterator[R]:
        return self._iterated()

    async def _iterated(self) -> AsyncGenerator[R]:
        # All that a loop needs to go on stands in the stream, so that the next loop goes on where one
        # ended early, or was cancelled while it waited.
        while self._left != 0:
            if self._under_way is None:
                piece = await self._next()
                if piece is None:
                    break
                self._under_way = (piece, 0)
            piece, given = self._under_way
            if given < len(piece.items):
                self._under_way = (piece, given + 1)
                self._left = None if self._left is None else self._left - 1
                yield piece.items[given]
                continue
            self._under_way = None
            self._states[piece.segment] = piece.state
        if self._left == 0:
            return
        if self._spent.what is not None:
            walk = next(walk for walk in self._walks if walk is not None)
            raise walk.out_of_budget(self._spent.what, self._spent, cursor=self.position)

    async def _next(self) -> _Piece[R] | None:
        piece = await next_of(self._pieces, fix="async with scan.segments(n).stream() as …")
        # A segment that failed gives no more, either; that is not the end of the scan.
        if piece is None and self._spent.failed is not None:
            raise self._spent.failed from self._spent.failed.__cause__
        return piece

    def _key(self, piece: _Piece[R], number: int) -> str:
        walk = self._walks[piece.segment]
        assert walk is not None  # noqa: S101 - it gave the piece
        # Kept, for whoever asks for the position after every item.
        piece.keys = piece.keys or walk.query.key_texts(piece.body)
        return piece.keys[number]


@asynccontextmanager
async def segments(
    walks: Sequence[Walk[R] | None],
    send: Send,
    *,
    question: Question,
    mark: str,
    timeout: float | None = None,
) -> AsyncGenerator[SegmentStream[R]]:
    """Read all walks at the same time and hand their items out as they come.

    Each walk holds one answer at most, and asks for the next when that one was taken. Leaving the
    block stops them all; so does the first error, which is raised as it is, like one of the block's own.

    Args:
        walks: The walks; None for one that has nothing more to give.
        send: The way to the service.
        question: Its limit and its budget are those of all walks together.
        mark: The fingerprint of the scan, for positions.
        timeout: Seconds for each walk.
    """
    spent = _Spent()
    producers = [
        partial(_read, number, walk, _Within(send, question, spent), timeout)
        for number, walk in enumerate(walks)
        if walk is not None
    ]
    async with fan_in(producers) as pieces:
        yield SegmentStream(walks, pieces, question=question, mark=mark, spent=spent)


class _Within(msgspec.Struct):
    """A `Send` of one segment that keeps to the budget of all, and the last answer."""

    send: Send
    question: Question
    spent: _Spent
    body: bytes = b""

    async def __call__(self, call: Call) -> Reply:
        what = self.question.spent(self.spent)
        if what is not None:
            self.spent.what = what
            raise _OutOfBudgetError
        self.spent.requests += 1
        reply = await self.send(call)
        self.body = reply.body
        return reply


async def _read(
    number: int,
    walk: Walk[R],
    sending: _Within,
    timeout: float | None,
    giving: MemoryObjectSendStream[_Piece[R]],
) -> None:
    before = Progress()
    try:
        async for items, progress in pages(walk, sending, timeout=timeout):
            sending.spent.scanned += progress.scanned - before.scanned
            sending.spent.read_units += progress.read_units - before.read_units
            before = progress
            state = True if progress.last_key is None else progress.last_key
            # Also of a page that holds nothing: the position moves on over it.
            await giving.send(_Piece(number, items, sending.body, state))
    except _OutOfBudgetError:
        pass
    except Exception as error:
        sending.spent.failed = error
        raise
