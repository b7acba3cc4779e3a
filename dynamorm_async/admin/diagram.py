"""A picture of tables, indexes and the entities that live in them, as a Mermaid diagram.

Pure: takes the models, sends nothing.

Source of the syntax: Mermaid, "Entity Relationship Diagrams".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dynamorm_async.admin.shapes import IndexShape, Keys, wanted
from dynamorm_async.model import FieldSpec, ModelSpec, Role, evaluated, members_of
from dynamorm_async.plan import Target

_ROLES = {
    Role.CREATED: "time of creation",
    Role.UPDATED: "time of the last write",
    Role.VERSION: "version",
    Role.TTL: "expires",
}


def diagram(groups: Mapping[str, Sequence[Target[Any]]]) -> str:
    """Return tables, their global and local indexes, and their models as a Mermaid `erDiagram`.

    Args:
        groups: Table name to its models.
    """
    lines = ["erDiagram"]
    for number, (table, targets) in enumerate(groups.items(), 1):
        shape, own = wanted(targets), f"t{number}"
        lines += _box(own, table, _keys(shape.keys, shape.types))
        for place, index in enumerate(shape.indexes.values(), 1):
            lines += _box(f"{own}i{place}", index.name, [*_keys(index.keys, shape.types), *_held(index)])
            lines.append(f"  {own} ||--|| {own}i{place} : {_quoted(f'{index.kind} index')}")
        for place, target in enumerate(targets, 1):
            spec = target.spec
            fields = [_field(spec, field) for field in spec.fields.values()]
            lines += _box(f"{own}m{place}", spec.name, fields)
            lines.append(f"  {own} ||--o{{ {own}m{place} : {_quoted(spec.entity or 'items')}")
    return "\n".join(lines)


def _box(own: str, label: str, attributes: Sequence[str]) -> list[str]:
    return [f"  {own}[{_quoted(label)}] {{", *(f"    {attribute}" for attribute in attributes), "  }"]


def _keys(keys: Keys, types: Mapping[str, str]) -> list[str]:
    return [
        _attribute(types[name], name, "PK", "partition key" if kind == "HASH" else "sort key")
        for name, kind in keys
    ]


def _held(index: IndexShape) -> list[str]:
    held = (index.projection,) if isinstance(index.projection, str) else index.projection
    return [_attribute("holds", name) for name in held]


def _field(spec: ModelSpec, field: FieldSpec) -> str:
    members, is_optional = members_of(evaluated(spec, field))
    comments = [
        f"stored as {field.attribute}" if field.attribute != field.name else "",
        field.template.text if field.template is not None else "",
        _ROLES.get(field.role, ""),
        "optional" if is_optional else "",
    ]
    kind = "PK" if field.is_key else "FK" if field.in_index else ""
    comment = ", ".join(filter(None, comments))
    return _attribute("_or_".join(map(_type_name, members)), field.name, kind, comment)


def _type_name(tp: Any) -> str:
    return (
        tp.__name__
        if isinstance(tp, type) and not hasattr(tp, "__args__")
        else str(tp).replace("typing.", "")
    )


def _attribute(kind: str, name: str, key: str = "", comment: str = "") -> str:
    return " ".join(filter(None, [_word(kind), _word(name), key, _quoted(comment) if comment else ""]))


def _word(text: str) -> str:
    """Return a text as Mermaid takes it for a type or a name: a letter, then letters, digits, `_-()[]`."""
    word = re.sub(r"[^\w()\[\]-]+", "_", text, flags=re.ASCII).strip("_") or "x"
    return word if word[0].isalpha() else f"x{word}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
