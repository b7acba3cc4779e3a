"""The models of the program, their specs, and paths and conditions made from names at run time.

The registry is one of the two pieces of module state of the library. It holds classes weakly, so
that a class defined in a test goes with the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

from dynamorm_async.errors import InvalidExpression, InvalidModel, quoted
from dynamorm_async.expressions import Condition, Path, Place
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
    steps = (field,) if isinstance(field, str) else tuple(field)
    spec = spec_of(cls)
    if not steps or steps[0] not in spec.fields:
        raise InvalidExpression(
            f"{spec.name} has no field {quoted(steps[0] if steps else '')}",
            fix=f"use one of {', '.join(spec.fields)}",
            code="model.unknown-field",
        )
    return Path(Place(cls, steps))


def condition(
    cls: type[M], field: str | Sequence[str | int], operator: str, value: object = None
) -> Condition[M]:
    """Return a condition written at run time, for filters that come from outside.

    Args:
        cls: The model.
        field: A field's name, or a sequence of name, keys and indexes.
        operator: `=  !=  <>  <  <=  >  >=  between  in  begins_with  contains  exists  not_exists
            is_null  is_not_null  type`, or one of the comparisons after `size`: `size >`.
        value: The operand; a pair for `between`, an iterable for `in`, left out where none is needed.

    Raises:
        InvalidExpression: The field or the operator is not known, or the operand does not fit it.
    """
    path = path_of(cls, field)
    place = path.place
    name = " ".join(operator.lower().replace("_", " ").split())
    of_size = name.startswith("size ")
    comparison = {"!=": "<>", "==": "="}.get(name.removeprefix("size "), name.removeprefix("size "))
    if comparison in ("=", "<>", "<", "<=", ">", ">="):
        if of_size:
            return Condition(("size", comparison, place), (value,))
        if comparison == "=":
            return path == value
        return path != value if comparison == "<>" else _compared(path, comparison, value)
    match name:
        case "between":
            low, high = _operands(value, operator, 2)
            return path.between(low, high)
        case "in":
            return path.is_in(_operands(value, operator, None))
        case "begins with":
            return path.begins_with(cast("str", value))
        case "contains":
            return path.contains(value)
        case "exists":
            return path.exists()
        case "not exists":
            return path.not_exists()
        case "is null":
            return path.is_null()
        case "is not null":
            return ~path.is_null()
        case "type":
            return path.is_type(cast("Any", value))
        case _:
            raise InvalidExpression(
                f"{quoted(operator)} is no operator",
                fix="use = != < <= > >= between in begins_with contains exists not_exists is_null "
                "is_not_null type, or 'size >' and the like",
                code="model.unknown-operator",
            )


def _compared(path: Path[M, Any], operator: str, value: object) -> Condition[M]:
    match operator:
        case "<":
            return path < value
        case "<=":
            return path <= value
        case ">":
            return path > value
        case _:
            return path >= value


def _operands(value: object, operator: str, count: int | None) -> tuple[Any, ...]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise InvalidExpression(f"{operator} takes several values, not {quoted(value)}")
    operands = tuple(cast("Sequence[Any]", value))
    if count is not None and len(operands) != count:
        raise InvalidExpression(f"{operator} takes {count} values, not {len(operands)}")
    return operands
