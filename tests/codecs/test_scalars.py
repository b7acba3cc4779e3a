"""R4: single values both ways, with the exact JSON."""

import decimal
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any, Literal, NewType
from uuid import UUID

import pytest

from dynamorm_async.errors import InvalidModel, InvalidValue
from tests.codecs.shapes import field


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Mood(StrEnum):
    GOOD = "good"


class Slug(str):
    __slots__ = ()


UserId = NewType("UserId", str)
Cents = NewType("Cents", int)

UUID_TEXT = "12345678-1234-5678-1234-567812345678"

BOTH_WAYS = [
    pytest.param(str, "x", '{"S":"x"}', id="text"),
    pytest.param(str, "", '{"S":""}', id="empty text"),
    pytest.param(
        str, 'a"b\\c\n\x00é😀\u2028', '{"S":"a\\"b\\\\c\\n\\u0000é😀\u2028"}', id="text with escapes"
    ),
    pytest.param(int, 0, '{"N":"0"}', id="zero"),
    pytest.param(int, -5, '{"N":"-5"}', id="negative"),
    pytest.param(int, 9007199254740993, '{"N":"9007199254740993"}', id="int past the floats"),
    pytest.param(int, 10**38 - 1, f'{{"N":"{"9" * 38}"}}', id="38 digits"),
    pytest.param(int, 1 - 10**38, f'{{"N":"-{"9" * 38}"}}', id="38 digits, negative"),
    pytest.param(int, 10**40, f'{{"N":"1{"0" * 40}"}}', id="41 places with one digit"),
    pytest.param(float, 0.0, '{"N":"0"}', id="float zero"),
    pytest.param(float, -2.0, '{"N":"-2"}', id="whole float"),
    pytest.param(float, 0.1, '{"N":"0.1"}', id="float"),
    pytest.param(float, -2.5e-7, '{"N":"-2.5e-07"}', id="small float"),
    pytest.param(float, 1e125, '{"N":"1e+125"}', id="largest power of ten"),
    pytest.param(float, 1e-130, '{"N":"1e-130"}', id="smallest magnitude"),
    pytest.param(Decimal, Decimal("0.12345678901234567"), '{"N":"0.12345678901234567"}', id="Decimal"),
    pytest.param(Decimal, Decimal("9" * 38), f'{{"N":"{"9" * 38}"}}', id="Decimal of 38 digits"),
    pytest.param(Decimal, Decimal("-1.5"), '{"N":"-1.5"}', id="negative Decimal"),
    pytest.param(bool, True, '{"BOOL":true}', id="true"),
    pytest.param(bool, False, '{"BOOL":false}', id="false"),
    pytest.param(bytes, b"\x01\x02\x03", '{"B":"AQID"}', id="bytes"),
    pytest.param(bytes, b"", '{"B":""}', id="no bytes"),
    pytest.param(UUID, UUID(UUID_TEXT), f'{{"S":"{UUID_TEXT}"}}', id="UUID"),
    pytest.param(Color, Color.RED, '{"S":"red"}', id="Enum of texts"),
    pytest.param(Level, Level.HIGH, '{"N":"2"}', id="Enum of numbers"),
    pytest.param(Mood, Mood.GOOD, '{"S":"good"}', id="StrEnum"),
    pytest.param(Literal["a", "b"], "b", '{"S":"b"}', id="Literal of texts"),
    pytest.param(Literal[1, 2], 2, '{"N":"2"}', id="Literal of numbers"),
    pytest.param(Literal["a", 1], 1, '{"N":"1"}', id="Literal of both"),
    pytest.param(Literal["a", None], "a", '{"S":"a"}', id="Literal with None"),  # noqa: PYI061
    pytest.param(UserId, UserId("ana"), '{"S":"ana"}', id="NewType of str"),
    pytest.param(Cents, Cents(5), '{"N":"5"}', id="NewType of int"),
    pytest.param(Slug, Slug("a-b"), '{"S":"a-b"}', id="subclass of str"),
]


@pytest.mark.parametrize(("tp", "value", "text"), BOTH_WAYS)
def test_a_scalar_is_stored_as_this_text(tp: Any, value: object, text: str) -> None:
    assert field(tp).encode(value) == text


