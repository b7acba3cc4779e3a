"""Scan: one page after another of a whole table, filtered by the service."""

from __future__ import annotations

from typing import TypeVar

from dynamorm_async.codecs import ItemPage
from dynamorm_async.expressions import Condition, Request
from dynamorm_async.plan.changes import both, entity_is
from dynamorm_async.plan.plan import Plan
from dynamorm_async.plan.target import Target
from dynamorm_async.wire import Call, Reply

M = TypeVar("M")


def scan(target: Target[M], *filters: Condition[M], consistent: bool) -> Plan[ItemPage[M]]:
    """Return the plan of a scan: each reply is a page of instances, the last one has no follower.

    Every item of the table is read and paid for, whatever the filters leave. A page may be empty
    in the middle; only the absence of a last key ends the walk.
    """
    condition = entity_is(target)
    for given in filters:
        condition = both(condition, given, what="scan(...): ")
    request = Request(filter=condition)

    def call(start: str | None) -> Call:
        members = {"ConsistentRead": "true"} if consistent else {}
        if start is not None:
            members["ExclusiveStartKey"] = start
        return Call(operation="Scan", body=target.body(members, request), tables=(target.table,))

    def read(reply: Reply) -> ItemPage[M]:
        return target.record.decode_page(reply.body)

    def follow(page: ItemPage[M]) -> Call | None:
        return None if page.last_key is None else call(page.last_key)

    return Plan(first=call(None), read=read, follow=follow)
