"""What every codec is: both ways between the values of one type and tagged JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from dynamorm_async.codecs.wires import tag_of, wire_struct
from dynamorm_async.errors import InvalidExpression, InvalidValue, quoted

# Quotes and escapes a text for JSON, in C where CPython has it; non-ASCII stays as it is.
quote = encode_basestring

NULL_TEXT = '{"NULL":true}'


class Scope:
    """The names that generated source may use: objects under identifiers of their own."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._known: dict[int, str] = {}

    def name(self, value: Any, hint: str) -> str:
        """Return the identifier under which the generated source finds `value`."""
        known = self._known.get(id(value))
        if known is None:
            # Numbered, so that no name of a class or of another hint can meet it.
            known = f"{hint}_{len(self.names)}"
            self.names[known] = value
            self._known[id(value)] = known
        return known


class Codec:
    """Both ways between the values of one type and their tagged JSON.

    Attributes:
        label: The type's name for error texts.
        writes: The tags that `encode` may write; empty where only the value tells.
        reads: Tag to msgspec type, for what `decode` accepts beside NULL.
        can_be_none: Whether None is a value of the type.
        is_leaf: Whether a value holds no other values.
        forgets_index: Whether the generated source does not know which element was wrong, so
            that `encode` or `decode` must be asked again to tell.
    """

    label: str = "value"
    writes: frozenset[str] = frozenset()
    can_be_none: bool = False
    is_leaf: bool = False
    forgets_index: bool = False

    @property
    def reads(self) -> Mapping[str, Any]:
        """Tag to msgspec type of what may stand under it."""
        raise NotImplementedError

    @property
    def wire(self) -> Any:
        """The msgspec type of a whole tagged value."""
        return wire_struct(self.reads)

    def encode(self, value: Any) -> str:
        """Return tagged JSON text, `{"S":"x"}`.

        Raises:
            InvalidValue: The value is not of the type, or the service cannot store it.
        """
        raise NotImplementedError

    def decode(self, wire: Any) -> Any:
        """Return the value of a wire struct.

        Raises:
            InvalidValue: What is stored is not of the type.
        """
        raise NotImplementedError

    def encode_source(self, variable: str, scope: Scope) -> str:
        """Return a Python expression that does what `encode` does to a variable."""
        return f"{scope.name(self.encode, 'encode')}({variable})"

    @property
    def exact_wire(self) -> Any:
        """The msgspec type of a tagged value in the one form that `encode` writes, never NULL.

        Reading first takes every value for exact, and what is not is read again through `wire`.
        """
        return self.wire

    def exact_source(self, variable: str, scope: Scope) -> str:
        """Return a Python expression that reads a value of `exact_wire`, naming it once."""
        return f"{scope.name(self.decode, 'decode')}({variable})"

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        """Return how a step into the value is spelled on the wire, and the codec there.

        Raises:
            InvalidExpression: The type has no such part.
        """
        raise InvalidExpression(
            f"[{step!r}] goes into a {self.label}, which has no parts", code="codecs.no-parts"
        )

    def element(self) -> Codec:
        """Return the codec of what `contains` looks for in the value."""
        raise InvalidExpression(f"contains() looks into a {self.label}, which has no elements")

    def is_empty_collection(self, value: Any) -> bool:  # noqa: ARG002
        """Tell whether the value is a set without elements, which the service cannot store."""
        return False

    def wrong(self, value: Any) -> InvalidValue:
        """Return the error for a value that is not of the type."""
        return InvalidValue(
            f"expected {self.label}, got {type(value).__name__} {quoted(value)}",
            fix=self._advice(value),
            code="codecs.wrong-type",
        )

    def _advice(self, value: Any) -> str:
        name, kind = self.label.split(" ")[0], str(type(value).__name__)
        if value is None:
            return "give a value, or declare the field with None: Attr[... | None]"
        if self.label == "Decimal" and isinstance(value, float):
            return f'say the digits that are meant: Decimal("{value!r}")'
        if isinstance(value, (list, tuple)) and name in ("set", "frozenset"):
            return f"make it a {name}: {name}(...)"
        if isinstance(value, (dict, str, int)) and not self.is_leaf:
            return f"give a {name}: {name}(...)"
        return f"give {self.label}, or declare the field as {kind}"

    def unreadable(self, wire: Any) -> InvalidValue:
        """Return the error for a stored value that is not of the type."""
        tag = tag_of(wire)
        return InvalidValue(
            f"expected {self.label}, found {tag or 'no single type tag'} in the stored item",
            fix="declare the field with None, or with a default, if it may be NULL"
            if tag == "NULL"
            else None,
            code="codecs.unreadable",
        )
