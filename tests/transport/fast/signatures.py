"""What botocore's own signer makes of a request, for comparison."""

import re
from collections.abc import Mapping
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from dynamorm_async.transport import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/dynamodb/aws4_request, "
    r"SignedHeaders=(?P<signed>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def authorization(text: str) -> dict[str, str]:
    """Return the parts of an authorization header."""
    found = _AUTHORIZATION.fullmatch(text)
    assert found is not None, text
    return found.groupdict()


def botocore_signature(
    url: str, headers: Mapping[str, str], body: bytes, *, keys: Credentials, region: str
) -> str:
    """Return the signature that botocore computes; the host is what botocore finds in the URL."""
    frozen: Any = ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.session_token)
    signer: Any = SigV4Auth(frozen, "dynamodb", region)
    own = {name: value for name, value in headers.items() if name != "host"}
    request: Any = AWSRequest("POST", url, headers=own, data=body)
    request.context["timestamp"] = own["x-amz-date"]
    return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)


def is_signed_right(
    url: str, headers: Mapping[str, str], body: bytes, *, keys: Credentials, region: str
) -> bool:
    """Return whether a request, as a server received it, has the signature that botocore computes."""
    parts = authorization(headers["authorization"])
    signed = {name: headers[name] for name in parts["signed"].split(";")}
    expected = botocore_signature(url, signed, body, keys=keys, region=region)
    return (parts["key"], parts["region"], parts["signature"]) == (keys.access_key, region, expected)