@pytest.mark.parametrize(("tp", "value", "text"), BOTH_WAYS)
def test_a_scalar_is_read_back_equal_and_of_its_type(tp: Any, value: object, text: str) -> None:
    found = field(tp).decode(text)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("tp", "value", "text"),
    [
        pytest.param(float, 3, '{"N":"3"}', id="int for a float"),
        pytest.param(Decimal, 3, '{"N":"3"}', id="int for a Decimal"),
        pytest.param(Decimal, Decimal("1.50"), '{"N":"1.5"}', id="Decimal with trailing zeros"),
        pytest.param(Decimal, Decimal("1E+3"), '{"N":"1000"}', id="Decimal with an exponent"),
        pytest.param(Decimal, Decimal("-0.0"), '{"N":"0"}', id="negative zero"),
        pytest.param(Decimal, Decimal("0E+200"), '{"N":"0"}', id="zero with an exponent"),
        pytest.param(bytes, bytearray(b"\x01"), '{"B":"AQ=="}', id="bytearray for bytes"),
        pytest.param(bytes, memoryview(b"\x01"), '{"B":"AQ=="}', id="memoryview for bytes"),
        pytest.param(str, Mood.GOOD, '{"S":"good"}', id="StrEnum for a text"),
        pytest.param(int, Level.LOW, '{"N":"1"}', id="IntEnum for an int"),
    ],
)
def test_a_near_type_is_taken_where_nothing_is_lost(tp: Any, value: object, text: str) -> None:
    assert field(tp).encode(value) == text


@pytest.mark.parametrize(
    ("tp", "value", "code"),
    [
        pytest.param(str, 1, "codecs.wrong-type", id="int for a text"),
        pytest.param(str, b"x", "codecs.wrong-type", id="bytes for a text"),
        pytest.param(str, None, "codecs.wrong-type", id="None for a text"),
        pytest.param(int, True, "codecs.wrong-type", id="bool for an int"),
        pytest.param(int, 1.0, "codecs.wrong-type", id="float for an int"),
        pytest.param(int, "1", "codecs.wrong-type", id="text for an int"),
        pytest.param(float, True, "codecs.wrong-type", id="bool for a float"),
        pytest.param(float, Decimal(1), "codecs.wrong-type", id="Decimal for a float"),
        pytest.param(float, 2**53 + 1, "codecs.not-exact", id="int that no float can say"),
        pytest.param(float, 10**400, "codecs.out-of-range", id="int past every float"),
        pytest.param(Decimal, 0.1, "codecs.wrong-type", id="float for a Decimal"),
        pytest.param(Decimal, True, "codecs.wrong-type", id="bool for a Decimal"),
        pytest.param(bool, 1, "codecs.wrong-type", id="int for a bool"),
        pytest.param(bytes, "x", "codecs.wrong-type", id="text for bytes"),
        pytest.param(UUID, UUID_TEXT, "codecs.wrong-type", id="text for a UUID"),
        pytest.param(Color, "red", "codecs.wrong-type", id="text for an Enum"),
        pytest.param(Color, Level.LOW, "codecs.wrong-type", id="another Enum"),
        pytest.param(Literal["a", "b"], "c", "codecs.wrong-type", id="text not in the Literal"),
        pytest.param(Literal[1, 2], True, "codecs.wrong-type", id="bool for a Literal of numbers"),
        pytest.param(Literal["a"], ["a"], "codecs.wrong-type", id="unhashable for a Literal"),
        pytest.param(int, 10**38 + 1, "codecs.too-many-digits", id="39 digits"),
        pytest.param(int, 10**126, "codecs.out-of-range", id="int out of range"),
        pytest.param(Decimal, Decimal("1" * 39), "codecs.too-many-digits", id="Decimal of 39 digits"),
        pytest.param(Decimal, Decimal("1E+126"), "codecs.out-of-range", id="Decimal too large"),
        pytest.param(Decimal, Decimal("1E-131"), "codecs.out-of-range", id="Decimal too small"),
        pytest.param(float, 1e126, "codecs.out-of-range", id="float too large"),
        pytest.param(float, 1e-131, "codecs.out-of-range", id="float too small"),
        pytest.param(float, float("nan"), "codecs.not-finite", id="NaN"),
        pytest.param(float, float("inf"), "codecs.not-finite", id="infinity"),
        pytest.param(Decimal, Decimal("NaN"), "codecs.not-finite", id="Decimal NaN"),
        pytest.param(Decimal, Decimal("sNaN"), "codecs.not-finite", id="signalling NaN"),
        pytest.param(Decimal, Decimal("-Infinity"), "codecs.not-finite", id="Decimal infinity"),
    ],
)
def test_a_value_that_cannot_be_stored_exactly_is_refused_with_its_path(
    tp: Any, value: object, code: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).encode(value)

    assert (caught.value.code, caught.value.path) == (code, "Thing.value")


