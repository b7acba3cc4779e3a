"""Refuse an item that the service would refuse: lone surrogates, over 400 KB, nested too deeply.

Takes the JSON text of a whole item, because only there all its values are together; raises
InvalidValue. The numbers are those of `wire.LIMITS`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from dynamorm_async.codecs.containers import too_deep
from dynamorm_async.errors import InvalidValue
from dynamorm_async.wire import LIMITS, item_size


def check_storable(text: str, names: Mapping[str, str], *, nests_freely: bool) -> None:
    """Raise for an item that the service would refuse, as far as no codec could see it.

    Args:
        text: The item, `{"id":{"S":"x"}}`.
        names: Attribute name to field name, for paths.
        nests_freely: Whether the depth is not known from the types.
    """
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidValue(
            "a text holds a lone surrogate, which is no Unicode character",
            path=_surrogate_path(text, names),
            fix="clean the text, or store bytes",
            code="codecs.surrogate",
        ) from error
    # JSON is never shorter than the item that it says.
    if size > LIMITS.item_bytes:
        real = item_size(json.loads(text))
        # The service's own count of numbers can differ a little; near the limit it decides.
        if real > LIMITS.item_bytes * 1.03:
            raise InvalidValue(
                f"the item has {real} bytes",
                why=f"the service stores at most {LIMITS.item_bytes}",
                fix="split it over several items, or keep large values elsewhere",
                code="codecs.item-size",
            )
    # Counted first, because most items have not so many lists and maps in all.
    many = nests_freely and text.count('{"L":') + text.count('{"M":') > LIMITS.nesting
    if many and _depth(text) > LIMITS.nesting:
        raise too_deep()


def _surrogate_path(text: str, names: Mapping[str, str]) -> str:
    def search(node: Any, path: str, *, tagged: bool) -> str | None:
        if isinstance(node, str):
            return path if any("\ud800" <= character <= "\udfff" for character in node) else None
        if isinstance(node, list):
            found = (
                search(part, f"{path}[{i}]", tagged=True) for i, part in enumerate(cast("list[Any]", node))
            )
            return next((hit for hit in found if hit is not None), None)
        if isinstance(node, dict):
            for name, part in cast("dict[str, Any]", node).items():
                inside = path if tagged else f"{path}.{names.get(name, name) if not path else name}"
                hit = search(name, inside, tagged=True) or search(part, inside, tagged=not tagged)
                if hit is not None:
                    return hit
        return None

    found = search(json.loads(text), "", tagged=False) or ""
    return found.removeprefix(".").encode(errors="replace").decode()


def _depth(text: str) -> int:
    """Return how many lists and maps stand around the deepest scalar of an item."""
    try:
        item = json.loads(text)
    except RecursionError:
        return LIMITS.nesting + 1

    def depth(tagged: dict[str, Any]) -> int:
        ((tag, value),) = tagged.items()
        parts = value if tag == "L" else value.values() if tag == "M" else None
        return 0 if parts is None else 1 + max((depth(part) for part in parts), default=0)

    try:
        return max((depth(value) for value in item.values()), default=0)
    except RecursionError:
        return LIMITS.nesting + 1
