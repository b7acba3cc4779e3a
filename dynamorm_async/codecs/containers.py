"""Codecs of values made of values: optional, lists, tuples, sets, maps, unions, JSON-like, hooked.

Each takes the codecs of its parts; an error inside says where: `[2]`, `['city']`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from types import GenericAlias
from typing import Any, TypeVar, cast

from msgspec import UNSET

from dynamorm_async.codecs.base import NULL_TEXT, Codec, Scope, quote
from dynamorm_async.codecs.scalars import Binary, Exact, Float, Integer, Scalar, Text
from dynamorm_async.codecs.wires import (
    ANYTHING,
    exact_struct,
    list_of,
    map_of,
    plain_number,
    tag_of,
    wire_struct,
)
from dynamorm_async.errors import InvalidExpression, InvalidValue, quoted
from dynamorm_async.wire import LIMITS

A = TypeVar("A")
B = TypeVar("B")

_SET_TAGS = {"S": "SS", "N": "NS", "B": "BS"}


def each(function: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Return `function` of every item; an InvalidValue says at which index."""
    done: list[B] = []
    try:
        # What was done before an error stays in the list, so its length is the index.
        done.extend(map(function, items))
    except InvalidValue as error:
        raise error.under(f"[{len(done)}]") from error.__cause__
    return done


def each_entry(function: Callable[[str, Any], B], items: Iterable[tuple[str, Any]]) -> Iterable[B]:
    """Yield `function` of every name and value; an InvalidValue says under which name."""
    for name, value in items:
        try:
            yield function(name, value)
        except InvalidValue as error:
            raise error.under(f"[{quoted(name)}]") from error.__cause__


class Maybe(Codec):
    """A type or None: None is stored as NULL where it is stored at all."""

    can_be_none = True

    def __init__(self, inner: Codec) -> None:
        self.inner = inner
        self.label = f"{inner.label} or None"
        self.writes = inner.writes

    @property
    def reads(self) -> Mapping[str, Any]:
        return self.inner.reads

    def encode(self, value: Any) -> str:
        return NULL_TEXT if value is None else self.inner.encode(value)

    def decode(self, wire: Any) -> Any:
        return None if wire.NULL is True else self.inner.decode(wire)

    def encode_source(self, variable: str, scope: Scope) -> str:
        inner = self.inner.encode_source(variable, scope)
        return f"({scope.name(NULL_TEXT, 'null_text')} if {variable} is None else {inner})"

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        return self.inner.child(step)

    def element(self) -> Codec:
        return self.inner.element()

    def is_empty_collection(self, value: Any) -> bool:
        return value is not None and self.inner.is_empty_collection(value)


class ListOf(Codec):
    """A list, or a tuple of any length, stored as L."""

    writes = frozenset({"L"})

    def __init__(self, inner: Codec, *, make: Callable[[list[Any]], Any], label: str) -> None:
        self.inner, self.make = inner, make
        self.label = f"{label} of {inner.label}"

    @property
    def reads(self) -> Mapping[str, Any]:
        return {"L": list_of(self.inner.wire)}

    def encode(self, value: Any) -> str:
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes, bytearray, memoryview)):
            raise self.wrong(value)
        return f'{{"L":[{",".join(each(self.inner.encode, cast("Sequence[Any]", value)))}]}}'

    def decode(self, wire: Any) -> Any:
        if wire.L is UNSET:
            raise self.unreadable(wire)
        elements = each(self.inner.decode, wire.L)
        return elements if self.make is list else self.make(elements)

    def encode_source(self, variable: str, scope: Scope) -> str:
        slow = f"{scope.name(self.encode, 'encode')}({variable})"
        if not self.inner.is_leaf:
            return slow
        self.forgets_index = True
        element = self.inner.encode_source("e", scope)
        fast = f"""'{{"L":[' + ','.join([{element} for e in {variable}]) + ']}}'"""
        return f"({fast} if {variable}.__class__ in SEQUENCES else {slow})"

    @property
    def exact_wire(self) -> Any:
        return exact_struct("L", list_of(self.inner.exact_wire))

    def exact_source(self, variable: str, scope: Scope) -> str:
        elements = f"[{self.inner.exact_source('e', scope)} for e in {variable}.L]"
        return elements if self.make is list else f"{scope.name(self.make, 'make')}({elements})"

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        if not isinstance(step, int):
            raise InvalidExpression(f"[{step!r}] goes into a {self.label}", fix="use a whole number")
        return step, self.inner

    def element(self) -> Codec:
        return self.inner


