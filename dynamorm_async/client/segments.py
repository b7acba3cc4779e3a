"""A scan in segments that are read at the same time."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, Self, TypeVar

from msgspec.structs import replace

from dynamorm_async.executors import SegmentStream, segments
from dynamorm_async.plan import Question, State, Target, Walk, position_of, prepare
from dynamorm_async.wire import Send

R = TypeVar("R")


class Segments(Generic[R]):
    """A scan in so many segments, from `table.scan(...).segments(n)`; `stream` reads it."""

    def __init__(
        self, target: Target[Any], question: Question, send: Send, total: int, position: str | None = None
    ) -> None:
        self._target = target
        self._question = question
        self._send = send
        self._total = total
        self._position = position

    def start(self, position: str) -> Self:
        """Go on where another stream stood: `stream.position`."""
        return type(self)(self._target, self._question, self._send, self._total, position)

    def stream(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[SegmentStream[R]]:
        """Return a block in which the items can be iterated, in no order.

        As many requests at a time as there are segments, under the client's `max_concurrency`; each
        segment holds one page. Leaving the block stops all; an error of one stops the others.

        Args:
            timeout: Seconds for each segment.

        Raises:
            InvalidCursor: The position is of another scan; nothing was sent.
        """
        walks: list[Walk[R]] = []
        for number in range(self._total):
            question = replace(self._question, segment=(number, self._total))
            walks.append(Walk(query=prepare(self._target, question)))
        mark = walks[0].query.scope.fingerprint
        states: list[State] = [None] * self._total
        if self._position is not None:
            states = position_of(self._position, mark, total=self._total)
        begun = [
            None if isinstance(state, bool) else replace(walk, start=state)
            for walk, state in zip(walks, states, strict=True)
        ]
        return segments(begun, self._send, limit=self._question.limit, mark=mark, timeout=timeout)