@pytest.mark.parametrize(
    ("tp", "text", "value"),
    [
        pytest.param(int, '{"N":"1E+2"}', 100, id="exponent"),
        pytest.param(int, '{"N":"3.0"}', 3, id="whole with a point"),
        pytest.param(int, '{"N":"+7"}', 7, id="plus"),
        pytest.param(float, '{"N":"3"}', 3.0, id="whole for a float"),
        pytest.param(Decimal, '{"N":"1E-7"}', Decimal("0.0000001"), id="Decimal exponent"),
        pytest.param(bytes, '{"L":[{"N":"1"},{"N":"255"}]}', b"\x01\xff", id="bytes that Go stored"),
    ],
)
def test_another_form_of_the_same_value_is_read(tp: Any, text: str, value: object) -> None:
    assert field(tp).decode(text) == value


@pytest.mark.parametrize("tp", [int, float, Decimal, Literal[1, 2], Level], ids=str)
@pytest.mark.parametrize(
    "text",
    [
        "null",
        "1_0",
        "٣",
        "",
        " 1",
        "1 ",
        "NaN",
        "inf",
        "Infinity",
        "-",
        "0x10",
        "1e",
        "1E+999999999",
        "1e400",
    ],
)
def test_text_that_is_no_number_is_refused_on_reading(tp: Any, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).decode(f'{{"N":"{text}"}}')

    assert caught.value.path == "Thing.value"


@pytest.mark.parametrize(
    ("tp", "text"),
    [
        pytest.param(int, '{"N":"1.5"}', id="fraction for an int"),
        pytest.param(str, '{"N":"1"}', id="number for a text"),
        pytest.param(int, '{"S":"1"}', id="text for a number"),
        pytest.param(int, '{"N":1}', id="JSON number"),
        pytest.param(str, '{"S":1}', id="JSON number for a text"),
        pytest.param(str, '{"S":null}', id="JSON null"),
        pytest.param(str, "{}", id="no tag"),
        pytest.param(str, '{"S":"x","N":"1"}', id="two tags"),
        pytest.param(str, "null", id="null for the whole value"),
        pytest.param(str, '"x"', id="untagged"),
        pytest.param(str, '{"X":"x"}', id="unknown tag"),
        pytest.param(bool, '{"BOOL":"true"}', id="text for a bool"),
        pytest.param(str | None, '{"NULL":false}', id="NULL that is false"),
        pytest.param(str | None, '{"NULL":"true"}', id="NULL that is a text"),
        pytest.param(str, '{"NULL":true}', id="NULL for a text"),
        pytest.param(bytes, '{"B":"=!"}', id="no base64"),
        pytest.param(bytes, '{"L":[{"N":"256"}]}', id="no byte"),
        pytest.param(bytes, '{"L":[{"N":"1.5"}]}', id="half a byte"),
        pytest.param(bytes, '{"L":[{"NULL":true}]}', id="NULL for a byte"),
        pytest.param(UUID, '{"S":"nope"}', id="no UUID"),
        pytest.param(Color, '{"S":"green"}', id="no member"),
        pytest.param(Literal["a"], '{"S":"b"}', id="not in the Literal"),
        pytest.param(str | int, '{"S":"x","N":"1"}', id="two tags for a union"),
        pytest.param(Any, '{"S":"x","N":"1"}', id="two tags for anything"),
        pytest.param(Any, '{"NULL":false}', id="NULL that is false for anything"),
        pytest.param(Any, "{}", id="no tag for anything"),
    ],
)
def test_a_stored_value_of_another_shape_is_refused_with_its_path(tp: Any, text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(tp).decode(text)

    assert caught.value.path.startswith("Thing.value")


def test_numbers_do_not_depend_on_the_callers_decimal_context() -> None:
    value = Decimal("1.2345678901234567890123456789012345678")

    with decimal.localcontext(prec=3):
        assert field(Decimal).round_trip(value) == value


def test_a_lone_surrogate_is_refused_with_its_path() -> None:
    with pytest.raises(InvalidValue) as caught:
        field(dict[str, list[str]]).encode({"a": ["fine", "\ud800"]})

    assert (caught.value.code, caught.value.path) == ("codecs.surrogate", "Thing.value.a[1]")


def test_a_lone_surrogate_in_a_name_is_refused_with_its_path() -> None:
    with pytest.raises(InvalidValue) as caught:
        field(dict[str, int]).encode({"\udfff": 1})

    assert (caught.value.code, caught.value.path) == ("codecs.surrogate", "Thing.value.?")


class Empty(Enum):
    pass


class Mixed(Enum):
    A = "a"
    B = 1


class Flag(Enum):
    YES = True


@pytest.mark.parametrize("tp", [Empty, Mixed, Flag, Literal[True], Literal[b"x"]], ids=str)
def test_an_enumeration_without_a_stored_form_is_refused_with_class_and_field(tp: Any) -> None:
    with pytest.raises(InvalidModel, match=r"Thing\.value"):
        field(tp)
