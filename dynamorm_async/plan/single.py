"""The verbs of one item: get, find, create, put, save, update, upsert, delete.

Every condition and change that the library adds by itself, for existence, version and times,
is added here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, Literal, TypeVar, cast

from dynamorm_async.codecs import Stamps, timestamp_text
from dynamorm_async.errors import (
    ConditionFailed,
    DynamormError,
    InvalidExpression,
    InvalidValue,
    ItemNotFound,
    ServiceError,
    VersionConflict,
    quoted,
)
from dynamorm_async.expressions import Condition, Path, Place, Request, Update, readable
from dynamorm_async.expressions import Role as SlotRole
from dynamorm_async.model import ENTITY_ATTRIBUTE, KEPT, UNSET, FieldSpec, Kept, Role
from dynamorm_async.plan.keys import KeyParts, key_parts
from dynamorm_async.plan.plan import Estimate, Plan
from dynamorm_async.plan.target import Target
from dynamorm_async.wire import Call, Repeat, Reply, read_units, write_units

M = TypeVar("M")

Returning = Literal["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"]

_ONE_WRITE = Estimate(write_units=1.0)
_CONDITION_CODE = "ConditionalCheckFailedException"


def find(target: Target[M], key: object, *, consistent: bool) -> Plan[M | None]:
    """Return the plan of one GetItem whose result is None where there is no such item."""
    return _read_plan(target, key, consistent=consistent, read=target.record.decode_item)


def get(target: Target[M], key: object, *, consistent: bool) -> Plan[M]:
    """Return the plan of one GetItem whose result is ItemNotFound where there is no such item."""
    parts = key_parts(target.record, key)

    def read(body: bytes) -> M:
        item = target.record.decode_item(body)
        if item is None:
            raise ItemNotFound(
                f"no {target.spec.name} has the key {_shown(parts)}",
                fix="use find(...) where absence is expected",
                operation="GetItem",
                table=target.table,
                key=parts.values,
            )
        return item

    return _read_plan(target, parts, consistent=consistent, read=read)


def create(target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
    """Return the plan of one PutItem that fails where an item of the same key is stored."""
    condition = _both(_absent(target), when)
    stamps = Stamps(created=timestamp_text(now), updated=timestamp_text(now), version="0")
    return _put_plan(target, item, stamps, condition=condition, held=None)


def put(target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
    """Return the plan of one PutItem that overwrites; a held version is still checked."""
    held = _held(target, item)
    condition = _both(None if held is None else _version_is(target, held), when)
    stamps = Stamps(
        created=_created_text(target, item) or timestamp_text(now),
        updated=timestamp_text(now),
        version="0" if held is None else str(held + 1),
    )
    return _put_plan(target, item, stamps, condition=condition, held=held)


def save(
    target: Target[M],
    item: M,
    *,
    now: datetime,
    fields: Sequence[Path[M, Any] | str] | None,
    when: Condition[M] | None,
) -> Plan[M]:
    """Return the plan of one UpdateItem of an instance's fields under the version check.

    All fields but keys and created, or the given ones; an item that is absent is not created.
    """
    target.record.check_instance(item)
    chosen = _saved_fields(target, fields)
    held = _held(target, item)
    changes = [*_field_changes(target, item, chosen), *_touched(target, now)]
    version = target.spec.version
    condition: Condition[Any] | None = _exists(target)
    if version is not None:
        changes.append(_set(target, version, 0 if held is None else held + 1))
        unversioned = Condition[Any](("missing", _place(target, version)))
        condition = _both(condition, unversioned) if held is None else _version_is(target, held)
    return _instance_plan(
        target,
        key_parts(target.record, item),
        changes,
        condition=_both(condition, when),
        held=held,
        repeat=Repeat.GUARDED,
    )


def upsert(target: Target[M], item: M, *, now: datetime, when: Condition[M] | None) -> Plan[M]:
    """Return the plan of one UpdateItem that creates the item or writes over its fields.

    created keeps its stored value, the version starts at 0 or goes up by one.
    """
    target.record.check_instance(item)
    held = _held(target, item)
    spec = target.spec
    changes = [*_field_changes(target, item, _saved_fields(target, None)), *_touched(target, now)]
    if spec.entity is not None:
        place = Place(spec.cls, (ENTITY_ATTRIBUTE,))
        changes.append(Update("SET", place, ("set", place), (spec.entity,), repeatable=True))
    if spec.created is not None:
        changes.append(Path[M, Any](_place(target, spec.created)).set_if_absent(now))
    if spec.version is not None:
        changes.append(_next_version(target, spec.version))
    guard = None if held is None else _absent(target) | _version_is(target, held)
    condition = _both(guard, when)
    if held is not None:
        repeat = Repeat.GUARDED
    elif spec.version is not None:
        repeat = Repeat.NEVER
    else:
        repeat = Repeat.HARMLESS if condition is None else Repeat.GUARDED
    parts = key_parts(target.record, item)
    return _instance_plan(target, parts, changes, condition=condition, held=held, repeat=repeat)


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
    parts = key_parts(target.record, key)
    wanted = tuple(updates)
    for change in wanted:
        if not isinstance(change, Update):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidExpression(
                f"{quoted(change)} is no change",
                fix="give changes: Model.field.set(...), .add(...), .remove()",
                code="plan.no-change",
            )
    if not wanted:
        raise InvalidExpression(
            f"update of {target.spec.name} {_shown(parts)} changes nothing",
            fix="give at least one change: Model.field.set(...)",
            code="plan.empty-update",
        )
    changes = [_checked(target, change) for change in wanted]
    changes += [*_recomputed(target, changes), *_touched(target, now)]
    held = None if parts.item is None else _held(target, parts.item)
    version = target.spec.version
    repeatable = all(change.repeatable for change in changes)
    if version is not None:
        changes.append(_next_version(target, version) if held is None else _set(target, version, held + 1))
        repeatable = repeatable and held is not None
    condition = _exists(target) if held is None else _version_is(target, held)
    return _update_plan(
        target,
        parts,
        changes,
        condition=_both(condition, when),
        held=held,
        repeat=Repeat.GUARDED if repeatable or held is not None else Repeat.NEVER,
        returning=returning,
        read=_reader(target, returning, wanted),
    )


def delete(target: Target[M], key: object, *, when: Condition[M] | None) -> Plan[None]:
    """Return the plan of one DeleteItem; an absent item is fine where nothing is demanded of it."""
    parts = key_parts(target.record, key)
    held = None if parts.item is None else _held(target, parts.item)
    condition = _both(None if held is None else _version_is(target, held), when)
    request = Request(condition=condition)
    return Plan(
        first=_call(
            target,
            "DeleteItem",
            parts,
            target.body({"Key": parts.text, **_old_item(condition)}, request),
            repeat=Repeat.HARMLESS if condition is None else Repeat.GUARDED,
        ),
        read=_nothing,
        refused=_refusal(target, parts, condition, held),
        estimate=_ONE_WRITE,
        condition=None if condition is None else readable(condition),
    )


# What the verbs share.


def _read_plan(
    target: Target[Any], key: object, *, consistent: bool, read: Callable[[bytes], Any]
) -> Plan[Any]:
    parts = key if isinstance(key, KeyParts) else key_parts(target.record, key)
    members = {"Key": parts.text, **({"ConsistentRead": "true"} if consistent else {})}

    def read_reply(reply: Reply) -> Any:
        return read(reply.body)

    return Plan(
        first=_call(target, "GetItem", parts, target.body(members, Request())),
        read=read_reply,
        estimate=Estimate(read_units=read_units(1, consistent=consistent)),
    )


def _put_plan(
    target: Target[M], item: M, stamps: Stamps, *, condition: Condition[Any] | None, held: int | None
) -> Plan[M]:
    text = target.record.encode_item(item, stamps)
    parts = key_parts(target.record, item)
    body = target.body({"Item": text, **_old_item(condition)}, Request(condition=condition))

    # What was sent is what is stored, so the stored instance is read from it.
    def read(reply: Reply) -> M:
        del reply
        return cast("M", target.record.decode_item(f'{{"Item":{text}}}'))

    return Plan(
        first=_call(
            target, "PutItem", parts, body, repeat=Repeat.HARMLESS if condition is None else Repeat.GUARDED
        ),
        read=read,
        refused=_refusal(target, parts, condition, held),
        estimate=Estimate(write_units=write_units(len(text))),
        condition=None if condition is None else readable(condition),
    )


def _instance_plan(
    target: Target[M],
    parts: KeyParts,
    changes: list[Update[Any]],
    *,
    condition: Condition[Any] | None,
    held: int | None,
    repeat: Repeat,
) -> Plan[M]:
    return _update_plan(
        target,
        parts,
        changes,
        condition=condition,
        held=held,
        repeat=repeat,
        returning="ALL_NEW",
        read=_reader(target, "ALL_NEW", ()),
    )


def _update_plan(
    target: Target[Any],
    parts: KeyParts,
    changes: list[Update[Any]],
    *,
    condition: Condition[Any] | None,
    held: int | None,
    repeat: Repeat,
    returning: Returning,
    read: Callable[[Reply], Any],
) -> Plan[Any]:
    members = {"Key": parts.text, "ReturnValues": f'"{returning}"', **_old_item(condition)}
    body = target.body(members, Request(condition=condition, updates=tuple(changes)))
    return Plan(
        first=_call(target, "UpdateItem", parts, body, repeat=repeat),
        read=read,
        refused=_refusal(target, parts, condition, held),
        estimate=_ONE_WRITE,
        condition=None if condition is None else readable(condition),
    )


def _call(
    target: Target[Any], operation: str, parts: KeyParts, body: bytes, *, repeat: Repeat = Repeat.HARMLESS
) -> Call:
    return Call(operation=operation, body=body, tables=(target.table,), keys=(parts.values,), repeat=repeat)


def _old_item(condition: Condition[Any] | None) -> dict[str, str]:
    # Free of charge, and it tells a lost race from a failed condition.
    return {} if condition is None else {"ReturnValuesOnConditionCheckFailure": '"ALL_OLD"'}


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


def _refusal(
    target: Target[Any], parts: KeyParts, condition: Condition[Any] | None, held: int | None
) -> Callable[[ServiceError], DynamormError]:
    def refused(error: ServiceError) -> DynamormError:
        if error.service_code != _CONDITION_CODE or condition is None:
            return error
        stored = _stored_item(target, error)
        lost = held is not None and _stored_version(target, error) != str(held)
        cls = VersionConflict if lost else ConditionFailed
        found = "no item is stored" if not _has_item(error) else "another item is stored"
        return cls(
            f"{error.operation} of {target.spec.name} {_shown(parts)}: "
            + ("another writer was faster" if lost else "the condition does not hold"),
            why=f"demanded {readable(condition)}, and {found}",
            fix="read the item again and repeat the change (db.retry_on_conflict does)" if lost else None,
            operation=error.operation,
            table=target.table,
            key=parts.values,
            item=stored,
            condition=readable(condition),
            service_code=error.service_code,
            request_id=error.request_id,
            attempts=error.attempts,
        )

    return refused


def _has_item(error: ServiceError) -> bool:
    return b'"Item"' in error.body


def _stored_item(target: Target[Any], error: ServiceError) -> Any:
    """Return the item that the condition met, or None where there is none or it is of another shape."""
    if not _has_item(error):
        return None
    try:
        return target.record.decode_item(error.body)
    except InvalidValue:
        # The failed condition is the news; an item that the model cannot read must not hide it.
        return None


def _stored_version(target: Target[Any], error: ServiceError) -> str | None:
    version = target.spec.version
    if version is None or not _has_item(error):
        return None
    return target.record.stored_text(error.body, version.attribute)


def _shown(parts: KeyParts) -> str:
    return quoted(
        next(iter(parts.values.values())) if len(parts.values) == 1 else tuple(parts.values.values())
    )


# Conditions and changes of the library's own.


def _place(target: Target[Any], field: FieldSpec) -> Place:
    return Place(target.spec.cls, (field.name,))


def _absent(target: Target[Any]) -> Condition[Any]:
    return Condition(("missing", _place(target, target.spec.partition_key)))


def _exists(target: Target[Any]) -> Condition[Any]:
    return Condition(("exists", _place(target, target.spec.partition_key)))


def _version_is(target: Target[Any], held: int) -> Condition[Any]:
    version = cast("FieldSpec", target.spec.version)
    return Condition(("compare", "=", _place(target, version), None, SlotRole.VALUE), (held,))


def _both(first: Condition[Any] | None, second: Condition[Any] | None) -> Condition[Any] | None:
    """Return what demands both; `second` is the user's `when=`."""
    if second is not None and not isinstance(second, Condition):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidExpression(
            f"when={quoted(second)} is no condition",
            fix="compare fields of the model: when=(Model.a < 3) & Model.b.exists()",
            code="plan.no-condition",
        )
    if first is None or second is None:
        return first if second is None else second
    return first & second