class TupleOf(Codec):
    """A tuple with one type for each place, stored as L."""

    writes = frozenset({"L"})

    def __init__(self, parts: Sequence[Codec]) -> None:
        self._parts = tuple(parts)
        self.label = f"tuple of {', '.join(part.label for part in parts)}"

    @property
    def reads(self) -> Mapping[str, Any]:
        return {"L": GenericAlias(tuple, tuple(part.wire for part in self._parts))}

    def encode(self, value: Any) -> str:
        if not isinstance(value, (tuple, list)) or len(cast("Collection[Any]", value)) != len(self._parts):
            raise self.wrong(value)
        pairs = list(zip(self._parts, cast("Sequence[Any]", value), strict=True))
        return f'{{"L":[{",".join(each(lambda pair: pair[0].encode(pair[1]), pairs))}]}}'

    def decode(self, wire: Any) -> Any:
        if wire.L is UNSET:
            raise self.unreadable(wire)
        return tuple(each(lambda pair: pair[0].decode(pair[1]), list(zip(self._parts, wire.L, strict=True))))

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        if not isinstance(step, int) or step >= len(self._parts):
            raise InvalidExpression(f"[{step!r}] goes into a {self.label}", fix="use the number of a place")
        return step, self._parts[step]


class SetOf(Codec):
    """A set or frozenset of texts, numbers or binary values, stored as SS, NS or BS.

    The service cannot store an empty set: it is left out, or NULL stands for it. A list of the same
    elements is read as well: services written in Go store number and binary sets so.
    """

    def __init__(self, inner: Scalar, *, make: Callable[[Iterable[Any]], Any], label: str) -> None:
        self.inner, self.make = inner, make
        self.tag = _SET_TAGS[inner.tag]
        self._has_texts = type(inner) is Text
        self._binary = wire_struct(inner.reads)
        self._read: Callable[[Any], Any] = self._read_binary if inner.tag == "B" else inner.from_text
        self.label = f"{label} of {inner.label}"
        self.writes = frozenset({self.tag})

    @property
    def reads(self) -> Mapping[str, Any]:
        tag = self.inner.tag
        return {
            self.tag: list[bytes] if tag == "B" else list[str],
            "L": list_of(wire_struct(self.inner.reads)),
        }

    def encode(self, value: Any) -> str:
        if value.__class__ is not set and not isinstance(value, AbstractSet):
            raise self.wrong(value)
        elements = cast("Collection[Any]", value)
        if not elements:
            return NULL_TEXT
        if self._has_texts:
            try:
                return f'{{"SS":[{",".join(map(quote, sorted(elements)))}]}}'
            except TypeError:
                # An element is no text, which is told below.
                pass
        # Sorted, because a set's order changes from process to process.
        texts = sorted(map(self.inner.to_text, elements))
        if len(set(texts)) < len(texts):
            raise InvalidValue(
                f"two elements of a {self.label} are stored alike",
                fix="make what is stored of an element unique",
                code="codecs.same-element",
            )
        written = (
            [quote(text) for text in texts] if self.inner.tag == "S" else [f'"{text}"' for text in texts]
        )
        return f'{{"{self.tag}":[{",".join(written)}]}}'

    def decode(self, wire: Any) -> Any:
        elements = getattr(wire, self.tag)
        if elements is not UNSET:
            return self.make(elements if self._has_texts else each(self._read, elements))
        if wire.NULL is True:
            return self.make(())
        if getattr(wire, "L", UNSET) is UNSET:
            raise self.unreadable(wire)
        return self.make(each(self.inner.decode, wire.L))

    @property
    def exact_wire(self) -> Any:
        return exact_struct("SS", list[str]) if self._has_texts else self.wire

    def exact_source(self, variable: str, scope: Scope) -> str:
        if not self._has_texts:
            return super().exact_source(variable, scope)
        return f"{scope.name(self.make, 'make')}({variable}.SS)"

    def element(self) -> Codec:
        return self.inner

    def is_empty_collection(self, value: Any) -> bool:
        return isinstance(value, AbstractSet) and not value

    # msgspec has made bytes of binary elements already.
    def _read_binary(self, element: bytes) -> Any:
        return self.inner.decode(self._binary(B=element))


