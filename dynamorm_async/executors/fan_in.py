"""Several tasks that produce, and one loop that takes what they give: no more is made than is taken."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio

from dynamorm_async.errors import DynamormError, InvalidRequest

if TYPE_CHECKING:  # at run time, only who streams from several tasks pays for them
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

T = TypeVar("T")


@asynccontextmanager
async def fan_in(
    producers: Sequence[Callable[[MemoryObjectSendStream[T]], Awaitable[None]]],
) -> AsyncGenerator[MemoryObjectReceiveStream[T]]:
    """Run all producers and yield what takes from them; each waits until what it gave is taken.

    Leaving the block stops them all; so does the first error, which is raised as it is, like one of
    the block's own.
    """
    giving, taking = anyio.create_memory_object_stream[T](0)
    theirs: BaseException | None = None
    try:
        # Closed last: whoever still gives when the block is left is cancelled, and sees no broken stream.
        async with taking, anyio.create_task_group() as tasks:
            for producer in producers:
                tasks.start_soon(_produce, producer, giving.clone())
            giving.close()
            try:
                yield taking
            except BaseException as error:
                theirs = error
                raise
            tasks.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # The block's own error comes out as it went in, even if it is a group itself.
        if any(error is theirs for error in cast("BaseExceptionGroup[Any]", group).exceptions):
            failed = theirs
        else:
            failed = _first(group)
    else:
        return
    assert failed is not None  # noqa: S101 - a group is never empty
    raise failed from failed.__cause__


async def next_of(pieces: MemoryObjectReceiveStream[T], *, fix: str) -> T | None:
    """Return what one of the producers gives next, or None where all have ended.

    Args:
        pieces: What `fan_in` yielded.
        fix: How the block is written.

    Raises:
        InvalidRequest: The block was left.
    """
    try:
        return await pieces.receive()
    except anyio.EndOfStream:
        return None
    except anyio.ClosedResourceError as error:
        raise InvalidRequest(
            "this stream is closed",
            why="its block was left",
            fix=f"iterate it inside `{fix}`",
            code="executors.stream-closed",
        ) from error


async def _produce(
    producer: Callable[[MemoryObjectSendStream[T]], Awaitable[None]], giving: MemoryObjectSendStream[T]
) -> None:
    async with giving:
        await producer(giving)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    """Return the error that matters of those that ended several tasks: ours, where there is one."""
    leaves: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(cast("BaseExceptionGroup[Any]", error).exceptions)
        else:
            leaves.append(error)
    ours = [error for error in leaves if isinstance(error, DynamormError)]
    return (ours or leaves)[0]