def _set(target: Target[Any], field: FieldSpec, value: object) -> Update[Any]:
    place = _place(target, field)
    return Update("SET", place, ("set", place), (value,), repeatable=True)


def _next_version(target: Target[Any], version: FieldSpec) -> Update[Any]:
    place = _place(target, version)
    return Update("SET", place, ("next", place), (-1, 1), repeatable=False)


def _touched(target: Target[Any], now: datetime) -> list[Update[Any]]:
    return [] if target.spec.updated is None else [_set(target, target.spec.updated, now)]


def _held(target: Target[Any], item: Any) -> int | None:
    """Return the version that an instance holds, or None where it holds none."""
    version = target.spec.version
    held = UNSET if version is None else getattr(item, version.name)
    return None if held is UNSET else cast("int", held)


def _created_text(target: Target[Any], item: Any) -> str | None:
    """Return what created says, to the last stored digit, or None where the item was never stored."""
    field = target.spec.created
    value = UNSET if field is None else getattr(item, field.name)
    if value is UNSET:
        return None
    kept: Kept | None = getattr(item, KEPT, None)
    return kept.created if kept is not None and kept.created is not None else timestamp_text(value)


# Changes of whole fields, for save and upsert.


def _saved_fields(target: Target[Any], fields: Sequence[Path[Any, Any] | str] | None) -> list[FieldSpec]:
    spec = target.spec
    library_owned = (Role.CREATED, Role.UPDATED, Role.VERSION)
    if fields is None:
        return [f for f in spec.fields.values() if not f.is_key and f.role not in library_owned]
    chosen: dict[str, FieldSpec] = {}
    for given in fields:
        steps = (given,) if isinstance(given, str) else given.place.steps
        field = spec.fields.get(str(steps[0]))
        if field is None or (not isinstance(given, str) and not issubclass(spec.cls, given.place.owner)):
            raise InvalidExpression(
                f"{spec.name} has no field {quoted(given)}",
                fix=f"use one of {', '.join(spec.fields)}",
                code="plan.unknown-field",
            )
        is_part = field.name in spec.key_arguments
        if field.is_key or is_part or field.role in library_owned or len(steps) > 1:
            raise InvalidExpression(
                f"save(fields=…) cannot write {spec.name}.{'.'.join(map(str, steps))}",
                why="it is a part of the key"
                if field.is_key or is_part
                else "the library writes it"
                if len(steps) == 1
                else "it is only a part of a field",
                fix="leave it out" if len(steps) == 1 else "use update(...) for parts of a field",
                code="plan.save-field",
            )
        chosen[field.name] = field
    if not chosen:
        raise InvalidExpression(
            f"save of {spec.name} with no fields", fix="name fields, or leave fields= out"
        )
    for field in spec.fields.values():
        if field.template is not None and not field.is_key and set(field.template.fields) & set(chosen):
            chosen[field.name] = field
    return list(chosen.values())


