"""Views: some fields of a model, read into another class or into a dict.

Takes a model's record and a class, or field names; gives a reader of pages. What a field's values
mean is the model's codec's matter, so a view reads them as the model does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import attrs
import msgspec
from msgspec import UNSET

from dynamorm_async.codecs.containers import Anything
from dynamorm_async.codecs.generate import Member, decoder, exact_decoder, exact_struct_of, item_struct
from dynamorm_async.codecs.pages import INEXACT, ItemPage, decoded, item_page, page_struct
from dynamorm_async.codecs.records import Record
from dynamorm_async.codecs.structures import is_frozen, is_plain
from dynamorm_async.codecs.wires import Tagged
from dynamorm_async.errors import InvalidModel, InvalidValue, quoted
from dynamorm_async.model import ENTITY_ATTRIBUTE, Stored, evaluated, typed_fields

V = TypeVar("V")


class View(Generic[V]):
    """Reads pages into instances of an attrs class or dataclass that has some of a model's fields.

    Attributes:
        fields: The model's field names that it reads.
    """

    def __init__(self, record: Record[Any], cls: type[V]) -> None:
        self._cls = cls
        self._members = members = _members(record, cls)
        self.fields = tuple(member.name for member in members)
        self._record = record
        self._name = name = f"{record.spec.name}_as_{cls.__name__}"
        frozen, plain = is_frozen(cls), is_plain(cls)
        self._read_exact = exact_decoder(name, cls, members, frozen=frozen, plain=plain)
        self._fill = decoder(name, cls, members, frozen=frozen, plain=plain)
        self._exact_pages = msgspec.json.Decoder(page_struct(exact_struct_of(name, members, strict=False)))
        self._pages = msgspec.json.Decoder(page_struct(item_struct(name, members, extra={}, strict=False)))

    def decode_page(self, body: bytes) -> ItemPage[V]:
        """Return the views of a page; raises as `PageReader` says."""
        try:
            page = self._exact_pages.decode(body)
            return item_page(page, list(map(self._read_exact, page.Items)))
        except INEXACT:
            page = self._record.read_answer(self._pages, body)
            try:
                return item_page(page, list(map(self._fill, page.Items)))
            except InvalidValue as error:
                raise error.under(self._record.spec.name) from error.__cause__

    @property
    def exact(self) -> tuple[Any, Callable[[Any], V]]:
        """As `Record.exact`; the struct reads the table's keys as well, whether the view has them or not."""
        spec = self._record.spec
        read = exact_decoder(
            self._name,
            self._cls,
            self._members,
            frozen=is_frozen(self._cls),
            plain=is_plain(self._cls),
            entity=None if spec.entity is None else (ENTITY_ATTRIBUTE, spec.entity),
        )
        members = _with_keys(self._record, self._members)
        extra = self._record.entity_wire
        return exact_struct_of(f"{self._name}_by_key", members, strict=False, extra=extra), read

    def decode_raw(self, raw: str | msgspec.Raw) -> V:
        """Return the view of the JSON text of one item; raises as `Record.decode_raw` does."""
        stored = self._record.read_answer(self._raw_reader, raw, member="")
        self._record.check_entity(stored)
        try:
            return cast("V", self._fill(stored))
        except InvalidValue as error:
            raise error.under(self._record.spec.name) from error.__cause__

    @cached_property
    def _raw_reader(self) -> msgspec.json.Decoder[Any]:
        extra = self._record.entity_wire
        return msgspec.json.Decoder(item_struct(self._name, self._members, extra=extra, strict=False))


