"""R7: what a user's converter says holds in items, keys, conditions and updates alike."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union

from dynamorm_async.codecs import Record, default_codecs, register
from dynamorm_async.errors import InvalidModel, InvalidValue
from dynamorm_async.expressions import Role
from dynamorm_async.model import Attr, attribute, model, partition_key
from tests.codecs.shapes import NOTHING, field, model_of, record_of


class Money:
    """A type that nobody knows but its user."""

    def __init__(self, cents: int) -> None:
        if cents < 0:
            raise ValueError("no debts")
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and other.cents == self.cents

    def __hash__(self) -> int:
        return hash(self.cents)


@attrs.define
class Wallet:
    content: Money
    since: datetime


def money_text(money: Money) -> str:
    return f"{money.cents}c"


def read_money(text: str) -> Money:
    return Money(int(text.removesuffix("c")))


def money_bytes(money: Money) -> bytes:
    return money.cents.to_bytes(2)


def money_pair(money: Money) -> list[int]:
    return [money.cents // 100, money.cents % 100]


def converter(encode: Any = money_text, decode: Any = read_money) -> Converter:
    hooks = Converter()
    hooks.register_unstructure_hook(Money, encode)
    hooks.register_structure_hook(Money, lambda value, _: decode(value))
    return hooks


def bytes_converter() -> Converter:
    def read(data: bytes) -> Money:
        return Money(int.from_bytes(data))

    return converter(money_bytes, read)


def pair_converter() -> Converter:
    def read(pair: list[int]) -> Money:
        return Money(pair[0] * 100 + pair[1])

    return converter(money_pair, read)


@model(table="hooked")
class Account:
    owner: Attr[Money] = partition_key()
    limit: Attr[Money | None] = attribute(default=None)
    notes: Attr[set[Money]] = attribute(factory=set)
    prices: Attr[dict[Money, Money]] = attribute(factory=dict)


def condition_text(record: Record[Any], path: Any, value: object, role: Role = Role.VALUE) -> str:
    return record.resolve(path.place).encoder(role)(value)


def test_a_type_without_hooks_is_refused_with_class_and_field() -> None:
    with pytest.raises(InvalidModel, match=r"Account\.owner: Money cannot be stored"):
        record_of(Account)


def test_hooks_change_items_keys_sets_names_conditions_and_updates_alike() -> None:
    record = record_of(Account, converter())
    account = Account(owner=Money(1), limit=Money(2), notes={Money(3)}, prices={Money(4): Money(5)})

    text = record.encode_item(account, NOTHING)

    assert json.loads(text) == {
        "owner": {"S": "1c"},
        "limit": {"S": "2c"},
        "notes": {"SS": ["3c"]},
        "prices": {"M": {"4c": {"S": "5c"}}},
    }
    assert record.decode_item(f'{{"Item":{text}}}') == account
    assert record.key_type("owner") == "S"
    assert record.encode_field("owner", Money(1)) == '{"S":"1c"}'
    assert condition_text(record, Account.owner, Money(1)) == '{"S":"1c"}'
    assert condition_text(record, Account.limit, Money(2)) == '{"S":"2c"}'
    assert condition_text(record, Account.notes, Money(3), Role.ELEMENT) == '{"S":"3c"}'


@pytest.mark.parametrize(
    ("hooks", "tp", "value", "text"),
    [
        pytest.param(bytes_converter, set[Money], {Money(258)}, '{"BS":["AQI="]}', id="set of bytes"),
        pytest.param(bytes_converter, Money, Money(258), '{"B":"AQI="}', id="bytes"),
        pytest.param(pair_converter, Money, Money(258), '{"L":[{"N":"2"},{"N":"58"}]}', id="list"),
        pytest.param(
            pair_converter, list[Money], [Money(1)], '{"L":[{"L":[{"N":"0"},{"N":"1"}]}]}', id="in a list"
        ),
        pytest.param(
            converter,
            Wallet,
            Wallet(Money(1), datetime(2024, 1, 1, tzinfo=UTC)),
            '{"M":{"content":{"S":"1c"},"since":{"S":"2024-01-01T00:00:00.000000000Z"}}}',
            id="in a class, beside a type that the converter does not know",
        ),
        pytest.param(converter, Money | int, Money(2), '{"S":"2c"}', id="in a union"),
        pytest.param(converter, tuple[Money, ...], (Money(2),), '{"L":[{"S":"2c"}]}', id="in a tuple"),
    ],
)
def test_a_hooked_type_is_stored_as_this_text_and_read_back_equal(
    hooks: Any, tp: Any, value: object, text: str
) -> None:
    values = field(tp, hooks=hooks())

    assert values.encode(value) == text
    assert values.decode(text) == value


@pytest.mark.parametrize(
    ("hooks", "tp", "code"),
    [
        pytest.param(pair_converter, set[Money], "codecs.set-element", id="list in a set"),
        pytest.param(pair_converter, dict[Money, int], "codecs.map-key", id="list as a name"),
        pytest.param(bytes_converter, dict[Money, int], "codecs.map-key", id="bytes as a name"),
        pytest.param(pair_converter, Money | str, "codecs.ambiguous-union", id="list in a union"),
    ],
)
def test_a_hooked_type_where_its_form_does_not_fit_is_refused(hooks: Any, tp: Any, code: str) -> None:
    with pytest.raises(InvalidModel, match=r"Thing\.value") as caught:
        field(tp, hooks=hooks())

    assert caught.value.code == code


def test_a_hook_that_is_a_type_says_what_it_gives() -> None:
    hooks = Converter()
    hooks.register_unstructure_hook(Money, str)
    hooks.register_structure_hook(Money, lambda text, _: Money(1))

    assert record_of(model_of(set[Money]), hooks).encode_field("value", {Money(1)}) is not None


def test_a_hook_that_refuses_on_writing_is_an_invalid_value_with_its_path_and_cause() -> None:
    def refuse(money: Money) -> str:
        raise ZeroDivisionError("never")

    with pytest.raises(InvalidValue, match="never") as caught:
        field(list[Money], hooks=converter(refuse)).encode([Money(1)])

    assert (caught.value.code, caught.value.path) == ("codecs.hook", "Thing.value[0]")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("text", ["-5c", "x"])
def test_a_hook_that_refuses_on_reading_is_an_invalid_value_with_its_path_and_cause(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(dict[str, Money], hooks=converter()).decode(f'{{"M":{{"a":{{"S":"{text}"}}}}}}')

    assert (caught.value.code, caught.value.path) == ("codecs.hook", "Thing.value['a']")
    assert isinstance(caught.value.__cause__, ValueError)


def test_a_hooks_own_invalid_value_keeps_its_words() -> None:
    def refuse(text: str) -> Money:
        raise InvalidValue("sold out", path="shelf")

    with pytest.raises(InvalidValue, match="sold out") as caught:
        field(Money, hooks=converter(decode=refuse)).decode('{"S":"1c"}')

    assert caught.value.path == "Thing.value.shelf"


def test_a_hook_that_gives_what_cannot_be_stored_is_refused() -> None:
    def same(money: Money) -> object:
        return money

    with pytest.raises(InvalidValue, match="JSON-like"):
        field(Money, hooks=converter(same)).encode(Money(1))


@pytest.mark.parametrize(
    ("tp", "value", "code"),
    [
        pytest.param(set[Money], {Money(1), Money(2)}, "codecs.same-element", id="set"),
        pytest.param(dict[Money, int], {Money(1): 1, Money(2): 2}, "codecs.same-key", id="dict"),
    ],
)
def test_two_that_would_be_stored_as_one_are_refused(tp: Any, value: object, code: str) -> None:
    def alike(money: Money) -> str:
        return "same"

    with pytest.raises(InvalidValue) as caught:
        field(tp, hooks=converter(alike)).encode(value)

    assert caught.value.code == code


# Hooks for types that the library knows.


def test_a_hook_wins_over_what_the_library_knows() -> None:
    def shout(text: str) -> str:
        return text.upper()

    hooks = Converter()
    hooks.register_unstructure_hook(str, shout)
    hooks.register_structure_hook(str, lambda text, _: text.lower())
    texts = field(list[str], hooks=hooks)

    assert texts.record.encode_field("value", ["a"]) == '{"L":[{"S":"A"}]}'
    assert texts.record.encode_field("id", "a") == '{"S":"A"}'


@attrs.define
class Address:
    city: str
    zip_code: str = ""


def renaming() -> Converter:
    hooks = Converter()
    hooks.register_unstructure_hook(
        Address, make_dict_unstructure_fn(Address, hooks, zip_code=override(rename="zip"))
    )
    hooks.register_structure_hook(
        Address, make_dict_structure_fn(Address, hooks, zip_code=override(rename="zip"))
    )
    return hooks


@model(table="people")
class Resident:
    id: Attr[str] = partition_key()
    home: Attr[Address | None] = attribute(default=None)


def test_a_renamed_field_is_renamed_in_items_conditions_and_paths() -> None:
    record = record_of(Resident, renaming())
    resident = Resident(id="1", home=Address("Rome", "5"))
    stored = '{"M":{"city":{"S":"Rome"},"zip":{"S":"5"}}}'

    assert record.encode_field("home", resident.home) == stored
    assert record.decode_item(f'{{"Item":{record.encode_item(resident, NOTHING)}}}') == resident
    assert condition_text(record, Resident.home, resident.home) == stored
    assert record.resolve(Resident.home["zip_code"].place).steps == ("home", "zip")
    assert record.resolve(Resident.home["city"].place).steps == ("home", "city")


@attrs.define
class Card:
    number: str


@attrs.define
class Cash:
    amount: int


@model(table="paid")
class Paid:
    id: Attr[str] = partition_key()
    by: Attr[Card | Cash]
    then: Attr[Card | Cash | None] = attribute(default=None)


def test_a_union_that_the_converter_tags_is_read_back() -> None:
    hooks = Converter()
    configure_tagged_union(Card | Cash, hooks)
    record = record_of(Paid, hooks)
    paid = Paid(id="1", by=Card("7"), then=Cash(5))

    text = record.encode_item(paid, NOTHING)

    assert json.loads(text)["by"] == {"M": {"number": {"S": "7"}, "_type": {"S": "Card"}}}
    assert record.decode_item(f'{{"Item":{text}}}') == paid
    assert record.encode_item(Paid(id="1", by=Cash(1)), NOTHING).count("then") == 0


def test_a_union_that_nobody_tags_is_refused_with_class_and_field() -> None:
    with pytest.raises(InvalidModel, match=r"Paid\.by: the union of Card and Cash") as caught:
        record_of(Paid)

    assert caught.value.code == "codecs.ambiguous-union"


# The shared converter.


class Grade:
    def __init__(self, text: str) -> None:
        self.text = text


@pytest.fixture
def forgotten() -> Iterator[None]:
    yield
    default_codecs().forget()


@pytest.mark.usefixtures("forgotten")
def test_register_holds_for_codecs_made_afterwards() -> None:
    def grade_text(grade: Grade) -> str:
        return grade.text

    cls = model_of(Grade)
    with pytest.raises(InvalidModel):
        default_codecs().record(cls)

    register(Grade, grade_text, Grade)

    record = default_codecs().record(cls)
    assert record.encode_field("value", Grade("A")) == '{"S":"A"}'
    found: Any = record.decode_item('{"Item":{"id":{"S":"1"},"value":{"S":"B"}}}')
    assert found.value.text == "B"
    assert default_codecs().record(cls) is record
