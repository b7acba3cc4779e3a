"""Tables as things with a life: create, ensure, describe, delete, and wait.

Takes models and `Send`; gives tables. May use `plan`, `codecs`, `model`, `wire` and `errors`. What
a table should be and how it differs is decided by pure functions; only `Admin` waits.
"""

from dynamorm_async.admin.admin import Admin
from dynamorm_async.admin.shapes import IndexShape, TableShape, described, differences, wanted

__all__ = ["Admin", "IndexShape", "TableShape", "described", "differences", "wanted"]
