"""Hypothesis strategies for types, values, models and instances: one set that grows with the library.

A feature of the codecs that is not drawn here is not proved. What R8 says is lost in storage is not
drawn: an empty set where None is allowed or no type is declared reads back as None, and a Decimal
or a float past 2**53 without a declared type reads back as the number of the same digits.

`HYPOTHESIS_PROFILE=ci` draws ten times as many examples.
"""

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Generic, Literal, NewType, TypeVar
from uuid import UUID

import attrs
from hypothesis import strategies as st

from dynamorm_async.model import attribute, model, partition_key

T = TypeVar("T")
Values = st.SearchStrategy[Any]


@attrs.frozen
class Typed:
    """A type, and a strategy for its values."""

    type: Any
    values: Values


class Suit(Enum):
    HEARTS = "hearts"
    SPADES = "spades"


class Rank(IntEnum):
    LOW = 1
    HIGH = 2


UserId = NewType("UserId", str)


@attrs.define
class Box(Generic[T]):
    content: T


@attrs.define
class Tree:
    value: int
    children: list["Tree"] = attrs.field(factory=list["Tree"])
    parent: "Tree | None" = None


def _is_small(_: Any, __: Any, value: int) -> None:
    if abs(value) >= 10**38:
        raise ValueError(value)


@attrs.frozen
class Checked:
    count: int = attrs.field(validator=_is_small)
    label: str = attrs.field(default="", converter=str)


@dataclasses.dataclass
class Piece:
    name: str
    sizes: list[int] = dataclasses.field(default_factory=list[int])
    tags: set[str] = dataclasses.field(default_factory=set[str])


def _exact_number(digits: int, exponent: int) -> Decimal:
    return Decimal(digits).scaleb(exponent)


texts = st.text(max_size=12)
whole_numbers = st.integers(1 - 10**38, 10**38 - 1) | st.integers(-5, 5)
floats = st.floats(min_value=1e-130, max_value=9.9e125) | st.floats(-9.9e125, -1e-130) | st.just(0.0)
exact_numbers = st.builds(
    _exact_number,
    st.integers(1 - 10**27, 10**27 - 1),
    st.integers(-100, 98),
)
offsets = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))])
instants = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=offsets)  # noqa: DTZ001

SCALARS = [
    Typed(str, texts),
    Typed(UserId, texts),
    Typed(int, whole_numbers),
    Typed(float, floats),
    Typed(Decimal, exact_numbers),
    Typed(bytes, st.binary(max_size=12)),
    Typed(datetime, instants),
    Typed(date, st.dates()),
    Typed(time, st.times() | st.times(timezones=st.just(UTC))),
    Typed(timedelta, st.timedeltas()),
    Typed(UUID, st.uuids()),
    Typed(Suit, st.sampled_from(Suit)),
    Typed(Rank, st.sampled_from(Rank)),
    Typed(Literal["a", "b"], st.sampled_from(["a", "b"])),
    Typed(Literal[1, 2], st.sampled_from([1, 2])),
]

