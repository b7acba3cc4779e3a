"""Sizes and prices against the developer guide's rules and what engines measured (dynamodb.md, part 2)."""

import base64
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async.wire import LIMITS, consumed_units, item_size, read_units, write_units


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("item", "size"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"id": {"S": "abc"}}, 2 + 3, id="text"),
        pytest.param({"größe": {"S": "ä€😀"}}, 7 + 9, id="bytes of UTF-8, names too"),
        pytest.param({"a": {"S": ""}}, 1, id="empty text"),
        pytest.param({"a": {"BOOL": True}}, 1 + 1, id="bool"),
        pytest.param({"a": {"NULL": True}}, 1 + 1, id="null"),
        pytest.param({"a": {"B": b64(b"")}}, 1, id="empty binary"),
        pytest.param({"a": {"B": b64(b"1")}}, 1 + 1, id="one byte"),
        pytest.param({"a": {"B": b64(b"12")}}, 1 + 2, id="two bytes"),
        pytest.param({"a": {"B": b64(b"123")}}, 1 + 3, id="three bytes"),
        pytest.param({"a": {"SS": ["ab", "c"]}}, 1 + 3, id="text set"),
        pytest.param({"a": {"NS": ["1", "22"]}}, 1 + 2 + 3, id="number set"),
        pytest.param({"a": {"BS": [b64(b"12"), b64(b"3")]}}, 1 + 3, id="binary set"),
        pytest.param({"a": {"L": []}}, 1 + 3, id="empty list"),
        pytest.param({"a": {"L": [{"S": "xy"}, {"BOOL": False}]}}, 1 + 3 + 3 + 2, id="list"),
        pytest.param({"a": {"M": dict[str, Any]()}}, 1 + 3, id="empty map"),
        pytest.param({"a": {"M": {"key": {"S": "xy"}}}}, 1 + 3 + (1 + 3 + 2), id="map"),
        pytest.param(
            {"a": {"M": {"b": {"L": [{"M": dict[str, Any]()}]}}}}, 1 + 3 + (1 + 1 + 3 + (1 + 3)), id="nested"
        ),
        pytest.param({"a": {"S": "x"}, "bc": {"S": "yz"}}, 2 + 4, id="two attributes"),
    ],
)
def test_an_item_weighs_its_names_and_values(item: dict[str, Any], size: int) -> None:
    assert item_size(item) == size


@pytest.mark.parametrize(
    ("number", "size"),
    [
        ("0", 1),
        ("-0", 1),
        ("0.00", 1),
        ("1", 2),
        ("9", 2),
        ("100", 2),
        ("1E+125", 2),
        ("1E-130", 2),
        ("12", 3),
        ("99", 3),
        ("123", 3),
        ("1200", 3),
        ("0.12", 3),
        ("1234567890123", 8),
        ("9" * 38, 21),
        ("9" * 37, 20),
        ("-5", 3),
        ("-" + "9" * 38, 22),
    ],
)
def test_a_number_weighs_half_its_digits_at_most_three_bytes_more(number: str, size: int) -> None:
    assert item_size({"": {"N": number}}) == size


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_a_number_s_size_is_a_bound_for_the_guide_s_formula(number: Decimal) -> None:
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    guide = (len(digits) + 1) // 2 + 1

    assert guide <= item_size({"": {"N": str(number)}}) <= guide + 2


@pytest.mark.parametrize(
    ("size", "consistent", "eventual"),
    [
        (0, 1.0, 0.5),
        (1, 1.0, 0.5),
        (4096, 1.0, 0.5),
        (4097, 2.0, 1.0),
        (8192, 2.0, 1.0),
        (409_600, 100.0, 50.0),
    ],
)
def test_reading_costs_a_unit_for_4_kb_and_half_where_it_may_be_stale(
    size: int, consistent: float, eventual: float
) -> None:
    assert read_units(size, consistent=True) == consistent
    assert read_units(size, consistent=False) == eventual


@pytest.mark.parametrize(("size", "units"), [(0, 1.0), (1, 1.0), (1024, 1.0), (1025, 2.0), (409_600, 400.0)])
def test_writing_costs_a_unit_for_1_kb(size: int, units: float) -> None:
    assert write_units(size) == units


def test_the_limits_are_the_service_s() -> None:
    assert (LIMITS.item_bytes, LIMITS.partition_key_bytes, LIMITS.sort_key_bytes) == (409_600, 2048, 1024)
    assert (LIMITS.number_digits, LIMITS.number_exponent_min, LIMITS.number_exponent_max) == (38, -130, 125)
    assert (LIMITS.nesting, LIMITS.attribute_name_bytes, LIMITS.key_name_bytes) == (31, 65_535, 255)
    assert (LIMITS.expression_bytes, LIMITS.expression_operators, LIMITS.in_operands) == (4096, 300, 100)
    assert (LIMITS.local_indexes, LIMITS.global_indexes, LIMITS.projected_attributes) == (5, 20, 100)


@pytest.mark.parametrize(
    ("body", "units"),
    [
        (b'{"ConsumedCapacity":{"TableName":"t","CapacityUnits":1.5}}', 1.5),
        (b'{"ConsumedCapacity":[{"CapacityUnits":1},{"CapacityUnits":0.5}]}', 1.5),
        (b'{"Item":{}}', None),
        (b'{"ConsumedCapacity":7}', None),
        (b'{"Item":{"x":{"S":"\\"ConsumedCapacity\\""}}}', None),
    ],
)
def test_an_answer_says_what_it_cost_where_that_was_asked_for(body: bytes, units: float | None) -> None:
    assert consumed_units(body) == units
