"""The verbs that write models with unique fields: each takes and frees values along with its item.

They take what those of `single` take, and give a `Draft` where a unique field is changed. What a write
frees is what is stored, so each demands of the stored item that its unique values are those that are
assumed: an instance's, or what was read.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

from dynamorm_async.codecs import canonical, quote, timestamp_text
from dynamorm_async.errors import InvalidExpression, InvalidRequest
from dynamorm_async.expressions import Condition, Path, Place, Update
from dynamorm_async.expressions import Role as SlotRole
from dynamorm_async.model import ENTITY_ATTRIBUTE, KEPT, UNSET, FieldSpec, Kept, Stored
from dynamorm_async.plan import single
from dynamorm_async.plan.changes import (
    absent,
    both,
    has_no_version,
    held_version,
    saved_fields,
    users_changes,
    value_of,
    version_is,
)
from dynamorm_async.plan.drafts import ABSENT, Before, Draft, members
from dynamorm_async.plan.keys import KeyParts, key_parts
from dynamorm_async.plan.plan import Plan
from dynamorm_async.plan.single import Returning
from dynamorm_async.plan.target import Target, WithoutField
from dynamorm_async.plan.transact import Verb

M = TypeVar("M")
R = TypeVar("R")
T = TypeVar("T", bound="Condition[Any] | Update[Any] | None")


def create(target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
    """Return the plan of `single.create` with claims on the values of its unique fields."""
    plan = single.create(target, item, now=now, when=when)
    touched = target.spec.unique_fields

    def build(_: Before, __: bool) -> Plan[M]:  # noqa: FBT001
        return plan  # which demands that nothing is stored

    after = values_of(target, item, touched)
    return _draft(
        plan,
        "create",
        target,
        item,
        touched=touched,
        after=after,
        before=ABSENT,
        build=build,
        is_fixed=True,
    )


def put(target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
    """Return the plan of `single.put` that frees what the overwritten item had."""
    plan = single.put(target, item, now=now, when=when)
    item, when = _as_it_is(item), _with_own_values(when)
    touched = target.spec.unique_fields
    after = values_of(target, item, touched)

    def build(before: Before, _: bool) -> Plan[M]:  # noqa: FBT001
        return single.put(target, item, now=now, when=both(pinned(target, touched, before), when))

    before = _assumed(target, item, after)
    return _draft(plan, "put", target, item, touched=touched, after=after, before=before, build=build)


def save(
    target: Target[M],
    item: M,
    *,
    now: datetime,
    fields: Sequence[Path[M, Any] | str] | None,
    when: Condition[M] | None,
    returning: Literal["NONE", "ALL_NEW"] = "ALL_NEW",
) -> Plan[M]:
    """Return the plan of `single.save`, with claims where it changes a unique field."""
    plan = single.save(target, item, now=now, fields=fields, when=when, returning=returning)
    saved = saved_fields(target, fields, item)
    touched = tuple(field for field in saved if field.unique)
    if not touched:
        return plan
    item, when = _as_it_is(item), _with_own_values(when)
    after = values_of(target, item, touched)
    held = held_version(target, item)

    def build(before: Before, is_alone: bool) -> Plan[M]:  # noqa: FBT001
        return single.save(
            target,
            item,
            now=now,
            fields=fields,
            when=both(pinned(target, touched, before), when),
            returning="ALL_NEW" if is_alone else "NONE",
        )

    def told(before: Before) -> M:
        return _stored_after(target, item, saved, before, now, version=0 if held is None else held + 1)

    before = Before(values=after)
    return _draft(
        plan,
        "save",
        target,
        item,
        touched=touched,
        after=after,
        before=before,
        build=build,
        told=told,
        demands_item=True,
    )


def upsert(
    target: Target[M],
    item: M,
    *,
    now: datetime,
    when: Condition[M] | None,
    returning: Literal["NONE", "ALL_NEW"] = "ALL_NEW",
) -> Plan[M]:
    """Return the plan of `single.upsert`, with claims where it changes a unique field."""
    plan = single.upsert(target, item, now=now, when=when, returning=returning)
    item, when = _as_it_is(item), _with_own_values(when)
    saved = saved_fields(target, None, item)
    touched = target.spec.unique_fields
    after = values_of(target, item, touched)

    def build(before: Before, is_alone: bool) -> Plan[M]:  # noqa: FBT001
        pin = pinned(target, touched, before)
        if not is_alone and before.item:
            # What is then stored is told from what was stored, so that it must be that very item.
            pin = cast("Condition[Any]", both(pin, _same_version(target, before)))
        returned: Literal["NONE", "ALL_NEW"] = "ALL_NEW" if is_alone else "NONE"
        return single.upsert(target, item, now=now, when=both(pin, when), returning=returned)

    def told(before: Before) -> M:
        stored = _version_in(target, before)
        version = 0 if stored is None else stored + 1
        first = _first_texts(target, item, now)
        return _stored_after(target, item, saved, before, now, version=version, first=first)

    before = _assumed(target, item, after)
    return _draft(
        plan, "upsert", target, item, touched=touched, after=after, before=before, build=build, told=told
    )


def update(
    target: Target[M],
    key: object,
    updates: Iterable[Update[M]],
    *,
    now: datetime,
    when: Condition[M] | None,
    returning: Returning,
) -> Plan[Any]:
    """Return the plan of `single.update`, with claims where it changes a unique field."""
    wanted = tuple(updates)
    plan = single.update(target, key, wanted, now=now, when=when, returning=returning)
    parts = key_parts(target.record, key)
    changed = _changed(target, users_changes(target, wanted, parts.values))
    if not changed:
        return plan
    if returning != "NONE":
        raise InvalidRequest(
            f'an update of {", ".join(changed)} cannot have returning="{returning}"',
            why="a change of a unique field is sent as a transaction, and a transaction returns no values",
            fix="leave returning= out and read the item afterwards, or change the field by itself",
            code="plan.unique-returning",
        )
    touched = tuple(target.spec.fields[name] for name in changed)
    key, when = _as_it_is(key), _with_own_values(when)
    wanted = tuple(map(_with_own_values, wanted))

    def build(before: Before, _: bool) -> Plan[Any]:  # noqa: FBT001
        pin = both(pinned(target, touched, before), when)
        return single.update(target, key, wanted, now=now, when=pin, returning="NONE")

    return _draft(
        plan,
        "update",
        target,
        key,
        touched=touched,
        after={name: text for name, text in changed.items() if text is not None},
        before=_held_by(target, parts, touched),
        build=build,
        demands_item=True,
    )


def delete(target: Target[M], key: object, *, when: Condition[M] | None) -> Plan[None]:
    """Return the plan of `single.delete` that frees what the item had."""
    plan = single.delete(target, key, when=when)
    key, when = _as_it_is(key), _with_own_values(when)
    touched = target.spec.unique_fields

    def build(before: Before, _: bool) -> Plan[None]:  # noqa: FBT001
        return single.delete(target, key, when=both(pinned(target, touched, before), when))

    before = _held_by(target, key_parts(target.record, key), touched)
    return _draft(plan, "delete", target, key, touched=touched, after={}, before=before, build=build)


def _draft(plan: Plan[R], verb: Verb, target: Target[Any], key: object, **more: Any) -> Draft[R]:
    parts = key_parts(target.record, key)
    return Draft(**members(plan), verb=verb, target=target, key=key, parts=parts, **more)


# What was handed in: it is written again in every round, and is its caller's to change meanwhile.


def _as_it_is(thing: R) -> R:
    """Return a copy of an instance that its owner's changes do not reach; a bare key is itself."""
    return copy.deepcopy(thing) if isinstance(thing, Stored) else thing


