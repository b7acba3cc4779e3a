"""The conditions and changes of writes: the library's own, those of whole fields, and the user's.

Takes a target, instances and what the user wrote; gives conditions and updates that keep keys,
templates and the library's own fields right, or refuses what would not. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from dynamorm_async.codecs import quote
from dynamorm_async.errors import InvalidExpression, quoted
from dynamorm_async.expressions import Condition, Path, Place, Update, raw_names, readable
from dynamorm_async.expressions import Role as SlotRole
from dynamorm_async.model import ENTITY_ATTRIBUTE, KEPT, UNSET, FieldSpec, Kept, Role
from dynamorm_async.plan.target import Target, WithoutField

M = TypeVar("M")

_OWNED = (Role.CREATED, Role.UPDATED, Role.VERSION)


# Conditions and changes of the library's own.


def place_of(target: Target[Any], field: FieldSpec) -> Place:
    """Return the place of a field."""
    return target.place(field.name)


def absent(target: Target[Any]) -> Condition[Any]:
    """Return the condition that no item of this key is stored."""
    return Condition(("missing", place_of(target, target.spec.partition_key)))


def exists(target: Target[Any]) -> Condition[Any]:
    """Return the condition that an item of this key is stored."""
    return Condition(("exists", place_of(target, target.spec.partition_key)))


def version_is(target: Target[Any], held: int) -> Condition[Any]:
    """Return the condition that the stored version is `held`."""
    version = cast("FieldSpec", target.spec.version)
    return Condition(("compare", "=", place_of(target, version), None, SlotRole.VALUE), (held,))


def has_no_version(target: Target[Any]) -> Condition[Any]:
    """Return the condition that the stored item has no version."""
    return Condition(("missing", place_of(target, cast("FieldSpec", target.spec.version))))


def entity_is(target: Target[Any]) -> Condition[Any] | None:
    """Return the condition that an item is of the model's entity, or None for a model without one."""
    if target.spec.entity is None:
        return None
    place, text = _entity(target.spec.entity)
    return Condition(("compare", "=", place, None, SlotRole.PLAIN), (text,))


def _entity(name: str) -> tuple[Place, str]:
    return Place(WithoutField, (ENTITY_ATTRIBUTE,)), f'{{"S":{quote(name)}}}'


def both(
    first: Condition[Any] | None, second: Condition[Any] | None, *, what: str = "when="
) -> Condition[Any] | None:
    """Return what demands both, or None where neither demands anything.

    Args:
        first: A condition of the library's own.
        second: The user's.
        what: What the user's is called.

    Raises:
        InvalidExpression: The user's is no condition.
    """
    if second is not None and not isinstance(second, Condition):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidExpression(
            f"{what}{quoted(second)} is no condition",
            fix="compare fields of the model: (Model.a < 3) & Model.b.exists()",
            code="plan.no-condition",
        )
    if first is None or second is None:
        return first if second is None else second
    return first & second


def set_to(target: Target[Any], field: FieldSpec, value: object) -> Update[Any]:
    """Return the change that stores a value in a field."""
    place = place_of(target, field)
    return Update("SET", place, ("set", place), (value,), repeatable=True)


def next_version(target: Target[Any], version: FieldSpec) -> Update[Any]:
    """Return the change that raises the stored version, or starts it at 0."""
    place = place_of(target, version)
    return Update("SET", place, ("next", place), (-1, 1), repeatable=False)


def touched(target: Target[Any], now: datetime) -> list[Update[Any]]:
    """Return the changes that say when the item was written."""
    return [] if target.spec.updated is None else [set_to(target, target.spec.updated, now)]


def first_stamps(target: Target[Any], item: Any, now: datetime) -> list[Update[Any]]:
    """Return the changes that tell only where the item is not there yet.

    They are entity, created, and what was read with the instance and has no field.
    """
    spec = target.spec
    changes: list[Update[Any]] = []
    if spec.entity is not None:
        place, text = _entity(spec.entity)
        changes.append(Update("SET", place, ("set", place), (text,), repeatable=True))
    if spec.created is not None:
        changes.append(Path[Any, Any](place_of(target, spec.created)).set_if_absent(now))
    kept: Kept | None = getattr(item, KEPT, None)
    for attribute, text in kept.unknown.items() if kept is not None else ():
        place = Place(WithoutField, (attribute,))
        changes.append(Update("SET", place, ("set-if-absent", place), (text,), repeatable=True))
    return changes


