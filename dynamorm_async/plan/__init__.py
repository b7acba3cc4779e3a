"""What each verb sends, what its reply means, and what a failure means; decided without sending.

Takes a model's record, a table's name and the arguments of a verb, the time among them; gives a
`Plan`: the first call, how to read a reply, which call follows, and which error a refusal is. May
use `codecs`, `model`, `expressions`, `wire` and `errors`. Pure: no clock, no dice, no network.
"""

from dynamorm_async.plan.choice import Candidate
from dynamorm_async.plan.cursors import index_of
from dynamorm_async.plan.explaining import Analysis, Explanation
from dynamorm_async.plan.keys import Key
from dynamorm_async.plan.paging import Gap, Page, gap_of, key_text, page_at_end, page_plan, probe
from dynamorm_async.plan.plan import Estimate, Plan
from dynamorm_async.plan.query import QueryPlan, cursor_after, field_name, prepare
from dynamorm_async.plan.question import Question, units, whole_number
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
from dynamorm_async.plan.statistics import Cost, Size, Statistics
from dynamorm_async.plan.target import Target
from dynamorm_async.plan.walk import Progress, Walk

__all__ = [
    "Analysis",
    "Candidate",
    "Cost",
    "Estimate",
    "Explanation",
    "Gap",
    "Key",
    "Page",
    "Plan",
    "Progress",
    "QueryPlan",
    "Question",
    "Returning",
    "Size",
    "Statistics",
    "Target",
    "Walk",
    "create",
    "cursor_after",
    "delete",
    "field_name",
    "find",
    "gap_of",
    "get",
    "index_of",
    "key_text",
    "page_at_end",
    "page_plan",
    "prepare",
    "probe",
    "put",
    "save",
    "units",
    "update",
    "upsert",
    "whole_number",
]
