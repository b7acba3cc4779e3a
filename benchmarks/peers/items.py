"""The item of fourteen attributes: as the service stores it, as plain values, as our model."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

ENDPOINT_REGION = "eu-west-1"
ACCESS_KEY, SECRET_KEY = "AKIABENCHMARK", "not-a-secret"
TABLE = "bench"
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
