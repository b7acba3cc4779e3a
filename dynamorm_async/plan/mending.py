"""Mending the claims on unique values: those that items lack, and those that no item is behind.

Takes items and claims as they were read; gives the requests that bring them together while others
write. Each tests in its transaction that the item still is what was read, so that nothing is claimed
or freed behind a writer's back.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from dynamorm_async.codecs import decoded, quote
from dynamorm_async.model import ModelSpec
from dynamorm_async.plan.claims import (
    CLAIM_ATTRIBUTE,
    OWNER_ATTRIBUTE,
    Claim,
    ClaimVerb,
    claims_table,
    name_of_value,
    owner_of,
)
from dynamorm_async.plan.drafts import Before, before_in
from dynamorm_async.plan.keys import KeyParts, key_parts
from dynamorm_async.plan.plan import Plan
from dynamorm_async.plan.refusals import Demand
from dynamorm_async.plan.target import Target
from dynamorm_async.plan.transact import Operation, refused_alone, tested, transact
from dynamorm_async.plan.unique import pinned, values_of
from dynamorm_async.wire import Call, Reply

M = TypeVar("M")


class ClaimsPage(msgspec.Struct, frozen=True):
    """One page of a table's claims on values of one model.

    Attributes:
        claims: The claims.
        last_key: JSON text of the key behind which the next page begins, or None at the end.
    """

    claims: list[Claim]
    last_key: str | None


class _Item(msgspec.Struct):
    unique: dict[str, str] = msgspec.field(name=CLAIM_ATTRIBUTE)
    owner: dict[str, str] = msgspec.field(name=OWNER_ATTRIBUTE)


class _Page(msgspec.Struct):
    Items: list[_Item]
    LastEvaluatedKey: msgspec.Raw | UnsetType = UNSET


class _Answer(msgspec.Struct):
    Item: _Item | None = None


_PAGE = msgspec.json.Decoder(_Page)
_ANSWER = msgspec.json.Decoder(_Answer)


def claims_of_item(target: Target[M], item: M) -> list[Claim]:
    """Return the claims that an item should have."""
    spec, owner = target.spec, owner_of(key_parts(target.record, item))
    values = values_of(target, item, spec.unique_fields)
    names = {field.name: name_of_value(spec, field, values.get(field.name)) for field in spec.unique_fields}
    return [_claim(target, field, name, owner, "take") for field, name in names.items() if name is not None]


def owner_now(claim: Claim) -> Plan[str | None]:
    """Return the plan of reading which item has a claim; None for none."""
    key = f'{{"{CLAIM_ATTRIBUTE}":{{"S":{quote(claim.name)}}}}}'

    def read(reply: Reply) -> str | None:
        item = decoded(_ANSWER, reply.body, code="plan.protocol").Item
        return None if item is None else str(item.owner["S"])

    return Plan(first=_call("GetItem", claim.table, f',"Key":{key}'), read=read)


def claims_page(target: Target[Any], start: str | None) -> Plan[ClaimsPage]:
    """Return the plan of reading one page of the claims on values of a model, as claims to be freed.

    Args:
        target: The model's.
        start: JSON text of the key behind which it begins, or None for the beginning.
    """
    from_start = "" if start is None else f',"ExclusiveStartKey":{start}'

    def read(reply: Reply) -> ClaimsPage:
        page = decoded(_PAGE, reply.body, code="plan.protocol")
        last = "{}" if page.LastEvaluatedKey is UNSET else bytes(page.LastEvaluatedKey).decode()
        found = [
            (item.unique["S"], _field_of(target.spec, item.unique["S"]), item.owner["S"])
            for item in page.Items
        ]
        claims = [
            _claim(target, field, name, owner, "free") for name, field, owner in found if field is not None
        ]
        return ClaimsPage(claims, None if last in ("{}", "null") else last)

    return Plan(
        first=_call("Scan", claims_table(target.table), f',"ConsistentRead":true{from_start}'), read=read
    )


def behind(target: Target[Any], claim: Claim) -> Plan[Before]:
    """Return the plan of reading what its owner has of a claim's field."""
    field = target.spec.fields[claim.field]

    def read(reply: Reply) -> Before:
        return before_in(reply.body, (field,))

    return Plan(
        first=_call("GetItem", target.table, f',"Key":{claim.owner},"ConsistentRead":true'), read=read
    )


def as_stored(target: Target[Any], claim: Claim, before: Before) -> Claim | None:
    """Return the claim on the value that an item has of a claim's field, or None where it has none.

    It is another one where the value was changed meanwhile, or was stored in another form than ours.
    """
    field = target.spec.fields[claim.field]
    name = name_of_value(target.spec, field, before.values.get(field.name))
    return None if name is None else replace(claim, name=name)


def mended(target: Target[Any], claim: Claim, before: Before, token: str) -> Plan[Any]:
    """Return the plan of taking or freeing a value, while its item has of the field what it had.

    It is refused with UniqueViolation where another item has the claim, and with ConditionFailed where
    the item's value was changed.
    """
    parts = KeyParts(claim.owner, {})
    demand = Demand(condition=pinned(target, (target.spec.fields[claim.field],), before))
    operation = Operation(
        verb="check",
        model=target.spec.name,
        item=(target.table, parts.text),
        plan=tested(target, parts, demand),
        parts=parts,
        claims=(claim,),
    )
    plan = transact([operation], token)
    return replace(plan, refused=refused_alone(operation, operation.claims))


def _claim(target: Target[Any], field: str, name: str, owner: str, verb: ClaimVerb) -> Claim:
    table = claims_table(target.table)
    return Claim(operation=0, field=field, table=table, name=name, owner=owner, verb=verb)


def _field_of(spec: ModelSpec, name: str) -> str | None:
    """Return the field of the model that a claim's name is about, or None where it is another's."""
    entity, attribute, _ = json.loads(name)
    fields = (field.name for field in spec.unique_fields if field.attribute == attribute)
    return next(fields, None) if entity == (spec.entity or "") else None


def _call(operation: str, table: str, members: str) -> Call:
    return Call(
        operation=operation, body=f'{{"TableName":{quote(table)}{members}}}'.encode(), tables=(table,)
    )
