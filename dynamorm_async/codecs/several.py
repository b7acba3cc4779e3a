"""Pages that hold items of several models: each is read by its own, as its entity attribute says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dynamorm_async.codecs.pages import ItemPage, item_page, page_struct
from dynamorm_async.codecs.records import Record
from dynamorm_async.errors import InvalidModel, InvalidRequest, InvalidValue, quoted
from dynamorm_async.model import ENTITY_ATTRIBUTE

Policy = Literal["drop", "refuse"]

_Tag = msgspec.defstruct("Tag", [("S", str | UnsetType, UNSET)])
_Entity = msgspec.defstruct(
    "Entity", [("entity", _Tag | UnsetType, UNSET)], rename={"entity": ENTITY_ATTRIBUTE}
)


class Several:
    """Reads pages of items of several models.

    Args:
        records: The models', each with an entity of its own.
        unknown: What becomes of an item of another entity: "drop" or "refuse".

    Attributes:
        unknown: As given.

    Raises:
        InvalidModel: A model has no entity, or two have the same.
        InvalidRequest: The policy is none.
    """

    def __init__(self, records: Sequence[Record[Any]], *, unknown: Policy) -> None:
        if unknown not in ("drop", "refuse"):
            raise InvalidRequest(
                f"collection(unknown={quoted(unknown)})", fix='use "drop" or "refuse"', code="codecs.policy"
            )
        self._records: dict[str, Record[Any]] = {}
        for record in records:
            entity = record.spec.entity
            if entity is None or entity in self._records:
                raise InvalidModel(
                    f"{record.spec.name} can't be told apart from other items of its table",
                    why="it has no entity" if entity is None else f"another model has the entity {entity!r}",
                    fix='give it one of its own: @model(table="…", entity="…")',
                    code="codecs.no-entity",
                )
            self._records[entity] = record
        self.unknown = unknown
        self._lead = records[0]
        self._pages = msgspec.json.Decoder(page_struct(msgspec.Raw))
        self._entity = msgspec.json.Decoder(_Entity)

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities that are read."""
        return tuple(self._records)

    def decode_page(self, body: bytes) -> ItemPage[Any]:
        """Return the instances of a page; raises as `PageReader` says."""
        page = self._lead.read_answer(self._pages, body)
        found = [item for item in map(self._item, page.Items) if item is not None]
        return item_page(page, found)

    def _item(self, raw: msgspec.Raw) -> Any:
        entity: Any = self._lead.read_answer(self._entity, raw, member="").entity
        name = None if entity is UNSET or entity.S is UNSET else entity.S
        record = self._records.get(name) if name is not None else None
        if record is not None:
            return record.decode_item(b'{"Item":' + bytes(raw) + b"}")
        if self.unknown == "drop":
            return None
        raise InvalidValue(
            "an item without an entity" if name is None else f"an item of the entity {quoted(name)}",
            path=" | ".join(each.spec.name for each in self._records.values()),
            fix='name its model in collection(...), or use unknown="drop"',
            code="codecs.unknown-entity",
        )