def _with_own_values(tree: T) -> T:
    """Return a condition or a change whose values are its own."""
    if tree is None or not tree.values:
        return tree
    copied = copy.copy(tree)
    copied.values = copy.deepcopy(tree.values)
    return copied


# What is stored.


def _assumed(target: Target[Any], item: Any, values: Mapping[str, str]) -> Before:
    """Return what is taken to be stored where an instance is written over it: its own values, or nothing."""
    spec = target.spec
    owned = [field for field in (spec.created, spec.version) if field is not None]
    is_new = bool(owned) and all(getattr(item, field.name) is UNSET for field in owned)
    return ABSENT if is_new else Before(values=values)


def _held_by(target: Target[Any], parts: KeyParts, touched: Sequence[FieldSpec]) -> Before | None:
    """Return what an instance that stands for a key says to be stored, or None for a bare key."""
    return None if parts.item is None else Before(values=values_of(target, parts.item, touched))


def values_of(target: Target[Any], item: Any, fields: Iterable[FieldSpec]) -> dict[str, str]:
    """Return what an instance's fields are stored as, in canonical form, for those that are stored."""
    texts = {f.name: target.record.encode_field(f.name, value_of(target, item, f)) for f in fields}
    return {name: canonical(text) for name, text in texts.items() if text is not None}


