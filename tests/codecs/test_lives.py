"""What codecs hold on to, and what they never tell."""

from __future__ import annotations

import gc
import weakref

import pytest
from cattrs import Converter

from dynamorm_async.codecs import Codecs, Stamps
from dynamorm_async.errors import InvalidValue
from dynamorm_async.model import Attr, attribute, model, partition_key
from tests.codecs.shapes import record_of


def test_a_model_goes_with_its_last_user_though_it_was_read_and_written() -> None:
    codecs = Codecs(Converter())

    @model(table="things")
    class Short:
        id: Attr[str] = partition_key()

    codecs.record(Short).encode_item(Short(id="x"), Stamps())
    seen = weakref.ref(Short)
    del Short
    gc.collect()

    assert seen() is None


def test_one_record_serves_until_the_hooks_change() -> None:
    codecs = Codecs(Converter())
    first = codecs.record(Secret)

    assert codecs.record(Secret) is first
    codecs.forget()
    assert codecs.record(Secret) is not first
    assert Codecs(Converter()).record(Secret) is not first


@model(table="things")
class Secret:
    id: Attr[str] = partition_key()
    pin: Attr[int] = attribute(default=0, repr=False)


def test_a_value_that_repr_hides_is_in_no_error() -> None:
    wrong = Secret(id="x")
    wrong.pin = "hunter2"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]

    with pytest.raises(InvalidValue) as caught:
        record_of(Secret).encode_item(wrong, Stamps())

    assert caught.value.path == "Secret.pin"
    assert "hunter2" not in str(caught.value)


def test_an_empty_set_in_a_json_like_value_is_refused() -> None:
    @model(table="things")
    class Loose:
        id: Attr[str] = partition_key()
        extra: Attr[dict[str, object]] = attribute(factory=dict)

    with pytest.raises(InvalidValue, match="empty set") as caught:
        record_of(Loose).encode_item(Loose(id="x", extra={"a": set[str]()}), Stamps())

    assert caught.value.path == "Loose.extra['a']"


@pytest.mark.parametrize("stored", ['{"N":"1"}', '{"BOOL":true}'], ids=["wrong tag", "another wrong tag"])
def test_an_item_of_a_page_that_cannot_be_read_is_named_by_its_key(stored: str) -> None:
    @model(table="things")
    class Named:
        id: Attr[str] = partition_key()
        title: Attr[str] = attribute(default="")

    items = f'{{"id":{{"S":"good"}}}},{{"id":{{"S":"bad"}},"title":{stored}}}'

    with pytest.raises(InvalidValue, match="title") as caught:
        record_of(Named).decode_page(f'{{"Items":[{items}],"Count":2,"ScannedCount":2}}'.encode())

    assert "bad" in str(caught.value)
    assert "good" not in str(caught.value)
