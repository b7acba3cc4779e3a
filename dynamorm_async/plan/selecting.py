"""What `select` means: some fields of a model, read into another class or into dicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from dynamorm_async.codecs import Columns, View
from dynamorm_async.errors import InvalidRequest
from dynamorm_async.expressions import Path
from dynamorm_async.plan.names import field_name
from dynamorm_async.plan.target import Target

Chosen = type[Any] | tuple[str, ...]
"""A view class, or names of fields."""


def chosen(target: Target[Any], *wanted: object) -> Chosen:
    """Return what is selected: a view as it is, fields by their names, each once.

    Raises:
        InvalidRequest: Nothing, or the model has no such field.
    """
    if len(wanted) == 1 and isinstance(wanted[0], type):
        return wanted[0]
    if not wanted:
        raise InvalidRequest("select() got nothing", fix="name a view or fields")
    return tuple(dict.fromkeys(field_name(target, each, what="select") for each in wanted))


def chosen_of(target: Target[Any], select: object) -> Chosen:
    """Return what the argument `select=` of a verb says: a view, one field, or several; as `chosen`."""
    if isinstance(select, (type, str, Path)) or not isinstance(select, Iterable):
        return chosen(target, cast("object", select))
    return chosen(target, *cast("Iterable[object]", select))


def reader_of(target: Target[Any], choice: Chosen, *, absent: object = None) -> View[Any] | Columns:
    """Return what reads the items; made once for each choice.

    Args:
        target: The model's.
        choice: What is selected.
        absent: What stands for an attribute that is not stored; None for the field's default.

    Raises:
        InvalidModel: The view is none of this model.
    """
    if isinstance(choice, tuple):
        return target.remembered(
            ("columns", choice, absent), lambda: Columns(target.record, choice, absent=absent)
        )
    return target.remembered(("view", choice), lambda: View(target.record, choice))