class MapOf(Codec):
    """A dict whose keys have a text form, stored as M."""

    writes = frozenset({"M"})

    def __init__(self, key: Scalar, inner: Codec) -> None:
        self._key, self.inner = key, inner
        self._plain_keys = type(key) is Text
        self.label = f"dict of {inner.label}"

    @property
    def reads(self) -> Mapping[str, Any]:
        return {"M": map_of(self.inner.wire)}

    def encode(self, value: Any) -> str:
        if not isinstance(value, Mapping):
            raise self.wrong(value)
        entries = cast("Mapping[Any, Any]", value)
        texts = [(self._key.to_text(name), inner) for name, inner in entries.items()]
        if not self._plain_keys and len({name for name, _ in texts}) < len(texts):
            raise InvalidValue(
                f"two keys of a {self.label} are stored alike",
                fix="make what is stored of a key unique",
                code="codecs.same-key",
            )
        written = each_entry(lambda name, inner: f"{quote(name)}:{self.inner.encode(inner)}", texts)
        return f'{{"M":{{{",".join(written)}}}}}'

    def decode(self, wire: Any) -> Any:
        if wire.M is UNSET:
            raise self.unreadable(wire)
        if self._plain_keys:
            return dict(each_entry(lambda name, inner: (name, self.inner.decode(inner)), wire.M.items()))
        return dict(
            each_entry(
                lambda name, inner: (self._key.from_text(name), self.inner.decode(inner)), wire.M.items()
            )
        )

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        if isinstance(step, str):
            return step, self.inner
        try:
            return self._key.to_text(step), self.inner
        except InvalidValue as error:
            raise InvalidExpression(
                f"[{step!r}] goes into a {self.label}", fix="use a key of the dict"
            ) from error


class OneOf(Codec):
    """A union whose members write different tags, so that the tag tells which one is stored."""

    def __init__(self, members: Sequence[Codec]) -> None:
        self._members = tuple(members)
        self.label = " or ".join(member.label for member in members)
        self.writes = frozenset[str]().union(*(member.writes for member in members))

    @property
    def reads(self) -> Mapping[str, Any]:
        # A tag that one member writes is not left to another that would merely read it.
        found: dict[str, Any] = {}
        for member in self._members:
            found.update((tag, tp) for tag, tp in member.reads.items() if tag in member.writes)
        return found

    def encode(self, value: Any) -> str:
        for member in self._members:
            try:
                return member.encode(value)
            except InvalidValue as error:
                # A wrong type lets the next member try; a value that its own member refuses does not.
                if error.code != "codecs.wrong-type" or error.path:
                    raise
        raise self.wrong(value)

    def decode(self, wire: Any) -> Any:
        tag = tag_of(wire)
        for member in self._members:
            # NULL is what a set writes that has no elements.
            if tag in member.writes or (tag == "NULL" and isinstance(member, SetOf)):
                return member.decode(wire)
        raise self.unreadable(wire)


class Anything(Codec):
    """A JSON-like value: str, numbers, bool, None, bytes, and lists, dicts and sets of these."""

    label = "JSON-like value"
    can_be_none = True

    @property
    def reads(self) -> Mapping[str, Any]:
        return ANYTHING

    def encode(self, value: Any) -> str:
        return _encode_plain(value, LIMITS.nesting)

    def decode(self, wire: Any) -> Any:
        """Return the Python value of a tagged value whose type nobody declared.

        Numbers are int where they are whole, float where a float says the same, and Decimal
        otherwise, so that no digit is lost.
        """
        match tag_of(wire):
            case "S" | "B" | "BOOL" as tag:
                return getattr(wire, tag)
            case "N":
                return plain_number(wire.N)
            case "NULL" if wire.NULL:
                return None
            case "SS" | "BS" as tag:
                return set(getattr(wire, tag))
            case "NS":
                return set(each(plain_number, wire.NS))
            case "L":
                return each(self.decode, wire.L)
            case "M":
                return dict(each_entry(lambda name, inner: (name, self.decode(inner)), wire.M.items()))
            case _:
                raise self.unreadable(wire)

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        return step, self

    def element(self) -> Codec:
        return self

    def is_empty_collection(self, value: Any) -> bool:
        return isinstance(value, (set, frozenset)) and not value


def encode_plain(value: object) -> str:
    """Return the tagged JSON text of a value that belongs to no field.

    Raises:
        InvalidValue: It cannot be stored.
    """
    return _encode_plain(value, LIMITS.nesting)


_TEXT, _BINARY, _WHOLE, _FLOAT, _EXACT = Text(), Binary(), Integer(), Float(), Exact()


def _encode_plain(value: Any, wrappers_left: int) -> str:
    match value:
        case None:
            return NULL_TEXT
        case bool():
            return '{"BOOL":true}' if value else '{"BOOL":false}'
        case list() | tuple() | dict() if not wrappers_left:
            raise too_deep()
        case list() | tuple():
            elements = each(lambda inner: _encode_plain(inner, wrappers_left - 1), cast("list[Any]", value))
            return f'{{"L":[{",".join(elements)}]}}'
        case dict():
            entries = cast("dict[Any, Any]", value)
            for name in entries:
                if not isinstance(name, str):
                    raise InvalidValue(f"{quoted(name)} is no name of a map", fix="use texts as names")
            written = each_entry(
                lambda name, inner: f"{quote(name)}:{_encode_plain(inner, wrappers_left - 1)}",
                entries.items(),
            )
            return f'{{"M":{{{",".join(written)}}}}}'
        case set() | frozenset():
            return _encode_plain_set(cast("AbstractSet[Any]", value))
        case _:
            codec = _plain_scalar_for(value)
            if codec is None:
                raise InvalidValue(
                    f"expected a JSON-like value, got {type(value).__name__} {quoted(value)}",
                    fix="use str, numbers, bool, None, bytes, list, dict or set here, or declare a type",
                    code="codecs.wrong-type",
                )
            return codec.encode(value)


