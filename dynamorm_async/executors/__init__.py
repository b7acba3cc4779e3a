"""Carry plans out: one call, or page after page.

Takes plans and `Send`; gives results, one at a time where there are many. May use `plan`, `wire`
and `errors`. Knows no model, keeps nothing, and starts no task.
"""

from dynamorm_async.executors.run import one, pages

__all__ = ["one", "pages"]
