"""Signatures: AWS's published key, and botocore's signer for every kind of request."""

from calendar import timegm

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamorm_async.transport import Credentials
from dynamorm_async.transport.signing import Signer, canonical_path, day_key
from tests.transport.fast.signatures import is_signed_right

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TEMPORARY = Credentials("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJ//token==")
NOON = timegm((2030, 6, 15, 12, 0, 0))


def signer(
    url: str = "https://dynamodb.eu-west-1.amazonaws.com",
    keys: Credentials = KEYS,
    region: str = "eu-west-1",
) -> Signer:
    return Signer(url=url, region=region, keys=keys, user_agent="tests")


def sent(head: bytes) -> tuple[str, dict[str, str]]:
    request_line, *lines = head.decode("latin-1").removesuffix("\r\n").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return request_line, headers


def test_the_day_key_is_the_one_that_aws_publishes() -> None:
    key = day_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")

    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


@pytest.mark.parametrize(
    "url",
    [
        "https://dynamodb.eu-west-1.amazonaws.com",
        "https://dynamodb.eu-west-1.amazonaws.com/",
        "https://dynamodb.eu-west-1.amazonaws.com:443",
        "http://localhost:80",
        "http://localhost:8000",
        "https://localhost:80",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://[2001:db8::7]",
        "http://LOCALHOST:8000",
        "http://localhost:8000/prefix",
        "http://localhost:8000/a//b/./c/../d/",
        "http://localhost:8000/a%20b/~c",
        "https://123456789012.ddb.eu-west-1.amazonaws.com",
    ],
)
@pytest.mark.parametrize("keys", [KEYS, TEMPORARY], ids=["static", "temporary"])
def test_the_signature_is_botocores_for_every_kind_of_endpoint(url: str, keys: Credentials) -> None:
    body = '{"TableName":"users","Key":{"id":{"S":"żółw 🐢"}}}'.encode()

    _, headers = sent(signer(url, keys).head("GetItem", body, NOON))

    assert is_signed_right(url, headers, body, keys=keys, region="eu-west-1")


@given(
    body=st.binary(max_size=200),
    now=st.integers(min_value=0, max_value=4_102_444_800),
    operation=st.sampled_from(["GetItem", "PutItem", "TransactWriteItems"]),
    region=st.sampled_from(["us-east-1", "eu-central-2", "cn-north-1", "us-gov-west-1"]),
    keys=st.builds(
        Credentials,
        st.text("ABCDEFGHIJ0123456789", min_size=4, max_size=20),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
        st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    ),
    port=st.none() | st.integers(min_value=1, max_value=65535),
)
def test_the_signature_is_botocores_for_generated_requests(
    body: bytes, now: int, operation: str, region: str, keys: Credentials, port: int | None
) -> None:
    url = "http://engine.example" + (f":{port}" if port is not None else "")

    _, headers = sent(signer(url, keys, region).head(operation, body, now))

    assert is_signed_right(url, headers, body, keys=keys, region=region)


def test_one_signer_signs_right_across_midnight_and_for_operations_in_turn() -> None:
    one = signer(keys=TEMPORARY)
    midnight = timegm((2030, 12, 31, 23, 59, 59))
    url = "https://dynamodb.eu-west-1.amazonaws.com"

    for now in (midnight, midnight, midnight + 1, midnight, midnight + 2):
        for operation in ("GetItem", "PutItem", "GetItem"):
            _, headers = sent(one.head(operation, b"{}", now))

            assert is_signed_right(url, headers, b"{}", keys=TEMPORARY, region="eu-west-1")
            assert headers["x-amz-target"] == f"DynamoDB_20120810.{operation}"


def test_the_session_token_is_sent_and_signed() -> None:
    _, headers = sent(signer(keys=TEMPORARY).head("GetItem", b"{}", NOON))

    assert headers["x-amz-security-token"] == "IQoJ//token=="
    assert "x-amz-security-token;" in headers["authorization"]


def test_the_head_says_what_follows() -> None:
    request_line, headers = sent(signer("http://localhost:8000/p").head("GetItem", b"12345", NOON))

    assert request_line == "POST /p HTTP/1.1"
    assert headers["content-length"] == "5"
    assert headers["accept-encoding"] == "identity"
    assert headers["x-amz-date"] == "20300615T120000Z"


@pytest.mark.parametrize(
    ("path", "signed"),
    [("", "/"), ("/", "/"), ("//a//b/", "/a/b/"), ("/a/../b/.", "/b"), ("/a b%2F", "/a%20b%252F")],
)
def test_a_path_is_signed_in_its_canonical_form(path: str, signed: str) -> None:
    assert canonical_path(path) == signed


def test_no_secret_is_in_the_repr() -> None:
    one = signer(keys=TEMPORARY)
    one.head("GetItem", b"{}", NOON)

    assert "wJalr" not in repr(one) + repr(one.keys)
    assert "IQoJ" not in repr(one) + repr(one.keys)
