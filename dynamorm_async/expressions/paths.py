"""What a field is on its class: the beginning of every condition and update.

A `Path[M, T]` belongs to model `M` and holds values of type `T`; its methods make `Condition[M]`
and `Update[M]` and check nothing that a type checker sees. A path on the right-hand side means
the stored attribute.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Generic,
    Literal,
    NoReturn,
    Protocol,
    TypeVar,
    cast,
    get_args,
    overload,
)

import attrs

from dynamorm_async.errors import InvalidExpression, quoted
from dynamorm_async.expressions.forms import Form, Place, Role
from dynamorm_async.expressions.trees import Condition, Update, no_truth

M = TypeVar("M", contravariant=True)
OtherM = TypeVar("OtherM")
T = TypeVar("T")
E = TypeVar("E")
V = TypeVar("V")


class Structure(Protocol):
    """An attrs class or a dataclass as type checkers see one: the only other thing with parts."""

    @property
    def __match_args__(self) -> tuple[Any, ...]: ...


S = TypeVar("S", bound=Structure)

TypeTag = Literal["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"]


class Size(Generic[M]):
    """The size of an attribute, as a number to compare: characters, bytes, or elements."""

    __slots__ = ("_place",)
    __hash__ = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def __init__(self, place: Place) -> None:
        self._place = place

    def __eq__(self, other: int) -> Condition[M]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compared("=", other)

    def __ne__(self, other: int) -> Condition[M]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._compared("<>", other)

    def __lt__(self, other: int) -> Condition[M]:
        return self._compared("<", other)

    def __le__(self, other: int) -> Condition[M]:
        return self._compared("<=", other)

    def __gt__(self, other: int) -> Condition[M]:
        return self._compared(">", other)

    def __ge__(self, other: int) -> Condition[M]:
        return self._compared(">=", other)

    def __bool__(self) -> NoReturn:
        raise no_truth("a size")

    def between(self, low: int, high: int) -> Condition[M]:
        """Hold where the size is at least `low` and at most `high`."""
        return Condition(("size-between", self._place), (low, high))

    def _compared(self, operator: str, other: int) -> Condition[M]:
        return Condition(("size", operator, self._place), (other,))


class Path(Generic[M, T]):
    """A field of model `M`, or a place inside it, whose values are of type `T`."""

    __slots__ = ("place",)
    __hash__ = object.__hash__
    # `in` and iteration would fall back on __getitem__ and never end.
    __iter__: ClassVar[None] = None
    __contains__: ClassVar[None] = None

    def __init__(self, place: Place) -> None:
        self.place = place

    # `Bookmark.active and ...` would quietly drop the field.
    def __bool__(self) -> NoReturn:
        raise no_truth("a field of a model class")

    # Slips that type checkers refuse, and that Python would answer without a hint.
    if not TYPE_CHECKING:

        def __and__(self, other: object) -> NoReturn:
            raise _slip(self, "stands beside & or |", "put each comparison in parentheses: (a < 3) & (b > 1)")

        __rand__ = __or__ = __ror__ = __and__

        def __add__(self, other: object) -> NoReturn:
            raise _slip(self, "is no number in Python", "use .add(...) or .subtract(...) as a change")

        __radd__ = __sub__ = __rsub__ = __add__

        def __len__(self) -> NoReturn:
            raise _slip(self, "has no length in Python", "use .size() in a condition")

        def __getattr__(self, name: str) -> NoReturn:
            message = f"{self!r} has no attribute {name!r}; a part of a value is reached by [{name!r}]"
            raise AttributeError(message)

    def __repr__(self) -> str:
        return f"<Path {self.place.owner.__name__}.{self.place}>"

    @overload
    def __getitem__(self: Path[OtherM, list[E]], key: int) -> Path[OtherM, E]: ...
    @overload
    def __getitem__(self: Path[OtherM, list[E] | None], key: int) -> Path[OtherM, E]: ...
    @overload
    def __getitem__(self: Path[OtherM, tuple[E, ...]], key: int) -> Path[OtherM, E]: ...
    @overload
    def __getitem__(self: Path[OtherM, tuple[E, ...] | None], key: int) -> Path[OtherM, E]: ...
    @overload
    def __getitem__(self: Path[OtherM, Sequence[E]], key: int) -> Path[OtherM, E]: ...
    @overload
    def __getitem__(self: Path[OtherM, Sequence[E] | None], key: int) -> Path[OtherM, E]: ...
    @overload
    def __getitem__(self: Path[OtherM, dict[str, V]], key: str) -> Path[OtherM, V]: ...
    @overload
    def __getitem__(self: Path[OtherM, dict[str, V] | None], key: str) -> Path[OtherM, V]: ...
    @overload
    def __getitem__(self: Path[OtherM, Mapping[str, V]], key: str) -> Path[OtherM, V]: ...
    @overload
    def __getitem__(self: Path[OtherM, Mapping[str, V] | None], key: str) -> Path[OtherM, V]: ...
    @overload
    def __getitem__(self: Path[OtherM, S], key: str) -> Path[OtherM, Any]: ...
    @overload
    def __getitem__(self: Path[OtherM, S | None], key: str) -> Path[OtherM, Any]: ...
    def __getitem__(self, key: str | int) -> Path[Any, Any]:
        """Return the path of one entry: a map's key, a nested class's field, a list's index."""
        if isinstance(key, bool) or not isinstance(key, (str, int)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidExpression(f"{self.place}[{quoted(key)}]: a path takes names and whole numbers")
        if isinstance(key, int) and key < 0:
            raise InvalidExpression(
                f"{self.place}[{key}]: the service counts list elements from 0, not from the end",
                code="expressions.negative-index",
            )
        return Path(attrs.evolve(self.place, steps=(*self.place.steps, key)))

    # Conditions.

    def __eq__(self, other: T | Path[Any, T]) -> Condition[M]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.is_null() if other is None else self._compared("=", other)

    def __ne__(self, other: T | Path[Any, T]) -> Condition[M]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return ~self.is_null() if other is None else self._compared("<>", other)

    def __lt__(self, other: T | Path[Any, T]) -> Condition[M]:
        return self._compared("<", other)

    def __le__(self, other: T | Path[Any, T]) -> Condition[M]:
        return self._compared("<=", other)

    def __gt__(self, other: T | Path[Any, T]) -> Condition[M]:
        return self._compared(">", other)

    def __ge__(self, other: T | Path[Any, T]) -> Condition[M]:
        return self._compared(">=", other)

    def eq(self, other: T | Path[Any, T]) -> Condition[M]:
        """Hold where the stored value equals `other`: the same as `==`."""
        return self == other

    def ne(self, other: T | Path[Any, T]) -> Condition[M]:
        """Hold where the stored value differs from `other`, or is absent: the same as `!=`."""
        return self != other

    @overload
    def is_true(self: Path[OtherM, bool]) -> Condition[OtherM]: ...
    @overload
    def is_true(self: Path[OtherM, bool | None]) -> Condition[OtherM]: ...
    def is_true(self: Path[Any, Any]) -> Condition[Any]:
        """Hold where True is stored."""
        return Condition(("compare", "=", self.place, None, Role.PLAIN), (True,))

    @overload
    def is_false(self: Path[OtherM, bool]) -> Condition[OtherM]: ...
    @overload
    def is_false(self: Path[OtherM, bool | None]) -> Condition[OtherM]: ...
    def is_false(self: Path[Any, Any]) -> Condition[Any]:
        """Hold where False is stored; an absent attribute is not False."""
        return Condition(("compare", "=", self.place, None, Role.PLAIN), (False,))

    def is_null(self) -> Condition[M]:
        """Hold where the attribute reads as None: it is absent, or NULL is stored."""
        forms: tuple[Form, Form] = (("missing", self.place), ("type", self.place))
        return Condition(("or", forms), ("NULL",))

    def between(self, low: T, high: T) -> Condition[M]:
        """Hold where the stored value is at least `low` and at most `high`."""
        return Condition(("between", self.place), (low, high))

    def is_in(self, values: Iterable[T]) -> Condition[M]:
        """Hold where the stored value is one of 1 to 100 `values`."""
        operands = tuple(self._several("is_in", values))
        return Condition(("in", self.place, len(operands)), operands)

    def begins_with(self, prefix: str | bytes) -> Condition[M]:
        """Hold where the stored text or binary value begins with `prefix`."""
        return Condition(("function", "begins_with", self.place, Role.PREFIX), (prefix,))

    @overload
    def contains(self: Path[OtherM, str], value: str) -> Condition[OtherM]: ...
    @overload
    def contains(self: Path[OtherM, str | None], value: str) -> Condition[OtherM]: ...
    @overload
    def contains(self: Path[OtherM, set[E]], value: E) -> Condition[OtherM]: ...
    @overload
    def contains(self: Path[OtherM, set[E] | None], value: E) -> Condition[OtherM]: ...
    @overload
    def contains(self: Path[OtherM, frozenset[E]], value: E) -> Condition[OtherM]: ...
    @overload
    def contains(self: Path[OtherM, frozenset[E] | None], value: E) -> Condition[OtherM]: ...
    @overload
    def contains(self: Path[OtherM, list[E]], value: E) -> Condition[OtherM]: ...
    @overload
    def contains(self: Path[OtherM, list[E] | None], value: E) -> Condition[OtherM]: ...
    def contains(self, value: object) -> Condition[Any]:
        """Hold where `value` is an element of the stored set or list, or a part of the stored text."""
        return Condition(("function", "contains", self.place, Role.ELEMENT), (value,))

    def exists(self) -> Condition[M]:
        """Hold where the attribute is stored, whatever its value, NULL included."""
        return Condition(("exists", self.place))

    def not_exists(self) -> Condition[M]:
        """Hold where the attribute is not stored."""
        return Condition(("missing", self.place))

    def is_type(self, tag: TypeTag) -> Condition[M]:
        """Hold where the attribute is stored under this type tag: `"S"`, `"N"`, `"NULL"`, …."""
        if tag not in get_args(TypeTag):
            raise InvalidExpression(
                f"{self.place}.is_type({quoted(tag)}): no type tag",
                fix=f"use one of {', '.join(get_args(TypeTag))}",
                code="expressions.type-tag",
            )
        return Condition(("type", self.place), (tag,))

    def size(self) -> Size[M]:
        """Return the size of the attribute, to be compared with a number."""
        return Size(self.place)

    def _compared(self, operator: str, other: object) -> Condition[M]:
        if isinstance(other, Path):
            return Condition(("compare", operator, self.place, other.place, None))
        return Condition(("compare", operator, self.place, None, Role.VALUE), (other,))

    # Updates.

    def set(self, value: T | Path[Any, T]) -> Update[M]:
        """Store `value`, or what another attribute holds; an empty value that is left out removes."""
        inside_list = isinstance(self.place.steps[-1], int)
        if isinstance(value, Path):
            return Update("SET", self.place, ("copy", self.place, value.place), repeatable=False)
        # A list index past the end appends, so the second application appends again.
        return Update("SET", self.place, ("set", self.place), (value,), repeatable=not inside_list)

    def set_if_absent(self, value: T) -> Update[M]:
        """Store `value` where the attribute is not stored yet."""
        return Update("SET", self.place, ("set-if-absent", self.place), (value,), repeatable=True)

    @overload
    def add(self: Path[OtherM, int], value: int) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, int | None], value: int) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, float], value: float) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, float | None], value: float) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, Decimal], value: Decimal | int) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, Decimal | None], value: Decimal | int) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, timedelta], value: timedelta) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, builtins.set[E]], value: Iterable[E]) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, builtins.set[E] | None], value: Iterable[E]) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, frozenset[E]], value: Iterable[E]) -> Update[OtherM]: ...
    @overload
    def add(self: Path[OtherM, frozenset[E] | None], value: Iterable[E]) -> Update[OtherM]: ...
    def add(self, value: object) -> Update[Any]:
        """Add a number to the stored number (absent counts as 0), or elements to the stored set."""
        if isinstance(value, (int, float, Decimal, timedelta)):
            return Update("ADD", self.place, ("add", self.place, Role.DELTA), (value,), repeatable=False)
        elements = self._elements("add", value)
        return Update("ADD", self.place, ("add", self.place, Role.VALUE), (elements,), repeatable=True)

    @overload
    def subtract(self: Path[OtherM, int], value: int) -> Update[OtherM]: ...
    @overload
    def subtract(self: Path[OtherM, int | None], value: int) -> Update[OtherM]: ...
    @overload
    def subtract(self: Path[OtherM, float], value: float) -> Update[OtherM]: ...
    @overload
    def subtract(self: Path[OtherM, float | None], value: float) -> Update[OtherM]: ...
    @overload
    def subtract(self: Path[OtherM, Decimal], value: Decimal | int) -> Update[OtherM]: ...
    @overload
    def subtract(self: Path[OtherM, Decimal | None], value: Decimal | int) -> Update[OtherM]: ...
    @overload
    def subtract(self: Path[OtherM, timedelta], value: timedelta) -> Update[OtherM]: ...
    def subtract(self, value: Any) -> Update[Any]:
        """Subtract a number from the stored number (absent counts as 0)."""
        if not isinstance(value, (int, float, Decimal, timedelta)):
            raise InvalidExpression(
                f"{self.place}.subtract({quoted(value)}) takes a number",
                fix="use discard(...) to take elements out of a set",
            )
        # The unary minus rounds a Decimal to 28 digits.
        delta: Any = value.copy_negate() if isinstance(value, Decimal) else -value
        return Update("ADD", self.place, ("add", self.place, Role.DELTA), (delta,), repeatable=False)

    def remove(self) -> Update[M]:
        """Remove the attribute, map entry or list element; absent is fine."""
        # Removing a list element moves the next one into its place.
        inside_list = isinstance(self.place.steps[-1], int)
        return Update("REMOVE", self.place, ("remove", self.place), repeatable=not inside_list)

    @overload
    def append(self: Path[OtherM, list[E]], values: Sequence[E]) -> Update[OtherM]: ...
    @overload
    def append(self: Path[OtherM, list[E] | None], values: Sequence[E]) -> Update[OtherM]: ...
    def append(self, values: object) -> Update[Any]:
        """Add `values` at the end of the stored list; an absent list counts as empty."""
        tail = self._several("append", values)
        return Update("SET", self.place, ("append", self.place), ([], tail), repeatable=False)

    @overload
    def prepend(self: Path[OtherM, list[E]], values: Sequence[E]) -> Update[OtherM]: ...
    @overload
    def prepend(self: Path[OtherM, list[E] | None], values: Sequence[E]) -> Update[OtherM]: ...
    def prepend(self, values: object) -> Update[Any]:
        """Add `values` at the beginning of the stored list; an absent list counts as empty."""
        head = self._several("prepend", values)
        return Update("SET", self.place, ("prepend", self.place), (head, []), repeatable=False)

    @overload
    def discard(self: Path[OtherM, builtins.set[E]], values: Iterable[E]) -> Update[OtherM]: ...
    @overload
    def discard(self: Path[OtherM, builtins.set[E] | None], values: Iterable[E]) -> Update[OtherM]: ...
    @overload
    def discard(self: Path[OtherM, frozenset[E]], values: Iterable[E]) -> Update[OtherM]: ...
    @overload
    def discard(self: Path[OtherM, frozenset[E] | None], values: Iterable[E]) -> Update[OtherM]: ...
    def discard(self, values: object) -> Update[Any]:
        """Take elements out of the stored set; absent ones are fine."""
        elements = self._elements("discard", values)
        return Update("DELETE", self.place, ("discard", self.place), (elements,), repeatable=True)

    def _elements(self, verb: str, values: object) -> frozenset[Any]:
        elements = frozenset(self._several(verb, values))
        if not elements:
            raise InvalidExpression(
                f"{self.place}.{verb}() got no elements",
                why="the service has no empty set",
                fix="leave the call out where there is nothing to change",
                code="expressions.no-elements",
            )
        return elements

    def _several(self, verb: str, values: object) -> list[Any]:
        # A text is an iterable of texts, so type checkers let it pass.
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise InvalidExpression(
                f"{self.place}.{verb}({quoted(values)}) takes several values",
                fix=f"put it in brackets: {verb}([...])",
                code="expressions.several-values",
            )
        return list(cast("Iterable[Any]", values))


def _slip(path: Path[Any, Any], what: str, fix: str) -> InvalidExpression:
    return InvalidExpression(
        f"{path.place.owner.__name__}.{path.place} {what}", fix=fix, code="expressions.no-operator"
    )
