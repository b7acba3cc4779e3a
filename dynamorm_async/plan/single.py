"""The verbs of one item: get, find, create, put, save, update, upsert, delete.

Each is one call, with the conditions and changes that keep versions, times and keys right, and with
what may be done when its answer is lost (`Repeat`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeVar, cast, get_args

from dynamorm_async.codecs import Stamps, timestamp_text
from dynamorm_async.errors import InvalidExpression, ItemNotFound, quoted
from dynamorm_async.expressions import Condition, Path, Request, Update
from dynamorm_async.model import KEPT, UNSET, Kept
from dynamorm_async.plan.changes import (
    absent,
    both,
    exists,
    field_changes,
    first_stamps,
    has_no_version,
    held_version,
    next_version,
    saved_fields,
    set_to,
    touched,
    users_changes,
    version_is,
)
from dynamorm_async.plan.keys import KeyParts, key_parts
from dynamorm_async.plan.plan import Estimate, Plan
from dynamorm_async.plan.refusals import Demand, refusal, shown
from dynamorm_async.plan.target import Target
from dynamorm_async.wire import Call, Repeat, Reply, item_size, read_units, write_units

M = TypeVar("M")

Returning = Literal["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"]

_NO_DEMAND = Demand()
_ONE_READ = Estimate(read_units=read_units(1, consistent=False))
_ONE_CONSISTENT_READ = Estimate(read_units=read_units(1, consistent=True))
_ONE_WRITE = Estimate(write_units=1.0)


def find(target: Target[M], key: object, *, consistent: bool) -> Plan[M | None]:
    """Return the plan of one GetItem whose result is None where there is no such item."""

    def read(reply: Reply) -> M | None:
        return target.record.decode_item(reply.body)

    return _read_plan(target, key_parts(target.record, key), consistent=consistent, read=read)


def get(target: Target[M], key: object, *, consistent: bool) -> Plan[M]:
    """Return the plan of one GetItem whose result is ItemNotFound where there is no such item."""
    parts = key_parts(target.record, key)

    def read(reply: Reply) -> M:
        item = target.record.decode_item(reply.body)
        if item is None:
            raise ItemNotFound(
                f"no {target.spec.name} has the key {shown(parts)}",
                fix="use find(...) where absence is expected",
                operation="GetItem",
                table=target.table,
                key=parts.values,
            )
        return item

    return _read_plan(target, parts, consistent=consistent, read=read)


def create(target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
    """Return the plan of one PutItem that fails where an item of the same key is stored."""
    moment = timestamp_text(now)
    stamps = Stamps(created=moment, updated=moment, version="0")
    return _put_plan(target, item, stamps, Demand(condition=both(absent(target), when), absent="demanded"))


def put(target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
    """Return the plan of one PutItem that overwrites; a held version is still checked."""
    target.record.check_instance(item)
    held = held_version(target, item)
    moment = timestamp_text(now)
    stamps = Stamps(
        created=created_text(target, item) or moment,
        updated=moment,
        version="0" if held is None else str(held + 1),
    )
    return _put_plan(target, item, stamps, _demand_of_held(target, held, when))


def save(
    target: Target[M],
    item: M,
    *,
    now: datetime,
    fields: Sequence[Path[M, Any] | str] | None,
    when: Condition[M] | None,
    returning: Literal["NONE", "ALL_NEW"] = "ALL_NEW",
) -> Plan[M]:
    """Return the plan of one UpdateItem of an instance's fields under the version check.

    All fields but keys and created, or the given ones; an item that is absent is not created. Inside
    a transaction it returns "NONE".
    """
    target.record.check_instance(item)
    held = held_version(target, item)
    changes = [*field_changes(target, item, saved_fields(target, fields, item)), *touched(target, now)]
    version = target.spec.version
    condition: Condition[Any] | None = exists(target)
    if version is not None:
        changes.append(set_to(target, version, 0 if held is None else held + 1))
        unversioned = both(condition, has_no_version(target))
        condition = unversioned if held is None else version_is(target, held)
    demand = Demand(
        condition=both(condition, when),
        held=held,
        absent="refused",
        no_version=version is not None and held is None,
    )
    # A held version is raised and a missing one is set, so that the condition stops a second time;
    # without a version field, every change is a SET of a constant or a REMOVE.
    return _instance_plan(target, item, changes, demand, repeat=Repeat.GUARDED, returning=returning)


def upsert(
    target: Target[M],
    item: M,
    *,
    now: datetime,
    when: Condition[M] | None,
    returning: Literal["NONE", "ALL_NEW"] = "ALL_NEW",
) -> Plan[M]:
    """Return the plan of one UpdateItem that creates the item or writes over its fields.

    created keeps its stored value, the version starts at 0 or goes up by one. Inside a transaction it
    returns "NONE".
    """
    target.record.check_instance(item)
    held = held_version(target, item)
    changes = [
        *field_changes(target, item, saved_fields(target, None, item)),
        *touched(target, now),
        *first_stamps(target, item, now),
    ]
    version = target.spec.version
    if version is not None:
        changes.append(next_version(target, version))
    guard = None if held is None else absent(target) | version_is(target, held)
    demand = Demand(condition=both(guard, when), held=held)
    repeat = _repeat_of_upsert(demand, version)
    return _instance_plan(target, item, changes, demand, repeat=repeat, returning=returning)


def _repeat_of_upsert(demand: Demand, version: object) -> Repeat:
    if version is None:
        return Repeat.HARMLESS if demand.condition is None else Repeat.GUARDED
    # Where no item was, the first application leaves version 0, which 0 held would meet again.
    return Repeat.GUARDED if demand.held else Repeat.NEVER


def update(
    target: Target[M],
    key: object,
    updates: Iterable[Update[M]],
    *,
    now: datetime,
    when: Condition[M] | None,
    returning: Returning,
) -> Plan[Any]:
    """Return the plan of one UpdateItem of an item that must be there.

    The result is None, an instance, or field name to value, as `returning` says.
    """
    if returning not in get_args(Returning):
        raise InvalidExpression(
            f"returning={quoted(returning)}",
            fix=f"use one of {', '.join(get_args(Returning))}",
            code="plan.returning",
        )
    parts = key_parts(target.record, key)
    wanted = tuple(updates)
    changes = [*users_changes(target, wanted, parts.values), *touched(target, now)]
    held = None if parts.item is None else held_version(target, parts.item)
    version = target.spec.version
    if version is not None:
        changes.append(next_version(target, version) if held is None else set_to(target, version, held + 1))
    condition = exists(target) if held is None else version_is(target, held)
    # After a second application the old values would be those of the first.
    repeatable = all(change.repeatable for change in changes) and not returning.endswith("_OLD")
    return _update_plan(
        target,
        parts,
        changes,
        Demand(condition=both(condition, when), held=held, absent="refused"),
        repeat=Repeat.GUARDED if repeatable or held is not None else Repeat.NEVER,
        returning=returning,
        read=_reader(target, returning, wanted),
    )


def delete(target: Target[M], key: object, *, when: Condition[M] | None) -> Plan[None]:
    """Return the plan of one DeleteItem; an absent item is fine where nothing is demanded of it."""
    parts = key_parts(target.record, key)
    held = None if parts.item is None else held_version(target, parts.item)
    demand = _demand_of_held(target, held, when)
    body = target.body({"Key": parts.text, **_old_item(demand)}, Request(condition=demand.condition))
    return Plan(
        first=_call(target, "DeleteItem", parts, body, repeat=_repeat_of_constant(demand)),
        read=_nothing,
        refused=refusal(target, parts, demand),
        price=_ONE_WRITE,
        demanded=demand.condition,
    )


# What the verbs share.


def _demand_of_held(target: Target[Any], held: int | None, when: Condition[Any] | None) -> Demand:
    if held is None:
        return _NO_DEMAND if when is None else Demand(condition=both(None, when))
    return Demand(condition=both(version_is(target, held), when), held=held, absent="refused")


def _repeat_of_constant(demand: Demand) -> Repeat:
    """Return the class of a write that leaves the same item, or none, however often it is applied."""
    return Repeat.HARMLESS if demand.condition is None else Repeat.GUARDED


def created_text(target: Target[Any], item: Any) -> str | None:
    """Return what created says, to the last stored digit, or None where the item was never stored."""
    field = target.spec.created
    value = UNSET if field is None else getattr(item, field.name)
    if value is UNSET:
        return None
    kept: Kept | None = getattr(item, KEPT, None)
    text = kept.texts.get(field.name) if kept is not None and field is not None else None
    return timestamp_text(value) if text is None else text


def _read_plan(
    target: Target[Any], parts: KeyParts, *, consistent: bool, read: Callable[[Reply], Any]
) -> Plan[Any]:
    more = ',"ConsistentRead":true' if consistent else ""
    body = target.closed(f'{target.opening},"Key":{parts.text}{more}')
    call = Call(operation="GetItem", body=body, tables=target.tables, keys=(parts.values,))
    return Plan(first=call, read=read, price=_ONE_CONSISTENT_READ if consistent else _ONE_READ)


def _put_plan(target: Target[M], item: M, stamps: Stamps, demand: Demand) -> Plan[M]:
    text = target.record.encode_item(item, stamps)
    parts = key_parts(target.record, item)
    body = (
        target.closed(f'{target.opening},"Item":{text}')
        if demand.condition is None
        else target.body({"Item": text, **_old_item(demand)}, Request(condition=demand.condition))
    )

    # What was sent is what is stored, so the stored instance is read from it.
    def read(reply: Reply) -> M:
        del reply
        return cast("M", target.record.decode_item(f'{{"Item":{text}}}'))

    return Plan(
        first=_call(target, "PutItem", parts, body, repeat=_repeat_of_constant(demand)),
        read=read,
        refused=refusal(target, parts, demand),
        price=partial(_price_of, text),
        demanded=demand.condition,
    )


def _price_of(item: str) -> Estimate:
    return Estimate(write_units=write_units(item_size(json.loads(item))))


def _instance_plan(
    target: Target[M],
    item: M,
    changes: list[Update[Any]],
    demand: Demand,
    *,
    repeat: Repeat,
    returning: Literal["NONE", "ALL_NEW"],
) -> Plan[M]:
    return _update_plan(
        target,
        key_parts(target.record, item),
        changes,
        demand,
        repeat=repeat,
        returning=returning,
        read=_reader(target, returning, ()),
    )


def _update_plan(
    target: Target[Any],
    parts: KeyParts,
    changes: list[Update[Any]],
    demand: Demand,
    *,
    repeat: Repeat,
    returning: Returning,
    read: Callable[[Reply], Any],
) -> Plan[Any]:
    members = {"Key": parts.text, **_returned(returning), **_old_item(demand)}
    body = target.body(members, Request(condition=demand.condition, updates=tuple(changes)))
    return Plan(
        first=_call(target, "UpdateItem", parts, body, repeat=repeat),
        read=read,
        refused=refusal(target, parts, demand),
        price=_ONE_WRITE,
        demanded=demand.condition,
    )


def _call(
    target: Target[Any], operation: str, parts: KeyParts, body: bytes, *, repeat: Repeat = Repeat.HARMLESS
) -> Call:
    return Call(operation=operation, body=body, tables=target.tables, keys=(parts.values,), repeat=repeat)


def _returned(returning: Returning) -> dict[str, str]:
    # Left out where nothing comes back: an update in a transaction has no such member.
    return {} if returning == "NONE" else {"ReturnValues": f'"{returning}"'}


def _old_item(demand: Demand) -> dict[str, str]:
    # Free of charge, and it tells a lost race from a failed condition.
    return {} if demand.condition is None else {"ReturnValuesOnConditionCheckFailure": '"ALL_OLD"'}


def _nothing(reply: Reply) -> None:
    del reply


def _reader(
    target: Target[Any], returning: Returning, wanted: Sequence[Update[Any]]
) -> Callable[[Reply], Any]:
    partly = frozenset(
        str(change.place.steps[0])
        for change in wanted
        if change.place is not None and len(change.place.steps) > 1
    )

    def whole(reply: Reply) -> Any:
        return target.record.decode_item(reply.body, member="Attributes")

    def some(reply: Reply) -> Any:
        return target.record.decode_some(reply.body, plain=partly)

    if returning == "NONE":
        return _nothing
    return whole if returning in ("ALL_OLD", "ALL_NEW") else some
