"""Secondary indexes as they are declared in a model's body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import attrs

Projection = Literal["ALL", "KEYS_ONLY"] | Sequence[str]
Names = str | tuple[str, ...]


def _as_tuple(names: Names | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)


def _as_projection(projection: Projection) -> Literal["ALL", "KEYS_ONLY"] | tuple[str, ...]:
    if projection in ("ALL", "KEYS_ONLY"):
        return "ALL" if projection == "ALL" else "KEYS_ONLY"
    return (projection,) if isinstance(projection, str) else tuple(projection)


@attrs.frozen
class GlobalIndex:
    """A global secondary index: items again, under keys of their own.

    Attributes:
        name: The index's name, 3 to 255 letters, digits, `_`, `-` or `.`.
        partition_key: Field name, or a tuple of up to four.
        sort_key: Field name, a tuple of up to four, or None.
        projection: "ALL", "KEYS_ONLY", or the names of the fields that it holds beside the keys; for a
            model with an entity "_entity" may be one of them, and without it no query of the model
            can be answered.
    """

    name: str
    partition_key: tuple[str, ...] = attrs.field(kw_only=True, converter=_as_tuple)
    sort_key: tuple[str, ...] = attrs.field(kw_only=True, default=None, converter=_as_tuple)
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = attrs.field(
        kw_only=True, default="ALL", converter=_as_projection
    )


@attrs.frozen
class LocalIndex:
    """A local secondary index: the table's partition key with another sort key.

    Attributes:
        name: The index's name, 3 to 255 letters, digits, `_`, `-` or `.`.
        sort_key: Field name.
        projection: As of a `GlobalIndex`.
    """

    name: str
    sort_key: str = attrs.field(kw_only=True)
    projection: Literal["ALL", "KEYS_ONLY"] | tuple[str, ...] = attrs.field(
        kw_only=True, default="ALL", converter=_as_projection
    )
