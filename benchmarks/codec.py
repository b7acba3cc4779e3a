"""Encode and decode items: ours against boto3's serializers and botocore's response parser.

The item has fourteen attributes: texts, numbers, times, a set, a list, a map, a nested class.
Decoding starts at the bytes of an answer and ends, with us, at an instance; with boto3, at a dict
of Python values, without any class. Encoding ends at the JSON text of the item.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import botocore.session
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.parsers import create_parser
from cattrs import Converter

from benchmarks.measure import ROUNDS, Options, compare, show, verdict
from benchmarks.peers.model import Address, Order
from dynamorm_async.codecs import Codecs, Stamps

TARGETS = {"decode": 15.0, "encode": 5.0, "page of 100": 15.0}


NOW = "2024-05-06T07:08:09.123456000Z"
STAMPS = Stamps(created=NOW, updated=NOW, version="3")
ORDER = Order(
    customer="customer-0123456789",
    order="order-0123456789",
    title="A title of ordinary length",
    note="Leave it with the neighbours, please",
    status="packed",
    amount=12345,
    price=Decimal("19.99"),
    paid=True,
    tags={"cloud", "aws", "dynamodb"},
    lines=["first line", "second line", "third line"],
    address=Address("Berlin", "Unter den Linden", 77),
)
PLAIN: dict[str, Any] = {
    "customer": ORDER.customer,
    "order": ORDER.order,
    "title": ORDER.title,
    "note": ORDER.note,
    "status": ORDER.status,
    "amount": ORDER.amount,
    "price": ORDER.price,
    "paid": ORDER.paid,
    "tags": ORDER.tags,
    "lines": ORDER.lines,
    "address": {"city": "Berlin", "street": "Unter den Linden", "number": 77},
    "created": NOW,
    "updated": NOW,
    "revision": 3,
}


def titles() -> list[str]:
    return list(TARGETS)


def run(options: Options) -> dict[str, Any]:
    """Measure, print, and return the numbers."""
    record = Codecs(Converter()).record(Order)
    item = record.encode_item(ORDER, STAMPS)
    one = f'{{"Item":{item}}}'.encode()
    many = f'{{"Count":100,"ScannedCount":100,"Items":[{",".join([item] * 100)}]}}'.encode()
    peer = Boto()
    check(record.decode_item(one), peer.get(one))
    tables = {
        "decode": {
            "ours: bytes to an instance": lambda: record.decode_item(one),
            "botocore parser + TypeDeserializer": lambda: peer.get(one),
            "json.loads + TypeDeserializer": lambda: peer.items([json.loads(one)["Item"]]),
            "json.loads alone": lambda: json.loads(one),
        },
        "encode": {
            "ours: an instance to text": lambda: record.encode_item(ORDER, STAMPS),
            "TypeSerializer + json.dumps": lambda: peer.put(PLAIN),
            "json.dumps alone": lambda: json.dumps(peer.serialized),
        },
        "page of 100": {
            "ours: bytes to instances": lambda: record.decode_page(many),
            "botocore parser + TypeDeserializer": lambda: peer.query(many),
        },
    }
    result: dict[str, Any] = {"item_bytes": len(item), "unit": "CPU microseconds per call"}
    for name, functions in tables.items():
        if not options.wants(name):
            continue
        measured = compare(functions, rounds=options.rounds or ROUNDS)
        ours, theirs, *_ = functions
        ratios = show(name, measured, ours=ours)
        told = verdict(met=ratios[theirs] >= TARGETS[name])
        print(f"{theirs}: {ratios[theirs]} times ours; target {TARGETS[name]:.0f}: {told}")
        result[name] = {"times": measured, "ratios": ratios, "target": TARGETS[name], "verdict": told}
    return result


class Boto:
    """What boto3 does between an answer's bytes and a dict, and back."""

    def __init__(self) -> None:
        service = botocore.session.Session().get_service_model("dynamodb")
        self._parser = create_parser(service.protocol)
        self._shapes = {name: service.operation_model(name).output_shape for name in ("GetItem", "Query")}
        self._read, self._write = TypeDeserializer(), TypeSerializer()
        self.serialized = {name: self._write.serialize(value) for name, value in PLAIN.items()}

    def get(self, body: bytes) -> dict[str, Any]:
        return self.items([self._parsed("GetItem", body)["Item"]])[0]

    def query(self, body: bytes) -> list[dict[str, Any]]:
        return self.items(self._parsed("Query", body)["Items"])

    def items(self, items: list[Any]) -> list[dict[str, Any]]:
        read = self._read.deserialize
        return [{name: read(value) for name, value in item.items()} for item in items]

    def put(self, item: dict[str, Any]) -> str:
        write = self._write.serialize
        return json.dumps({name: write(value) for name, value in item.items()})

    def _parsed(self, operation: str, body: bytes) -> dict[str, Any]:
        response = {"body": body, "headers": {}, "status_code": 200}
        return self._parser.parse(response, self._shapes[operation])


def check(ours: Any, theirs: dict[str, Any]) -> None:
    """Refuse to compare what does not do the same."""
    plain = {name: getattr(ours, name) for name in theirs}
    assert plain.pop("address") == Address(
        **{**theirs["address"], "number": int(theirs["address"]["number"])}
    )
    assert plain.pop("created") == plain.pop("updated") == datetime(2024, 5, 6, 7, 8, 9, 123456, UTC)
    assert plain == {name: theirs[name] for name in plain}
    assert len(theirs) == len(PLAIN)