class Columns:
    """Reads pages into dicts of some of a model's fields: field name to value.

    Args:
        record: The model's.
        fields: The field names.
        absent: What stands for an attribute that is not stored; None for the field's default.

    Attributes:
        fields: The field names.
    """

    def __init__(self, record: Record[Any], fields: Sequence[str], *, absent: object = None) -> None:
        self.fields = tuple(fields)
        self._absent = absent
        self._record = record
        self._members = [record.members[name] for name in fields]
        self._name = f"{record.spec.name}_columns"
        self._pages = msgspec.json.Decoder(
            page_struct(item_struct(self._name, self._members, extra={}, strict=False))
        )

    def decode_page(self, body: bytes) -> ItemPage[dict[str, Any]]:
        """Return the dicts of a page; an attribute that is not stored has the field's default."""
        page = self._record.read_answer(self._pages, body)
        return item_page(page, [self._columns(stored) for stored in page.Items])

    @property
    def exact(self) -> tuple[Any, Callable[[Any], dict[str, Any]]]:
        """As `Record.exact`; the struct reads the table's keys as well."""
        return self._struct, self._checked

    def decode_raw(self, raw: str | msgspec.Raw) -> dict[str, Any]:
        """Return the dict of the JSON text of one item; raises as `Record.decode_raw` does."""
        return self._checked(self._record.read_answer(self._raw_reader, raw, member=""))

    @cached_property
    def _struct(self) -> Any:
        members = _with_keys(self._record, self._members)
        extra = self._record.entity_wire
        return item_struct(f"{self._name}_by_key", members, extra=extra, strict=False)

    @cached_property
    def _raw_reader(self) -> msgspec.json.Decoder[Any]:
        return msgspec.json.Decoder(self._struct)

    def _checked(self, stored: Any) -> dict[str, Any]:
        self._record.check_entity(stored)
        return self._columns(stored)

    def _columns(self, stored: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for member in self._members:
            wire = getattr(stored, member.name)
            try:
                found[member.name] = self._value(member, wire)
            except InvalidValue as error:
                raise error.under(f"{self._record.spec.name}.{member.name}") from error.__cause__
        return found

    def _value(self, member: Member, wire: Any) -> Any:
        if wire is UNSET and self._absent is not None:
            return self._absent
        is_null = wire is UNSET or wire.NULL is True
        if is_null and not member.codec.can_be_none:
            return member.make_default() if member.has_default and self._absent is None else None
        return None if wire is UNSET else member.codec.decode(wire)


class PlainItems:
    """Reads pages into dicts of attribute name to JSON-like value, for items of no model."""

    def __init__(self) -> None:
        self._pages = msgspec.json.Decoder(page_struct(dict[str, Tagged]))
        self._plain = Anything()

    def decode_page(self, body: bytes) -> ItemPage[dict[str, Any]]:
        """Return the dicts of a page; raises as `PageReader` says."""
        page = decoded(self._pages, body)
        items = [{name: self._plain.decode(value) for name, value in item.items()} for item in page.Items]
        return item_page(page, items)


def _with_keys(record: Record[Any], members: Sequence[Member]) -> list[Member]:
    """Return the members, and those of the table's key where they are not among them."""
    there = {member.name for member in members}
    keys = [record.members[field.name] for field in record.spec.key_fields]
    return [*members, *(member for member in keys if member.name not in there)]


def _members(record: Record[Any], cls: type[Any]) -> list[Member]:
    spec = record.spec
    if not (attrs.has(cls) or dataclasses.is_dataclass(cls)) or issubclass(cls, Stored):
        raise InvalidModel(
            f"{quoted(cls)} is no view of {spec.name}",
            why="a view is an attrs class or a dataclass, and no model",
            fix=f"declare one with some of the fields of {spec.name}",
            code="codecs.view",
        )
    found: list[Member] = []
    for field in typed_fields(cls):
        member = record.members.get(field.name)
        if member is None or not field.in_init:
            what = "is not among the fields of" if member is None else "is not taken by the constructor for"
            raise InvalidModel(
                f"{cls.__name__}.{field.name} {what} {spec.name}",
                fix=f"use {', '.join(spec.fields)}",
                code="codecs.view-field",
            )
        declared = evaluated(spec, spec.fields[field.name])
        if field.type != declared:
            raise InvalidModel(
                f"{cls.__name__}.{field.name} is declared as {_named(field.type)}",
                why=f"{spec.name}.{field.name} is {_named(declared)}",
                fix="declare both alike",
                code="codecs.view-type",
            )
        has_default = field.has_default or member.has_default
        make_default = field.make_default if field.has_default else member.make_default
        found.append(
            attrs.evolve(
                member,
                argument=field.alias,
                has_default=has_default,
                make_default=make_default,
                stamp=None,
                recovered=None,
            )
        )
    return found


def _named(tp: Any) -> str:
    return tp.__name__ if isinstance(tp, type) else str(tp)
