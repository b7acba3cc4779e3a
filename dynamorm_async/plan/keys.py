"""Keys in every form that a user may hand in, as one: JSON text and readable values."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

import msgspec

from dynamorm_async.codecs import Record, quote
from dynamorm_async.errors import InvalidKey, InvalidValue, quoted
from dynamorm_async.model import UNSET, ModelSpec, Stored

M = TypeVar("M")


class Key(Generic[M]):
    """The key of one item of model `M`: `Key(Bookmark, "ana", "aws")`.

    The values are those of the partition key and the sort key, or, where these are templates, of
    the templates' fields, in their order.
    """

    __slots__ = ("model", "values")

    def __init__(self, model: type[M], *values: object) -> None:
        self.model = model
        self.values = values

    def __repr__(self) -> str:
        return f"Key({', '.join((self.model.__name__, *map(quoted, self.values)))})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        key = cast("Key[Any]", other)
        return (self.model, self.values) == (key.model, key.values)

    def __hash__(self) -> int:
        return hash((self.model, self.values))


class KeyParts(msgspec.Struct, frozen=True):
    """A key, resolved; made for every call, like those of `wire`.

    Attributes:
        text: The key's attributes as JSON text, `{"id":{"S":"x"}}`.
        values: Argument name to value, for errors and events.
        item: The instance that was handed in as the key, or None.
    """

    text: str
    values: Mapping[str, object]
    item: Any = None


def key_parts(record: Record[Any], key: object) -> KeyParts:
    """Return the key that a Key, a tuple, a bare value or an instance means.

    Raises:
        InvalidKey: It belongs to another model, has too many or too few values, or one of them
            cannot be a key.
    """
    spec = record.spec
    names = spec.key_arguments
    given: Any = key  # a cast would be a call
    if type(key) is tuple and len(given) == len(names) > 1:
        values = dict(zip(names, given, strict=True))
        return KeyParts(key_text(record, values), values)
    if isinstance(key, tuple) and len(cast("tuple[object, ...]", key)) == 1:
        (key,) = cast("tuple[object]", key)
    if isinstance(key, Key):
        other = cast("Key[Any]", key)
        if other.model is not spec.cls:
            raise InvalidKey(
                f"{other!r} is no key of {spec.name}",
                fix=f"use Key({spec.name}, …), or the other table handle",
            )
        return key_parts(record, other.values)
    item = cast("Any", key)
    if type(item) is spec.cls:
        values = {name: getattr(item, name) for name in names}
        kept = record.kept_texts(item)
        text = _text_of(record, values, kept) if kept else key_text(record, values)
        return KeyParts(text, values, item)
    if isinstance(key, Stored):
        name = type(key).__name__
        raise InvalidKey(
            f"a {name} is no key of {spec.name}",
            fix=f"hand in a {spec.name}, or use the table handle of {name}",
        )
    parts = cast("tuple[object, ...]", key) if isinstance(key, tuple) else (key,)
    if len(parts) != len(names):
        raise InvalidKey(
            f"{spec.name}'s key has {_counted(names)}, and {len(parts)} came",
            fix=f"give {', '.join(names)}",
            code="plan.key-length",
        )
    values = dict(zip(names, parts, strict=True))
    return KeyParts(key_text(record, values), values)


def model_of(thing: object) -> type[Any] | None:
    """Return the model of a `Key` or an instance, or None for anything else."""
    if isinstance(thing, Key):
        return cast("Key[Any]", thing).model
    return type(thing) if isinstance(thing, Stored) else None


def key_text(record: Record[Any], values: Mapping[str, object]) -> str:
    """Return the JSON text of the key attributes for the key's arguments.

    Raises:
        InvalidKey: A value cannot be a key.
    """
    if record.encode_key is not None:
        try:
            return record.encode_key(*values.values())
        except InvalidValue:
            pass  # told below, where each value stands by itself
    return _text_of(record, values, {})


def _text_of(record: Record[Any], values: Mapping[str, object], kept: Mapping[str, str]) -> str:
    spec = record.spec
    pieces: list[str] = []
    for field in spec.key_fields:
        try:
            value = values.get(field.name)
            if field.template is not None:
                value = record.computed(field.name, SimpleNamespace(**values))
            text = None if value is None else kept.get(field.name) or record.encode_field(field.name, value)
        except InvalidValue as error:
            raise InvalidKey(
                f"{error.path}: {error.what}",
                why=error.why,
                fix=error.fix or f"give {', '.join(spec.key_arguments)} as declared",
                code=error.code,
            ) from error
        if text is None:
            raise InvalidKey(
                f"{spec.name}'s key has no {_missing(spec, values)}", fix="give every part of the key"
            )
        pieces.append(f"{quote(field.attribute)}:{text}")
    return f"{{{','.join(pieces)}}}"


def _missing(spec: ModelSpec, values: Mapping[str, object]) -> str:
    return next(
        (name for name in spec.key_arguments if values.get(name) in (None, UNSET)), spec.key_arguments[0]
    )


def _counted(names: tuple[str, ...]) -> str:
    return f"{len(names)} value{'s' if len(names) > 1 else ''} ({', '.join(names)})"
