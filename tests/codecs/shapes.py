"""One model around one field, and the ways in and out of it that the tests use."""

from typing import Any

import attrs
from cattrs import Converter

from dynamorm_async.codecs import Codecs, Record, Stamps
from dynamorm_async.model import attribute, model, partition_key

NOTHING = Stamps()


def model_of(tp: Any, *, namespace: dict[str, Any] | None = None, **options: Any) -> Any:
    """Return a model `Thing` with the key `id` and a field `value` of a type."""
    body: dict[str, Any] = {
        "__module__": __name__,
        "__annotations__": {"id": str, "value": tp},
        "id": partition_key(),
        "value": attribute(**options),
        **(namespace or {}),
    }
    return model(table="things")(type("Thing", (), body))


def record_of(cls: Any, hooks: Converter | None = None) -> Record[Any]:
    return Codecs(hooks or Converter()).record(cls)


@attrs.frozen
class Field:
    """The way of one type's values into the store and back, in items and elsewhere alike."""

    record: Record[Any]

    def encode(self, value: Any) -> str | None:
        """Return the attribute's JSON as it stands in the item, or None where it is left out."""
        thing = self.record.spec.cls(id="1", value=value)
        text = self.record.encode_item(thing, NOTHING)
        head = '{"id":{"S":"1"}'
        assert text.startswith(head)
        in_item = text.removeprefix(head).removeprefix(',"value":')[:-1] or None
        assert self.record.encode_field("value", value) == in_item
        return in_item

    def decode(self, text: str | None) -> Any:
        value = "" if text is None else f',"value":{text}'
        thing: Any = self.record.decode_item(f'{{"Item":{{"id":{{"S":"1"}}{value}}}}}'.encode())
        return thing.value

    def round_trip(self, value: Any) -> Any:
        return self.decode(self.encode(value))


def field(tp: Any, *, hooks: Converter | None = None, **options: Any) -> Field:
    return Field(record_of(model_of(tp, **options), hooks))