def pinned(target: Target[Any], fields: Iterable[FieldSpec], before: Before) -> Condition[Any]:
    """Return the condition that the unique fields of the stored item are as assumed."""
    if not before.is_there:
        return absent(target)
    pin, *others = [_is_stored(field, before.values.get(field.name)) for field in fields]
    for other in others:
        pin &= other
    return pin


def _is_stored(field: FieldSpec, text: str | None) -> Condition[Any]:
    place = Place(WithoutField, (field.attribute,), is_secret=True)
    if text is None:
        return Condition(("missing", place))
    return Condition(("compare", "=", place, None, SlotRole.PLAIN), (text,))


def _version_in(target: Target[Any], before: Before) -> int | None:
    version = target.spec.version
    text = None if version is None else before.item.get(version.attribute)
    return None if text is None else int(json.loads(text)["N"])


def _same_version(target: Target[Any], before: Before) -> Condition[Any] | None:
    if target.spec.version is None:
        return None
    stored = _version_in(target, before)
    return has_no_version(target) if stored is None else version_is(target, stored)


def _first_texts(target: Target[Any], item: Any, now: datetime) -> dict[str, str]:
    """Return the attributes that an upsert stores where they are not there yet."""
    spec = target.spec
    kept: Kept | None = getattr(item, KEPT, None)
    first = dict(kept.unknown) if kept is not None else {}
    if spec.entity is not None:
        first[ENTITY_ATTRIBUTE] = f'{{"S":{quote(spec.entity)}}}'
    if spec.created is not None:
        first[spec.created.attribute] = f'{{"S":"{timestamp_text(now)}"}}'
    return first


def _stored_after(
    target: Target[M],
    item: M,
    saved: Iterable[FieldSpec],
    before: Before,
    now: datetime,
    *,
    version: int,
    first: Mapping[str, str] | None = None,
) -> M:
    """Return the instance that is stored once these fields of another are written over what was there."""
    spec, record = target.spec, target.record
    key = json.loads(key_parts(record, item).text)
    texts = {**{name: json.dumps(value) for name, value in key.items()}, **(first or {}), **before.item}
    for field in saved:
        text = record.encode_field(field.name, value_of(target, item, field))
        texts.pop(field.attribute, None)
        if text is not None:
            texts[field.attribute] = text
    if spec.updated is not None:
        texts[spec.updated.attribute] = f'{{"S":"{timestamp_text(now)}"}}'
    if spec.version is not None:
        texts[spec.version.attribute] = f'{{"N":"{version}"}}'
    members = ",".join(f"{quote(name)}:{text}" for name, text in texts.items())
    return cast("M", record.decode_item(f'{{"Item":{{{members}}}}}'))


# What an update does to unique fields.


def _changed(target: Target[Any], changes: Iterable[Update[Any]]) -> dict[str, str | None]:
    """Return the unique fields that changes write, with their canonical text, or None where removed.

    Raises:
        InvalidExpression: What a field has after a change cannot be told from the change.
    """
    found: dict[str, str | None] = {}
    unique = {field.name: field for field in target.spec.unique_fields}
    for change in changes:
        if change.place is None:
            _refuse_raw(target, change)
            continue
        field = unique.get(str(change.place.steps[0]))
        if field is None:
            continue
        if change.form[0] not in ("set", "remove") or len(change.place.steps) > 1:
            raise InvalidExpression(
                f"an update of {target.spec.name}.{field.name} other than set(value) and remove()",
                why="it is unique, and the value that is to be claimed must be known",
                fix="set the new value itself",
                code="plan.unique-change",
            )
        text = target.record.encode_field(field.name, change.values[0]) if change.values else None
        found[field.name] = None if text is None else canonical(text)
    return found


def _refuse_raw(target: Target[Any], change: Update[Any]) -> None:
    _, text, names, _ = change.form
    words = {*re.findall(r"\w+", text), *(attribute for _, attribute in names)}
    for field in target.spec.unique_fields:
        if field.attribute in words:
            raise InvalidExpression(
                f"a raw change speaks of {target.spec.name}.{field.name}, which is unique",
                why="the value that is to be claimed must be known",
                fix=f"use {target.spec.name}.{field.name}.set(value)",
                code="plan.unique-change",
            )
