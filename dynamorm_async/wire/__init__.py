"""What goes over the waist: calls, replies, and the service's own facts.

Gives the types that every other room shares: `Call` and `Reply` (bytes with what the edge must
know of them), `Answer` (one raw HTTP answer), `Send` and `Middleware` (how they travel), the
operations, and the limits and prices of the service. May use `errors`. Never awaits, never knows
a model, never parses an item.
"""

from dynamorm_async.wire.call import Answer, Call, Middleware, Repeat, Reply, Send, Transport
from dynamorm_async.wire.capacity import consumed_units, item_size, read_units, write_units
from dynamorm_async.wire.limits import LIMITS, Limits
from dynamorm_async.wire.operations import ANSWER_CAP, BATCH_ANSWER_CAP, DATA_OPERATIONS

__all__ = [
    "ANSWER_CAP",
    "BATCH_ANSWER_CAP",
    "DATA_OPERATIONS",
    "LIMITS",
    "Answer",
    "Call",
    "Limits",
    "Middleware",
    "Repeat",
    "Reply",
    "Send",
    "Transport",
    "consumed_units",
    "item_size",
    "read_units",
    "write_units",
]
