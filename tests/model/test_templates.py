"""N1: keys computed from fields, and read back; no two items share one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async.errors import InvalidKey
from dynamorm_async.model import Attr, Template, attribute, model, partition_key, sort_key, spec_of


@model(table="orders")
class Order:
    pk: Attr[str] = partition_key(template="TENANT#{tenant}#USER#{user}")
    sk: Attr[str] = sort_key(template="ORDER#{number}")
    tenant: Attr[str]
    user: Attr[str]
    number: Attr[int]
    by_status: Attr[str] = attribute(template="STATUS#{status}")
    status: Attr[str] = attribute(default="new")


def test_a_key_is_known_by_the_fields_of_its_template() -> None:
    spec = spec_of(Order)

    assert spec.key_arguments == ("tenant", "user", "number")
    assert [field.name for field in spec.key_fields] == ["pk", "sk"]
    assert [name for name, field in spec.fields.items() if field.in_init] == [
        "tenant",
        "user",
        "number",
        "status",
    ]


CASES: dict[str, tuple[str, dict[str, str], str]] = {
    "one field": ("USER#{user}", {"user": "ana"}, "USER#ana"),
    "two fields": ("{a}#{b}", {"a": "1", "b": "2"}, "1#2"),
    "a field twice": ("{a}#{b}#{a}", {"a": "1", "b": "2"}, "1#2#1"),
    "constant": ("PROFILE", {}, "PROFILE"),
    "the separator in the last field": ("{a}#{b}", {"a": "1", "b": "2#3#"}, "1#2#3#"),
    "text after the last field": ("U#{a}#END", {"a": "x#END"}, "U#x#END#END"),
    "empty": ("{a}#{b}", {"a": "", "b": ""}, "#"),
    "signs of patterns": (".*{a}[x]{b}$", {"a": "(", "b": ")"}, ".*([x])$"),
    "lines": ("A\n{a}", {"a": "\n\n"}, "A\n\n\n"),
    "non-ASCII": ("ключ#{größe}", {"größe": "ä"}, "ключ#ä"),
}


@pytest.mark.parametrize(("text", "texts", "key"), CASES.values(), ids=CASES)
def test_a_template_fills_and_reads_back(text: str, texts: dict[str, str], key: str) -> None:
    template = Template(text)

    assert template.fill(texts, owner="Order") == key
    assert template.read(key) == texts


@pytest.mark.parametrize("key", ["", "USER#", "user#ana#1", "XUSER#ana#1", "USER#ana"])
def test_a_key_of_another_make_is_not_read(key: str) -> None:
    assert Template("USER#{user}#{n}").read(key) is None


def test_a_field_that_must_be_the_same_twice_is_not_read_otherwise() -> None:
    assert Template("{a}#{a}").read("1#2") is None


@pytest.mark.parametrize(
    ("text", "texts", "field"),
    [
        pytest.param("{a}#{b}", {"a": "1#2", "b": "3"}, "a", id="holds the separator"),
        pytest.param("{a}##{b}", {"a": "x#", "b": "y"}, "a", id="ends with half of the separator"),
        pytest.param("{a}AB{b}AC{c}", {"a": "xA", "b": "yAC", "c": ""}, "b", id="in the middle"),
    ],
)
def test_a_key_that_could_be_another_item_s_is_refused(text: str, texts: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        Template(text).fill(texts, owner="Order")

    assert caught.value.what == f"Order.{field} = {texts[field]!r} cannot be told from what follows it"
    assert caught.value.code == "model.template-collision"


parts = st.text(alphabet="#ab", max_size=4)


@given(st.lists(st.tuples(parts, parts), min_size=2, max_size=2), st.sampled_from(["#", "##", "a#", "#a#"]))
def test_different_fields_never_fill_one_key(pairs: list[Any], separator: str) -> None:
    template = Template(f"{{a}}{separator}{{b}}")
    keys: list[str] = []

    for a, b in pairs:
        try:
            keys.append(template.fill({"a": a, "b": b}, owner="Order"))
        except InvalidKey:
            return

    assert (keys[0] == keys[1]) == (pairs[0] == pairs[1])