def held_version(target: Target[Any], item: Any) -> int | None:
    """Return the version that an instance holds, or None where it holds none."""
    version = target.spec.version
    held = UNSET if version is None else getattr(item, version.name)
    return None if held is UNSET else cast("int", held)


# Changes of whole fields, for save and upsert.


def saved_fields(
    target: Target[Any], fields: Sequence[Path[Any, Any] | str] | None, item: Any
) -> list[FieldSpec]:
    """Return the fields that save writes of an instance: the given ones, or all but keys and our own.

    Raises:
        InvalidExpression: One of the given is no field, may not be written, or leaves a template
            wrong; or none is given.
    """
    spec = target.spec
    if fields is None:
        return [f for f in spec.fields.values() if not f.is_key and f.role not in _OWNED]
    if isinstance(fields, (str, Path)):
        raise InvalidExpression(
            f"save(fields={quoted(fields)}) takes several fields", fix="put it in brackets: fields=[...]"
        )
    chosen = {field.name: field for field in (_saved_field(target, given) for given in fields)}
    if not chosen:
        raise InvalidExpression(
            f"save of {spec.name} with no fields", fix="name fields, or leave fields= out"
        )
    for field in list(spec.fields.values()):
        if _is_touched(field, chosen):
            known = (*chosen, *spec.key_arguments)
            if not target.record.is_ruled_out(field.name, item, known):
                _refuse_partial(target, field, chosen, known=known)
            chosen[field.name] = field
    return list(chosen.values())


def _saved_field(target: Target[Any], given: object) -> FieldSpec:
    spec = target.spec
    steps = given.place.steps if isinstance(given, Path) else (given,)
    field = spec.fields.get(str(steps[0]))
    is_foreign = isinstance(given, Path) and not issubclass(spec.cls, given.place.owner)
    if field is None or is_foreign:
        raise InvalidExpression(
            f"{spec.name} has no field {quoted(cast('object', given))}",
            fix=f"use one of {', '.join(spec.fields)}",
            code="plan.unknown-field",
        )
    why = _why_not_saved(target, field, steps)
    if why is not None:
        raise InvalidExpression(
            f"save(fields=…) cannot write {spec.name}.{'.'.join(map(str, steps))}",
            why=why,
            fix="use update(...) for parts of a field" if len(steps) > 1 else "leave it out",
            code="plan.save-field",
        )
    return field


def _why_not_saved(target: Target[Any], field: FieldSpec, steps: Sequence[object]) -> str | None:
    if field.is_key or field.name in target.spec.key_arguments:
        return "it is a part of the key"
    if field.role in _OWNED:
        return "the library writes it"
    if field.template is not None:
        return f"it is computed from {', '.join(field.sources)}"
    return "it is only a part of a field" if len(steps) > 1 else None


def field_changes(target: Target[Any], item: Any, fields: Iterable[FieldSpec]) -> list[Update[Any]]:
    """Return the changes that store these fields of an instance as they are."""
    return [_change_to(target, field, value_of(target, item, field)) for field in fields]


def value_of(target: Target[Any], item: Any, field: FieldSpec) -> object:
    """Return the value of an instance's field as it is to be stored, a template's computed anew."""
    if field.template is None:
        return getattr(item, field.name)
    return target.record.computed(field.name, item)


def _change_to(target: Target[Any], field: FieldSpec, value: object) -> Update[Any]:
    if not target.record.is_left_out(field.name, value):
        return set_to(target, field, value)
    place = place_of(target, field)
    return Update("REMOVE", place, ("remove", place), repeatable=True)


# Changes that the user wrote.


def users_changes(
    target: Target[Any], wanted: Sequence[Update[Any]], key: Mapping[str, object]
) -> list[Update[Any]]:
    """Return the user's changes as they are sent, with those of the templates they touch.

    Raises:
        InvalidExpression: One is no change, changes a key or a field that the library writes, or
            leaves a template wrong; or there is none.
    """
    changes = [_checked(target, change) for change in wanted]
    if not changes:
        raise InvalidExpression(
            f"an update of {target.spec.name} changes nothing",
            fix="give at least one change: Model.field.set(...)",
            code="plan.empty-update",
        )
    return changes + _recomputed(target, wanted, key)


