"""What each verb sends, what its reply means, and what a failure means; decided without sending.

Takes a model's record, a table's name and the arguments of a verb, the time among them; gives a
`Plan`: the first call, how to read a reply, which call follows, and which error a refusal is. May
use `codecs`, `model`, `expressions`, `wire` and `errors`. Pure: no clock, no dice, no network.
"""

from dynamorm_async.plan.aggregates import (
    ABSENT,
    Absent,
    Aggregate,
    Group,
    Groups,
    Kind,
    avg,
    count,
    field_of_aggregate,
    field_of_group,
    max_,
    min_,
    sum_,
)
from dynamorm_async.plan.batch import BatchPlan, listed
from dynamorm_async.plan.choice import Candidate
from dynamorm_async.plan.claims import CLAIM_ATTRIBUTE, Claim, claims_table
from dynamorm_async.plan.collections import check_collection, prepare_collection
from dynamorm_async.plan.cursors import index_of
from dynamorm_async.plan.delivery import delivered
from dynamorm_async.plan.drafts import Draft, carried, together
from dynamorm_async.plan.explaining import Analysis, Explanation
from dynamorm_async.plan.hydrating import fetch, fetched, keys_alone, priced
from dynamorm_async.plan.keys import Key, model_of
from dynamorm_async.plan.mending import as_stored, behind, claims_of_item, claims_page, mended, owner_now
from dynamorm_async.plan.names import field_name
from dynamorm_async.plan.paging import Gap, Page, gap_of, key_text, page_at_end, page_plan, probe
from dynamorm_async.plan.plan import Estimate, Plan, Stepwise
from dynamorm_async.plan.query import QueryPlan, cursor_after, prepare
from dynamorm_async.plan.question import Question, units, whole_number
from dynamorm_async.plan.reads import batch_get, batch_get_of_several, name_of_key
from dynamorm_async.plan.rounds import BatchRetry, Ledger, Line, partial_batch
from dynamorm_async.plan.segments import (
    MOST_SEGMENTS,
    State,
    WorkUnit,
    plan_of,
    position_of,
    position_text,
    unit_of,
)
from dynamorm_async.plan.selecting import chosen, reader_of
from dynamorm_async.plan.single import Returning, find, get
from dynamorm_async.plan.statements import StatementWalk, statement
from dynamorm_async.plan.statistics import Cost, Size, Statistics
from dynamorm_async.plan.target import Target
from dynamorm_async.plan.transact import Operation, check, operation, refuse_other, transact_get
from dynamorm_async.plan.verbs import Verbs, verbs_of
from dynamorm_async.plan.walk import Progress, Walk
from dynamorm_async.plan.writes import (
    Delete,
    Duplicates,
    EncodedWrite,
    Put,
    batch_delete,
    batch_put,
    batch_write,
    batch_write_encoded,
    encoded_write,
)

__all__ = [
    "ABSENT",
    "CLAIM_ATTRIBUTE",
    "MOST_SEGMENTS",
    "Absent",
    "Aggregate",
    "Analysis",
    "BatchPlan",
    "BatchRetry",
    "Candidate",
    "Claim",
    "Cost",
    "Delete",
    "Draft",
    "Duplicates",
    "EncodedWrite",
    "Estimate",
    "Explanation",
    "Gap",
    "Group",
    "Groups",
    "Key",
    "Kind",
    "Ledger",
    "Line",
    "Operation",
    "Page",
    "Plan",
    "Progress",
    "Put",
    "QueryPlan",
    "Question",
    "Returning",
    "Size",
    "State",
    "StatementWalk",
    "Statistics",
    "Stepwise",
    "Target",
    "Verbs",
    "Walk",
    "WorkUnit",
    "as_stored",
    "avg",
    "batch_delete",
    "batch_get",
    "batch_get_of_several",
    "batch_put",
    "batch_write",
    "batch_write_encoded",
    "behind",
    "carried",
    "check",
    "check_collection",
    "chosen",
    "claims_of_item",
    "claims_page",
    "claims_table",
    "count",
    "cursor_after",
    "delivered",
    "encoded_write",
    "fetch",
    "fetched",
    "field_name",
    "field_of_aggregate",
    "field_of_group",
    "find",
    "gap_of",
    "get",
    "index_of",
    "key_text",
    "keys_alone",
    "listed",
    "max_",
    "mended",
    "min_",
    "model_of",
    "name_of_key",
    "operation",
    "owner_now",
    "page_at_end",
    "page_plan",
    "partial_batch",
    "plan_of",
    "position_of",
    "position_text",
    "prepare",
    "prepare_collection",
    "priced",
    "probe",
    "reader_of",
    "refuse_other",
    "statement",
    "sum_",
    "together",
    "transact_get",
    "unit_of",
    "units",
    "verbs_of",
    "whole_number",
]
