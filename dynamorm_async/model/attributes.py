"""How a field is declared: `Attr[T]`, and the functions that stand on its right-hand side.

For a type checker an instance reads `T` and the class reads `Path[M, T]`; at run time the
declarations are collected by `@model` and disappear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar, cast, overload

import attrs

from dynamorm_async.expressions import Condition, Path
from dynamorm_async.model.spec import Role

M = TypeVar("M")
T = TypeVar("T")

Validator = Callable[[Any, Any, Any], Any] | Sequence[Callable[[Any, Any, Any], Any]]


class Attr(Generic[T]):
    """The type of a model's field: an instance reads `T`, the class reads `Path[M, T]`."""

    @overload
    def __get__(self, instance: None, owner: type[M]) -> Path[M, T]: ...
    @overload
    def __get__(self, instance: object, owner: type[Any]) -> T: ...
    def __get__(self, instance: object | None, owner: type[Any]) -> Any:
        """Return the path on the class, the value on an instance."""
        raise TypeError("Attr stands in annotations only; decorate the class with @model")

    def __set__(self, instance: object, value: T) -> None:
        """Set the value on an instance."""
        raise TypeError("Attr stands in annotations only; decorate the class with @model")


@attrs.frozen(kw_only=True)
class Declaration:
    """What one field's right-hand side said."""

    role: Role
    options: dict[str, Any]


@overload
def attribute(
    *,
    default: T,
    name: str | None = None,
    omit_empty: bool = False,
    null: bool = False,
    unique: bool = False,
    validator: Validator | None = None,
    converter: Callable[[Any], Any] | None = None,
    repr: bool = True,
) -> Attr[T]: ...
@overload
def attribute(
    *,
    factory: Callable[[], T],
    name: str | None = None,
    omit_empty: bool = False,
    null: bool = False,
    unique: bool = False,
    validator: Validator | None = None,
    converter: Callable[[Any], Any] | None = None,
    repr: bool = True,
) -> Attr[T]: ...
@overload
def attribute(
    *,
    template: str,
    when: Callable[[Any], Condition[Any]] | None = None,
    name: str | None = None,
    unique: bool = False,
    init: Literal[False] = False,
    repr: bool = True,
) -> Any: ...
@overload
def attribute(
    *,
    name: str | None = None,
    omit_empty: bool = False,
    null: bool = False,
    unique: bool = False,
    validator: Validator | None = None,
    converter: Callable[[Any], Any] | None = None,
    repr: bool = True,
) -> Any: ...
def attribute(**options: Any) -> Any:  # noqa: D417 - the overloads have the names
    """Declare a field.

    Args:
        default: The value where none is given, and where the stored item has no such attribute.
        factory: Makes that value; for lists, sets and dicts.
        name: The attribute's name on the wire; the field's own name by default.
        omit_empty: Leave the attribute out where the value is empty: None, "", 0, False, an empty
            collection, a structure whose fields are all empty. Needs an empty default.
        null: Store NULL instead of leaving the attribute out.
        unique: Let no two items of the model have the same value, None apart. Claims on the values
            are kept in the table `<table>-unique`, in the transaction of each write.
        template: Compute the value from other fields, `"STATUS#{status}"`; it is written with the
            item and not given to the constructor.
        when: A function of the model that gives a condition on its fields, `lambda order: order.state ==
            "open"`: the template's value is stored only in items that meet it, so that an index on the
            field holds these alone. A write that ends the condition removes the value.
        validator: As in attrs; runs when an item is read, too.
        converter: As in attrs; runs when an item is read, too.
        repr: Whether the value shows in the repr of an instance and in readable conditions; False
            for secrets.
    """
    return Declaration(role=Role.PLAIN, options=options)


@overload
def partition_key(*, template: str, name: str | None = None, init: Literal[False] = False) -> Any: ...
@overload
def partition_key(*, name: str | None = None) -> Any: ...
def partition_key(**options: Any) -> Any:  # noqa: D417 - the overloads have the names
    """Declare the partition key: str, bytes, a number, or a type that is stored as one of them.

    Args:
        name: The attribute's name on the wire.
        template: Compute the key from other fields, `"USER#{user}"`.
    """
    return Declaration(role=Role.PARTITION_KEY, options=options)


@overload
def sort_key(*, template: str, name: str | None = None, init: Literal[False] = False) -> Any: ...
@overload
def sort_key(*, name: str | None = None) -> Any: ...
def sort_key(**options: Any) -> Any:
    """Declare the sort key; see `partition_key`. A template without fields is a constant."""
    return Declaration(role=Role.SORT_KEY, options=options)


def created_at(*, name: str | None = None, init: Literal[False] = False) -> Attr[datetime]:
    """Declare the field that holds when the item was created; the library fills it.

    Stored as RFC 3339 in UTC with nine fractional digits; never changed afterwards.
    """
    return _special(Role.CREATED, name, init=init)


def updated_at(*, name: str | None = None, init: Literal[False] = False) -> Attr[datetime]:
    """Declare the field that holds when the item was last written; the library fills it."""
    return _special(Role.UPDATED, name, init=init)


def version(*, name: str | None = None, init: Literal[False] = False) -> Attr[int]:
    """Declare the field that counts the writes: 0 on create, 1 more on every update.

    An instance that holds a version is only written over the same stored version; otherwise the
    write fails with `VersionConflict`.
    """
    return _special(Role.VERSION, name, init=init)


@overload
def ttl(*, default: T, name: str | None = None) -> Attr[T]: ...
@overload
def ttl(*, name: str | None = None) -> Any: ...
def ttl(**options: Any) -> Any:
    """Declare when the item expires: a datetime, or whole seconds since 1970 as an int.

    Stored as N, whole seconds. `ensure_table` turns time-to-live on for it. The service deletes
    expired items within a few days, until then they are read like others.
    """
    return Declaration(role=Role.TTL, options=options)


def _special(role: Role, name: str | None, *, init: bool) -> Attr[Any]:
    # `init` is for type checkers, which read its default; giving it is an unknown option.
    options = {key: value for key, value in (("name", name), ("init", init or None)) if value is not None}
    return cast("Attr[Any]", Declaration(role=role, options=options))
