"""A model's codec: instances to and from the bytes of whole requests and responses.

Generated once per model and converter. Keys, conditions and updates ask the same codecs for their
values, so a value is stored the same wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Mapping
from functools import cached_property
from typing import Any, Generic, NoReturn, TypeVar

import attrs
import msgspec
from msgspec import UNSET, UnsetType

from dynamorm_async.codecs.base import Codec, quote
from dynamorm_async.codecs.batches import BatchCodec
from dynamorm_async.codecs.build import Types
from dynamorm_async.codecs.containers import Anything, Maybe, SetOf
from dynamorm_async.codecs.generate import (
    Member,
    decoder,
    encoder,
    exact_decoder,
    exact_struct_of,
    item_struct,
    key_encoder,
    texts_of,
)
from dynamorm_async.codecs.keys import KeyPart
from dynamorm_async.codecs.pages import INEXACT, UNREADABLE, ItemPage, item_page, other_shape, page_struct
from dynamorm_async.codecs.scalars import (
    Expiry,
    Integer,
    Scalar,
    Text,
    Timestamp,
    is_own_timestamp,
    read_timestamp,
)
from dynamorm_async.codecs.storable import check_storable
from dynamorm_async.codecs.structures import in_field, is_frozen, is_plain
from dynamorm_async.codecs.wires import TAGS, path_of_error
from dynamorm_async.errors import InvalidExpression, InvalidModel, InvalidValue, ProtocolError, quoted
from dynamorm_async.expressions import (
    Condition,
    Place,
    Request,
    Resolved,
    compile_request,
    conjuncts,
    holds,
    places_in,
)
from dynamorm_async.expressions import Role as SlotRole
from dynamorm_async.model import (
    ENTITY_ATTRIBUTE,
    KEPT,
    FieldSpec,
    Kept,
    ModelSpec,
    Role,
    Stored,
    evaluated,
    members_of,
)
from dynamorm_async.model import UNSET as NEVER_SET
from dynamorm_async.wire import LIMITS

M = TypeVar("M")

_STAMPS = {Role.CREATED: "created", Role.UPDATED: "updated", Role.VERSION: "version"}


class Stamps(msgspec.Struct, frozen=True, kw_only=True):
    """What the library writes into its own fields: texts as they stand under the tag, or None."""

    created: str | None = None
    updated: str | None = None
    version: str | None = None


class Record(Generic[M]):
    """Both ways between instances of one model and JSON.

    Attributes:
        spec: The model.
        members: Field name to member.
        entity_wire: The entity attribute and its type, where the model has an entity; for structs.
        encode_key: The key's values to the key's JSON text; None where a part is a template. Its
            InvalidValue does not tell which of the values it was.
    """

    def __init__(self, spec: ModelSpec, types: Types) -> None:
        self.spec = spec
        self._types = types
        self._fills: dict[str, Callable[[Any], str | None]] = {}
        self.members: dict[str, Member] = {}
        for field in spec.fields.values():
            self.members[field.name] = self._member(field)
        # The table's keys first: they are there in every item, an index's need not be.
        for field in sorted(spec.fields.values(), key=lambda field: not field.is_key):
            self._add_template(field)
        members = list(self.members.values())
        self._field_of = {member.attribute: member.name for member in members}
        self._known = frozenset({*self._field_of, *((ENTITY_ATTRIBUTE,) if spec.entity is not None else ())})
        self._encode = encoder(spec.name, members, stamps=tuple(_STAMPS.values()))
        self.encode_key = (
            None
            if any(field.template is not None for field in spec.key_fields)
            else key_encoder(spec.name, [self.members[field.name] for field in spec.key_fields])
        )
        frozen, plain = is_frozen(spec.cls), is_plain(spec.cls)
        self._fill = decoder(spec.name, spec.cls, members, frozen=frozen, plain=plain)
        self.entity_wire = {ENTITY_ATTRIBUTE: Text().wire} if spec.entity is not None else {}
        self._struct = item_struct(spec.name, members, extra=self.entity_wire, strict=False)
        self._read_exact = exact_decoder(
            spec.name,
            spec.cls,
            members,
            frozen=frozen,
            plain=plain,
            entity=None if spec.entity is None else (ENTITY_ATTRIBUTE, spec.entity),
        )
        self._exact_type = exact_struct_of(
            spec.name, members, strict=spec.unknown != "drop", extra=self.entity_wire
        )
        self._entity_text = f'{{"S":{quote(spec.entity)}}}' if spec.entity is not None else None
        self._item_type: Any = msgspec.Raw if spec.unknown != "drop" else self._struct
        self._raw_reader = msgspec.json.Decoder(self._struct)
        self._readers = {name: _reader_pair(name, self._exact_type, self._item_type) for name in _MEMBERS}
        self._exact_page_reader = msgspec.json.Decoder(page_struct(self._exact_type))
        self._page_reader = msgspec.json.Decoder(page_struct(self._item_type))
        self._nests_freely = types.nests_freely
        self._secrets = frozenset(field.name for field in attrs.fields(spec.cls) if not field.repr)
        self._timed = tuple(member.name for member in members if member.keeps_text)
        self._timed_templates = tuple(
            field.name
            for field in spec.fields.values()
            if field.template is not None
            and any(_is_time(self.members[part].codec) for part in field.template.fields)
        )
        self._plain = Anything()
        self._conditions = {
            field.name: [self._condition(part) for part in conjuncts(field.condition)]
            for field in spec.fields.values()
            if field.condition is not None
        }

    # Instances to JSON.

    def encode_item(self, item: M, stamps: Stamps) -> str:
        """Return the whole item as JSON text, `{"id":{"S":"x"},…}`.

        Raises:
            InvalidValue: A field's value cannot be stored; the path begins with the model's name.
        """
        self.check_instance(item)
        try:
            pieces = self._encode(item, stamps.created, stamps.updated, stamps.version)
        except InvalidValue as error:
            raise self._told(error.under(self.spec.name)) from error.__cause__
        if self._entity_text is not None:
            pieces.append(f"{quote(ENTITY_ATTRIBUTE)}:{self._entity_text}")
        kept: Kept | None = getattr(item, KEPT, None)
        if kept is not None:
            pieces.extend(f"{quote(name)}:{text}" for name, text in kept.unknown.items())
        for name, text in self.kept_texts(item).items():
            field = self.spec.fields[name]
            member = f"{quote(field.attribute)}:"
            if field.role not in _STAMPS:  # the library has just written these
                pieces = [f"{member}{text}" if each.startswith(member) else each for each in pieces]
        text = f"{{{','.join(pieces)}}}"
        try:
            check_storable(text, self._field_of, nests_freely=self._nests_freely)
        except InvalidValue as error:
            raise error.under(self.spec.name) from error.__cause__
        return text

    def kept_texts(self, item: M) -> dict[str, str]:
        """Return the tagged JSON of an instance's keys that are times, as they are stored.

        Only where its datetime would be written in another way, and was not changed since it was read:
        another service may store finer times than a datetime holds, and they name the item. The same of
        templates with times in them.
        """
        kept: Kept | None = getattr(item, KEPT, None)
        if kept is None and not self._timed_templates:  # nearly always, and asked for with every write
            return {}
        texts = kept.texts if kept is not None else {}
        found = {name: text for name, text in texts.items() if read_timestamp(text) == getattr(item, name)}
        found |= {name: text for name in self._timed_templates if (text := self._still_said(name, item))}
        return {name: f'{{"S":{quote(text)}}}' for name, text in found.items()}

    def _still_said(self, name: str, item: M) -> str | None:
        """Return the text that an instance was read with for a template, if its parts are still those."""
        template, held = self.spec.fields[name].template, getattr(item, name)
        texts = template.read(held) if template is not None and isinstance(held, str) else None
        if texts is None or self.computed(name, item) in (None, held):
            return None
        try:
            said = {part: _scalar_of(self.members[part].codec, part).from_text(texts[part]) for part in texts}
        except InvalidValue:
            return None
        return held if all(getattr(item, part) == value for part, value in said.items()) else None

    def encode_field(self, name: str, value: object) -> str | None:
        """Return the tagged JSON of one field's value, or None where it is left out."""
        member = self.members[name]
        if member.is_left_out(value):
            return None
        try:
            return member.codec.encode(value)
        except InvalidValue as error:
            raise self._told(error.under(f"{self.spec.name}.{name}")) from error.__cause__

    def computed(self, name: str, parts: object) -> str | None:
        """Return the text of a template's field, or None where it is not stored.

        That is where one of its parts is None, or its condition does not hold.

        Args:
            name: The field with the template.
            parts: An instance, or any object that has as attributes the fields of the template and, where
                there is one, of the condition.

        Raises:
            InvalidValue: A part cannot be stored, or its text would make keys collide.
        """
        return self.filled(name, parts) if self.is_wanted(name, parts) else None

    def is_wanted(self, name: str, parts: object) -> bool:
        """Tell whether a template's field has no condition, or it holds; `parts` as in `computed`."""
        return all(is_met(parts) for _, is_met in self._conditions.get(name, ()))

    def is_ruled_out(self, name: str, parts: object, known: Container[str]) -> bool:
        """Tell whether the condition of a template's field fails, whatever is not known.

        Args:
            name: The field.
            parts: As in `computed`, as far as it is known; `UNSET` for what is not stored.
            known: The names of what is known.
        """
        return any(
            all(field in known for field in fields) and not is_met(parts)
            for fields, is_met in self._conditions.get(name, ())
        )

    def filled(self, name: str, parts: object) -> str | None:
        """Return the text of a template's field whatever its condition says; else as `computed`."""
        fill = self._fills.get(name)
        if fill is None:
            raise InvalidValue("has no template", path=f"{self.spec.name}.{name}")
        try:
            return fill(parts)
        except InvalidValue as error:
            raise error.under(self.spec.name) from error.__cause__

    def is_always_stored(self, name: str) -> bool:
        """Tell whether an item without the field's attribute could not be read at all.

        Where a field has a default, or is found in a key, an item without it reads as well: one of
        another service, or from before the field was declared.
        """
        return self.members[name].recovered is None and self.is_required(name)

    def is_required(self, name: str) -> bool:
        """Tell whether every item has a value for a field, be it in a key alone."""
        member = self.members[name]
        return not (member.has_default or member.codec.can_be_none or isinstance(member.codec, SetOf))

    def tags(self, name: str) -> frozenset[str]:
        """Return the tags under which a field's values are written; none where it may be any."""
        return self.members[name].codec.writes

    def is_int(self, name: str) -> bool:
        """Tell whether an expiry is an int in Python, and not a datetime."""
        codec = self.members[name].codec
        inner = codec.inner if isinstance(codec, Maybe) else codec
        return isinstance(inner, Expiry) and inner.as_int

    def template_text(self, name: str, value: object) -> str:
        """Return the text of a field's value as it stands in a template.

        Raises:
            InvalidValue: The value is not of the field's type.
        """
        try:
            return _scalar_of(self.members[name].codec, f"{self.spec.name}.{name}").to_text(value)
        except InvalidValue as error:
            raise self._told(error.under(f"{self.spec.name}.{name}")) from error.__cause__

    def is_text(self, name: str) -> bool:
        """Tell whether a field's values stand in a template as they are: whether they are texts."""
        codec = self.members[name].codec
        inner = codec.inner if isinstance(codec, Maybe) else codec
        return isinstance(inner, Text) or (isinstance(inner, KeyPart) and inner.is_text)

    def is_left_out(self, name: str, value: object) -> bool:
        """Tell whether a value of the field is not stored at all, so that an update removes it."""
        return self.members[name].is_left_out(value)

    def check_instance(self, item: object) -> None:
        """Refuse what is no instance of the model."""
        if type(item) is not self.spec.cls:
            raise InvalidValue(
                f"expected {self.spec.name}, got {type(item).__name__}",
                fix=f"hand in {self.spec.name}(...)"
                + (f", or use db.table({type(item).__name__})" if isinstance(item, Stored) else ""),
                code="codecs.wrong-model",
            )

    # JSON to instances.

    def decode_item(self, body: bytes | str, *, member: str = "Item") -> M | None:
        """Return the instance under a member of an answer, or None where there is none.

        Args:
            body: The whole answer.
            member: "Item", or "Attributes".

        Raises:
            InvalidValue: The stored item does not fit the model.
            ProtocolError: The answer is not of the operation's shape.
        """
        exact, reader = self._readers[member]
        try:
            stored = exact.decode(body).stored
            return None if stored is UNSET else self._read_exact(stored)
        except INEXACT:
            # Not as this library writes it: another service's form, or an error to be told.
            stored = self.read_answer(reader, body).stored
            return None if stored is UNSET else self._instance(stored)

    def decode_page(self, body: bytes) -> ItemPage[M]:
        """Return the instances of an answer to Query or Scan; raises as `decode_item` does."""
        try:
            page = self._exact_page_reader.decode(body)
            items = list(map(self._read_exact, page.Items))
        except INEXACT:
            try:
                page = self.read_answer(self._page_reader, body)
                items = list(map(self._instance, page.Items))
            except InvalidValue as error:
                raise self._blamed(body, error) from error.__cause__
        return item_page(page, items)

    @cached_property
    def batches(self) -> BatchCodec[M]:
        """What reads the answers to batches; made on first use."""
        return BatchCodec(self)

    @property
    def exact(self) -> tuple[Any, Callable[[Any], M]]:
        """The struct of an item as this library writes it, and what makes an instance of one.

        Both are for readers of answers of other shapes. Where either raises a ValueError or a
        RecursionError, the item is for `decode_raw`.
        """
        return self._exact_type, self._read_exact

    def decode_raw(self, raw: str | msgspec.Raw) -> M:
        """Return the instance of the JSON text of one item; raises as `decode_item` does."""
        whole = self._item_type is msgspec.Raw
        return self._instance(raw if whole else self.read_answer(self._raw_reader, raw, member=""))

    def _blamed(self, body: bytes, error: InvalidValue) -> InvalidValue:
        """Return the error of the first item of a page that cannot be read, with that item's key."""
        for raw in self.read_answer(_PAGE_OF_RAW, body).Items:
            try:
                self._instance(self.read_answer(self._raw_reader, raw, member=""), {})
            except InvalidValue as found:
                error = found
                stored = self.read_answer(_ATTRIBUTES, raw, member="")
                texts = (stored.get(field.attribute) for field in self.spec.key_fields)
                shown = ", ".join(bytes(text).decode() for text in texts if text is not None)
                error.why = f"{error.why}; " if error.why else ""
                error.why += f"it is the item with the key {quoted(shown)}"
                break
        return error

    def decode_some(self, body: bytes, *, plain: frozenset[str]) -> dict[str, Any]:
        """Return the fields under "Attributes" that are there: field name to value.

        Args:
            body: The answer to an update with `UPDATED_OLD` or `UPDATED_NEW`.
            plain: Names of the fields of which a part was changed; these come as JSON-like values,
                because the service answers with the part only.
        """
        reader = msgspec.json.Decoder(_SomeAttributes)
        found: dict[str, Any] = {}
        for attribute, raw in self.read_answer(reader, body).Attributes.items():
            name = self._field_of.get(attribute)
            if name is None:
                continue
            codec = self._plain if name in plain else self.members[name].codec
            wire: Any = self.read_answer(msgspec.json.Decoder(codec.wire), raw, member=attribute)
            try:
                found[name] = codec.decode(wire)
            except InvalidValue as error:
                raise error.under(f"{self.spec.name}.{name}") from error.__cause__
        return found

    def stored_text(self, body: bytes, attribute: str) -> str | None:
        """Return the text under the one tag of an attribute of "Item", or None where it is absent."""
        item = self.read_answer(msgspec.json.Decoder(_AnyItem), body).Item
        if item is UNSET or attribute not in item:
            return None
        return str(next(iter(item[attribute].values()), ""))

    def _instance(self, stored: Any, unknown: dict[str, str] | None = None) -> M:
        if self._item_type is not self._struct and unknown is None:
            return self._instance_of_raw(stored)
        self.check_entity(stored)
        try:
            item: M = self._fill(stored)
        except InvalidValue as error:
            raise error.under(self.spec.name) from error.__cause__
        except RecursionError as error:
            raise ProtocolError(
                "a stored item is nested deeper than the service stores", code="codecs.protocol"
            ) from error
        texts = self._texts_of(stored)
        if unknown or texts:
            object.__setattr__(item, KEPT, Kept(unknown=unknown or {}, texts=texts))
        return item

    def _texts_of(self, stored: Any) -> dict[str, str]:
        """Return the stored texts of times that the datetimes would not be written as."""
        wires = [(name, getattr(stored, name)) for name in self._timed]
        found = {name: wire.S for name, wire in wires if wire is not UNSET and wire.S is not UNSET}
        return {name: text for name, text in found.items() if not is_own_timestamp(text)}

    def _instance_of_raw(self, raw: Any) -> M:
        unknown = {
            name: bytes(value).decode()
            for name, value in self.read_answer(_ATTRIBUTES, raw, member="").items()
            if name not in self._known
        }
        if unknown and self.spec.unknown == "refuse":
            raise InvalidValue(
                f"the stored item holds {', '.join(sorted(unknown)[:5])}, for which there is no field",
                path=self.spec.name,
                fix='declare the field, or use model(unknown="keep")',
                code="codecs.unknown-attribute",
            )
        return self._instance(self.read_answer(self._raw_reader, raw, member=""), unknown)

    def check_entity(self, stored: Any) -> None:
        """Refuse an item, read into a struct with `entity_wire`, that names another entity."""
        wire = getattr(stored, ENTITY_ATTRIBUTE) if self.entity_wire else UNSET
        if wire is UNSET or self.spec.entity == wire.S:
            return
        raise InvalidValue(
            f"the stored item is of another entity: {quoted(wire.S)}",
            path=self.spec.name,
            why=f"{self.spec.name} reads items whose {ENTITY_ATTRIBUTE} is {self.spec.entity!r}",
            code="codecs.wrong-entity",
        )

    def read_answer(self, reader: msgspec.json.Decoder[Any], body: Any, *, member: str | None = None) -> Any:
        """Return what a reader makes of an answer, or of one member of it."""
        try:
            return reader.decode(body)
        except UNREADABLE as error:
            self._refuse(error, member=member)

    def _refuse(self, cause: Exception, *, member: str | None) -> NoReturn:
        """Raise what an error of the JSON reader means."""
        text = str(cause)
        reason, path = self._path_in(text, member=member)
        if path is None or not isinstance(cause, msgspec.ValidationError):
            raise other_shape(text[:200]) from cause
        found = re.search(r"unknown field `(.*)`", reason)
        if found and found[1] in TAGS:
            reason = f"found {found[1]} in the stored item, which the field's type does not take"
        elif found:
            reason = f"found an attribute {found[1]!r} in the stored item, for which there is no field"
        raise InvalidValue(
            reason,
            path=f"{self.spec.name}.{path}".rstrip("."),
            fix="declare what is stored, or mend the item",
            code="codecs.unreadable",
        ) from cause

    def _path_in(self, text: str, *, member: str | None) -> tuple[str, str | None]:
        """Return reason and path of a msgspec error: `$.Item.tags.SS[2]` is `tags[2]`.

        With `member`, what was read was one item, or the value of one attribute of it.
        """
        reason, _, where = text.partition(" - at `$")
        where = where.removesuffix("`")
        if member is None:
            item = re.match(r"\.(Items\[\d+\]|Item|Attributes)(?=\.)", where)
            if item is None:
                return reason, None
            where = where[item.end() :]
        elif member:
            where = f".{member}{where}"
        return reason, path_of_error(where, self._field_of)

    # Paths and keys.

    def resolve(self, place: Place) -> Resolved:
        """Return how a place is spelled on the wire and how values there are encoded.

        Raises:
            InvalidExpression: The place belongs to another model, or does not exist.
        """
        if place.owner is object:
            return Resolved((), self._encoders(self._plain, "", None))
        if not issubclass(self.spec.cls, place.owner):
            raise InvalidExpression(
                f"{place.owner.__name__}.{place} is no field of {self.spec.name}",
                fix=f"use the fields of {self.spec.name}",
                code="codecs.other-model",
            )
        first, *rest = place.steps
        member = self.members.get(str(first))
        if member is None:
            raise InvalidExpression(f"{self.spec.name} has no field {first!r}", code="codecs.unknown-field")
        steps: list[str | int] = [member.attribute]
        codec = member.codec
        for step in rest:
            try:
                wire_step, codec = codec.child(step)
            except InvalidExpression as error:
                raise InvalidExpression(
                    f"{self.spec.name}.{place}: {error.what}", fix=error.fix, code=error.code
                ) from error
            steps.append(wire_step)
        if len(steps) > LIMITS.nesting + 1:
            raise InvalidExpression(f"{self.spec.name}.{place} goes deeper than the service stores")
        whole = None if rest else member
        return Resolved(tuple(steps), self._encoders(codec, f"{self.spec.name}.{place}", whole))

    def _encoders(
        self, codec: Codec, where: str, whole: Member | None
    ) -> Callable[[SlotRole], Callable[[Any], str]]:
        is_key = isinstance(codec.inner if isinstance(codec, Maybe) else codec, KeyPart)

        def encoder_for(role: SlotRole) -> Callable[[Any], str]:
            match role:
                case SlotRole.VALUE | SlotRole.ITEMS | SlotRole.DELTA if codec is not self._plain:
                    chosen = codec
                case SlotRole.ELEMENT:
                    chosen = codec.element()
                case SlotRole.COUNT:
                    chosen = Integer()
                case SlotRole.PREFIX if codec.writes and not codec.writes & {"S", "B"}:
                    raise InvalidExpression(
                        f"{where}.begins_with() looks into a {codec.label}",
                        fix="use it on texts and binary values",
                        code="codecs.no-prefix",
                    )
                case _:
                    chosen = self._plain

            def encode(value: Any) -> str:
                if whole is not None and role is SlotRole.VALUE and whole.is_left_out(value):
                    raise _never_stored(where, value)
                try:
                    text = chosen.encode(value)
                except InvalidValue as error:
                    raise (self._told(error.under(where)) if where else error) from error.__cause__
                if role is SlotRole.PREFIX and not isinstance(value, (str, bytes)):
                    raise InvalidValue("begins_with() takes a text or binary value", path=where)
                if role is SlotRole.PREFIX and not value and is_key:
                    raise InvalidValue(
                        "begins_with() of a key got an empty value",
                        path=where,
                        why="every key begins so, and the service refuses it",
                        fix="leave the condition out",
                        code="codecs.empty-prefix",
                    )
                return text

            return encode

        return encoder_for

    def key_type(self, name: str) -> str:
        """Return the tag of a key field: "S", "N" or "B"."""
        return _scalar_of(self.members[name].codec, f"{self.spec.name}.{name}").tag

    def _told(self, error: InvalidValue) -> InvalidValue:
        """Return the error, without the value where the field is declared with `repr=False`."""
        name = re.split(r"[.\[]", error.path.removeprefix(f"{self.spec.name}."), maxsplit=1)[0]
        if name not in self._secrets:
            return error
        return InvalidValue(
            "got a value that it cannot hold",
            path=error.path,
            why="it is not shown: repr=False",
            code=error.code,
        )

    # Making the members.

    def _member(self, field: FieldSpec) -> Member:
        where = f"{self.spec.name}.{field.name}"
        stamp = _STAMPS.get(field.role)
        codec = self._codec(field, where)
        if field.omit_empty and not (field.has_default or codec.can_be_none or isinstance(codec, SetOf)):
            raise InvalidModel(
                f"{where}: omit_empty without a default",
                why="an empty value is left out, and there would be nothing to read back",
                fix="give it the default that stands for empty",
                code="codecs.omit-empty-default",
            )
        return Member(
            name=field.name,
            attribute=field.attribute,
            codec=codec,
            has_default=field.has_default or not field.in_init,
            make_default=field.make_default if field.in_init else _never_set,
            argument=field.name if field.in_init else None,
            omit_empty=field.omit_empty,
            null=field.null and not field.in_index,
            never_null=field.in_index,
            keeps_text=field.role is Role.CREATED or ((field.is_key or field.in_index) and _is_time(codec)),
            stamp=stamp,
        )

    def _codec(self, field: FieldSpec, where: str) -> Codec:
        if field.template is not None:
            return KeyPart(Text(), self._key_limit(field))
        tp = evaluated(self.spec, field)
        match field.role:
            case Role.CREATED | Role.UPDATED:
                return Timestamp()
            case Role.VERSION:
                return Integer()
            case Role.TTL:
                return _expiry(tp, where)
            case _:
                pass
        try:
            codec = self._types.for_type(tp)
        except InvalidModel as error:
            raise in_field(error, where) from error
        if field.unique and not isinstance(codec.inner if isinstance(codec, Maybe) else codec, Scalar):
            raise InvalidModel(
                f"{where}: {codec.label} cannot be unique",
                why="only texts, numbers and binary values are compared as a whole",
                fix="use such a type; or say the hook's return type: def encode(value: X) -> str",
                code="codecs.unique-type",
            )
        if not (field.is_key or field.in_index):
            return codec
        scalar = _scalar_of(codec, where)
        if field.is_key and codec.can_be_none:
            raise InvalidModel(f"{where}: a key is never None", fix="take None out of its type")
        if codec.can_be_none and field.has_default and field.make_default() is not None:
            raise InvalidModel(
                f"{where}: an index key that may be None has a default that is not",
                why="None is left out, because no index takes NULL, and would be read back as the default",
                fix="use default=None",
                code="codecs.index-default",
            )
        part = KeyPart(scalar, self._key_limit(field))
        return Maybe(part) if codec.can_be_none else part

    def _key_limit(self, field: FieldSpec) -> int:
        is_sort_key = field.role is Role.SORT_KEY or any(
            field.name in index.sort_key for index in self.spec.indexes.values()
        )
        return LIMITS.sort_key_bytes if is_sort_key else LIMITS.partition_key_bytes

    def _add_template(self, field: FieldSpec) -> None:
        template = field.template
        if template is None:
            return
        parts = [(name, self.members[name].codec) for name in template.fields]
        for name, codec in parts:
            scalar = _scalar_of(codec, f"{self.spec.name}.{name}")
            if scalar.tag == "B":
                raise InvalidModel(f"{self.spec.name}.{name}: binary data cannot be part of a template")

        def filled(instance: Any) -> str | None:
            texts = texts_of(parts, instance)
            return None if texts is None else template.fill(texts, owner=self.spec.name)

        def filled_where_wanted(instance: Any) -> str | None:
            return filled(instance) if self.is_wanted(field.name, instance) else None

        self._fills[field.name] = filled
        computed = filled if field.condition is None else filled_where_wanted
        self.members[field.name] = attrs.evolve(self.members[field.name], computed=computed)
        if field.condition is not None:
            return  # what is not always stored is no place to read the parts from
        for name, codec in parts:
            member = self.members[name]
            if member.has_default or member.recovered is not None:
                continue

            def recovered(struct: Any, name: str = name, codec: Codec = codec) -> Any:
                wire = getattr(struct, field.name)
                texts = None if wire is UNSET or wire.S is UNSET else template.read(wire.S)
                if texts is None:
                    raise InvalidValue(
                        "is missing in the stored item, and cannot be read from the key",
                        code="codecs.missing",
                    )
                return _scalar_of(codec, name).from_text(texts[name])

            self.members[name] = attrs.evolve(member, recovered=recovered)

    def stored_test(self, condition: Condition[Any]) -> Callable[[Mapping[str, Any]], bool]:
        """Return what tells if a condition holds for a stored item: attribute name to tagged value.

        Args:
            condition: One that can be told here; see `unevaluable`.
        """
        values = self._stored_values(condition)

        def is_met(item: Mapping[str, Any]) -> bool:
            def stored(place: Place) -> Any:
                return item.get(self.members[str(place.steps[0])].attribute)

            return holds(condition.form, values, stored)

        return is_met

    def _stored_values(self, condition: Condition[Any]) -> list[Any]:
        compiled = compile_request(Request(condition=condition), self.resolve)
        return [
            json.loads(slot.encode(value))
            for slot, value in zip(compiled.slots, condition.values, strict=True)
        ]

    def _condition(self, condition: Condition[Any]) -> tuple[frozenset[str], Callable[[Any], bool]]:
        """Return the fields of a condition, and what tells if it holds for an instance as it is stored."""
        values = self._stored_values(condition)

        def is_met(instance: Any) -> bool:
            def stored(place: Place) -> Any:
                member = self.members[str(place.steps[0])]
                value = getattr(instance, member.name)
                if value is NEVER_SET or member.is_left_out(value):
                    return None
                try:
                    return json.loads(member.codec.encode(value))
                except InvalidValue as error:
                    raise error.under(member.name) from error.__cause__

            return holds(condition.form, values, stored)

        return frozenset(str(place.steps[0]) for place in places_in(condition.form)), is_met


