"""The ways into a table: its own key and those of its indexes, in one form."""

from __future__ import annotations

from typing import Literal

import msgspec

from dynamorm_async.model import FieldSpec, ModelSpec


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """A key by which items can be found.

    Attributes:
        name: The index's name, or None for the table itself.
        kind: "table", "local" or "global".
        partition: The fields that must be equal to something.
        sort: The fields by which items are ordered, the first one first.
        projected: Names of the fields that it holds, and "_entity" where it holds that; None for all.
    """

    name: str | None
    kind: Literal["table", "local", "global"]
    partition: tuple[FieldSpec, ...]
    sort: tuple[FieldSpec, ...]
    projected: frozenset[str] | None

    @property
    def label(self) -> str:
        """What people read: the index's name, or "table"."""
        return self.name or "table"

    @property
    def keys(self) -> tuple[FieldSpec, ...]:
        """All of its key fields."""
        return self.partition + self.sort

    @property
    def is_whole(self) -> bool:
        """Whether it holds every attribute of an item."""
        return self.projected is None


def accesses(spec: ModelSpec) -> tuple[Access, ...]:
    """Return the table's key first, then those of the indexes in order of declaration."""
    table_keys = [field.name for field in spec.key_fields]
    found = [
        Access(
            name=None,
            kind="table",
            partition=(spec.partition_key,),
            sort=spec.key_fields[1:],
            projected=None,
        )
    ]
    for index in spec.indexes.values():
        names = [*index.partition_key, *index.sort_key, *table_keys]
        held = index.projection if isinstance(index.projection, tuple) else ()
        found.append(
            Access(
                name=index.name,
                kind=index.kind,
                partition=tuple(spec.fields[name] for name in index.partition_key),
                sort=tuple(spec.fields[name] for name in index.sort_key),
                projected=None if index.projection == "ALL" else frozenset([*names, *held]),
            )
        )
    return tuple(found)


def key_names(spec: ModelSpec, access: Access) -> tuple[str, ...]:
    """Return the fields whose values say where an item stands in an access: its keys and the table's."""
    return tuple(dict.fromkeys(field.name for field in (*spec.key_fields, *access.keys)))
