"""Carry plans out: one call, or page after page.

Takes plans and `Send`; gives results, one at a time where there are many. May use `plan`, `wire`
and `errors`. Knows no model and keeps nothing; tasks run only inside an `async with` of the caller.
"""

from dynamorm_async.executors.run import one, pages
from dynamorm_async.executors.segments import SegmentStream, segments

__all__ = ["SegmentStream", "one", "pages", "segments"]