def _field_changes(target: Target[Any], item: Any, fields: Iterable[FieldSpec]) -> list[Update[Any]]:
    return [_change_to(target, field, _value_of(target, item, field)) for field in fields]


def _value_of(target: Target[Any], item: Any, field: FieldSpec) -> object:
    if field.template is None:
        return getattr(item, field.name)
    return target.record.computed(field.name, item)


def _change_to(target: Target[Any], field: FieldSpec, value: object) -> Update[Any]:
    place = _place(target, field)
    if target.record.is_left_out(field.name, value):
        return Update("REMOVE", place, ("remove", place), repeatable=True)
    return Update("SET", place, ("set", place), (value,), repeatable=True)


# Changes that the user wrote.


def _checked(target: Target[M], change: Update[M]) -> Update[M]:
    """Return a user's change, as a removal where its value is one that is left out.

    Raises:
        InvalidExpression: It changes a key, or a field that the library writes.
    """
    place = change.place
    if place is None:
        return change
    spec = target.spec
    target.record.resolve(place)
    field = spec.fields[str(place.steps[0])]
    is_part = field.name in spec.key_arguments
    if field.is_key or is_part:
        raise InvalidExpression(
            f"an update cannot change {spec.name}.{place}",
            why="it is a part of the key, and an item cannot change its key",
            fix="create the item under the new key and delete the old one",
            code="plan.key-update",
        )
    if field.role in (Role.CREATED, Role.UPDATED, Role.VERSION) or field.template is not None:
        raise InvalidExpression(
            f"an update cannot change {spec.name}.{place}",
            why="the library writes it",
            code="plan.owned-field",
        )
    is_whole_set = change.form[0] == "set" and len(place.steps) == 1
    if is_whole_set and target.record.is_left_out(field.name, change.values[0]):
        return Update("REMOVE", place, ("remove", place), repeatable=True)
    return change


def _recomputed(target: Target[Any], changes: Sequence[Update[Any]]) -> list[Update[Any]]:
    """Return the changes of templates whose parts are changed.

    Raises:
        InvalidExpression: Only some of a template's parts are given, or not as plain values.
    """
    found: list[Update[Any]] = []
    given = {str(change.place.steps[0]): change for change in changes if change.place is not None}
    for field in target.spec.fields.values():
        if field.template is None or field.is_key or not set(field.template.fields) & set(given):
            continue
        values: dict[str, object] = {}
        for name in field.template.fields:
            change = given.get(name)
            if (
                change is None
                or change.form[0] not in ("set", "remove")
                or len(cast("Place", change.place).steps) > 1
            ):
                raise InvalidExpression(
                    f"an update of {' and '.join(sorted(set(field.template.fields) & set(given)))} "
                    f"leaves {target.spec.name}.{field.name} wrong",
                    why=f"that field is made of {', '.join(field.template.fields)}",
                    fix=f"set all of {', '.join(field.template.fields)} in the same update",
                    code="plan.partial-template",
                )
            values[name] = change.values[0] if change.values else None
        text = target.record.computed(field.name, SimpleNamespace(**values))
        found.append(_change_to(target, field, text))
    return found
