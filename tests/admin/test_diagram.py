"""Tables, indexes and models as a picture."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dynamorm_async import (
    Attr,
    GlobalIndex,
    InvalidModel,
    LocalIndex,
    attribute,
    model,
    partition_key,
    sort_key,
)
from dynamorm_async.admin.diagram import diagram
from dynamorm_async.codecs import default_codecs
from dynamorm_async.plan import Target
from tests.shapes import Bookmark, Note, Order, User

SHOP = """\
erDiagram
  t1["shop"] {
    S pk PK "partition key"
    S sk PK "sort key"
  }
  t1i1["by-status"] {
    S by_state PK "partition key"
    S by_user PK "sort key"
    holds ALL
  }
  t1 ||--|| t1i1 : "global index"
  t1m1["User"] {
    str pk PK "USER#{user}"
    str sk PK "PROFILE"
    str user
    str name
  }
  t1 ||--o{ t1m1 : "user"
  t1m2["Order"] {
    str pk PK "USER#{user}"
    str sk PK "ORDER#{number}"
    str user
    int number
    str status
    str city
    str by_state FK "{status}#{city}"
    str by_user FK "{user}#{status}"
  }
  t1 ||--o{ t1m2 : "order"
"""


def drawn(**tables: list[type[Any]]) -> str:
    codecs = default_codecs()
    return diagram(
        {name: [Target(codecs.record(m), name) for m in models] for name, models in tables.items()}
    )


def test_models_that_share_a_table_hang_on_it_by_their_entities() -> None:
    assert f"{drawn(shop=[User, Order])}\n" == SHOP


@model(table="odd")
class Odd:
    first: Attr[str] = partition_key(name="1st key, of two")
    second: Attr[int] = sort_key(name="second.key")
    either: Attr[str | int | None] = attribute(default=None)
    nested: Attr[dict[str, list[tuple[int, str]]]] = attribute(factory=dict[str, list[tuple[int, str]]])
    third: Attr[str] = attribute(default="-")

    by_third = GlobalIndex("by.third", partition_key="third", projection=["nested"])
    local = LocalIndex("local", sort_key="third", projection="KEYS_ONLY")


def test_every_line_is_one_that_mermaid_takes() -> None:
    word = r"[A-Za-z_][\w()\[\]-]*"
    box, attribute_ = r'  \w+\["[^"]*"\] \{', rf'    {word} {word}( PK| FK)?( "[^"]*")?'
    relation = r'  \w+ \|\|--(\|\||o\{) \w+ : "[^"]*"'
    allowed = re.compile(rf"erDiagram|{box}|{attribute_}|  \}}|{relation}", re.ASCII)

    lines = drawn(odd=[Odd], bookmarks=[Bookmark], notes=[Note]).splitlines()

    assert [line for line in lines if not allowed.fullmatch(line)] == []
    assert '    str_or_int either "optional"' in lines


def test_models_that_disagree_have_no_picture() -> None:
    with pytest.raises(InvalidModel, match="name the keys differently"):
        drawn(notes=[Note, Bookmark])
