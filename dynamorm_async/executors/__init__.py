"""Carry plans out: one call, page after page, or many calls at once.

Takes plans and `Send`; gives results, one at a time where there are many. May use `plan`, `wire`
and `errors`. Knows no model and keeps nothing; tasks run only inside an `async with` of the caller, or
end with the batch that started them.
"""

from dynamorm_async.executors.batches import (
    BatchOptions,
    OnError,
    OnProgress,
    batch,
    check_bounds,
    check_policies,
)
from dynamorm_async.executors.hydrating import hydrated, hydrated_pages
from dynamorm_async.executors.run import one, pages, steps
from dynamorm_async.executors.segments import SegmentStream, segments
from dynamorm_async.executors.streams import BatchStream, batch_stream

__all__ = [
    "BatchOptions",
    "BatchStream",
    "OnError",
    "OnProgress",
    "SegmentStream",
    "batch",
    "batch_stream",
    "check_bounds",
    "check_policies",
    "hydrated",
    "hydrated_pages",
    "one",
    "pages",
    "segments",
    "steps",
]
