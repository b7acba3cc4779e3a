"""What every plan of one table handle has in common, and the texts compiled for it so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

import attrs

from dynamorm_async.codecs import Record, quote
from dynamorm_async.errors import InvalidValue
from dynamorm_async.expressions import (
    CompiledRequest,
    Place,
    Request,
    Resolved,
    Role,
    bind_names,
    compile_request,
)
from dynamorm_async.model import ModelSpec

M = TypeVar("M")
T = TypeVar("T")

# More shapes than this come only from a program that makes shapes out of data; then the oldest go.
_MOST_SHAPES = 1024


class WithoutField:
    """The owner of places that are attributes without a field; their values are tagged JSON text."""


@attrs.define(eq=False)
class Target(Generic[M]):
    """A model's record, the name of the table, and the shapes compiled for them.

    Attributes:
        record: The model's codec.
        table: The table's name or ARN.
        is_unique: Whether the model has unique fields, so that its writes keep claims on their values.
        tables: The table alone, as calls name their tables.
        opening: The beginning of every request, before its other members.

    The shapes are a memo: they change how fast a plan is made, never what it says.
    """

    record: Record[M]
    table: str
    is_unique: bool = attrs.field(init=False)
    tables: tuple[str] = attrs.field(init=False)
    opening: str = attrs.field(init=False)
    _places: dict[str, Place] = attrs.field(factory=dict[str, Place], init=False)
    _memory: dict[Any, Any] = attrs.field(factory=dict[Any, Any], init=False)
    _shapes: dict[Any, CompiledRequest] = attrs.field(factory=dict[Any, CompiledRequest], init=False)

    @property
    def spec(self) -> ModelSpec:
        """The model's spec."""
        return self.record.spec

    def __attrs_post_init__(self) -> None:
        self.is_unique = bool(self.spec.unique_fields)
        self.tables = (self.table,)
        self.opening = f'{{"TableName":{quote(self.table)}'

    def place(self, name: str) -> Place:
        """Return the place of a field; the same object each time, so that shapes are soon compared."""
        found = self._places.get(name)
        if found is None:
            found = self._places[name] = Place(self.spec.cls, (name,))
        return found

    def remembered(self, name: object, make: Callable[[], T]) -> T:
        """Return what was made under a name before, or make it; it must be the same each time."""
        found: T | None = self._memory.get(name)
        if found is None:
            found = make()
            self.remember(name, found)
        return found

    def recalled(self, shape: object) -> Any:
        """Return what was remembered for a shape, or None."""
        return self._memory.get(shape)

    def remember(self, shape: object, made: object) -> None:
        """Keep what was made for a shape, in the place of the oldest where there are too many."""
        if len(self._memory) >= _MOST_SHAPES:
            del self._memory[next(iter(self._memory))]
        self._memory[shape] = made

    def body(self, members: Mapping[str, str], request: Request) -> bytes:
        """Return a request: the table, the given members (JSON texts), and the bound expressions.

        Raises:
            InvalidValue: A text in it is no Unicode.
            InvalidRequest: An expression means nothing for the model, or is too large.
        """
        compiled = self.compiled(request)
        return self.closed(self.opened(members) + bind_names(compiled, request.values()), compiled)

    def opened(self, members: Mapping[str, str]) -> str:
        """Return the beginning of a request, without its last brace: the table and the given members."""
        given = "".join([f',"{name}":{text}' for name, text in members.items()])
        return f"{self.opening}{given}"

    def closed(self, text: str, compiled: CompiledRequest | None = None) -> bytes:
        """Return a request that is whole but for its last brace as bytes.

        Args:
            text: The request so far.
            compiled: The expressions in it, for the text of an error.

        Raises:
            InvalidValue: A text in it is no Unicode.
        """
        try:
            return f"{text}}}".encode()
        except UnicodeEncodeError as error:
            slots = compiled.slots if compiled is not None else ()
            raise self._surrogate(f"{text}}}", {slot.name: slot.label for slot in slots}) from error

    def compiled(self, request: Request) -> CompiledRequest:
        """Return what all requests of this shape have in common."""
        shape = request.shape()
        compiled = self._shapes.get(shape)
        if compiled is None:
            compiled = compile_request(request, self._resolve)
            if len(self._shapes) >= _MOST_SHAPES:
                del self._shapes[next(iter(self._shapes))]
            self._shapes[shape] = compiled
        return compiled

    def _resolve(self, place: Place) -> Resolved:
        if place.owner is WithoutField:
            return Resolved(place.steps, _as_it_is)
        return self.record.resolve(place)

    def _surrogate(self, text: str, labels: Mapping[str, str]) -> InvalidValue:
        request = cast("dict[str, dict[str, Any]]", json.loads(text))
        places = ("Key", "ExpressionAttributeNames", "ExpressionAttributeValues")
        values = {name: value for place in places for name, value in request.get(place, {}).items()}
        broken = (name for name, value in values.items() if not _is_unicode(value) or not _is_unicode(name))
        name = next(broken, "")
        return InvalidValue(
            "a text holds a lone surrogate, which is no Unicode character",
            path=f"{self.spec.name}.{labels.get(name, name)}".rstrip("."),
            fix="clean the text, or store bytes",
            code="codecs.surrogate",
        )


def _as_it_is(role: Role) -> Callable[[str], str]:
    del role
    return str


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
