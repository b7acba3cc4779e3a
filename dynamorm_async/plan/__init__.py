"""What each verb sends, what its reply means, and what a failure means; decided without sending.

Takes a model's record, a table's name and the arguments of a verb, the time among them; gives a
`Plan`: the first call, how to read a reply, which call follows, and which error a refusal is. May
use `codecs`, `model`, `expressions`, `wire` and `errors`. Pure: no clock, no dice, no network.
"""

from dynamorm_async.plan.batch import BatchPlan, listed
from dynamorm_async.plan.keys import Key
from dynamorm_async.plan.plan import Estimate, Plan
from dynamorm_async.plan.reads import batch_get, batch_get_of_several, name_of_key
from dynamorm_async.plan.rounds import BatchRetry, Ledger, Line
from dynamorm_async.plan.scan import scan
from dynamorm_async.plan.single import (
    Returning,
    create,
    delete,
    find,
    get,
    put,
    save,
    update,
    upsert,
)
from dynamorm_async.plan.target import Target
from dynamorm_async.plan.writes import (
    Delete,
    Duplicates,
    Put,
    batch_delete,
    batch_put,
    batch_write,
    name_of_write,
)

__all__ = [
    "BatchPlan",
    "BatchRetry",
    "Delete",
    "Duplicates",
    "Estimate",
    "Key",
    "Ledger",
    "Line",
    "Plan",
    "Put",
    "Returning",
    "Target",
    "batch_delete",
    "batch_get",
    "batch_get_of_several",
    "batch_put",
    "batch_write",
    "create",
    "delete",
    "find",
    "get",
    "listed",
    "name_of_key",
    "name_of_write",
    "put",
    "save",
    "scan",
    "update",
    "upsert",
]
