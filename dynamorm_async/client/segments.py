"""A scan in segments that are read at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Generic, Self, TypeVar

from msgspec.structs import replace

from dynamorm_async.executors import SegmentStream, segments
from dynamorm_async.plan import QueryPlan, Question, State, Walk, position_of
from dynamorm_async.wire import Send

R = TypeVar("R")


class Segments(Generic[R]):
    """A scan in so many segments, from `table.scan(...).segments(n)`; `stream` reads it."""

    def __init__(
        self,
        question: Question,
        planned: Callable[[], Sequence[QueryPlan[R]]],
        send: Send,
        *,
        position: str | None = None,
    ) -> None:
        self._question = question
        self._planned = planned
        self._send = send
        self._position = position

    def start(self, position: str | None) -> Self:
        """Go on where another stream stood: `stream.position`, or a BudgetSpent's `cursor`.

        None begins at the beginning.
        """
        return type(self)(self._question, self._planned, self._send, position=position)

    def stream(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[SegmentStream[R]]:
        """Return a block in which the items can be iterated, in no order.

        As many requests at a time as there are segments, under the client's `max_concurrency`; each
        segment holds one page. `limit` and `budget` are of all together. Leaving the block stops all;
        an error of one stops the others, and comes out as it is.

        Args:
            timeout: Seconds for each segment, without what the loop does in between.

        Raises:
            InvalidCursor: The position is of another scan; nothing was sent.
            BudgetSpent: In the loop, when everything that was read is handed out; its `cursor` is a
                position.
        """
        queries = self._planned()
        mark = queries[0].scope.fingerprint
        states: list[State] = [None] * len(queries)
        if self._position is not None:
            states = position_of(self._position, queries[0].scope, total=len(queries))
        is_priced = self._question.max_read_units is not None
        walks: list[Walk[R] | None] = [
            None if isinstance(state, bool) else Walk(query=query, start=state, priced=is_priced)
            for query, state in zip(queries, states, strict=True)
        ]
        return segments(walks, self._send, question=self._question, mark=mark, timeout=timeout)


def in_segments(question: Question, total: int) -> list[Question]:
    """Return the question of each segment; what they spend is counted for all together."""
    whole = replace(question, max_requests=None, max_items=None, max_read_units=None)
    return [replace(whole, segment=(number, total)) for number in range(total)]
