"""What a user holds: `connect`, the client, table handles, the query builder.

Takes configuration and models; gives verbs. May use every room below it. A verb is a plan, carried
out; whatever a verb decides is decided in `plan`, so that it can be shown without sending.
"""

from dynamorm_async.client.batches import Batch
from dynamorm_async.client.client import Client
from dynamorm_async.client.collection import Collection
from dynamorm_async.client.connect import connect
from dynamorm_async.client.grouping import Aggregation, Grouping
from dynamorm_async.client.loader import Loader
from dynamorm_async.client.mending import MendedClaims
from dynamorm_async.client.plans import Plans
from dynamorm_async.client.query import Query, Selection
from dynamorm_async.client.segments import Segments
from dynamorm_async.client.statement import Statement
from dynamorm_async.client.table import Table
from dynamorm_async.client.transaction import Transaction, TransactionOutcome
from dynamorm_async.client.writer import BatchWriter

__all__ = [
    "Aggregation",
    "Batch",
    "BatchWriter",
    "Client",
    "Collection",
    "Grouping",
    "Loader",
    "MendedClaims",
    "Plans",
    "Query",
    "Segments",
    "Selection",
    "Statement",
    "Table",
    "Transaction",
    "TransactionOutcome",
    "connect",
]
