"""Models, items and questions to them, drawn at random: what `test_query_model_based` asks.

A design is a model with its fields and indexes; each field may be lacking, has a type that a key may
have, and an attribute of another name; sort keys and index keys may be templates. Items are drawn as
another service may have written them. A question is conditions, each with what it means in plain
Python, and options.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import attrs
from hypothesis import strategies as st

from dynamorm_async import (
    Attr,
    Condition,
    GlobalIndex,
    LocalIndex,
    attribute,
    condition,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.model import UNSET

Value = Any
Item = dict[str, Value]
"""Field name to Python value; what is not stored is not in it. "_entity" and "_more" are no fields."""

Presence = Literal["key", "required", "optional", "default"]
Test = Callable[[Item], bool]
Way = Literal["planner", "hint", "scan"]

TEXTS = ["a", "ab", "b", "ba", "é", "\uff5a", "😀"]
NUMBERS = [-20, -1, 0, 1, 2, 10]
DECIMALS = [Decimal(text) for text in ("-1.5", "-1", "0", "2.25", "2.5", "1E+3")]
BYTES = [b"\x00", b"\x00\x01", b"a", b"ab", b"\x7f", b"\xff"]
JOINED = ["a#a", "a#b", "ab#a", "b#é"]

POOLS: dict[type, list[Any]] = {str: TEXTS, int: NUMBERS, Decimal: DECIMALS, bytes: BYTES}
TAGS: dict[type, str] = {str: "S", int: "N", Decimal: "N", bytes: "B"}
PREFIXES: dict[type, list[Any]] = {
    str: ["a", "ab", "b", "b#", "é", "\uff5a"],
    bytes: [b"\x00", b"a", b"\xff"],
}


# Models.


@attrs.frozen
class Field:
    """A field: where a template is given, it is made of these other fields, where `when` holds of one."""

    name: str
    type: type
    attribute: str
    presence: Presence = "required"
    template: str | None = None
    parts: tuple[str, ...] = ()
    when: tuple[str, str, Value] | None = None

    @property
    def pool(self) -> list[Any]:
        return JOINED if self.template is not None else POOLS[self.type]

    @property
    def absent(self) -> Value:
        """What an item reads as in which the field is not stored."""
        if self.template is not None:
            return UNSET
        return self.type() if self.presence == "default" else None

    @property
    def annotation(self) -> Any:
        return self.type | None if self.presence == "optional" else self.type

    def declared(self, role: Callable[..., Any]) -> Any:
        if self.template is not None and self.when is not None:
            return role(name=self.attribute, template=self.template, when=_demanded(*self.when))
        if self.template is not None:
            return role(name=self.attribute, template=self.template)
        if self.presence in ("optional", "default"):
            return attribute(name=self.attribute, default=self.absent)
        return role(name=self.attribute)

    def tagged(self, value: Value) -> dict[str, str]:
        tag = TAGS[self.type]
        text = base64.b64encode(value).decode() if tag == "B" else str(value)
        return {tag: format(value, "f") if self.type is Decimal else text}


def _demanded(name: str, operator: str, value: Value) -> Callable[[Any], Condition[Any]]:
    def demanded(cls: Any) -> Condition[Any]:
        return condition(cls, name, operator, value)

    return demanded


@attrs.frozen(eq=False)
class Design:
    """A model, and what its items are made of.

    Attributes:
        binary_prefixes: Whether the engine knows begins_with of a binary value in a filter.
    """

    fields: tuple[Field, ...]
    indexes: tuple[GlobalIndex | LocalIndex, ...]
    entity: str | None
    unknown: Literal["drop", "keep"]
    binary_prefixes: bool = True

    @cached_property
    def cls(self) -> Any:
        roles = {"pk": partition_key, "sk": sort_key}
        body = {field.name: field.declared(roles.get(field.name, attribute)) for field in self.fields}
        body |= {f"index_{number}": index for number, index in enumerate(self.indexes)}
        annotations = {field.name: Attr[field.annotation] for field in self.fields}
        namespace = {"__module__": __name__, "__annotations__": annotations, **body}
        made: Any = model(table="drawn", entity=self.entity, unknown=self.unknown)(
            type("Drawn", (), namespace)
        )
        return made

    @cached_property
    def by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @property
    def keys(self) -> tuple[str, ...]:
        return ("pk", "sk") if "sk" in self.by_name else ("pk",)

    @property
    def accesses(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """The fields by which an access is asked, and those that order it, by its name in a plan."""
        found: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
        found = {"table": (("pk",), self.keys[1:])}
        for index in self.indexes:
            if isinstance(index, GlobalIndex):
                found[index.name] = (index.partition_key, index.sort_key)
            else:
                found[index.name] = (("pk",), (index.sort_key,))
        return found

    def held(self, access: str) -> tuple[str, ...]:
        """The fields that an access holds."""
        index = next((index for index in self.indexes if index.name == access), None)
        if index is None or index.projection == "ALL":
            return self.names
        named = [name for name in index.projection if name in self.by_name]
        partition, sort = self.accesses[access]
        return tuple(dict.fromkeys([*self.keys, *partition, *sort, *named]))

    def is_own(self, item: Item) -> bool:
        return self.entity is None or item["_entity"] == self.entity

    def raw(self, item: Item) -> dict[str, Any]:
        fields = self.by_name
        found = {fields[name].attribute: fields[name].tagged(item[name]) for name in item if name in fields}
        more = {name: {"S": item[name]} for name in ("_entity", "_more") if name in item}
        return found | more

    def key(self, item: Item) -> dict[str, Any]:
        return self.raw({name: item[name] for name in self.keys})


TYPES = st.sampled_from([str, int, Decimal, bytes])
PRESENCES: st.SearchStrategy[Presence] = st.sampled_from(
    ["required", "required", "optional", "optional", "default"]
)


@st.composite
def _fields(draw: st.DrawFn) -> list[Field]:
    found = [Field("pk", draw(st.just(str) | TYPES), "pk", "key")]
    for name in "abcde"[: draw(st.integers(2, 5))]:
        tp = draw(st.just(str) | TYPES)
        spelled = draw(st.sampled_from([name, f"the {name}", f"{name}#", f"size.{name}"]))
        found.append(Field(name, tp, spelled, draw(PRESENCES)))
    texts = [field for field in found if field.type is str and field.name != "pk"]
    if len(texts) > 1 and draw(st.booleans()):
        one, other = texts[:2]
        parts = (one.name, other.name)
        when = None
        if draw(st.integers(0, 3)):
            # Its parts are stored in every item, so that an index on it lacks items by the condition alone.
            found = [
                attrs.evolve(field, presence="required") if field in texts[:2] else field for field in found
            ]
            by = draw(st.sampled_from(found[1:]))
            when = (by.name, draw(st.sampled_from(["=", ">=", "!="])), draw(st.sampled_from(by.pool[:3])))
        template = f"{{{one.name}}}#{{{other.name}}}"
        found.append(Field("t", str, "t", template=template, parts=parts, when=when))
    if draw(st.integers(0, 4)):
        stored = [field for field in texts if field.presence == "required"]
        if stored and draw(st.integers(0, 3)) == 3:
            part = stored[0].name
            found.append(Field("sk", str, "sk", "key", template=f"S#{{{part}}}", parts=(part,)))
        else:
            found.append(Field("sk", draw(TYPES), "sk", "key"))
    return found


@st.composite
def _indexes(
    draw: st.DrawFn, fields: Sequence[Field], *, several: bool, entity: str | None
) -> list[GlobalIndex | LocalIndex]:
    names = [field.name for field in fields]
    plain = [name for name in names if name not in ("pk", "sk")]
    found: list[GlobalIndex | LocalIndex] = []
    for number in range(draw(st.sampled_from([0, 1, 2, 2, 3, 3, 3]))):
        keys = draw(st.permutations(names))
        if "t" in names and draw(st.booleans()):
            keys = ["t", *(name for name in keys if name != "t")]
        if "sk" in names and draw(st.booleans()):
            partition, sort = ["pk"], [next(name for name in keys if name in plain)]
            kind = "local"
        else:
            first = draw(st.integers(1, 3 if several else 1))
            last = draw(st.integers(0, 3 if several else 1))
            partition, sort = keys[:first], keys[first : first + last]
            if draw(st.integers(0, 2)) == 2 and "pk" not in (*partition, *sort):
                partition[0] = "pk"  # the table answers the same
            kind = "global"
        others = [name for name in plain if name not in (*partition, *sort)]
        projection: Any = draw(st.sampled_from(["ALL", "ALL", "KEYS_ONLY", "INCLUDE", "INCLUDE"]))
        if projection == "INCLUDE":
            chosen = draw(st.sets(st.sampled_from(others), min_size=1)) if others else ()
            told = ("_entity",) if entity is not None and draw(st.booleans()) else ()
            projection = (*sorted(chosen), *told) or "KEYS_ONLY"
        name = f"index-{number}"
        if kind == "local":
            found.append(LocalIndex(name, sort_key=sort[0], projection=projection))
        else:
            found.append(
                GlobalIndex(name, partition_key=tuple(partition), sort_key=tuple(sort), projection=projection)
            )
    return found


@st.composite
def designs(draw: st.DrawFn, *, several: bool, binary_prefixes: bool) -> Design:
    """Draw a model; `several`: whether an index may have several attributes as one key."""
    fields = draw(_fields())
    entity = draw(st.sampled_from([None, None, "mine"]))
    return Design(
        fields=tuple(fields),
        indexes=tuple(draw(_indexes(fields, several=several, entity=entity))),
        entity=entity,
        unknown=draw(st.sampled_from(["drop", "drop", "keep"])),
        binary_prefixes=binary_prefixes,
    )


# Items.


@st.composite
def items_of(draw: st.DrawFn, design: Design) -> list[Item]:
    """Draw the items of a table: values are few, so that many are equal."""
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    partitions = {name for partition, _ in design.accesses.values() for name in partition}
    for field in design.fields:
        if field.template is None:
            is_whole_key = field.name == "pk" and "sk" not in design.by_name
            is_few = field.name in partitions and not is_whole_key
            values = st.sampled_from([*field.pool[:2], *field.pool[: 2 if is_few else None]])
            (required if field.presence in ("key", "required") else optional)[field.name] = values
    if design.entity is not None:
        required["_entity"] = st.sampled_from(["mine", "mine", "mine", "other"])
    if design.unknown == "keep":
        optional["_more"] = st.just("x")

    def whole(item: Item) -> Item:
        made = {
            field.name: field.template.format(**item)
            for field in design.fields
            if field.template is not None
            and all(name in item for name in field.parts)
            and (field.when is None or meets(*field.when)(item))
        }
        return item | made

    drawn = st.fixed_dictionaries(required, optional=optional).map(whole)
    found: dict[tuple[Value, ...], Item] = {}
    for _ in range(draw(st.sampled_from([4, 8, 12, 16, 20, 8, 12, 2, 1, 0]))):
        item = draw(drawn)
        found[tuple(item[name] for name in design.keys)] = item
    return list(found.values())


# What is asked.


@attrs.frozen(repr=False)
class Demand:
    """A condition, and what it means of an item."""

    condition: Condition[Any]
    test: Test

    def __repr__(self) -> str:
        return repr(self.condition)


def meets(name: str, operator: str, value: Value) -> Test:
    """Return what a comparison means."""
    tests: dict[str, Callable[[Value], bool]] = {
        "=": lambda x: x == value,
        "<": lambda x: x < value,
        "<=": lambda x: x <= value,
        ">": lambda x: x > value,
        ">=": lambda x: x >= value,
        "between": lambda x: value[0] <= x <= value[1],
        "begins_with": lambda x: x.startswith(value),
        "in": lambda x: x in value,
        "contains": lambda x: value in x,
        "exists": lambda x: True,
    }
    if operator == "!=":
        return lambda item: item.get(name) != value
    if operator == "not_exists":
        return lambda item: name not in item
    return lambda item: name in item and tests[operator](item[name])


def compared(cls: Any, name: str, operator: str, value: Value) -> Demand:
    return Demand(condition(cls, name, operator, value), meets(name, operator, value))


def either(one: Demand, other: Demand) -> Demand:
    return Demand(one.condition | other.condition, lambda item: one.test(item) or other.test(item))


def never(one: Demand) -> Demand:
    return Demand(~one.condition, lambda item: not one.test(item))


def _values(field: Field, near: Item) -> st.SearchStrategy[Any]:
    """Return values to compare with: mostly that of an item which is there."""
    common = [near[field.name]] * 12 if field.name in near else field.pool[:2]
    return st.sampled_from([*common, *field.pool])


@st.composite
def comparisons(draw: st.DrawFn, design: Design, names: Sequence[str], near: Item) -> Demand:
    """Draw a condition on one of these fields, which an item may meet."""
    field = design.by_name[draw(st.sampled_from(names))]
    values, prefixes = _values(field, near), PREFIXES.get(field.type, [])
    prefixes = prefixes if field.type is str or design.binary_prefixes else []
    operator = draw(
        st.sampled_from(
            ["=", "<", "<=", ">", ">=", "between", "exists", "!=", "!=", "in", "not_exists"]
            + ["begins_with"] * bool(prefixes)
            + ["contains"] * (field.type is str)
        )
    )
    value: Any
    match operator:
        case "between":
            value = tuple(sorted([draw(values), draw(values)]))
        case "in":
            value = draw(st.lists(values, min_size=1, max_size=3))
        case "begins_with" | "contains":
            value = draw(st.sampled_from(prefixes))
        case "exists" | "not_exists":
            value = None
        case _:
            value = draw(values)
    return compared(design.cls, field.name, operator, value)


@st.composite
def _met(draw: st.DrawFn, drawn: st.SearchStrategy[Demand], near: Item) -> Demand:
    """Draw a condition, again where the item does not meet it: else few questions have an answer."""
    found = draw(drawn)
    for _ in range(4):
        found = found if not near or found.test(near) else draw(drawn)
    return found


@st.composite
def _of_key(draw: st.DrawFn, design: Design, access: str, near: Item) -> list[Demand]:
    """Draw what an access is asked by: its partition, its sort keys from the left, a range of one."""
    partition, sort = design.accesses[access]
    found: list[Demand] = []

    def compare(name: str, *operators: str) -> None:
        operator = st.sampled_from(operators)
        values = _values(design.by_name[name], near)
        drawn = st.builds(compared, st.just(design.cls), st.just(name), operator, values)
        found.append(draw(_met(drawn, near)))

    def equal(name: str) -> None:
        field = design.by_name[name]
        # A template may be said by its parts, too.
        for each in field.parts if field.parts and draw(st.booleans()) else (name,):
            compare(each, "=")

    for name in partition:
        equal(name)
    for name in sort:
        if draw(st.integers(0, 3)) == 3:
            equal(name)
            continue
        if draw(st.booleans()):
            compare(name, ">=", ">")
            compare(name, "<=", "<")
        elif draw(st.booleans()):
            found.append(draw(_met(comparisons(design, [name], near), near)))
        break
    # Without these, indexes that lack items are refused.
    whens = [design.by_name[name].when for name in (*partition, *sort)]
    found += [compared(design.cls, *when) for when in whens if when is not None and draw(st.booleans())]
    found += [compared(design.cls, name, "exists", None) for name in sort if draw(st.booleans())]
    return found


@attrs.frozen
class Asked:
    """Everything that an example draws."""

    design: Design
    items: list[Item]
    demands: list[Demand]
    way: Way
    access: str
    order_by: str | None
    reverse: bool
    consistent: bool
    select: tuple[str, ...] | None
    size: int
    place: int
    limit: int
    offset: int
    page_size: int | None

    @property
    def expected(self) -> list[Item]:
        """The items that are meant, in no order."""
        return [
            item
            for item in self.items
            if self.design.is_own(item) and all(demand.test(item) for demand in self.demands)
        ]


@st.composite
def questions(draw: st.DrawFn, design: Design, items: list[Item]) -> Asked:
    """Draw a question to these items."""
    way: Way = draw(st.sampled_from(["planner", "planner", "planner", "hint", "scan", "scan"]))
    access = draw(st.sampled_from(["table", *(index.name for index in design.indexes)]))
    own = [item for item in items if design.is_own(item)]
    near = draw(st.sampled_from(own)) if own else {}
    demands = draw(_of_key(design, access, near)) if way != "scan" or draw(st.booleans()) else []
    # What an index does not hold, or has as a key, keeps it from answering: mostly something else is asked.
    keys = {name for part in design.accesses[access] for name in part}
    free = [name for name in design.held(access) if name not in keys]
    others = [name for name in design.names if name != "pk"]
    if way == "scan":
        # A scan's filter may name them, and then decides whether an index has all items that are meant.
        names = [name for name in keys if name not in design.keys] or others
    else:
        names = free if free and draw(st.integers(0, 3)) else others
    one = comparisons(design, names, near)
    some = _met(one, near)
    demands += [draw(some) for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2])))]
    if draw(st.integers(0, 1 if way == "scan" else 5)) == 1:
        demands.append(either(draw(some), draw(one)))
    if draw(st.integers(0, 5)) == 5:
        demands.append(draw(_met(one.map(never), near)))
    sorts = [sort[0] for _, sort in design.accesses.values() if sort]
    wanted = draw(st.sampled_from([design.held(access), design.names]))
    select = st.lists(st.sampled_from(wanted), max_size=2).map(tuple)
    is_part = design.held(access) != design.names
    return Asked(
        design=design,
        items=items,
        demands=draw(st.permutations(demands)),
        way=way,
        access=access,
        order_by=draw(st.sampled_from([None, None, *sorts])),
        reverse=draw(st.booleans()),
        consistent=draw(st.integers(0, 9)) == 9,
        select=draw(select if is_part and draw(st.integers(0, 3)) else st.none() | select),
        size=draw(st.integers(1, 6)),
        place=draw(st.integers(0, 13)),
        limit=draw(st.integers(1, 8)),
        offset=draw(st.integers(0, 4)),
        page_size=draw(st.none() | st.integers(1, 4)),
    )
