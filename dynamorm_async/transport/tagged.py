"""Turn a call's JSON into the parameters that botocore takes, and botocore's dicts into JSON.

On the wire binary values are base64 text and times are seconds; botocore wants bytes and gives
bytes and datetimes. Pure, and only for the way through a real aiobotocore client.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import msgspec

from dynamorm_async.errors import InvalidRequest
from dynamorm_async.wire import Call


def parameters(call: Call) -> dict[str, Any]:
    """Return the keyword arguments of the client's method for this call."""
    try:
        found = msgspec.json.decode(call.body, type=dict[str, Any])
        return {name: _to_botocore(each) for name, each in found.items()}
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise InvalidRequest(
            f"{call.operation}: the request is not a JSON object with base64 in its binary values",
            why=str(error),
            code="transport.malformed-request",
        ) from error


def json_of_success(parsed: Mapping[str, Any]) -> bytes:
    """Return the JSON that botocore has parsed into this dict."""
    facts = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
    return msgspec.json.encode(_to_wire(facts))


def json_of_error(parsed: Mapping[str, Any]) -> bytes:
    """Return the JSON that botocore has parsed into the response of a ClientError."""
    facts = {
        name: value
        for name, value in parsed.items()
        if name not in {"ResponseMetadata", "Error", "message", "Message"}
    }
    error: Mapping[str, Any] = parsed.get("Error", {})
    facts["__type"] = error.get("Code", "Unknown")
    facts["message"] = error.get("Message", "")
    return msgspec.json.encode(_to_wire(facts))


# An attribute may be called "B", but its value is then an object; only a tag has text or a list.
def _to_botocore(value: Any) -> Any:
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        if len(mapping) == 1:
            ((tag, held),) = mapping.items()
            if tag == "B" and isinstance(held, str):
                return {"B": b64decode(held, validate=True)}
            if tag == "BS" and isinstance(held, list):
                texts = cast("list[str]", held)
                return {"BS": [b64decode(text, validate=True) for text in texts]}
        return {name: _to_botocore(each) for name, each in mapping.items()}
    if isinstance(value, list):
        return [_to_botocore(each) for each in cast("list[Any]", value)]
    return value


def _to_wire(value: Any) -> Any:
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, Any]", value)
        return {name: _to_wire(each) for name, each in mapping.items()}
    if isinstance(value, list | tuple):
        return [_to_wire(each) for each in cast("Iterable[Any]", value)]
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    if isinstance(value, datetime):
        return value.timestamp()
    return value
