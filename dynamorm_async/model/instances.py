"""Copies of instances with some fields changed, the library's own fields and kept data included."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from dynamorm_async.errors import InvalidModel, InvalidValue, quoted
from dynamorm_async.model.registry import spec_of
from dynamorm_async.model.states import KEPT

M = TypeVar("M")


def evolve(item: M, **changes: Any) -> M:
    """Return a copy of `item` with some fields changed.

    Unlike `attrs.evolve`, it keeps created, updated, version and what was read without a field.
    The constructor makes the copy, so validators and converters run, those of other fields too.

    Args:
        item: The instance; it stays as it is.
        changes: Field name to new value, for fields that the constructor takes.

    Raises:
        InvalidValue: A field does not exist or belongs to the library.
    """
    spec = spec_of(type(item))
    for name in changes:
        field = spec.fields.get(name)
        if field is None or not field.in_init:
            raise InvalidValue(
                f"{spec.name} has no field {quoted(name)}"
                if field is None
                else "the library fills this field",
                path=f"{spec.name}.{name}",
                fix="for a version from outside, use with_version(item, n)"
                if field
                else f"use one of {', '.join(n for n, f in spec.fields.items() if f.in_init)}",
                code="model.evolve",
            )
    given = {name: getattr(item, name) for name, field in spec.fields.items() if field.in_init}
    made = type(item)(**{**given, **changes})
    for name, field in spec.fields.items():
        # A text computed from a changed field is out of date; it is computed when it is written.
        is_stale = field.template is not None and not changes.keys().isdisjoint(field.sources)
        if not field.in_init and not is_stale:
            object.__setattr__(made, name, getattr(item, name))
    kept = getattr(item, KEPT, None)
    if kept is not None:
        object.__setattr__(made, KEPT, kept)
    return made


def with_version(item: M, held: int) -> M:
    """Return a copy of `item` that holds version `held`, as from an `If-Match` header.

    Raises:
        InvalidModel: The model has no version field.
        InvalidValue: `held` is no whole number, or negative.
    """
    spec = spec_of(type(item))
    if spec.version is None:
        raise InvalidModel(
            f"{spec.name} has no version field",
            fix="declare one: revision: Attr[int] = version()",
            code="model.no-version",
        )
    if type(held) is not int or held < 0:
        raise InvalidValue(
            f"{quoted(held)} is no version",
            path=f"{spec.name}.{spec.version.name}",
            fix="use a whole number from 0",
            code="model.version",
        )
    copied = copy.copy(item)
    object.__setattr__(copied, spec.version.name, held)
    return copied
