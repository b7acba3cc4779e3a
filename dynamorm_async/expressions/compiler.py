"""From the forms of one request to expression texts, placeholders and slots.

Takes the condition, updates, filter and projection of one request and a function that spells a
place on the wire; gives a `CompiledRequest`, the same for every request of the same shape and in
every process. Refuses what the service would refuse and what can be known without it.

Source of the grammar: DynamoDB developer guide, "Condition and filter expressions, operators, and
functions" and "Update expressions".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from dynamorm_async.errors import InvalidExpression, LimitExceeded, quoted
from dynamorm_async.expressions.forms import Form, Place, Role
from dynamorm_async.expressions.grammar import write
from dynamorm_async.expressions.trees import RESERVED_NAME, RESERVED_VALUE, Condition, Update
from dynamorm_async.wire import LIMITS, Limits

Encode = Callable[[Any], str]


class Resolved(msgspec.Struct, frozen=True):
    """A place as it is on the wire.

    Attributes:
        steps: Attribute name first, then keys and indexes, as stored.
        encoder: Gives for a role the function from a Python value to tagged JSON text.
    """

    steps: tuple[str | int, ...]
    encoder: Callable[[Role], Encode]


Resolve = Callable[[Place], Resolved]


class Slot(msgspec.Struct, frozen=True):
    """A placeholder that waits for its value."""

    name: str
    encode: Encode
    label: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The expressions of one request.

    Attributes:
        condition: For `ConditionExpression`.
        key: For `KeyConditionExpression`.
        filter: For `FilterExpression`.
        updates: For `UpdateExpression`, any order.
        projection: For `ProjectionExpression`.
    """

    condition: Condition[Any] | None = None
    key: Condition[Any] | None = None
    filter: Condition[Any] | None = None
    updates: tuple[Update[Any], ...] = ()
    projection: tuple[Place, ...] = ()

    def shape(self) -> tuple[Any, ...]:
        """Return what decides the texts: equal shapes compile to equal texts."""
        return (
            self.condition.form if self.condition is not None else None,
            self.key.form if self.key is not None else None,
            self.filter.form if self.filter is not None else None,
            tuple((update.action, update.form) for update in self.updates),
            self.projection,
        )

    def values(self) -> list[object]:
        """Return the values in the order of the compiled slots."""
        found: list[object] = []
        for action in _CLAUSES:
            for update in self.updates:
                if update.action == action:
                    found.extend(update.values)
        for condition in (self.condition, self.key, self.filter):
            if condition is not None:
                found.extend(condition.values)
        return found


class CompiledRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What requests of one shape have in common.

    Attributes:
        texts: Request member to expression text: `{"ConditionExpression": "#dn0 = :dv0"}`.
        names: Placeholder to attribute name.
        slots: The value placeholders, in the order of `Request.values()`.
        fragment: `texts` and `names` as JSON members, ready to stand inside a request's braces;
            it begins with a comma, and is empty where there is no expression.
    """

    texts: dict[str, str]
    names: dict[str, str]
    slots: tuple[Slot, ...]
    fragment: str


_CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


def compile_request(request: Request, resolve: Resolve, *, limits: Limits = LIMITS) -> CompiledRequest:
    """Return texts, names and slots for every request of this shape.

    Raises:
        InvalidExpression: Paths overlap, a path does not belong to the model or holds a name that
            no attribute can have, or `is_in` is empty.
        LimitExceeded: A text is over 4,096 bytes, has over 300 operators, or IN over 100 operands.
    """
    scribe = _WireScribe(resolve, limits)
    texts: dict[str, str] = {}
    if request.updates:
        changed = [update.place for update in request.updates if update.place is not None]
        _refuse_overlaps(changed, "changes", resolve)
        texts["UpdateExpression"] = _finished(_update_text(request.updates, scribe), scribe, limits)
    for member, condition in (
        ("ConditionExpression", request.condition),
        ("KeyConditionExpression", request.key),
        ("FilterExpression", request.filter),
    ):
        if condition is not None:
            text, _ = write(condition.form, scribe)
            texts[member] = _finished(text, scribe, limits)
    if request.projection:
        _refuse_overlaps(request.projection, "reads", resolve)
        text = ", ".join(scribe.place(place) for place in request.projection)
        texts["ProjectionExpression"] = _finished(text, scribe, limits)
    members: dict[str, object] = {**texts}
    if scribe.names:
        members["ExpressionAttributeNames"] = scribe.names
    fragment = "," + json.dumps(members, ensure_ascii=False)[1:-1] if members else ""
    return CompiledRequest(texts=texts, names=scribe.names, slots=tuple(scribe.slots), fragment=fragment)


def bind_names(compiled: CompiledRequest, values: Sequence[object]) -> str:
    """Return the request members of `compiled` with its values encoded: JSON text after a comma."""
    if not compiled.slots:
        return compiled.fragment
    bound = ",".join(
        f'"{slot.name}":{slot.encode(value)}' for slot, value in zip(compiled.slots, values, strict=True)
    )
    return f'{compiled.fragment},"ExpressionAttributeValues":{{{bound}}}'


class _WireScribe:
    def __init__(self, resolve: Resolve, limits: Limits) -> None:
        self.names: dict[str, str] = {}
        self.slots: list[Slot] = []
        self.operators = 0
        self._resolve = resolve
        self._limits = limits
        self._aliases: dict[str, str] = {}

    def place(self, place: Place) -> str:
        parts: list[str] = []
        for step in self._resolve(place).steps:
            if isinstance(step, int):
                parts[-1] += f"[{step}]"
            else:
                parts.append(self._alias(step))
        return ".".join(parts)

    def value(self, place: Place, role: Role) -> str:
        name = f"{RESERVED_VALUE}{len(self.slots)}"
        self.slots.append(Slot(name, self._resolve(place).encoder(role), str(place)))
        return name

    def raw(self, text: str, names: tuple[tuple[str, str], ...], values: tuple[str, ...]) -> str:
        for name, attribute in names:
            if self.names.setdefault(name, attribute) != attribute:
                raise _collision(name)
        for name in values:
            if any(slot.name == name for slot in self.slots):
                raise _collision(name)
            self.slots.append(Slot(name, self._resolve(PLAIN_PLACE).encoder(Role.PLAIN), name))
        return text

    def check_operands(self, place: Place, count: int) -> None:
        if not count:
            raise InvalidExpression(
                f"{place}.is_in() got no values",
                why="nothing is in an empty list, and the service refuses one",
                fix="leave the call out where there is nothing to compare with",
                code="expressions.empty-in",
            )
        if count > self._limits.in_operands:
            raise LimitExceeded(
                f"{place}.is_in() got {count} values",
                why=f"the service takes at most {self._limits.in_operands}",
                fix="split the values over several requests",
                code="expressions.in-operands",
            )

    # Every name is aliased: no list of reserved words is needed, and no name can mean anything else.
    def _alias(self, attribute: str) -> str:
        alias = self._aliases.get(attribute)
        if alias is None:
            _check_name(attribute, self._limits)
            alias = self._aliases[attribute] = f"{RESERVED_NAME}{len(self._aliases)}"
            self.names[alias] = attribute
        return alias


# Values of raw expressions belong to no field; resolvers answer this place with the plain encoder.
PLAIN_PLACE = Place(object, ("(raw)",))


def _collision(name: str) -> InvalidExpression:
    return InvalidExpression(
        f"two raw expressions of one request give {name} two meanings",
        fix="use different placeholder names",
        code="expressions.placeholder-collision",
    )


def _check_name(attribute: str, limits: Limits) -> None:
    try:
        size = len(attribute.encode())
    except UnicodeEncodeError:
        size = 0
    if not 1 <= size <= limits.attribute_name_bytes:
        raise InvalidExpression(
            f"{quoted(attribute)} is no attribute name",
            why=f"a name has 1 to {limits.attribute_name_bytes} bytes of UTF-8",
            code="expressions.attribute-name",
        )


def _update_text(updates: Sequence[Update[Any]], to: _WireScribe) -> str:
    clauses: list[str] = []
    for action in _CLAUSES:
        parts = [_change(update.form, to) for update in updates if update.action == action]
        if parts:
            clauses.append(f"{action} {', '.join(parts)}")
    return " ".join(clauses)


def _change(form: Form, to: _WireScribe) -> str:
    match form:
        case ("set", place):
            return f"{to.place(place)} = {to.value(place, Role.VALUE)}"
        case ("copy", place, source):
            return f"{to.place(place)} = {to.place(source)}"
        case ("set-if-absent", place):
            to.operators += 1
            path = to.place(place)
            return f"{path} = if_not_exists({path}, {to.value(place, Role.VALUE)})"
        case ("append", place):
            to.operators += 2
            path, empty, tail = to.place(place), to.value(place, Role.ITEMS), to.value(place, Role.ITEMS)
            return f"{path} = list_append(if_not_exists({path}, {empty}), {tail})"
        case ("prepend", place):
            to.operators += 2
            path, head, empty = to.place(place), to.value(place, Role.ITEMS), to.value(place, Role.ITEMS)
            return f"{path} = list_append({head}, if_not_exists({path}, {empty}))"
        case ("next", place):
            to.operators += 2
            path, before, one = to.place(place), to.value(place, Role.COUNT), to.value(place, Role.COUNT)
            return f"{path} = if_not_exists({path}, {before}) + {one}"
        case ("add", place, role):
            return f"{to.place(place)} {to.value(place, role)}"
        case ("remove", place):
            return to.place(place)
        case ("discard", place):
            return f"{to.place(place)} {to.value(place, Role.VALUE)}"
        case ("raw", text, names, values):
            return to.raw(text, names, values)
        case _:
            raise InvalidExpression(f"unknown form {quoted(form)}")


def _refuse_overlaps(places: Sequence[Place], verb: str, resolve: Resolve) -> None:
    resolved = sorted(((resolve(place).steps, place) for place in places), key=lambda pair: _order(pair[0]))
    for (steps, place), (other_steps, other) in pairwise(resolved):
        if other_steps[: len(steps)] == steps:
            same = steps == other_steps
            raise InvalidExpression(
                f"one request {verb} {place} twice" if same else f"one request {verb} {place} and {other}",
                why="the service refuses paths that overlap",
                fix="name each part once, or send two requests",
                code="expressions.overlapping-paths",
            )


def _order(steps: tuple[str | int, ...]) -> list[tuple[bool, str, int]]:
    return [
        (isinstance(step, int), step if isinstance(step, str) else "", step if isinstance(step, int) else 0)
        for step in steps
    ]


def _finished(text: str, scribe: _WireScribe, limits: Limits) -> str:
    size = len(text.encode())
    if size > limits.expression_bytes:
        raise LimitExceeded(
            f"an expression has {size} bytes",
            why=f"the service takes at most {limits.expression_bytes}",
            fix="use fewer conditions or changes in one request",
            code="expressions.too-long",
        )
    operators, scribe.operators = scribe.operators, 0
    if operators > limits.expression_operators:
        raise LimitExceeded(
            f"an expression has {operators} operators and functions",
            why=f"the service takes at most {limits.expression_operators}",
            fix="use fewer conditions in one request, or is_in(...) instead of many comparisons",
            code="expressions.too-many-operators",
        )
    return text
