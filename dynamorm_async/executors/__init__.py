"""Carry plans out: one call, page after page, or many calls at once.

Takes plans and `Send`; gives results, one at a time where there are many. May use `plan`, `wire`
and `errors`. Knows no model and keeps nothing; only a batch starts tasks, and waits for them.
"""

from dynamorm_async.executors.batches import OnError, OnProgress, batch
from dynamorm_async.executors.run import one, pages

__all__ = ["OnError", "OnProgress", "batch", "one", "pages"]
