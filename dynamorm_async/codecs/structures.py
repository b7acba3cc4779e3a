"""Codecs of nested classes: attrs classes and dataclasses, frozen, generic or holding themselves."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from typing import Any, get_origin

import attrs
import msgspec
from msgspec import UNSET

from dynamorm_async.codecs.base import Codec, Scope
from dynamorm_async.codecs.generate import (
    Member,
    decoder,
    encoder,
    exact_decoder,
    exact_struct_of,
    item_struct,
)
from dynamorm_async.codecs.wires import exact_struct, path_of_error, wire_struct
from dynamorm_async.errors import InvalidExpression, InvalidModel, InvalidValue
from dynamorm_async.model import typed_fields


class Structure(Codec):
    """A nested class, stored as M under the names of its fields.

    A class that holds itself is read in two steps: the inner part stays bytes until the outer
    one is there, because a msgspec type cannot be made before its parts.
    """

    writes = frozenset({"M"})

    def __init__(self, tp: Any, for_type: Callable[[Any], Codec], *, strict: bool) -> None:
        self.type = tp
        self.cls: type[Any] = get_origin(tp) or tp
        self.label = self.cls.__name__
        self.is_recursive = False
        self._for_type, self._strict = for_type, strict
        self._struct: Any = None
        self._reader: msgspec.json.Decoder[Any] | None = None
        self.members: dict[str, Member] = {}

    def build(self) -> None:
        """Make the functions; the parts may ask for this codec meanwhile."""
        for field in typed_fields(self.type):
            # As with cattrs, what the constructor does not take is worked out anew and not stored.
            if not field.in_init:
                continue
            try:
                codec = self._for_type(field.type)
            except InvalidModel as error:
                raise in_field(error, f"{self.cls.__name__}.{field.name}") from error
            self.members[field.name] = Member(
                name=field.name,
                attribute=field.name,
                codec=codec,
                has_default=field.has_default,
                make_default=field.make_default,
                argument=field.alias,
            )
        members = list(self.members.values())
        self._encode = encoder(self.label, members, stamps=())
        plain = is_plain(self.cls) and len(members) == len(typed_fields(self.type))
        frozen = is_frozen(self.cls)
        self._decode = decoder(self.label, self.cls, members, frozen=frozen, plain=plain)
        self._read_exact = exact_decoder(self.label, self.cls, members, frozen=frozen, plain=plain)
        self._exact_struct = exact_struct_of(self.label, members, strict=self._strict)
        self._struct = item_struct(self.label, members, extra={}, strict=self._strict)
        self._reader = msgspec.json.Decoder(self._struct)

    @property
    def reads(self) -> Mapping[str, Any]:
        if self._struct is None:
            self.is_recursive = True
            return {"M": msgspec.Raw}
        return {"M": self._struct}

    @property
    def wire(self) -> Any:
        return wire_struct(self.reads)

    def encode(self, value: Any) -> str:
        # What a subclass adds would be lost.
        if type(value) is not self.cls:
            raise self.wrong(value)
        try:
            return f'{{"M":{{{",".join(self._encode(value))}}}}}'
        except RecursionError as error:
            raise InvalidValue("a value is nested too deeply", code="codecs.too-deep") from error

    def decode(self, wire: Any) -> Any:
        stored = wire.M
        if stored is UNSET:
            raise self.unreadable(wire)
        if isinstance(stored, msgspec.Raw):
            assert self._reader is not None  # noqa: S101 - built before anything is read
            try:
                stored = self._reader.decode(stored)
            except msgspec.ValidationError as error:
                reason, _, where = str(error).partition(" - at `$")
                path = path_of_error(where.removesuffix("`"), {})
                raise InvalidValue(reason, path=path, code="codecs.unreadable") from error
        return self._decode(stored)

    @property
    def exact_wire(self) -> Any:
        return self.wire if self._struct is None else exact_struct("M", self._exact_struct)

    def exact_source(self, variable: str, scope: Scope) -> str:
        if self._struct is None:
            return super().exact_source(variable, scope)
        return f"{scope.name(self._read_exact, 'read')}({variable}.M)"

    def child(self, step: str | int) -> tuple[str | int, Codec]:
        member = self.members.get(step) if isinstance(step, str) else None
        if member is None:
            raise InvalidExpression(
                f"{self.label} has no field {step!r}",
                fix=f"use one of {', '.join(self.members)}",
                code="codecs.unknown-field",
            )
        return member.attribute, member.codec


def in_field(error: InvalidModel, where: str) -> InvalidModel:
    """Return the error with the class and field that it is about."""
    return InvalidModel(f"{where}: {error.what}", why=error.why, fix=error.fix, code=error.code)


def is_frozen(cls: type[Any]) -> bool:
    """Tell whether instances refuse plain assignment."""
    setter: Any = cls.__setattr__
    return setter is not object.__setattr__


def is_plain(cls: type[Any]) -> bool:
    """Tell whether an instance may be filled without its constructor: nothing of the user's runs there."""
    if dataclasses.is_dataclass(cls) or not attrs.has(cls) or issubclass(cls, BaseException):
        return False
    hooks = ("__attrs_post_init__", "__attrs_pre_init__")
    has_hooks = any(hasattr(cls, name) for name in hooks) or cls.__new__ is not object.__new__
    code: types.CodeType | None = getattr(cls.__init__, "__code__", None)
    if code is None or not code.co_filename.startswith("<attrs generated"):
        return False
    # The constructor also prepares the hash where it is cached.
    caches_hash = "_attrs_cached_hash" in (*code.co_names, *code.co_consts)
    runs_code = any(field.validator or field.converter for field in attrs.fields(cls))
    return not (has_hooks or caches_hash or runs_code)
