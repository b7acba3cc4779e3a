"""The item of fourteen attributes, and pages of it: as the service stores them and as plain values."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

ENDPOINT_REGION = "eu-west-1"
# DynamoDB Local refuses an access key that is not alphanumeric.
ACCESS_KEY, SECRET_KEY = "AKIABENCHMARK", "not-a-secret"
TABLE = "bench"
# The same items, in pages without end but for the last; and a table that never answers.
STREAM_TABLE, SCAN_TABLE, SILENT_TABLE = "bench-stream", "bench-scan", "bench-silent"

KEY: dict[str, Any] = {"customer": "customer-0123456789", "order": "order-0123456789"}
CREATED = "2024-05-06T07:08:09.123456000Z"
MOMENT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)

WIRE: dict[str, Any] = {
    "customer": {"S": KEY["customer"]},
    "order": {"S": KEY["order"]},
    "title": {"S": "A title of ordinary length"},
    "note": {"S": "Leave it with the neighbours, please"},
    "status": {"S": "packed"},
    "amount": {"N": "12345"},
    "price": {"N": "19.99"},
    "paid": {"BOOL": True},
    "tags": {"SS": ["aws", "cloud", "dynamodb"]},
    "lines": {"L": [{"S": "first line"}, {"S": "second line"}, {"S": "third line"}]},
    "address": {"M": {"city": {"S": "Berlin"}, "street": {"S": "Unter den Linden"}, "number": {"N": "77"}}},
    "created": {"S": CREATED},
    "updated": {"S": CREATED},
    "revision": {"N": "3"},
}
PLAIN: dict[str, Any] = {
    **KEY,
    "title": "A title of ordinary length",
    "note": "Leave it with the neighbours, please",
    "status": "packed",
    "amount": 12345,
    "price": Decimal("19.99"),
    "paid": True,
    "tags": {"cloud", "aws", "dynamodb"},
    "lines": ["first line", "second line", "third line"],
    "address": {"city": "Berlin", "street": "Unter den Linden", "number": 77},
    "created": CREATED,
    "updated": CREATED,
    "revision": 3,
}

# A query's page and a batch: the item under a hundred sort keys, of which the last is its own.
PAGE_SIZE = 100
KEYS: list[dict[str, Any]] = [
    {"customer": KEY["customer"], "order": f"order-{number:010d}"}
    for number in range(123_456_790 - PAGE_SIZE, 123_456_790)
]
WIRE_PAGE: list[dict[str, Any]] = [{**WIRE, "order": {"S": key["order"]}} for key in KEYS]

# A batch of many calls, and the operations of a long transaction.
MANY_KEYS: list[dict[str, Any]] = [
    {"customer": KEY["customer"], "order": f"order-{number:010d}"} for number in range(10_000)
]
IN_FLIGHT = (1, 4, 16)
WRITES_IN_FLIGHT = 8
OPERATIONS = (25, 100)

# The stream: a query with a filter that a fifth of what is read does not pass.
STREAMED = 10_000
STREAM_PAGE_SIZE, STREAM_READ = 1_000, 1_250
AMOUNT_ABOVE = 3

SCANNED = 1_000_000
SCAN_PAGE_SIZE = 1_000
