"""Whole items and answers: names, keys, templates, entities, unknown attributes, limits (N1, N2, R25)."""

import json
from typing import Any, Literal

import attrs
import pytest

from dynamorm_async.codecs import Record
from dynamorm_async.errors import InvalidKey, InvalidModel, InvalidValue, ProtocolError
from dynamorm_async.model import Attr, GlobalIndex, attribute, model, partition_key, sort_key
from tests.codecs.shapes import NOTHING, field, model_of, record_of

ID = '"id":{"S":"1"}'


def body(item: str) -> bytes:
    return f'{{"Item":{{{item}}}}}'.encode()


# Names.


@pytest.mark.parametrize(
    "name", ["a.b", "#a", ":a", "a b", "é😀", "size", "a[0]", "$", "`", "a.b.S"], ids=ascii
)
def test_any_name_of_an_attribute_works(name: str) -> None:
    record = record_of(model_of(int, name=name))
    quoted = json.dumps(name, ensure_ascii=False)

    assert record.encode_item(record.spec.cls(id="1", value=5), NOTHING) == f'{{{ID},{quoted}:{{"N":"5"}}}}'
    found: Any = record.decode_item(body(f'{ID},{quoted}:{{"N":"5"}}'))
    assert found.value == 5


@pytest.mark.parametrize("name", ["a.b", "a[0]", "é", "a.b.S"])
def test_an_error_under_an_odd_name_has_the_fields_path(name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        record_of(model_of(list[int], name=name)).decode_item(body(f'{ID},"{name}":{{"L":[{{"S":"x"}}]}}'))

    assert caught.value.path == "Thing.value[0]"


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb"], ids=ascii)
def test_a_name_that_the_reader_cannot_look_for_is_refused(name: str) -> None:
    with pytest.raises(InvalidModel, match="attribute's name"):
        record_of(model_of(int, name=name))


# Keys.


def keyed(tp: Any, role: Literal["partition", "sort", "index"], **options: Any) -> Record[Any]:
    declared: dict[str, Any] = {"id": partition_key(), "other": attribute(default=None)}
    types: dict[str, Any] = {"id": tp if role == "partition" else str, "other": str | None}
    if role == "sort":
        types["rank"], declared["rank"] = tp, sort_key()
    if role == "index":
        types["rank"], declared["rank"] = tp, attribute(**options)
        declared["by_rank"] = GlobalIndex("by-rank", partition_key="other", sort_key="rank")
    return record_of(
        model(table="keyed")(
            type("Keyed", (), {"__module__": __name__, "__annotations__": types, **declared})
        )
    )


@pytest.mark.parametrize(
    ("tp", "role", "value"),
    [
        pytest.param(str, "partition", "x" * 2048, id="partition key"),
        pytest.param(str, "partition", "é" * 1024, id="partition key, two bytes a character"),
        pytest.param(str, "sort", "x" * 1024, id="sort key"),
        pytest.param(bytes, "partition", b"x" * 2048, id="binary partition key"),
        pytest.param(str, "index", "x" * 1024, id="index key"),
        pytest.param(int, "sort", 0, id="number"),
    ],
)
def test_a_key_of_the_largest_size_is_taken(tp: Any, role: Any, value: object) -> None:
    record = keyed(tp, role)

    assert record.encode_field("id" if role == "partition" else "rank", value) is not None


@pytest.mark.parametrize(
    ("tp", "role", "value", "code"),
    [
        pytest.param(str, "partition", "x" * 2049, "codecs.key-size", id="long partition key"),
        pytest.param(str, "partition", "é" * 1025, "codecs.key-size", id="long in bytes"),
        pytest.param(str, "sort", "x" * 1025, "codecs.key-size", id="long sort key"),
        pytest.param(bytes, "sort", b"x" * 1025, "codecs.key-size", id="long binary key"),
        pytest.param(str, "index", "x" * 1025, "codecs.key-size", id="long index key"),
        pytest.param(str, "partition", "", "codecs.empty-key", id="empty key"),
        pytest.param(bytes, "partition", b"", "codecs.empty-key", id="empty binary key"),
        pytest.param(str, "sort", "", "codecs.empty-key", id="empty sort key"),
        pytest.param(str, "index", "", "codecs.empty-key", id="empty index key"),
        pytest.param(str | None, "index", "", "codecs.empty-key", id="empty optional index key"),
        pytest.param(str, "index", None, "codecs.wrong-type", id="None for an index key"),
        pytest.param(str, "partition", None, "codecs.wrong-type", id="None for a key"),
    ],
)
def test_a_key_that_the_service_refuses_is_refused_with_its_path(
    tp: Any, role: Any, value: object, code: str
) -> None:
    record = keyed(tp, role)
    name = "id" if role == "partition" else "rank"

    with pytest.raises(InvalidValue) as in_field:
        record.encode_field(name, value)
    with pytest.raises(InvalidValue) as in_item:
        record.encode_item(record.spec.cls(**{"id": "1", name: value}), NOTHING)

    assert (in_field.value.code, in_field.value.path) == (code, f"Keyed.{name}")
    assert (in_item.value.code, in_item.value.path) == (code, f"Keyed.{name}")


def test_an_index_key_of_none_is_left_out() -> None:
    record = keyed(str | None, "index", default=None, null=True)

    assert record.encode_item(record.spec.cls(id="1", rank=None), NOTHING) == f"{{{ID}}}"


@pytest.mark.parametrize(
    ("tp", "role", "options"),
    [
        pytest.param(list[str], "partition", {}, id="list"),
        pytest.param(bool, "sort", {}, id="bool"),
        pytest.param(Any, "partition", {}, id="anything"),
        pytest.param(str | int, "sort", {}, id="union"),
        pytest.param(str | None, "partition", {}, id="None for a key"),
        pytest.param(str | None, "index", {"default": "x"}, id="None for an index key with a default"),
    ],
)
def test_a_type_that_cannot_be_a_key_is_refused_with_class_and_field(
    tp: Any, role: Any, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidModel, match=r"Keyed\."):
        keyed(tp, role, **options)


@pytest.mark.parametrize(("tp", "tag"), [(str, "S"), (int, "N"), (bytes, "B"), (float, "N")])
def test_the_tag_of_a_key_is_known(tp: Any, tag: str) -> None:
    assert keyed(tp, "partition").key_type("id") == tag


# Templates.


@model(table="social", entity="user post")
class Post:
    pk: Attr[str] = partition_key(template="USER#{user}")
    sk: Attr[str] = sort_key(template="POST#{day}#{number}")
    gsi: Attr[str] = attribute(template="STATUS#{status}", name="GSI1PK")
    user: Attr[str]
    day: Attr[str]
    number: Attr[int]
    status: Attr[str | None] = attribute(default=None)

    by_status = GlobalIndex("by-status", partition_key="gsi")


def posts() -> Record[Any]:
    return record_of(Post)


def test_templates_are_filled() -> None:
    text = posts().encode_item(Post(user="ana", day="mon", number=3, status="new"), NOTHING)

    assert json.loads(text) == {
        "pk": {"S": "USER#ana"},
        "sk": {"S": "POST#mon#3"},
        "GSI1PK": {"S": "STATUS#new"},
        "user": {"S": "ana"},
        "day": {"S": "mon"},
        "number": {"N": "3"},
        "status": {"S": "new"},
        "_entity": {"S": "user post"},
    }


def test_a_template_with_a_part_of_none_is_left_out() -> None:
    text = posts().encode_item(Post(user="ana", day="mon", number=3), NOTHING)

    assert "GSI1PK" not in text


def test_parts_are_read_back_from_the_keys_where_they_are_missing() -> None:
    found: Any = posts().decode_item(body('"pk":{"S":"USER#ana"},"sk":{"S":"POST#mon#3"}'))

    assert (found.user, found.day, found.number, found.sk) == ("ana", "mon", 3, "POST#mon#3")


@pytest.mark.parametrize("key", ['{"S":"PERSON#ana"}', '{"N":"1"}'])
def test_a_key_made_otherwise_is_refused_where_a_part_is_missing(key: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        posts().decode_item(body(f'"pk":{key},"sk":{{"S":"POST#mon#3"}}'))

    assert caught.value.path.startswith("Post.")


def test_a_part_that_holds_the_separator_is_refused() -> None:
    with pytest.raises(InvalidKey, match="could collide"):
        posts().encode_item(Post(user="ana", day="mo#n", number=3), NOTHING)


def test_a_template_without_parts_is_a_constant() -> None:
    @model(table="constants")
    class Profile:
        user: Attr[str] = partition_key()
        sk: Attr[str] = sort_key(template="PROFILE")

    text = record_of(Profile).encode_item(Profile(user="ana"), NOTHING)

    assert text == '{"user":{"S":"ana"},"sk":{"S":"PROFILE"}}'


def test_a_key_from_a_template_has_the_size_limit_of_its_role() -> None:
    with pytest.raises(InvalidValue) as caught:
        posts().encode_item(Post(user="ana", day="x" * 1020, number=3), NOTHING)

    assert (caught.value.code, caught.value.path) == ("codecs.key-size", "Post.sk")


def test_equal_numbers_give_equal_keys() -> None:
    from decimal import Decimal

    @model(table="prices")
    class Price:
        pk: Attr[str] = partition_key(template="PRICE#{amount}")
        amount: Attr[Decimal]

    record = record_of(Price)

    assert record.computed("pk", Price(amount=Decimal("1.50"))) == record.computed(
        "pk", Price(amount=Decimal("1.5"))
    )


@pytest.mark.parametrize("tp", [list[str], bytes, Any], ids=str)
def test_a_part_without_a_text_is_refused(tp: Any) -> None:
    types: dict[str, Any] = {"pk": str, "part": tp}
    cls: Any = type(
        "Odd",
        (),
        {"__annotations__": types, "pk": partition_key(template="X#{part}"), "__module__": __name__},
    )

    with pytest.raises(InvalidModel, match=r"Odd\.part"):
        record_of(model(table="odd")(cls))


# Entities.


def test_an_item_of_another_entity_is_refused() -> None:
    with pytest.raises(InvalidValue, match="of another entity") as caught:
        posts().decode_item(body('"pk":{"S":"USER#ana"},"sk":{"S":"POST#mon#3"},"_entity":{"S":"order"}'))

    assert caught.value.code == "codecs.wrong-entity"


@pytest.mark.parametrize(
    "entity", [',"_entity":{"S":"user post"}', ',"_entity": {"S" : "user\\u0020post"}', ""]
)
def test_an_item_of_the_entity_is_read_however_it_is_written(entity: str) -> None:
    assert posts().decode_item(body('"pk":{"S":"USER#ana"},"sk":{"S":"POST#mon#3"}' + entity)) is not None


def test_an_entity_of_another_type_is_refused() -> None:
    with pytest.raises(InvalidValue) as caught:
        posts().decode_item(body('"pk":{"S":"USER#ana"},"sk":{"S":"POST#mon#3"},"_entity":{"N":"1"}'))

    assert caught.value.path == "Post._entity"


# Unknown attributes.


@attrs.frozen
class Inner:
    x: int = 0


def knowing(unknown: Any) -> Record[Any]:
    types: dict[str, Any] = {"id": str, "inner": Inner}
    cls = type(
        "Known",
        (),
        {
            "__annotations__": types,
            "id": partition_key(),
            "inner": attribute(factory=Inner),
            "__module__": __name__,
        },
    )
    return record_of(model(table="known", unknown=unknown)(cls))


MORE = '"more":{"L":[{"N":"1.50"}]},"é":{"S":"\\u00e9"}'


def test_unknown_attributes_are_dropped_by_default() -> None:
    record = knowing("drop")

    assert record.encode_item(record.decode_item(body(f"{ID},{MORE}")), NOTHING) == (
        f'{{{ID},"inner":{{"M":{{"x":{{"N":"0"}}}}}}}}'
    )


def test_unknown_attributes_are_kept_to_the_letter() -> None:
    record = knowing("keep")

    assert record.encode_item(record.decode_item(body(f"{ID},{MORE}")), NOTHING) == (
        f'{{{ID},"inner":{{"M":{{"x":{{"N":"0"}}}}}},{MORE}}}'
    )


def test_unknown_attributes_are_refused_by_name_without_their_values() -> None:
    with pytest.raises(InvalidValue, match="more") as caught:
        knowing("refuse").decode_item(body(f"{ID},{MORE}"))

    assert caught.value.code == "codecs.unknown-attribute"
    assert "1.50" not in str(caught.value)


@pytest.mark.parametrize("unknown", ["keep", "refuse"])
def test_an_unknown_attribute_inside_a_nested_class_is_never_lost_silently(unknown: str) -> None:
    with pytest.raises(InvalidValue, match="for which there is no field") as caught:
        knowing(unknown).decode_item(body(f'{ID},"inner":{{"M":{{"z":{{"N":"1"}}}}}}'))

    assert caught.value.path == "Known.inner"


def test_an_unknown_attribute_inside_a_nested_class_is_dropped_with_the_others() -> None:
    found: Any = knowing("drop").decode_item(body(f'{ID},"inner":{{"M":{{"z":{{"N":"1"}}}}}}'))

    assert found.inner == Inner()


@pytest.mark.parametrize("unknown", ["drop", "keep", "refuse"])
def test_a_wrong_attribute_has_a_path_whatever_becomes_of_unknown_ones(unknown: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        knowing(unknown).decode_item(body(f'{ID},"inner":{{"M":{{"x":{{"S":"1"}}}}}}'))

    assert caught.value.path == "Known.inner.x"


@pytest.mark.parametrize("unknown", ["keep", "refuse"])
@pytest.mark.parametrize("answer", ['{"Item":5}', '{"Item":[]}', '{"Item":{"id":5}}'])
def test_an_item_of_another_shape_is_refused_whatever_becomes_of_unknown_ones(
    unknown: str, answer: str
) -> None:
    with pytest.raises((InvalidValue, ProtocolError)):
        knowing(unknown).decode_item(answer)


# Answers.


def test_an_answer_without_an_item_is_none() -> None:
    assert field(str).record.decode_item(b"{}") is None


def test_other_members_of_an_answer_are_ignored() -> None:
    found: Any = field(str).record.decode_item(
        f'{{"ConsumedCapacity":{{"x":[1]}},"Attributes":{{{ID},"value":{{"S":"a"}}}}}}', member="Attributes"
    )

    assert found.value == "a"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b'{"Item":',
        b'{"Item":5}',
        b'{"Item":null}',
        b'{"Item":{"id":{"S":"\xff"}}}',
        b'{"Item":{"id":{"S":"\\ud800"}}}',
        b'{"Item":{}}x',
    ],
    ids=repr,
)
def test_an_answer_of_another_shape_is_a_protocol_error(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        field(str).record.decode_item(answer)


@attrs.define
class Tree:
    inner: "Tree | None" = None


DEEP = ['{"L":[', "]}"], ['{"M":{"a":', "}}"], ['{"M":{"inner":', "}}"]


@pytest.mark.parametrize("depth", [200, 2_000, 100_000])
@pytest.mark.parametrize("around", DEEP, ids=["list", "map", "field"])
@pytest.mark.parametrize("tp", [str, Any, Tree], ids=["str", "Any", "Tree"])
@pytest.mark.parametrize("name", ["value", "unknown"])
def test_an_answer_nested_too_deeply_is_a_typed_error(
    depth: int, around: list[str], tp: Any, name: str
) -> None:
    deep = around[0] * depth + '{"NULL":true}' + around[1] * depth
    record = record_of(model_of(tp, default=None))

    try:
        record.decode_item(body(f'{ID},"{name}":{deep}'))
    except (ProtocolError, InvalidValue):
        return
    assert depth == 200


def test_a_page_is_read_in_order() -> None:
    page = field(int).record.decode_page(
        b'{"Count":2,"ScannedCount":7,"Items":[{"id":{"S":"1"},"value":{"N":"1"}},{"id":{"S":"2"},"value":{"N":"2"}}],'
        b'"LastEvaluatedKey":{"id":{"S":"2"}}}'
    )

    assert [item.value for item in page.items] == [1, 2]
    assert page.scanned == 7
    assert page.last_key == '{"id":{"S":"2"}}'


@pytest.mark.parametrize("last", ["", ',"LastEvaluatedKey":{}', ',"LastEvaluatedKey":null'])
def test_a_page_without_a_last_key_is_the_last(last: str) -> None:
    assert field(int).record.decode_page(f'{{"Items":[]{last}}}'.encode()).last_key is None


def test_a_wrong_item_of_a_page_has_its_path() -> None:
    with pytest.raises(InvalidValue) as caught:
        field(list[int]).record.decode_page(
            b'{"Items":[{"id":{"S":"1"},"value":{"L":[]}},{"id":{"S":"2"},"value":{"L":[{"S":"x"}]}}]}'
        )

    assert caught.value.path == "Thing.value[0]"


@pytest.mark.parametrize(
    "answer", [b"{}", b'{"Items":{}}', b'{"Items":[5]}', b'{"Items":[],"ScannedCount":"x"}']
)
def test_a_page_of_another_shape_is_a_protocol_error(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        field(int).record.decode_page(answer)


# Answers to updates.


def test_the_changed_fields_of_an_update_are_read() -> None:
    found = field(list[int]).record.decode_some(
        b'{"Attributes":{"value":{"L":[{"N":"1"}]},"other":{"S":"x"}}}', plain=frozenset()
    )

    assert found == {"value": [1]}


def test_a_part_of_a_field_is_read_as_a_plain_value() -> None:
    found = field(Inner).record.decode_some(
        b'{"Attributes":{"value":{"M":{"x":{"N":"5"}}}}}', plain=frozenset({"value"})
    )

    assert found == {"value": {"x": 5}}


def test_an_update_without_attributes_gives_nothing() -> None:
    assert field(int).record.decode_some(b"{}", plain=frozenset()) == {}


@pytest.mark.parametrize("plain", [frozenset[str](), frozenset({"value"})], ids=["field", "part"])
@pytest.mark.parametrize("value", ['{"N":"x"}', "{}", '{"X":1}', "5"])
def test_a_wrong_attribute_of_an_update_has_its_path(plain: frozenset[str], value: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        field(int).record.decode_some(f'{{"Attributes":{{"value":{value}}}}}'.encode(), plain=plain)

    assert caught.value.path == "Thing.value"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        pytest.param(b'{"Item":{"v":{"N":"7"}}}', "7", id="there"),
        pytest.param(b'{"Item":{"x":{"N":"7"}}}', None, id="another attribute"),
        pytest.param(b"{}", None, id="no item"),
    ],
)
def test_the_stored_text_of_an_attribute_is_read(answer: bytes, text: str | None) -> None:
    assert field(int).record.stored_text(answer, "v") == text


@pytest.mark.parametrize("answer", [b"[]", b'{"Item":5}', b"x"])
def test_the_stored_text_in_an_answer_of_another_shape_is_a_protocol_error(answer: bytes) -> None:
    with pytest.raises(ProtocolError):
        field(int).record.stored_text(answer, "v")


# Limits.


def test_an_item_of_400_kb_is_taken_and_a_larger_one_is_refused() -> None:
    texts = field(str)

    assert texts.encode("x" * 409_000) is not None
    with pytest.raises(InvalidValue) as caught:
        texts.encode("x" * 430_000)
    assert (caught.value.code, caught.value.path) == ("codecs.item-size", "Thing")


def test_an_item_whose_json_is_longer_than_itself_is_weighed_as_the_service_does() -> None:
    assert field(bytes).encode(b"x" * 400_000) is not None


def nested(around: Any, depth: int, innermost: object) -> Any:
    for _ in range(depth):
        innermost = around(innermost)
    return innermost


def in_list(value: object) -> list[object]:
    return [value]


def in_dict(value: object) -> dict[str, object]:
    return {"a": value}


@pytest.mark.parametrize(
    ("tp", "around", "innermost"),
    [
        pytest.param(Any, in_list, 1, id="lists"),
        pytest.param(Any, in_dict, 1, id="dicts"),
        pytest.param(list[Any], in_list, 1, id="anything in a list"),
        pytest.param(dict[str, Any], in_dict, 1, id="anything in a dict"),
        pytest.param(Tree, Tree, None, id="class that holds itself"),
    ],
)
def test_31_lists_and_maps_around_a_scalar_are_taken_and_32_refused(
    tp: Any, around: Any, innermost: object
) -> None:
    values = field(tp)

    assert values.encode(nested(around, 31, innermost)) is not None
    for depth in (32, 300, 900):
        with pytest.raises(InvalidValue) as caught:
            values.encode(nested(around, depth, innermost))
        assert caught.value.code == "codecs.too-deep"


def test_a_list_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(InvalidValue) as caught:
        field(Any).encode(endless)

    assert caught.value.code == "codecs.too-deep"


def test_a_class_that_holds_itself_without_end_is_refused() -> None:
    tree = Tree()
    tree.inner = tree

    with pytest.raises(InvalidValue) as caught:
        field(Tree).encode(tree)

    assert caught.value.code == "codecs.too-deep"
