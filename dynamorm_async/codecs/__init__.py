"""Python values to and from DynamoDB's tagged JSON, for items, keys, conditions and updates alike.

Takes a model's spec and a cattrs converter; gives a `Record`, which turns instances into JSON text
and the bytes of responses into instances by functions generated once. May use `model`,
`expressions`, `wire` and `errors`. Never sends, and knows no verb.
"""

from dynamorm_async.codecs.base import Codec, quote
from dynamorm_async.codecs.records import ItemPage, Record, Stamps
from dynamorm_async.codecs.registration import Codecs, default_codecs, register
from dynamorm_async.codecs.scalars import read_timestamp, timestamp_text

__all__ = [
    "Codec",
    "Codecs",
    "ItemPage",
    "Record",
    "Stamps",
    "default_codecs",
    "quote",
    "read_timestamp",
    "register",
    "timestamp_text",
]
