"""What a model says, as frozen data: fields, keys, templates, indexes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cached_property
from typing import Any, Literal

import attrs

from dynamorm_async.errors import InvalidKey, InvalidModel, quoted
from dynamorm_async.expressions import Condition, places_in


class Role(Enum):
    """What a field is for."""

    PLAIN = "attribute"
    PARTITION_KEY = "partition_key"
    SORT_KEY = "sort_key"
    CREATED = "created_at"
    UPDATED = "updated_at"
    VERSION = "version"
    TTL = "ttl"


_PART = re.compile(r"\{([^{}]*)\}")


@attrs.frozen
class Template:
    """A text with field names in braces, `"USER#{user}"`, from which a key is computed.

    Attributes:
        text: As declared.
        fields: The field names, in order, each once.
    """

    text: str

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the field names in the order of the text, each once."""
        return tuple(dict.fromkeys(_PART.findall(self.text)))

    @cached_property
    def pieces(self) -> list[str]:
        """Return the text in pieces: literals at even places, field names at odd ones."""
        return _PART.split(self.text)

    @property
    def parts(self) -> list[tuple[str, str]]:
        """Return each field's name with the literal that follows it, in the order of the text."""
        return list(zip(self.pieces[1::2], self.pieces[2::2], strict=True))

    def fill(self, texts: Mapping[str, str], *, owner: str) -> str:
        """Return the key for the given field texts.

        Raises:
            InvalidKey: The key would be read back as other texts, so that another item could have
                the same key: a text holds what separates it from the next.
        """
        pieces = [texts[piece] if position % 2 else piece for position, piece in enumerate(self.pieces)]
        key = "".join(pieces)
        back = self.read(key) or {}
        for name in self.fields:
            if back.get(name) != texts[name]:
                literal = self.pieces[self.pieces.index(name) + 1]
                raise InvalidKey(
                    f"{owner}.{name} = {quoted(texts[name])} cannot be told from what follows it",
                    why=f"{literal!r} ends the field in {quoted(self.text)}, so keys could collide",
                    fix=f"use values without {literal!r}, or another template",
                    code="model.template-collision",
                )
        return key

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        pieces = self.pieces
        seen: set[str] = set()
        out = [re.escape(pieces[0])]
        for position in range(1, len(pieces), 2):
            name = pieces[position]
            is_last = position == len(pieces) - 2
            out.append(f"(?P={name})" if name in seen else f"(?P<{name}>.*{'' if is_last else '?'})")
            out.append(re.escape(pieces[position + 1]))
            seen.add(name)
        return re.compile("".join(out), re.DOTALL)

    def read(self, key: str) -> dict[str, str] | None:
        """Return the field texts that a key was made of, or None where it was made otherwise."""
        found = self._pattern.fullmatch(key)
        return found.groupdict() if found else None


@attrs.frozen(kw_only=True)
class FieldSpec:
    """One field.

    Attributes:
        name: Its Python name.
        attribute: Its name on the wire.
        role: What it is for.
        annotation: Its type as declared, `Attr[...]` taken off; the declaration's text, `"Attr[str]"`,
            where annotations are strings.
        has_default: Whether it has a default or a factory.
        make_default: Gives the default.
        omit_empty: Whether an empty value is left out.
        null: Whether NULL is stored where the attribute would be left out.
        unique: Whether no two items of the model may have the same value.
        template: How it is computed from other fields, or None.
        in_index: Whether it is a key of some index.
        when: As declared: a function of the model that gives `condition`, or None.
        condition: Which items its template is stored in; None for all that have the template's fields.
        in_init: Whether the constructor takes it.
    """

    name: str
    attribute: str
    role: Role
    annotation: Any
    has_default: bool
    make_default: Callable[[], Any]
    omit_empty: bool = False
    null: bool = False
    unique: bool = False
    template: Template | None = None
    in_index: bool = False
    when: Callable[[Any], Any] | None = None
    condition: Condition[Any] | None = None

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The fields that its value is made of: those of its template and its condition."""
        parts = self.template.fields if self.template is not None else ()
        return tuple(dict.fromkeys([*parts, *self.decided_by]))

    @cached_property
    def decided_by(self) -> tuple[str, ...]:
        """The fields that its condition reads."""
        places = places_in(self.condition.form) if self.condition is not None else ()
        return tuple(dict.fromkeys(str(place.steps[0]) for place in places))

    @property
    def in_init(self) -> bool:
        """Whether the constructor takes the field; the library fills the others."""
        return self.template is None and self.role not in (Role.CREATED, Role.UPDATED, Role.VERSION)

    @property
    def is_key(self) -> bool:
        """Whether the field is the table's partition key or sort key."""
        return self.role in (Role.PARTITION_KEY, Role.SORT_KEY)


@attrs.frozen(kw_only=True)
class IndexSpec:
    """One index, in field names.

    Attributes:
        kind: "global" or "local".
        projection: "ALL", "KEYS_ONLY", or the field names beside the keys.
    """

    name: str
    kind: Literal["global", "local"]
    partition_key: tuple[str, ...]
    sort_key: tuple[str, ...]
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...]


@attrs.frozen(kw_only=True)
class ModelSpec:
    """Everything a class says as a model.

    Attributes:
        cls: The class.
        table: The table's name or ARN, before prefix and override.
        entity: The text that tells this kind of item from others in its table, or None.
        unknown: What becomes of stored attributes without a field.
        fields: Field name to field, in order of declaration.
        indexes: Index name to index.
    """

    cls: type[Any]
    table: str
    entity: str | None
    unknown: Literal["drop", "keep", "refuse"]
    fields: Mapping[str, FieldSpec]
    indexes: Mapping[str, IndexSpec]

    @property
    def name(self) -> str:
        """The class's name, for error texts."""
        return self.cls.__name__

    @cached_property
    def partition_key(self) -> FieldSpec:
        """The table's partition key."""
        found = self.role(Role.PARTITION_KEY)
        if found is None:
            raise InvalidModel(f"{self.name} has no partition key", code="model.no-partition-key")
        return found

    @cached_property
    def sort_key(self) -> FieldSpec | None:
        """The table's sort key, or None."""
        return self.role(Role.SORT_KEY)

    @cached_property
    def key_fields(self) -> tuple[FieldSpec, ...]:
        """Partition key and, where there is one, sort key."""
        return (self.partition_key,) if self.sort_key is None else (self.partition_key, self.sort_key)

    @cached_property
    def key_arguments(self) -> tuple[str, ...]:
        """The field names whose values identify an item, in order: keys, or their templates' fields."""
        names: list[str] = []
        for field in self.key_fields:
            names.extend(field.template.fields if field.template else (field.name,))
        return tuple(dict.fromkeys(names))

    @cached_property
    def unique_fields(self) -> tuple[FieldSpec, ...]:
        """The fields whose values no two items share."""
        return tuple(field for field in self.fields.values() if field.unique)

    @cached_property
    def created(self) -> FieldSpec | None:
        """The field that holds the time of creation, or None."""
        return self.role(Role.CREATED)

    @cached_property
    def updated(self) -> FieldSpec | None:
        """The field that holds the time of the last write, or None."""
        return self.role(Role.UPDATED)

    @cached_property
    def version(self) -> FieldSpec | None:
        """The field that counts the writes, or None."""
        return self.role(Role.VERSION)

    @cached_property
    def ttl(self) -> FieldSpec | None:
        """The field that says when the item expires, or None."""
        return self.role(Role.TTL)

    def role(self, role: Role) -> FieldSpec | None:
        """Return the field of a role, or None."""
        return next((field for field in self.fields.values() if field.role is role), None)
