"""The models of the program, their specs, and paths and conditions made from names at run time.

The registry is one of the two pieces of module state of the library. It holds classes weakly, so
that a class defined in a test goes with the test.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from dynamorm_async.errors import InvalidExpression, InvalidModel, quoted
from dynamorm_async.expressions import Condition, Path
from dynamorm_async.model.spec import ModelSpec

M = TypeVar("M")

SPEC = "__dynamorm__"
_MODELS: WeakValueDictionary[tuple[str, str], type[Any]] = WeakValueDictionary()


def register_model(cls: type[Any]) -> None:
    """Note a model; one of the same module and qualified name replaces the earlier."""
    _MODELS[cls.__module__, cls.__qualname__] = cls


def registered_models() -> tuple[type[Any], ...]:
    """Return every model that is alive, by module and name."""
    return tuple(cls for _, cls in sorted(_MODELS.items()))


def spec_of(cls: type[Any]) -> ModelSpec:
    """Return what a class says as a model.

    Raises:
        InvalidModel: The class is not decorated with `@model`; a subclass of a model needs its own.
    """
    spec = getattr(cls, "__dict__", {}).get(SPEC)
    if spec is None:
        name = getattr(cls, "__name__", quoted(cls))
        raise InvalidModel(
            f"{name} is not a model",
            fix=f"decorate the class: @model(table=...) class {name}",
            code="model.not-a-model",
        )
    return cast("ModelSpec", spec)


def path_of(cls: type[M], field: str | Sequence[str | int]) -> Path[M, Any]:
    """Return the path of a field named at run time.

    Args:
        cls: The model.
        field: A field's Python name, or a sequence: the name, then keys and indexes. Names are
            never split, so a name with a dot is one name.

    Raises:
        InvalidExpression: The model has no such field.
    """
    spec = spec_of(cls)
    # What comes from outside may be anything.
    steps: tuple[object, ...] = tuple(field) if isinstance(field, (list, tuple)) else (field,)
    first, *rest = steps or ("",)
    if not isinstance(first, str) or first not in spec.fields:
        raise InvalidExpression(
            f"{spec.name} has no field {quoted(first)}",
            fix=f"use one of {', '.join(spec.fields)}",
            code="model.unknown-field",
        )
    path: Path[M, Any] = getattr(cls, first)
    for step in rest:
        path = path[cast("Any", step)]
    return path


def condition(
    cls: type[M], field: str | Sequence[str | int], operator: str, value: object = None
) -> Condition[M]:
    """Return a condition written at run time, for filters that come from outside.

    Args:
        cls: The model.
        field: A field's name, or a sequence of name, keys and indexes.
        operator: `=  !=  <>  <  <=  >  >=  between  in  begins_with  contains  exists  not_exists
            is_null  is_not_null  type`, or a comparison or `between` after `size`: `size >`.
        value: The operand; a pair for `between`, an iterable for `in`, left out where none is needed.

    Raises:
        InvalidExpression: The field or the operator is not known, or the operand does not fit it.
    """
    path = path_of(cls, field)
    name = " ".join(str(operator).lower().replace("_", " ").split())
    make = _OPERATORS.get(name)
    of_size = name.removeprefix("size ")
    operand: Any = path
    if make is None and of_size in (*_COMPARISONS, "between"):
        make, operand = _OPERATORS[of_size], path.size()
    if make is not None:
        return cast("Condition[M]", make(operand, value))
    raise InvalidExpression(
        f"{quoted(operator)} is no operator",
        fix="use = != < <= > >= between in begins_with contains exists not_exists is_null "
        "is_not_null type, or 'size >' and the like",
        code="model.unknown-operator",
    )


def _between(path: Any, value: Any) -> Any:
    if isinstance(value, (list, tuple)) and len(cast("Sequence[Any]", value)) == 2:
        low, high = cast("Sequence[Any]", value)
        return path.between(low, high)
    raise InvalidExpression(
        f"between takes a pair, not {quoted(cast('object', value))}",
        fix="hand in (low, high), both included",
        code="model.between",
    )


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": python.eq,
    "==": python.eq,
    "!=": python.ne,
    "<>": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    **_COMPARISONS,
    "between": _between,
    "in": lambda path, value: path.is_in(value),
    "begins with": lambda path, value: path.begins_with(value),
    "contains": lambda path, value: path.contains(value),
    "exists": lambda path, _: path.exists(),
    "not exists": lambda path, _: path.not_exists(),
    "is null": lambda path, _: path.is_null(),
    "is not null": lambda path, _: ~path.is_null(),
    "type": lambda path, value: path.is_type(value),
}
