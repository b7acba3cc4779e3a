"""Sign requests with AWS's Signature Version 4: bytes of a body in, bytes of a signed head out.

Takes a host, a path, a region and one set of keys; gives the head of an HTTP/1.1 request up to its
blank line. Pure: the time is an argument. What is the same for every request is made once: the
day's key, and the text of head and canonical request for each operation and second.

Source: AWS, "Signature Version 4 signing process"; details as in botocore's `SigV4Auth`.
"""

import time
from binascii import hexlify
from hashlib import sha256
from hmac import digest
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from dynamorm_async.transport.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
CONTENT_TYPE = "application/x-amz-json-1.0"
SERVICE = "dynamodb"
TARGET = "DynamoDB_20120810"

PORTS = {"http": 80, "https": 443}

# An operation and a second take one entry, and there are ten operations.
_MOST_ENTRIES = 64


class _Prepared(msgspec.Struct, frozen=True):
    """What all requests of one operation and second have in common."""

    second: int
    canonical: Any
    """A hash that has taken the canonical request up to the body's hash."""
    inner: Any
    """The inner hash of the signature's HMAC, up to the canonical request's hash."""
    head: bytes
    """The request's head up to the signature."""


class Signer:
    """Signs what is sent to one host with one set of keys.

    Args:
        url: The endpoint, scheme to path.
        region: Region name that the signature is made for.
        keys: What to sign with.
        user_agent: Sent with every request, not signed.
    """

    def __init__(self, *, url: str, region: str, keys: Credentials, user_agent: str) -> None:
        self.keys = keys
        parts = urlsplit(url)
        self._host = _host(parts)
        self._path = parts.path or "/"
        self._region = region
        self._user_agent = user_agent
        self._day = ""
        self._inner: Any = None
        self._outer: Any = None
        self._prepared: dict[str, _Prepared] = {}

    def head(self, operation: str, body: bytes, now: int, unsigned: bytes = b"") -> bytes:
        """Return request line and headers, the blank line not included.

        Args:
            operation: `"GetItem"`.
            body: The request's body, of which the signature and the length are made.
            now: Seconds since the epoch, as the service's clock has it.
            unsigned: Lines of further headers, which the signature does not cover.
        """
        prepared = self._prepared.get(operation)
        if prepared is None or prepared.second != now:
            prepared = self._prepare(operation, now)
        canonical = prepared.canonical.copy()
        canonical.update(hexlify(sha256(body).digest()))
        inner = prepared.inner.copy()
        inner.update(hexlify(canonical.digest()))
        outer = self._outer.copy()
        outer.update(inner.digest())
        signature = hexlify(outer.digest())
        return b"%b%b\r\nContent-Length: %d\r\n%b" % (prepared.head, signature, len(body), unsigned)

    def __repr__(self) -> str:
        return f"<Signer for {self._host} in {self._region}>"

    def _prepare(self, operation: str, now: int) -> _Prepared:
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        if self._day != moment[:8]:
            self._day = moment[:8]
            self._inner, self._outer = _hmac(day_key(self.keys.secret_key, self._day, self._region))
            self._prepared.clear()
        if len(self._prepared) >= _MOST_ENTRIES:
            self._prepared.clear()
        signed = self._signed_headers(operation, moment)
        names = ";".join(signed)
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        scope = f"{self._day}/{self._region}/{SERVICE}/aws4_request"
        inner = self._inner.copy()
        inner.update(f"{ALGORITHM}\n{moment}\n{scope}\n".encode())
        prepared = self._prepared[operation] = _Prepared(
            second=now,
            canonical=sha256(f"POST\n{canonical_path(self._path)}\n\n{lines}\n{names}\n".encode()),
            inner=inner,
            head=(
                f"POST {self._path} HTTP/1.1\r\n"
                + "".join(f"{name}: {value}\r\n" for name, value in signed.items())
                + f"accept-encoding: identity\r\nuser-agent: {self._user_agent}\r\n"
                f"authorization: {ALGORITHM} Credential={self.keys.access_key}/{scope}, "
                f"SignedHeaders={names}, Signature="
            ).encode("latin-1"),
        )
        return prepared

    def _signed_headers(self, operation: str, moment: str) -> dict[str, str]:
        token = self.keys.session_token
        return {  # in the order of their names, as the canonical request wants them
            "content-type": CONTENT_TYPE,
            "host": self._host,
            "x-amz-date": moment,
            **({"x-amz-security-token": token} if token is not None else {}),
            "x-amz-target": f"{TARGET}.{operation}",
        }


def day_key(secret_key: str, day: str, region: str, service: str = SERVICE) -> bytes:
    """Return the key that signs one day's requests.

    Args:
        secret_key: The secret access key.
        day: As `20301231`.
        region: Region name.
        service: As AWS's scope names it.
    """
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = digest(key, part.encode(), "sha256")
    return key


def canonical_path(path: str) -> str:
    """Return a path as it is signed: dot segments and double slashes gone, then percent-encoded."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment and segment != ".":
            kept.append(segment)
    end = "/" if kept and path.endswith("/") else ""
    return quote("/" + "/".join(kept) + end, safe="/~")


def _hmac(key: bytes) -> tuple[Any, Any]:
    """Return the two hashes of an HMAC that have taken the key, to be copied for each message.

    `hmac.digest` looks its algorithm up anew for every message: 6 µs against 2 when caches are cold,
    as they are after waiting for a socket. The key, 32 bytes, is shorter than a block (RFC 2104).
    """
    block = key.ljust(64, b"\0")
    return sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block))


def _host(parts: SplitResult) -> str:
    """Return the host as its header says it: with the port where that is not the scheme's own."""
    host = parts.hostname or ""
    name = f"[{host}]" if ":" in host else host
    return name if parts.port in {None, PORTS.get(parts.scheme)} else f"{name}:{parts.port}"
