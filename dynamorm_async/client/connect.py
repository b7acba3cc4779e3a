"""`connect`: from an address and options to a client."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from dynamorm_async.client.client import Client
from dynamorm_async.codecs import Codecs, default_codecs
from dynamorm_async.errors import InvalidRequest, quoted
from dynamorm_async.observe import Observer
from dynamorm_async.transport import (
    AiobotocoreTransport,
    Credentials,
    FastTransport,
    MemoryTransport,
    Retry,
    check_whole,
    choose_transport,
    configured_retry,
    filed,
    open_waist,
)
from dynamorm_async.wire import Middleware, Transport

if TYPE_CHECKING:
    from aiobotocore.config import AioConfig
    from aiobotocore.session import AioSession
    from cattrs import Converter

_CURSOR_KEY_BYTES = 16
_PREFIX = re.compile(r"[A-Za-z0-9_.-]*")


def utc_now() -> datetime:
    """Return the time, in UTC, as created and updated record it."""
    return datetime.now(UTC)


def connect(
    url: str | None = None,
    *,
    region: str | None = None,
    endpoint: str | None = None,
    profile: str | None = None,
    session: AioSession | None = None,
    config: AioConfig | None = None,
    credentials: Credentials | None = None,
    transport: Literal["fast", "aiobotocore"] | Transport | None = None,
    max_concurrency: int = 64,
    max_connections: int = 64,
    attempt_timeout: float = 5.0,
    timeout: float | None = None,
    retry: Retry | None = None,
    table_prefix: str = "",
    cursor_key: str | bytes | Sequence[str | bytes] | None = None,
    converter: Converter | None = None,
    observers: Iterable[Observer] = (),
    middleware: Iterable[Middleware] = (),
    now: Callable[[], datetime] = utc_now,
) -> Client:
    """Return a client for one DynamoDB; use it with `async with`. Nothing is sent yet.

    Args:
        url: "memory://" for an engine in this process that ends with the client,
            "memory://name" for one that clients of the process share, an endpoint's
            "http(s)://…", or None for AWS.
        region: As "eu-west-1"; by default what botocore finds in environment and profile.
        endpoint: URL of the service, where it is not AWS's own.
        profile: Name of a profile of the AWS configuration files.
        session: An aiobotocore session to take credentials and configuration from.
        config: An aiobotocore `AioConfig`; the retries it names are carried out by this library.
        credentials: Static keys, instead of what botocore finds.
        transport: None for the best that can serve, "fast" for the library's own HTTP or an error
            where it can't serve, "aiobotocore", or an object with `wire.Transport`'s methods, which
            is closed with the client.
        max_concurrency: Requests in flight at the same time; more wait for a slot.
        max_connections: Connections kept open, at most.
        attempt_timeout: Seconds for each attempt: connecting, sending, reading.
        timeout: Seconds for each call, retries included, where the verb names none.
        retry: The rules of retry; by default what `config`, the session's default config,
            AWS_MAX_ATTEMPTS or `max_attempts` of the profile says, or `Retry()`.
        table_prefix: Put before the table names of all models, "dev-".
        cursor_key: Signs the cursors of pages, so that nobody can make one; unsigned ones are refused
            then. At least 16 bytes; several for a rotation, the newest first. Without it, a cursor
            shows key values to whoever decodes it.
        converter: A cattrs Converter whose hooks say how types are stored; by default the one that
            `register` fills.
        observers: Told of every call, attempt and retry.
        middleware: Around every call, the first one outermost.
        now: Gives the aware time of writes; for tests.

    Raises:
        InvalidRequest: An option means nothing, or contradicts another.
    """
    if not _PREFIX.fullmatch(table_prefix):
        raise InvalidRequest(
            f"connect(table_prefix={quoted(table_prefix)})",
            fix="use letters, digits, '_', '-' and '.'",
            code="client.table-prefix",
        )
    if retry is not None and not isinstance(retry, Retry):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidRequest(f"connect(retry={quoted(retry)})", fix="give a Retry(...)", code="client.retry")
    check_whole("max_connections", max_connections)
    way = _transport(
        url,
        transport,
        region=region,
        endpoint=endpoint,
        profile=profile,
        session=session,
        config=config,
        credentials=credentials,
        max_connections=max_connections,
    )
    waist = open_waist(
        way,
        retry=retry or _configured(way, config, session, profile),
        max_concurrency=max_concurrency,
        attempt_timeout=attempt_timeout,
        timeout=timeout,
        observers=observers,
        middleware=middleware,
    )
    return Client(
        waist,
        codecs=default_codecs() if converter is None else Codecs(converter),
        table_prefix=table_prefix,
        cursor_keys=_cursor_keys(cursor_key),
        now=now,
        jitter=random.random,
    )


def _configured(way: Transport, config: object, session: object, profile: str | None) -> Retry | None:
    """Return the rules of retry that the AWS configuration asks for; only AWS's own ways heed it."""
    if not isinstance(way, FastTransport | AiobotocoreTransport):
        return None
    most = partial(filed, "max_attempts", profile=profile, session=session, environ=os.environ)
    return configured_retry(config, session, os.environ, most)


