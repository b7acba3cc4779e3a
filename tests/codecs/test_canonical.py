"""N10: stored values as texts that are equal where the values are equal."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async.codecs import canonical, canonical_key, stored_texts
from dynamorm_async.errors import ProtocolError


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"N":"1"}', '{"N":"1.0"}'),
        ('{"N":"1"}', '{"N":"01"}'),
        ('{"N":"1000"}', '{"N":"1E+3"}'),
        ('{"N":"0"}', '{"N":"-0.00"}'),
        ('{"N":"1e-130"}', '{"N":"0.1E-129"}'),
        ('{"S":"é"}', '{"S":"\\u00e9"}'),
        ('{"S":"a/b"}', '{ "S" : "a\\/b" }'),
        ('{"B":"AQI="}', '{"B": "AQI="}'),
    ],
)
def test_equal_values_are_equal_texts(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"N":"1"}', '{"S":"1"}'),
        ('{"N":"12345678901234567890123456789012345678"}', '{"N":"12345678901234567890123456789012345679"}'),
        ('{"S":"a"}', '{"S":"A"}'),
        ('{"S":"AQI="}', '{"B":"AQI="}'),
    ],
)
def test_different_values_are_different_texts(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3), st.integers(0, 5))
def test_a_number_is_one_text_however_it_is_written(number: Decimal, zeros: int) -> None:
    text = f"{number:f}" + "0" * zeros

    assert canonical(f'{{"N":"{text}"}}') == canonical(f'{{"N":"{number}"}}')


def test_a_key_is_one_text_however_its_number_is_written() -> None:
    assert canonical_key('{"a":{"S":"x"},"n":{"N":"1.50"}}') == '{"a":{"S":"x"},"n":{"N":"1.5"}}'


def test_a_stored_item_is_its_attributes() -> None:
    assert stored_texts(b'{"Item":{"a":{"S":"x"},"n":{"N":"1"}}}') == {"a": '{"S":"x"}', "n": '{"N":"1"}'}
    assert stored_texts(b'{"message":"no"}') is None


def test_what_is_no_item_is_no_answer() -> None:
    with pytest.raises(ProtocolError):
        stored_texts(b'{"Item":[]}')