def _checked(target: Target[Any], change: Update[Any]) -> Update[Any]:
    """Return a user's change, as a removal where its value is one that is left out."""
    if not isinstance(change, Update):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidExpression(
            f"{quoted(change)} is no change",
            fix="give changes: Model.field.set(...), .add(...), .remove()",
            code="plan.no-change",
        )
    place = change.place
    if place is None:
        _check_by_hand(target, change)
        return change
    spec = target.spec
    target.record.resolve(place)
    field = spec.fields[str(place.steps[0])]
    if field.is_key or field.name in spec.key_arguments:
        raise InvalidExpression(
            f"an update cannot change {spec.name}.{place}",
            why="it is a part of the key, and an item cannot change its key",
            fix="create the item under the new key and delete the old one",
            code="plan.key-update",
        )
    if field.role in _OWNED or field.template is not None:
        raise InvalidExpression(
            f"an update cannot change {spec.name}.{place}",
            why="the library writes it",
            fix="leave it out"
            if field.template is None
            else f"change {', '.join(field.sources)}, of which it is made",
            code="plan.owned-field",
        )
    if change.form[0] == "set" and len(place.steps) == 1:
        return _change_to(target, field, change.values[0])
    return change


def _check_by_hand(target: Target[Any], change: Update[Any]) -> None:
    """Refuse text by hand that names what templates are made of, for nothing would make them anew."""
    named, fields = set(raw_names(change.form)), target.spec.fields
    for field in fields.values():
        made_of = [field, *(fields[name] for name in field.sources)] if field.template is not None else []
        if found := sorted(named & {each.attribute for each in made_of}):
            raise InvalidExpression(
                f"an update by hand names {', '.join(found)}",
                why=f"{target.spec.name}.{field.name} is made of it, and would not be made anew",
                fix="use changes of fields: Model.field.set(...)",
                code="plan.owned-field",
            )


def _recomputed(
    target: Target[Any], wanted: Sequence[Update[Any]], key: Mapping[str, object]
) -> list[Update[Any]]:
    """Return the changes of the templates whose parts are changed."""
    given = {str(change.place.steps[0]): change for change in wanted if change.place is not None}
    found: list[Update[Any]] = []
    for field in target.spec.fields.values():
        if not _is_touched(field, given):
            continue
        plain = {name: change for name, change in given.items() if _is_plain(change)}
        values = {**key, **{name: _set_value(target, name, change) for name, change in plain.items()}}
        text = None
        # What is removed reads as its default, and meets no comparison all the same.
        removed = {name: UNSET for name, change in plain.items() if not change.values}
        if not target.record.is_ruled_out(field.name, SimpleNamespace(**{**values, **removed}), values):
            _refuse_partial(target, field, given, known=values)
            text = target.record.filled(field.name, SimpleNamespace(**values))
        found.append(_change_to(target, field, text))
    return found


def _is_touched(field: FieldSpec, changed: Iterable[str]) -> bool:
    return field.template is not None and not field.is_key and not set(field.sources).isdisjoint(changed)


def _is_plain(change: Update[Any]) -> bool:
    place = cast("Place", change.place)
    return change.form[0] in ("set", "remove") and len(place.steps) == 1


def _set_value(target: Target[Any], name: str, change: Update[Any]) -> object:
    """Return what a field reads as after a change: what is set, or the default of one removed."""
    if change.values:
        return change.values[0]
    field = target.spec.fields[name]
    return field.make_default() if field.has_default else None


def _refuse_partial(
    target: Target[Any], field: FieldSpec, changed: Iterable[str], *, known: Iterable[str]
) -> None:
    """Refuse a change of a template's parts where the value of one of its parts is not known."""
    if set(field.sources) <= set(known):
        return
    parts = " and ".join(name for name in field.sources if name in set(changed))
    condition = "" if field.condition is None else f", and stored where {readable(field.condition)}"
    raise InvalidExpression(
        f"a change of {parts} leaves {target.spec.name}.{field.name} wrong",
        why=f"that field is made of {', '.join(field.template.fields if field.template else ())}{condition}",
        fix=f"set all of {', '.join(field.sources)} in the same request",
        code="plan.partial-template",
    )
