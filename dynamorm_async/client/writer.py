"""A stream of writes of unknown length: gathered into batches, never more in memory than a few calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import anyio

from dynamorm_async.errors import DynamormError, InvalidRequest, PartialBatch
from dynamorm_async.plan import BatchPlan, Delete, EncodedWrite, Put, batch_write_encoded, partial_batch

M = TypeVar("M")

Carry = Callable[[BatchPlan[None]], Awaitable[None]]


class BatchWriter(Generic[M]):
    """Takes puts and deletes one by one and writes them in batches; from `table.batch_writer()`.

    `async with table.batch_writer() as writer: await writer.put(item)`. A put or a delete returns
    at once, or writes all that has been gathered first. What is written is the instance, and the time,
    of when it was handed in. Two writes of one key are carried out in their order. Leaving the block
    writes the rest; a block that raises leaves the rest unwritten.

    Attributes:
        written: How many were written so far.
    """

    def __init__(
        self,
        encode: Callable[[Put[Any] | Delete], EncodedWrite],
        carry: Carry,
        *,
        most: int,
    ) -> None:
        self._encode = encode
        self._carry = carry
        self._most = most
        self._gathered: dict[Hashable, EncodedWrite] = {}
        self._open = False
        # Tasks may share a writer; what one hands in must not meet what another one is writing.
        self._lock = anyio.Lock()
        self.written = 0

    @property
    def gathered(self) -> tuple[Put[Any] | Delete, ...]:
        """What was handed in and not written yet; `db.batch_write` takes it as it is."""
        return tuple(each.entry for each in self._gathered.values())

    async def put(self, item: M) -> None:
        """Store an item over whatever is there, as `batch_put` does.

        Raises:
            InvalidRequest: The item cannot be stored, or holds a version; it is not taken.
            PartialBatch: Something that was gathered, and may be this one, was not written.
        """
        await self._take(Put(item))

    async def delete(self, *key: object) -> None:
        """Delete the item of a key, in any form, as `batch_delete` does.

        Raises:
            InvalidKey: It is none of the model's; it is not taken.
            PartialBatch: Something that was gathered, and may be this one, was not written.
        """
        await self._take(Delete(key[0] if len(key) == 1 else key))

    async def flush(self) -> None:
        """Write what was gathered.

        Raises:
            PartialBatch: Not all of it was written; the error has it all, and it is forgotten here.
            TableNotFound, AccessDenied, CredentialsError: Nothing of it was written, for this reason; all
                of it is still held.
        """
        async with self._lock:
            await self._flush()

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self,
        cls: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        if cls is None:
            await self.flush()

    async def _take(self, write: Put[Any] | Delete) -> None:
        if not self._open:
            raise InvalidRequest(
                "a batch writer takes writes inside its block only",
                fix="async with table.batch_writer() as writer: …",
                code="client.batch-writer",
            )
        new = self._encode(write)
        async with self._lock:
            if new.name in self._gathered:
                await self._flush_before(new)
            self._gathered[new.name] = new
            if len(self._gathered) >= self._most:
                await self._flush()

    async def _flush(self) -> None:
        gathered = list(self._gathered.values())
        if not gathered:
            return
        try:
            await self._carry(batch_write_encoded(gathered))
        except PartialBatch as error:
            self.written += len(error.succeeded)
            self._gathered.clear()
            raise
        self.written += len(gathered)
        self._gathered.clear()

    async def _flush_before(self, new: EncodedWrite) -> None:
        older = self._gathered[new.name].entry
        try:
            await self._flush()
        except PartialBatch as error:
            # Nobody else would tell of the one that was just handed in.
            raise _followed(error, older, new) from error.__cause__
        except DynamormError:
            # Nothing was written, and all of it is still held: of one key, the last write.
            self._gathered[new.name] = new
            raise


def _followed(error: PartialBatch, older: Put[Any] | Delete, new: EncodedWrite) -> PartialBatch:
    """Return the error with a write that was to follow an older one of its key, and takes its place."""
    unprocessed = [*(each for each in error.unprocessed if each is not older), new.entry]
    failed = sum(len(failure.entries) for failure in error.failed)
    return partial_batch(
        batch_write_encoded([new]),
        total=len(error.succeeded) + failed + len(unprocessed),
        done=len(error.succeeded),
        succeeded=error.succeeded,
        failures=error.failed,
        unprocessed=unprocessed,
        blamed=None,
        why=error.why,
    )