class _SomeAttributes(msgspec.Struct):
    Attributes: dict[str, msgspec.Raw] = {}


_MEMBERS = ("Item", "Attributes")
_ATTRIBUTES = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _RawPage(msgspec.Struct):
    Items: list[msgspec.Raw]


_PAGE_OF_RAW = msgspec.json.Decoder(_RawPage)


class _AnyItem(msgspec.Struct):
    Item: dict[str, dict[str, Any]] | UnsetType = UNSET


def _never_stored(where: str, value: object) -> InvalidExpression:
    return InvalidExpression(
        f"nothing is stored for {where} = {quoted(value)}",
        why="such a value is left out, so no stored value can be compared with it",
        fix="use .not_exists() or .exists(); to empty the field, .set(...) or .remove()",
        code="codecs.never-stored",
    )


def _reader_pair(
    member: str, exact: Any, item: Any
) -> tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]:
    """Return the readers of an answer with an item under `member`: of the exact form, and of any."""
    structs = [
        msgspec.defstruct("Answer", [("stored", tp | UnsetType, UNSET)], rename={"stored": member}, gc=False)
        for tp in (exact, item)
    ]
    return msgspec.json.Decoder(structs[0]), msgspec.json.Decoder(structs[1])


def _never_set() -> Any:
    return NEVER_SET


def _scalar_of(codec: Codec, where: str) -> Scalar:
    inner = codec.inner if isinstance(codec, Maybe) else codec
    if isinstance(inner, KeyPart):
        return inner
    if isinstance(inner, Scalar):
        return inner
    raise InvalidModel(
        f"{where}: {inner.label} cannot be a key",
        why="a key is a text, a number or binary",
        fix="use such a type; or say the hook's return type: def encode(value: X) -> str",
        code="codecs.key-type",
    )


def _is_time(codec: Codec) -> bool:
    inner = codec.inner if isinstance(codec, Maybe) else codec
    return isinstance(inner, Timestamp) or (isinstance(inner, KeyPart) and inner.is_time)


def _expiry(tp: Any, where: str) -> Codec:
    members, has_none = members_of(tp)
    names = {member.__name__ for member in members}
    if not names or not names <= {"datetime", "int"} or len(names) > 1:
        raise InvalidModel(
            f"{where}: a ttl field is datetime or int", fix="annotate it Attr[datetime | None]"
        )
    codec = Expiry(as_int=names == {"int"})
    return Maybe(codec) if has_none else codec
