"""Reserved words, odd names and types of the user's own, on every engine. R3, R7, R25, R26."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from cattrs import Converter

from dynamorm_async import (
    Attr,
    Client,
    InvalidModel,
    Table,
    attribute,
    condition,
    model,
    partition_key,
    register,
    sort_key,
)
from dynamorm_async.testing import Engine
from tests.client.given import raw_item


@model(table="odd")
class Odd:
    name: Attr[str] = partition_key()
    status: Attr[str] = sort_key(name="data")
    size: Attr[int] = attribute(default=0)
    dotted: Attr[str] = attribute(default="", name="a.b.c")
    hashed: Attr[str] = attribute(default="", name="#dn0")
    colon: Attr[str] = attribute(default="", name=":dv0")
    spaced: Attr[str] = attribute(default="", name="two words")
    accents: Attr[str] = attribute(default="", name="ключ é")
    quoted: Attr[str] = attribute(default="", name="it's <&>")
    values: Attr[dict[str, int]] = attribute(factory=dict[str, int])


ODD = Odd(
    name="n",
    status="s",
    size=1,
    dotted="d",
    hashed="h",
    colon="c",
    spaced="w",
    accents="a",
    quoted="q",
    values={"a.b": 1, "#x": 2, ":y": 3, "size": 5},
)
TEXTS = ["dotted", "hashed", "colon", "spaced", "accents", "quoted"]


@pytest.fixture
def odd(db: Client, table_name: str) -> Table[Odd]:
    return db.table(Odd, name=table_name)


async def test_odd_names_are_stored_and_read(db: Client, odd: Table[Odd]) -> None:
    await db.admin.create_table(Odd, name=odd.name)

    await odd.create(ODD)

    assert await odd.get("n", "s") == ODD
    item = await raw_item(db, odd.name, name={"S": "n"}, data={"S": "s"})
    assert item.keys() >= {"a.b.c", "#dn0", ":dv0", "two words", "ключ é", "it's <&>"}


async def test_odd_names_stand_in_every_expression(db: Client, odd: Table[Odd]) -> None:
    await db.admin.create_table(Odd, name=odd.name)
    await odd.create(ODD)

    for field in TEXTS:
        is_there = condition(Odd, field, "=", getattr(ODD, field))
        path: Any = getattr(Odd, field)
        await odd.update(("n", "s"), path.set("new"), when=is_there)
        assert await odd.scan(path == "new").list() != []
        await odd.save(ODD, fields=[field], when=condition(Odd, field, "=", "new"))

    assert await odd.get("n", "s") == ODD


@pytest.mark.parametrize("key", ["a.b", "#x", ":y", "size", "new one"])
async def test_a_maps_key_is_one_name_whatever_it_holds(db: Client, odd: Table[Odd], key: str) -> None:
    await db.admin.create_table(Odd, name=odd.name)
    await odd.create(ODD)

    await odd.update(("n", "s"), Odd.values[key].set(9))

    assert (await odd.get("n", "s")).values == {**ODD.values, key: 9}
    assert await odd.scan(Odd.values[key] == 9).list() != []


@attrs.frozen(order=True)
class Isbn:
    digits: str


def isbn_text(isbn: Isbn) -> str:
    return f"isbn:{isbn.digits}"


def text_isbn(text: str) -> Isbn:
    return Isbn(text.removeprefix("isbn:"))


register(Isbn, isbn_text, text_isbn)


@model(table="books")
class Book:
    isbn: Attr[Isbn] = partition_key()
    like: Attr[Isbn | None] = attribute(default=None)
    others: Attr[list[Isbn]] = attribute(factory=list[Isbn])
    shelf: Attr[set[Isbn]] = attribute(factory=set[Isbn])


async def test_a_registered_type_is_key_field_element_condition_and_change(
    db: Client, table_name: str
) -> None:
    await db.admin.create_table(Book, name=table_name)
    books = db.table(Book, name=table_name)
    one, two = Isbn("1"), Isbn("2")
    await books.create(Book(isbn=one, like=two, others=[two], shelf={one}))

    await books.update(
        one,
        Book.others.append([one]),
        Book.shelf.add({two}),
        when=(Book.like == two) & Book.others.contains(two) & Book.like.is_in([one, two]),
    )

    assert await books.get(one) == Book(isbn=one, like=two, others=[two, one], shelf={one, two})
    assert await books.scan(Book.like > one).list() != []
    assert (await raw_item(db, table_name, isbn={"S": "isbn:1"}))["like"] == {"S": "isbn:2"}


class Temperature:
    def __init__(self, degrees: int) -> None:
        self.degrees = degrees

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Temperature) and other.degrees == self.degrees

    def __hash__(self) -> int:
        return self.degrees


@model(table="weather")
class Weather:
    place: Attr[str] = partition_key()
    now: Attr[Temperature | None] = attribute(default=None)


async def test_a_clients_own_converter_says_what_a_type_means(engine: Engine, table_name: str) -> None:
    def encode(value: Temperature) -> int:
        return value.degrees

    def decode(value: int, _: object) -> Temperature:
        return Temperature(value)

    converter = Converter()
    converter.register_unstructure_hook(Temperature, encode)
    converter.register_structure_hook(Temperature, decode)

    async with engine.connect(converter=converter) as db:
        await db.admin.create_table(Weather, name=table_name)
        weather = db.table(Weather, name=table_name)
        await weather.create(Weather(place="Rome", now=Temperature(31)))

        assert (await weather.get("Rome")).now == Temperature(31)
        assert await weather.scan(Weather.now > Temperature(30)).list() != []


async def test_a_type_that_nobody_knows_is_refused_when_the_handle_is_made(db: Client) -> None:
    with pytest.raises(InvalidModel, match=r"Weather\.now"):
        db.table(Weather)
