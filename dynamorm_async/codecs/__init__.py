"""Python values to and from DynamoDB's tagged JSON, for items, keys, conditions and updates alike.

Takes a model's spec and a cattrs converter; gives a `Record`, which turns instances into JSON text
and the bytes of responses into instances by functions generated once. May use `model`,
`expressions`, `wire` and `errors`. Never sends, and knows no verb.

Forms beside the obvious: datetime is RFC 3339 in UTC with nine digits and Z, date and time are ISO
8601, timedelta is N in seconds, UUID is S, an Enum or Literal is its value, a nested class is M, a
dict's keys are texts. What the service cannot tell apart reads back as one of the two: an empty
set where None is allowed, as None; a Decimal or a large float where no type is declared, as the
int or float of the same digits.
"""

from dynamorm_async.codecs.base import Codec, quote
from dynamorm_async.codecs.batches import (
    BatchCodec,
    Numbers,
    Unreadable,
    asked_for,
    read_answer,
    read_unprocessed,
)
from dynamorm_async.codecs.canonical import canonical, canonical_key, stored_texts
from dynamorm_async.codecs.containers import encode_plain
from dynamorm_async.codecs.pages import (
    ItemPage,
    KeysOnly,
    PageReader,
    attribute_texts,
    count_page,
    decoded,
    items_body,
    key_texts,
    other_shape,
    page_of_item,
)
from dynamorm_async.codecs.records import Record, Stamps
from dynamorm_async.codecs.registration import Codecs, default_codecs, register
from dynamorm_async.codecs.scalars import read_timestamp, timestamp_text
from dynamorm_async.codecs.several import Policy, Several
from dynamorm_async.codecs.views import Columns, PlainItems, View

__all__ = [
    "BatchCodec",
    "Codec",
    "Codecs",
    "Columns",
    "ItemPage",
    "KeysOnly",
    "Numbers",
    "PageReader",
    "PlainItems",
    "Policy",
    "Record",
    "Several",
    "Stamps",
    "Unreadable",
    "View",
    "asked_for",
    "attribute_texts",
    "canonical",
    "canonical_key",
    "count_page",
    "decoded",
    "default_codecs",
    "encode_plain",
    "items_body",
    "key_texts",
    "other_shape",
    "page_of_item",
    "quote",
    "read_answer",
    "read_timestamp",
    "read_unprocessed",
    "register",
    "stored_texts",
    "timestamp_text",
]