def _cursor_keys(given: object) -> tuple[bytes, ...]:
    is_several = isinstance(given, (list, tuple))
    many = cast("Sequence[object]", given) if is_several else () if given is None else (given,)
    keys = [each.encode() if isinstance(each, str) else each for each in many]
    if (given is not None and not keys) or not all(
        isinstance(key, bytes) and len(key) >= _CURSOR_KEY_BYTES for key in keys
    ):
        raise InvalidRequest(
            f"connect(cursor_key=…) takes secrets of at least {_CURSOR_KEY_BYTES} bytes",
            fix="make one with secrets.token_bytes(32) and keep it with the program's other secrets",
            code="client.cursor-key",
        )
    return tuple(cast("list[bytes]", keys))


def _transport(
    url: str | None,
    transport: Literal["fast", "aiobotocore"] | Transport | None,
    *,
    endpoint: str | None,
    region: str | None,
    **options: Any,
) -> Transport:
    if isinstance(transport, str) and transport not in {"fast", "aiobotocore"}:
        raise InvalidRequest(
            f"connect(transport={quoted(transport)})",
            fix='use "fast", "aiobotocore", or an object with the methods of wire.Transport',
            code="client.transport",
        )
    if transport is not None and not isinstance(transport, str):
        _refuse_beside(
            "connect(transport=…)",
            {"url": url, "region": region, "endpoint": endpoint, **options},
            why="a transport of your own brings its own way to the service",
        )
        return transport
    if url is not None and url.startswith("memory://"):
        _refuse_beside(
            "connect('memory://…')",
            {"endpoint": endpoint, "transport": transport, **options},
            why="the memory engine has no network and checks no credentials",
        )
        return MemoryTransport(url.removeprefix("memory://") or None, region=region or "us-east-1")
    if url is not None and not url.startswith(("http://", "https://")):
        raise InvalidRequest(
            f"connect({quoted(_without_password(url))}) is no address of a DynamoDB",
            fix='use "memory://", "http://host:port", "https://host", or no URL for AWS',
            code="client.url",
        )
    if url is not None and endpoint is not None:
        raise InvalidRequest("connect() got a URL and an endpoint", fix="give one of them", code="client.url")
    return choose_transport(transport, endpoint=url or endpoint, region=region, **options)


def _without_password(url: str) -> str:
    return f"…@{url.rpartition('@')[2]}" if "@" in url else url


def _refuse_beside(what: str, options: dict[str, Any], *, why: str) -> None:
    given = [name for name, value in options.items() if value is not None and name != "max_connections"]
    if given:
        raise InvalidRequest(
            f"{what} got {', '.join(given)} as well",
            why=why,
            fix="leave them out",
            code="client.contradicting-options",
        )
