"""R8 and contract.md: what is left out, what is NULL, and what a missing attribute means."""

import dataclasses
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from dynamorm_async.errors import InvalidModel, InvalidValue
from tests.codecs.shapes import field

NULL = '{"NULL":true}'


@attrs.frozen
class Part:
    x: int = 0
    y: str = ""


@dataclasses.dataclass
class Piece:
    x: int = 0


@pytest.mark.parametrize(
    ("tp", "options", "value", "text"),
    [
        pytest.param(str | None, {}, None, None, id="None without a default"),
        pytest.param(str | None, {"default": None}, None, None, id="None where it is the default"),
        pytest.param(str | None, {"default": "x"}, None, NULL, id="None where the default is another"),
        pytest.param(
            str | None, {"default": None, "null": True}, None, NULL, id="None where NULL is asked for"
        ),
        pytest.param(Any, {"default": None}, None, None, id="None for anything"),
        pytest.param(Any, {"default": 1}, None, NULL, id="None for anything with a default"),
        pytest.param(int, {"default": 1}, 0, '{"N":"0"}', id="0"),
        pytest.param(str, {"default": "x"}, "", '{"S":""}', id="empty text"),
        pytest.param(bool, {"default": True}, False, '{"BOOL":false}', id="False"),
        pytest.param(list[int], {}, [], '{"L":[]}', id="empty list"),
        pytest.param(dict[str, int], {}, {}, '{"M":{}}', id="empty dict"),
        pytest.param(set[str], {}, set[str](), None, id="empty set without a default"),
        pytest.param(set[str], {"factory": set}, set[str](), None, id="empty set where it is the default"),
        pytest.param(frozenset[str], {"factory": frozenset}, frozenset[str](), None, id="empty frozenset"),
        pytest.param(
            set[str], {"factory": lambda: {"x"}}, set[str](), NULL, id="empty set with another default"
        ),
        pytest.param(
            set[str], {"factory": set, "null": True}, set[str](), NULL, id="empty set, NULL asked for"
        ),
        pytest.param(set[str] | None, {"default": None}, None, None, id="None for a set"),
        pytest.param(str, {"default": "", "omit_empty": True}, "", None, id="omitted text"),
        pytest.param(
            str, {"default": "", "omit_empty": True}, "x", '{"S":"x"}', id="text that is not omitted"
        ),
        pytest.param(int, {"default": 0, "omit_empty": True}, 0, None, id="omitted 0"),
        pytest.param(float, {"default": 0.0, "omit_empty": True}, 0.0, None, id="omitted float"),
        pytest.param(Decimal, {"default": 0, "omit_empty": True}, Decimal("0.0"), None, id="omitted Decimal"),
        pytest.param(bool, {"default": False, "omit_empty": True}, False, None, id="omitted False"),
        pytest.param(bytes, {"default": b"", "omit_empty": True}, b"", None, id="omitted bytes"),
        pytest.param(list[int], {"factory": list, "omit_empty": True}, [], None, id="omitted list"),
        pytest.param(dict[str, int], {"factory": dict, "omit_empty": True}, {}, None, id="omitted dict"),
        pytest.param(set[str], {"factory": set, "omit_empty": True}, set[str](), None, id="omitted set"),
        pytest.param(str | None, {"default": None, "omit_empty": True}, None, None, id="omitted None"),
        pytest.param(Part | None, {"default": None, "omit_empty": True}, Part(), None, id="omitted class"),
        pytest.param(
            Piece | None, {"default": None, "omit_empty": True}, Piece(), None, id="omitted dataclass"
        ),
        pytest.param(
            Part | None,
            {"default": None, "omit_empty": True},
            Part(1),
            '{"M":{"x":{"N":"1"},"y":{"S":""}}}',
            id="class that is not empty",
        ),
        pytest.param(
            datetime | None,
            {"default": None, "omit_empty": True},
            datetime(1, 1, 1, tzinfo=UTC),
            None,
            id="omitted zero time of Go",
        ),
        pytest.param(
            date | None, {"default": None, "omit_empty": True}, date(1, 1, 1), '{"S":"0001-01-01"}', id="date"
        ),
    ],
)
def test_an_absent_or_empty_value_is_stored_so(
    tp: Any, options: dict[str, Any], value: object, text: str | None
) -> None:
    values = field(tp, **options)

    assert values.encode(value) == text
    assert values.record.is_left_out("value", value) is (text is None)


@pytest.mark.parametrize(
    ("tp", "options", "text", "value"),
    [
        pytest.param(str | None, {}, None, None, id="missing, None allowed"),
        pytest.param(str | None, {"default": "x"}, None, "x", id="missing, with a default"),
        pytest.param(str | None, {"default": "x"}, NULL, None, id="NULL, None allowed"),
        pytest.param(str, {"default": "x"}, NULL, "x", id="NULL, default"),
        pytest.param(list[int], {"factory": list}, NULL, [], id="NULL, factory"),
        pytest.param(int, {"default": 5}, None, 5, id="missing, default"),
        pytest.param(list[int], {"factory": lambda: [1]}, None, [1], id="missing, factory"),
        pytest.param(set[str], {}, None, set[str](), id="missing set"),
        pytest.param(
            set[str], {"factory": lambda: {"x"}}, NULL, set[str](), id="NULL set with another default"
        ),
        pytest.param(
            set[str], {"factory": lambda: {"x"}}, None, {"x"}, id="missing set with another default"
        ),
        pytest.param(set[str] | None, {"default": None}, NULL, None, id="NULL for a set or None"),
        pytest.param(Any, {}, None, None, id="missing anything"),
        pytest.param(Any, {"default": 1}, NULL, None, id="NULL for anything"),
        pytest.param(int, {"default": 0, "omit_empty": True}, None, 0, id="omitted 0"),
        pytest.param(set[str] | str, {}, NULL, set[str](), id="NULL for a set or a text"),
    ],
)
def test_an_absent_attribute_or_null_is_read_so(
    tp: Any, options: dict[str, Any], text: str | None, value: object
) -> None:
    found = field(tp, **options).decode(text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("tp", "text", "code"),
    [
        pytest.param(str, None, "codecs.missing", id="missing"),
        pytest.param(list[int], None, "codecs.missing", id="missing list"),
        pytest.param(str, NULL, "codecs.unreadable", id="NULL"),
    ],
)
def test_what_has_neither_value_nor_default_is_refused_with_its_path(
    tp: Any, text: str | None, code: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).decode(text)

    assert (caught.value.code, caught.value.path) == (code, "Thing.value")


def test_a_factory_is_asked_for_each_item() -> None:
    numbers = iter(range(100))
    values = field(str, factory=lambda: f"id-{next(numbers)}")

    assert values.decode(None) != values.decode(None)


@pytest.mark.parametrize("value", [0, "", [], None], ids=repr)
def test_a_falsy_value_of_another_type_is_no_empty_set(value: object) -> None:
    with pytest.raises(InvalidValue):
        field(set[str], factory=set).encode(value)


def test_omit_empty_without_a_default_is_refused_because_empty_could_not_be_read_back() -> None:
    with pytest.raises(InvalidModel, match=r"Thing\.value"):
        field(int, omit_empty=True)
