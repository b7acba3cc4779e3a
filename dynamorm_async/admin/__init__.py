"""Tables as things with a life: create, ensure, change, describe, delete, and wait.

Takes models, settings and `Send`; gives tables. May use `plan`, `codecs`, `model`, `wire` and `errors`.
What a table should be, what it is and which steps lie between is decided by pure functions; only
`Admin` waits.
"""

from dynamorm_async.admin.admin import Admin
from dynamorm_async.admin.backups import Backup, BackupVerbs
from dynamorm_async.admin.changes import changes
from dynamorm_async.admin.compatibility import Compatibility, Finding
from dynamorm_async.admin.found import FoundTable, described, found_table
from dynamorm_async.admin.settings import OnDemand, Provisioned, TableSettings, Throughput, WarmThroughput
from dynamorm_async.admin.shapes import IndexShape, TableShape, wanted
from dynamorm_async.admin.steps import TableChanges, TableStep
from dynamorm_async.admin.waiting import TableProgress

__all__ = [
    "Admin",
    "Backup",
    "BackupVerbs",
    "Compatibility",
    "Finding",
    "FoundTable",
    "IndexShape",
    "OnDemand",
    "Provisioned",
    "TableChanges",
    "TableProgress",
    "TableSettings",
    "TableShape",
    "TableStep",
    "Throughput",
    "WarmThroughput",
    "changes",
    "described",
    "found_table",
    "wanted",
]