def _encode_plain_set(elements: AbstractSet[Any]) -> str:
    if not elements:
        raise InvalidValue(
            "an empty set cannot be stored",
            why="the service has none, and here nothing says that NULL would mean one",
            fix="leave it out, use a list, or declare the field as set[...]",
            code="codecs.empty-set",
        )
    codecs = {_plain_scalar_for(element) for element in elements}
    tags = {codec.tag if codec is not None else None for codec in codecs}
    if len(tags) > 1 or None in tags or any(isinstance(element, bool) for element in elements):
        raise InvalidValue(
            "the elements of a set are not of one kind",
            fix="use only texts, only numbers, or only binary values in one set",
            code="codecs.mixed-set",
        )
    tag = next(iter(tags))
    texts = sorted(cast("Scalar", _plain_scalar_for(element)).to_text(element) for element in elements)
    written = ",".join(quote(text) for text in texts)
    return f'{{"{_SET_TAGS[str(tag)]}":[{written}]}}'


def _plain_scalar_for(value: Any) -> Scalar | None:
    match value:
        case str():
            return _TEXT
        case int():
            return _WHOLE
        case float():
            return _FLOAT
        case Decimal():
            return _EXACT
        case bytes() | bytearray() | memoryview():
            return _BINARY
        case _:
            return None


def too_deep() -> InvalidValue:
    """Return the error for a value with more than 31 lists and maps around a scalar."""
    return InvalidValue(
        f"a value is nested deeper than {LIMITS.nesting} lists and maps",
        why="the service stores at most 32 levels",
        fix="flatten the value, or store it as JSON text",
        code="codecs.too-deep",
    )


class Hooked(Codec):
    """A type whose meaning the user's converter decides: its hooks turn it into a JSON-like value."""

    def __init__(
        self,
        label: str,
        unstructure: Callable[[Any], Any],
        structure: Callable[[Any], Any],
        *,
        renamed: Mapping[str, str],
    ) -> None:
        """Take the hooks, and the names that they give to fields: Python name to stored name."""
        self.label = label
        self._unstructure, self._structure, self._renamed = unstructure, structure, renamed
        self._plain = Anything()

    @property
    def reads(self) -> Mapping[str, Any]:
        return ANYTHING

    def encode(self, value: Any) -> str:
        return self._plain.encode(hooked(self._unstructure, value, self.label))

    def decode(self, wire: Any) -> Any:
        return hooked(self._structure, self._plain.decode(wire), self.label)

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        return self._renamed.get(step, step) if isinstance(step, str) else step, self._plain


class HookedScalar(Scalar):
    """A hooked type whose hook says that it gives a str, an int or the like, so that it can be a key."""

    def __init__(
        self, label: str, inner: Scalar, unstructure: Callable[[Any], Any], structure: Callable[[Any], Any]
    ) -> None:
        self.label = label
        self.tag, self.writes = inner.tag, inner.writes
        self._inner, self._unstructure, self._structure = inner, unstructure, structure

    @property
    def reads(self) -> Mapping[str, Any]:
        return self._inner.reads

    def to_text(self, value: Any) -> str:
        return self._inner.to_text(hooked(self._unstructure, value, self.label))

    def from_text(self, text: str) -> Any:
        return hooked(self._structure, self._inner.from_text(text), self.label)

    def encode(self, value: Any) -> str:
        return self._inner.encode(hooked(self._unstructure, value, self.label))

    def decode(self, wire: Any) -> Any:
        return hooked(self._structure, self._inner.decode(wire), self.label)

    encode_source = Codec.encode_source

    @property
    def exact_wire(self) -> Any:
        return self.wire

    exact_source = Codec.exact_source


def hooked(hook: Callable[[Any], Any], value: Any, label: str) -> Any:
    """Return `hook(value)`; what it raises becomes the cause of an InvalidValue."""
    try:
        return hook(value)
    except Exception as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue(
            f"the converter's hook for {label} refused {type(value).__name__} {quoted(value)}",
            why=str(error),
            code="codecs.hook",
        ) from error
