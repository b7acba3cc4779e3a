"""Errors of batches: some of what was asked for was done, and some was not."""

from collections.abc import Sequence
from typing import Any

import attrs

from dynamorm_async.errors._base import DynamormError


@attrs.frozen
class BatchFailure:
    """Keys or items of a batch that one call, or one item by itself, failed for.

    Attributes:
        entries: The keys, items, puts or deletes, as they were handed in; never part of a text.
        error: Why.
    """

    entries: tuple[Any, ...] = attrs.field(repr=False)
    error: Exception


class PartialBatch(DynamormError):
    """A batch ended before everything was done; every key or item is told apart, exactly once.

    The first failure that was not accepted, if there is one, is the cause. Every entry is what was
    handed in, so that a list of them can be handed in again; of a batch writer it is a Put or a Delete
    that says of which model it is, for `db.batch_write`. Where the caller's own callback or keys ended
    the batch, it is the cause of their error.

    Attributes:
        succeeded: Done. Of reads, also the keys under which nothing is stored. Empty of a stream, which
            has handed them out.
        failed: Each failure with its error. What a write does after a lost answer is not known;
            every other write here was not applied.
        unprocessed: Never answered, or given back by the service: nothing was read or written.
        results: What the verb would have returned, with None for what is not done; None where the
            verb returns nothing, or is a stream.
        retryable: Whether what is not done may succeed later, handed in again: what was left, and
            each failure whose error says so.
    """

    code = "executors.partial-batch"

    def __init__(
        self,
        what: str,
        *,
        succeeded: Sequence[Any] = (),
        failed: Sequence[BatchFailure] = (),
        unprocessed: Sequence[Any] = (),
        results: Any = None,
        why: str | None = None,
        operation: str | None = None,
        table: str | None = None,
    ) -> None:
        fix = "hand error.unprocessed in again" if unprocessed else None
        if failed:
            fix = "look at error.failed" + ("; " + fix if fix else "")
        super().__init__(what, why=why, fix=fix, operation=operation, table=table)
        self.succeeded = tuple(succeeded)
        self.failed = tuple(failed)
        self.unprocessed = tuple(unprocessed)
        self.results = results
        self.retryable = bool(unprocessed or failed) and all(
            isinstance(each.error, DynamormError) and each.error.retryable for each in failed
        )
