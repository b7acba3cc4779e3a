"""Signatures against the figures that AWS publishes: its Signature Version 4 test suite, and its example.

Source: AWS General Reference, "Signature Version 4 test suite" (aws-sig-v4-test-suite.zip), and
"Create a signed AWS API request". The suite signs for a service called "service", so a `Signer`, which
signs for DynamoDB and with a target, reproduces none of it as a whole. So its parts are held against
the suite (the day's key and the path), then a plain reading of the rules as a whole, and the `Signer`
against that reading.

What of the suite can't apply: queries (get-vanilla-query-…, post-vanilla-query-…, …-empty-query-…), as
DynamoDB's requests have none; repeated, folded and spaced headers (get-header-key-duplicate,
get-header-value-multiline, -order, -trim), as the Signer writes each of its headers once, trimmed and
on one line; post-sts-header-after, as the token is always signed.
"""

import hmac
from calendar import timegm
from collections.abc import Mapping
from hashlib import sha256

import pytest

from dynamorm_async.transport import Credentials
from dynamorm_async.transport.signing import Signer, canonical_path, day_key

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MOMENT = "20150830T123600Z"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8Y"
    "UuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8"
    "YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2IC"
    "CR/oLxBA=="
)
BARE = {"host": "example.amazonaws.com", "x-amz-date": MOMENT}
FORM = "application/x-www-form-urlencoded"
VANILLA = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"


def string_to_sign(
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str,
    region: str = "us-east-1",
) -> str:
    """Return what is signed, as AWS's text has it; the headers in the order of their names, none folded."""
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = (
        f"{method}\n{canonical_path(path)}\n\n{lines}\n{';'.join(headers)}\n{sha256(body).hexdigest()}"
    )
    moment = headers["x-amz-date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"


def signature_of(text: str, *, service: str, region: str = "us-east-1") -> str:
    key = day_key(SECRET, text.split("\n")[1][:8], region, service)
    return hmac.digest(key, text.encode(), "sha256").hex()


@pytest.mark.parametrize(
    ("hashed", "signature"),
    [
        pytest.param(
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63", VANILLA, id="get-vanilla"
        ),
        pytest.param(
            "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            "42a5e5bb34198acb3e84da4f085bb7927f2bc277ca766e6d19c73c2154021281",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
    ],
)
def test_the_days_key_signs_the_published_strings_as_published(hashed: str, signature: str) -> None:
    scope = "20150830/us-east-1/service/aws4_request"

    assert signature_of(f"AWS4-HMAC-SHA256\n{MOMENT}\n{scope}\n{hashed}", service="service") == signature


@pytest.mark.parametrize(
    ("path", "signature"),
    [
        pytest.param("/", VANILLA, id="get-vanilla"),
        pytest.param("//", VANILLA, id="get-slash"),
        pytest.param("/./", VANILLA, id="get-slash-dot-slash"),
        pytest.param("/example/..", VANILLA, id="get-relative"),
        pytest.param("/example1/example2/../..", VANILLA, id="get-relative-relative"),
        pytest.param(
            "/./example",
            "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
            id="get-slash-pointless-dot",
        ),
        pytest.param(
            "//example//",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            id="get-slashes",
        ),
        pytest.param(
            "/example space/",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            id="get-space",
        ),
        pytest.param(
            "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            id="get-unreserved",
        ),
        pytest.param(
            "/ሴ",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            id="get-utf8",
        ),
    ],
)
def test_paths_are_signed_as_published(path: str, signature: str) -> None:
    text = string_to_sign("GET", path, BARE, b"", service="service")

    assert signature_of(text, service="service") == signature


@pytest.mark.parametrize(
    ("headers", "body", "signature"),
    [
        pytest.param(
            BARE,
            b"",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla and post-header-key-case",
        ),
        pytest.param(
            {"host": BARE["host"], "my-header1": "VALUE1", "x-amz-date": MOMENT},
            b"",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            id="post-header-value-case",
        ),
        pytest.param(
            {"host": BARE["host"], "my-header1": "value1", "x-amz-date": MOMENT},
            b"",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            id="post-header-key-sort",
        ),
        pytest.param(
            {"content-type": FORM, **BARE},
            b"Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            id="post-x-www-form-urlencoded",
        ),
        pytest.param(
            {"content-type": f"{FORM}; charset=utf8", **BARE},
            b"Param1=value1",
            "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
            id="post-x-www-form-urlencoded-parameters",
        ),
        pytest.param(
            {**BARE, "x-amz-security-token": TOKEN},
            b"",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            id="post-sts-header-before",
        ),
    ],
)
def test_headers_and_bodies_are_signed_as_published(
    headers: dict[str, str], body: bytes, signature: str
) -> None:
    text = string_to_sign("POST", "/", headers, body, service="service")

    assert signature_of(text, service="service") == signature


@pytest.mark.parametrize("token", [None, TOKEN], ids=["static", "temporary"])
@pytest.mark.parametrize(
    "path", ["", "/", "//", "/./example", "/example/..", "//example//", "/a%20b/"], ids=repr
)
def test_the_signer_signs_by_the_rules_that_reproduce_the_published_figures(
    path: str, token: str | None
) -> None:
    body = '{"TableName":"users","Key":{"id":{"S":"ሴ"}}}'.encode()
    signer = Signer(
        url=f"https://dynamodb.us-east-1.amazonaws.com{path}",
        region="us-east-1",
        keys=Credentials("AKIDEXAMPLE", SECRET, token),
        user_agent="tests",
    )
    headers = {
        "content-type": "application/x-amz-json-1.0",
        "host": "dynamodb.us-east-1.amazonaws.com",
        "x-amz-date": MOMENT,
        **({"x-amz-security-token": token} if token is not None else {}),
        "x-amz-target": "DynamoDB_20120810.GetItem",
    }
    text = string_to_sign("POST", path, headers, body, service="dynamodb")
    expected = signature_of(text, service="dynamodb")

    head = signer.head("GetItem", body, timegm((2015, 8, 30, 12, 36, 0)))

    assert f"SignedHeaders={';'.join(headers)}, Signature={expected}\r\n".encode() in head
