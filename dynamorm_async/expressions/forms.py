"""What conditions and updates are made of: places in an item, roles of values, forms.

A form is a nested tuple, hashable and free of values, so that two conditions that differ only in
their values share one compiled text.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

import attrs

Form = tuple[Any, ...]
Action = Literal["SET", "REMOVE", "ADD", "DELETE"]


class Role(Enum):
    """How the value of a slot relates to the field of its path, and so how it is encoded."""

    VALUE = "value"
    """A value of the field itself."""
    ELEMENT = "element"
    """One element of the field's set or list, or a part of its text."""
    PREFIX = "prefix"
    """The beginning of a text or binary value."""
    DELTA = "delta"
    """A number to add to the field's number."""
    COUNT = "count"
    """A size or length: a whole number."""
    TAG = "tag"
    """The name of a type tag: `"S"`."""
    ITEMS = "items"
    """A list to join with the field's list."""
    PLAIN = "plain"
    """A value with no field: encoded by its own type."""


@attrs.frozen(cache_hash=True)
class Place:
    """Where a value is.

    Attributes:
        owner: The class it belongs to.
        steps: A field's Python name, then keys and indexes.
        is_secret: Whether its values are left out of what people read.
    """

    owner: type
    steps: tuple[str | int, ...]
    is_secret: bool = attrs.field(default=False, eq=False, kw_only=True)

    def __str__(self) -> str:
        first, *rest = self.steps
        return f"{first}{''.join(f'[{step!r}]' for step in rest)}"