small_floats = st.floats(1e-130, 2.0**53) | st.floats(-(2.0**53), -1e-130)
json_like = st.recursive(
    st.none() | st.booleans() | texts | whole_numbers | small_floats,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

trees: Values = st.deferred(
    lambda: st.builds(
        Tree,
        value=whole_numbers,
        children=st.lists(st.builds(Tree, value=whole_numbers), max_size=2),
        parent=st.none() | trees,
    )
)

PLAIN = [
    Typed(bool, st.booleans()),
    Typed(Any, json_like),
    Typed(dict[str, Any], st.dictionaries(texts, json_like, max_size=3)),
    Typed(Tree, trees),
    Typed(Checked, st.builds(Checked, count=whole_numbers, label=texts)),
    Typed(
        Piece,
        st.builds(
            Piece, name=texts, sizes=st.lists(whole_numbers, max_size=3), tags=st.sets(texts, max_size=3)
        ),
    ),
]


def _optional(inner: Typed) -> Typed:
    def is_kept(value: object) -> bool:
        return not (isinstance(value, (set, frozenset)) and not value)

    return Typed(inner.type | None, st.none() | inner.values.filter(is_kept))


def _set_of(inner: Typed) -> Typed:
    return Typed(set[inner.type], st.sets(inner.values, max_size=3))


def _frozenset_of(inner: Typed) -> Typed:
    return Typed(frozenset[inner.type], st.frozensets(inner.values, max_size=3))


def _list_of(inner: Typed) -> Typed:
    return Typed(list[inner.type], st.lists(inner.values, max_size=3))


def _tuple_of(inner: Typed) -> Typed:
    return Typed(tuple[inner.type, ...], st.lists(inner.values, max_size=3).map(tuple))


def _pair_of(inner: Typed) -> Typed:
    return Typed(tuple[inner.type, bool], st.tuples(inner.values, st.booleans()))


def _dict_of(inner: Typed) -> Typed:
    return Typed(dict[str, inner.type], st.dictionaries(texts, inner.values, max_size=3))


def _dict_by(key: Typed) -> Typed:
    return Typed(dict[key.type, int], st.dictionaries(key.values, whole_numbers, max_size=3))


def _box_of(inner: Typed) -> Typed:
    return Typed(Box[inner.type], st.builds(Box[Any], inner.values))


def _union_with(inner: Typed) -> Typed:
    return Typed(inner.type | bool, inner.values | st.booleans())


def _wrapped(wrap: Callable[[Typed], Typed], inner: Typed) -> Typed:
    return wrap(inner)


# Bytes have no text form, so they are no key of a dict.
_named = [scalar for scalar in SCALARS if scalar.type is not bytes]
_scalars = st.sampled_from(SCALARS)
_wrappers: list[Callable[[Typed], Typed]] = [_list_of, _tuple_of, _pair_of, _dict_of, _box_of, _optional]

types: st.SearchStrategy[Typed] = st.recursive(
    _scalars
    | st.sampled_from(PLAIN)
    | _scalars.map(_set_of)
    | _scalars.map(_frozenset_of)
    | st.sampled_from(_named).map(_dict_by)
    | st.sampled_from([Typed(str, texts), Typed(Decimal, exact_numbers)]).map(_union_with),
    lambda inner: st.builds(_wrapped, st.sampled_from(_wrappers), inner),
    max_leaves=3,
)

attribute_names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), min_size=1, max_size=8
)


@st.composite
def models(draw: st.DrawFn) -> tuple[Any, Values]:
    """Draw a model class, and a strategy for its instances."""
    fields = draw(st.lists(types, min_size=1, max_size=5))
    names = draw(
        st.lists(attribute_names, min_size=len(fields), max_size=len(fields), unique=True).filter(
            lambda names: "id" not in names
        )
    )
    body: dict[str, Any] = {"id": partition_key()}
    annotations: dict[str, Any] = {"id": str}
    arguments: dict[str, Values] = {"id": st.text(min_size=1, max_size=8)}
    for number, (typed, name) in enumerate(zip(fields, names, strict=True)):
        field = f"field_{number}"
        options: dict[str, Any] = {"name": name, "null": draw(st.booleans())}
        if draw(st.booleans()):
            default = draw(typed.values)
            options["factory"] = lambda default=default: default
        annotations[field], body[field], arguments[field] = typed.type, attribute(**options), typed.values
    decorate = model(
        table="drawn", frozen=draw(st.booleans()), unknown=draw(st.sampled_from(["drop", "keep", "refuse"]))
    )
    cls: Any = decorate(type("Drawn", (), {"__module__": __name__, "__annotations__": annotations, **body}))
    return cls, st.builds(cls, **arguments)


@st.composite
def instances(draw: st.DrawFn) -> Any:
    """Draw an instance of a model drawn for it."""
    _, values = draw(models())
    return draw(values)


_tags = st.sampled_from(["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M", "X"])

# JSON that looks like tagged values more often than chance would have it.
broken_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | st.sampled_from(["1", "1.5", "AQID", "2024-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_tags, inner, min_size=1, max_size=2)
        | st.dictionaries(texts, inner, max_size=2)
    ),
    max_leaves=6,
)
