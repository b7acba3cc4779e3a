"""What holds for every model and every value (R4 to R8)."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async.errors import InvalidValue, ProtocolError
from tests.codecs.shapes import NOTHING, model_of, record_of
from tests.strategies import Typed, broken_values, instances, types

ROOT = Path(__file__).parents[2]
PARTS = {"S": str, "N": str, "B": str, "BOOL": bool, "NULL": bool}


def check_tagged(tagged: Any) -> None:
    ((tag, value),) = tagged.items()
    match tag:
        case "L":
            for element in value:
                check_tagged(element)
        case "M":
            for element in value.values():
                check_tagged(element)
        case "SS" | "NS" | "BS":
            assert value
            assert all(isinstance(element, str) for element in value)
            assert len(set(value)) == len(value)
        case _:
            assert type(value) is PARTS[tag]


@given(instances())
def test_what_is_encoded_is_decoded_equal_and_encoded_the_same_again(item: Any) -> None:
    record = record_of(type(item))
    text = record.encode_item(item, NOTHING)

    found: Any = record.decode_item(f'{{"Item":{text}}}')

    assert found == item
    assert record.encode_item(found, NOTHING) == text


@given(instances())
def test_what_is_encoded_is_utf_8_json_in_which_every_value_has_one_tag(item: Any) -> None:
    record = record_of(type(item))

    stored = json.loads(record.encode_item(item, NOTHING).encode())

    for tagged in stored.values():
        check_tagged(tagged)
    for name, field in record.spec.fields.items():
        text = record.encode_field(name, getattr(item, name))
        assert (None if text is None else json.loads(text)) == stored.get(field.attribute)


@given(types, broken_values)
def test_whatever_is_stored_is_read_or_refused_by_a_typed_error(typed: Typed, stored: Any) -> None:
    record = record_of(model_of(typed.type))
    answer = json.dumps({"Item": {"id": {"S": "1"}, "value": stored}})

    refusal: InvalidValue | None = None
    try:
        record.decode_item(answer)
    except ProtocolError:
        return
    except InvalidValue as error:
        refusal = error

    assert refusal is None or refusal.path.startswith("Thing.value")


@given(types, types, st.data())
def test_a_value_of_any_type_is_stored_or_refused_by_a_typed_error(
    typed: Typed, other: Typed, data: st.DataObject
) -> None:
    record = record_of(model_of(typed.type))
    value = data.draw(other.values)

    refusal: InvalidValue | None = None
    try:
        text = record.encode_field("value", value)
    except InvalidValue as error:
        refusal = error
    else:
        stored = "" if text is None else f',"value":{text}'
        record.decode_item(f'{{"Item":{{"id":{{"S":"1"}}{stored}}}}}')

    assert refusal is None or refusal.path.startswith("Thing.value")


PROGRAM = """
from typing import Any
from tests.codecs.shapes import field
words = {f"word-{number}" for number in range(50)}
print(field(set[str]).encode(words))
print(field(frozenset[int]).encode(frozenset(range(50))))
print(field(Any).encode({"a": [words]}))
"""


def output_with_seed(seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_same_value_is_the_same_text_in_every_process() -> None:
    first = output_with_seed("1")

    assert "word-49" in first
    assert output_with_seed("2") == first
