"""Send calls through a real aiobotocore client: its credentials, endpoints, proxies and hooks.

Takes a `Call` and gives the `Answer` as it came, bytes and all, picked up in botocore's
`before-parse` event; botocore's own retries and parameter validation are off, because both happen
above. aiobotocore is imported, and the client made, with the first attempt.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from importlib.util import find_spec
from typing import Any, NoReturn
from urllib.parse import urlsplit

import anyio
import anyio.lowlevel
import anyio.to_thread

from dynamorm_async.errors import CallTimeout, EndpointUnreachable, InvalidRequest, ProtocolError
from dynamorm_async.transport import redaction
from dynamorm_async.transport.answer import TOO_LONG
from dynamorm_async.transport.capture import Capture, current
from dynamorm_async.transport.credentials import Credentials
from dynamorm_async.transport.failures import failure, silent
from dynamorm_async.transport.guard import guarded, uses_aiohttp
from dynamorm_async.transport.tagged import json_of_error, json_of_success, parameters
from dynamorm_async.wire import Answer, Call

LOCAL_REGION = "us-east-1"


class AiobotocoreTransport:
    """DynamoDB through an aiobotocore client of its own.

    Args:
        region: Region name; None is what the session finds in environment and profile.
        endpoint: `http://` or `https://` URL instead of the region's own endpoint.
        profile: Profile of the AWS configuration; not together with `session`.
        session: An aiobotocore `AioSession` to make the client from; it stays the caller's.
        config: An `AioConfig` (or botocore `Config`). Its retries and parameter validation are
            overruled; the rest holds, `max_pool_connections` included.
        credentials: Static credentials in place of what the session finds.
        max_connections: Most connections that are open at once.

    Attributes:
        session: What the client is made from; the transport's own is there once the client is.

    Raises:
        InvalidRequest: An endpoint that is no URL, a control character, profile with session.
    """

    name = "aiobotocore"

    def __init__(
        self,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        profile: str | None = None,
        session: Any = None,
        config: Any = None,
        credentials: Credentials | None = None,
        max_connections: int = 64,
    ) -> None:
        check_region(region)
        check_endpoint(endpoint)
        if profile is not None and session is not None:
            raise InvalidRequest(
                "connect(profile=…, session=…): a session has its profile already",
                fix="give one of them",
                code="transport.configuration",
            )
        self._region = region
        self._endpoint = endpoint
        self._profile = profile
        self.session: Any = session
        self._config = config
        self._credentials = credentials
        self._max_connections = max_connections
        self._client: Any = None
        self._methods: dict[str, Any] = {}
        self._stack = AsyncExitStack()
        self._making: anyio.Lock | None = None
        self._loop: object = None
        self._process: int | None = None
        self._closed = False

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        """Send the call once, as `wire.Transport` says; `timeout` is in seconds.

        Raises:
            InvalidRequest: The configuration is wrong, or the transport is closed, or it belongs
                to another event loop or to the parent process. Nothing was sent.
        """
        self._check_usable(call)
        capture = Capture(cap=call.response_cap, deadline=anyio.current_time() + timeout)
        token = current.set(capture)
        parsed: Mapping[str, Any] | None = None
        try:
            with anyio.move_on_after(timeout):
                parsed = await self._call(call)
        except Exception as error:  # noqa: BLE001 - each is told by what it means, foreign ones as they are
            if capture.answer is None:
                return self._answer_of(error, call, capture, timeout)
        finally:
            current.reset(token)
        if capture.answer is not None:
            return capture.answer
        if parsed is None:
            raise _timed_out(call, timeout, capture)
        return Answer(status=200, headers=_headers(parsed), body=json_of_success(parsed), checked=True)

    async def client(self) -> Any:
        """Return the aiobotocore client, made if need be, for what the library has no verb for.

        It is the transport's: closed by `aclose`, with retries and parameter validation off. Stubs
        and event handlers registered on it see every call.

        Raises:
            InvalidRequest: As `attempt` does.
        """
        call = Call(operation="client", body=b"{}")
        self._check_usable(call)
        try:
            if self._client is None:
                await self._make(call)
        except Exception as error:
            ours = failure(error, call, sent=False)
            if ours is None or ours is error:
                raise
            raise ours from error
        return self._client

    async def aclose(self) -> None:
        """Close the client's connections; may be called twice.

        Raises:
            InvalidRequest: The transport belongs to another event loop; it stays as it is.
        """
        if self._closed:
            return
        self.check_closable()
        self._closed = True
        self._client = None
        self._methods = {}
        # The parent's sockets are the parent's, and a loop that is gone has taken its own along.
        if self._process == os.getpid() and self._loop == anyio.lowlevel.current_token():
            await self._stack.aclose()

    def check_closable(self) -> None:
        """Refuse to be closed from another event loop than its own, with InvalidRequest."""
        if self._process == os.getpid() and self._loop != anyio.lowlevel.current_token():
            check_over(self._loop)

    def __reduce__(self) -> NoReturn:
        message = "an AiobotocoreTransport holds connections and credentials and cannot be pickled"
        raise TypeError(message)

    def _check_usable(self, call: Call) -> None:
        if self._closed:
            raise misused(call, "this client is closed", "connect again, or keep it open while it is used")
        if self._process is None:
            return
        if self._process != os.getpid():
            raise misused(
                call, "this client was made before the process forked", "connect in the child process"
            )
        if self._loop != anyio.lowlevel.current_token():
            raise misused(
                call, "this client belongs to another event loop", "connect once in each event loop"
            )

    async def _call(self, call: Call) -> Mapping[str, Any]:
        if self._client is None:
            await self._make(call)
        method = self._methods.get(call.operation) or self._method(call)
        parsed: Mapping[str, Any] = await method(**parameters(call))
        return parsed

    async def _make(self, call: Call) -> None:
        if self._process is None:
            self._process, self._loop = os.getpid(), anyio.lowlevel.current_token()
        if self._making is None:
            # Not when the transport is made: it would import anyio's back end, which the fast path,
            # behind which a transport like this stands idle, has no other need for.
            self._making = anyio.Lock()
        # A lock and no shared task: who is cancelled while he makes the client leaves it to the next.
        async with self._making:
            if self._client is None:
                await _import()
                client = await self._stack.enter_async_context(self._creation())
                client.meta.events.register_first("before-parse.dynamodb", _keep)
                if not uses_aiohttp(client.meta.config.http_session_cls):  # the guard knows it better
                    client.meta.events.register_last("before-send.dynamodb", _note_sending)
                self._client = client
        self._check_usable(call)  # it may have been closed meanwhile

    def _creation(self) -> Any:
        from aiobotocore.session import AioSession

        redaction.install()
        session: Any = self.session or AioSession(profile=self._profile)
        self.session = session
        region = self._region
        if region is None and self._endpoint is not None and is_foreign(self._endpoint):
            # An engine that isn't AWS takes any region, but the signature needs one.
            region = session.get_config_variable("region") or LOCAL_REGION
        keys = self._credentials
        return session.create_client(
            "dynamodb",
            region_name=region,
            endpoint_url=self._endpoint,
            aws_access_key_id=keys.access_key if keys else None,
            aws_secret_access_key=keys.secret_key if keys else None,
            aws_session_token=keys.session_token if keys else None,
            config=self._merged_config(session),
        )

    def _merged_config(self, session: Any) -> Any:
        from aiobotocore.config import AioConfig

        config: Any = AioConfig(max_pool_connections=self._max_connections)
        if self._config is not None:
            config = config.merge(self._config)
        given = self._config or session.get_default_client_config()
        # Explicit numbers: AWS_MAX_ATTEMPTS and AWS_RETRY_MODE only fill in what is not there.
        return config.merge(
            AioConfig(
                parameter_validation=False,
                retries={"total_max_attempts": 1, "mode": "standard"},
                http_session_cls=_session_class(given),
            )
        )

    def _method(self, call: Call) -> Any:
        from botocore import xform_name

        method = getattr(self._client, xform_name(call.operation), None)
        if method is None:
            raise InvalidRequest(
                f"{call.operation}: the installed aiobotocore has no such operation of DynamoDB",
                fix="install a newer aiobotocore",
                code="transport.unknown-operation",
            )
        self._methods[call.operation] = method
        return method

    def _answer_of(self, error: Exception, call: Call, capture: Capture, timeout: float) -> Answer:
        if capture.too_long:
            raise ProtocolError(
                f"{call.operation}: the answer is longer than {call.response_cap} bytes", code=TOO_LONG
            ) from error
        if not capture.sent and anyio.current_time() >= capture.deadline:
            raise _timed_out(call, timeout, capture) from error
        from botocore.exceptions import ClientError

        if isinstance(error, ClientError):
            # Nobody sent it: a Stubber's, or a hook's of the user.
            parsed: Mapping[str, Any] = error.response
            status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            return Answer(status=status, headers=_headers(parsed), body=json_of_error(parsed), checked=True)
        ours = failure(error, call, sent=capture.sent)
        if ours is None or ours is error:
            raise error
        raise ours from error


def _session_class(config: Any) -> Any:
    """Return the class of HTTP sessions, guarded: the configured one, or the one that runs on trio."""
    from aiobotocore.httpsession import AIOHTTPSession

    configured = getattr(config, "http_session_cls", AIOHTTPSession)
    if not is_trio() or not uses_aiohttp(configured):
        return guarded(configured)
    try:
        from aiobotocore.httpxsession import HttpxSession
    except ImportError as error:  # a release before it
        raise _trioless() from error
    # aiobotocore takes the library behind it for there, and fails with every call if it isn't.
    if find_spec("httpx2") is None and find_spec("httpx") is None:
        raise _trioless()
    return HttpxSession


def _trioless() -> InvalidRequest:
    return InvalidRequest(
        "connect: on trio aiobotocore needs another library for HTTP",
        fix="pip install 'dynamorm-async[trio]', or run on asyncio",
        code="transport.configuration",
    )


def is_trio() -> bool:
    """Return whether the running event loop is trio's."""
    trio = sys.modules.get("trio")
    return trio is not None and trio.lowlevel.in_trio_run()


def _keep(response_dict: Mapping[str, Any], **_: Any) -> None:
    capture = current.get()
    if capture is not None:
        headers = {str(name).lower(): str(value) for name, value in response_dict["headers"].items()}
        capture.answer = Answer(
            status=response_dict["status_code"], headers=headers, body=bytes(response_dict["body"])
        )


def _note_sending(**_: Any) -> None:
    capture = current.get()
    if capture is not None:
        capture.sent = True


async def _import() -> None:
    if "aiobotocore.session" not in sys.modules:
        # Half a second of imports; in a thread, so that the loop goes on.
        await anyio.to_thread.run_sync(partial(__import__, "aiobotocore.session"))


def _headers(parsed: Mapping[str, Any]) -> dict[str, str]:
    metadata: Mapping[str, Any] = parsed.get("ResponseMetadata", {})
    request_id = metadata.get("RequestId")
    return {"x-amzn-requestid": str(request_id)} if request_id else {}


def _timed_out(call: Call, timeout: float, capture: Capture) -> CallTimeout | EndpointUnreachable:
    subject = f"{call.operation} on {call.table}" if call.table else call.operation
    if capture.sent:
        return silent(f"{subject}: no answer came within {timeout:g} s")
    return EndpointUnreachable(
        f"{subject}: {timeout:g} s passed before anything was sent",
        why="the credentials, or the client itself, were not ready in time",
        fix="raise attempt_timeout, or check where the credentials come from",
    )


def misused(call: Call, what: str, fix: str) -> InvalidRequest:
    """Return the error of a call that this client, here and now, can't carry out."""
    return InvalidRequest(f"{call.operation}: {what}", fix=fix, code="transport.misused")


def check_over(loop: Any) -> None:
    """Refuse to close what belongs to an event loop that may still run, with InvalidRequest.

    Args:
        loop: asyncio's, trio's token, or anyio's name for either.
    """
    loop = getattr(loop, "native_token", loop)
    try:
        if loop.is_closed() if hasattr(loop, "is_closed") else loop.run_sync_soon(int):
            return
    except RuntimeError:  # trio's run has ended
        return
    raise InvalidRequest(
        "aclose: this client belongs to another event loop, and was not closed",
        fix="close it in the event loop in which it was used",
        code="transport.misused",
    )


def check_region(region: str | None) -> None:
    """Refuse what is no name of a region, with InvalidRequest; it goes into headers."""
    if region is not None and (not region or not region.isascii() or not region.replace("-", "").isalnum()):
        raise InvalidRequest(
            f"connect(region={region[:40]!r}): not the name of a region",
            fix='give a name such as "eu-west-1"',
            code="transport.configuration",
        )


def check_endpoint(endpoint: str | None) -> None:
    """Refuse what is no URL of a host, with InvalidRequest."""
    if endpoint is not None and not _is_url(endpoint):
        raise InvalidRequest(
            f"connect(endpoint={_shown(endpoint)[:80]!r}): not an http:// or https:// URL of a host",
            fix='give a URL such as "http://127.0.0.1:8000", without user name, query or fragment',
            code="transport.configuration",
        )


def _shown(endpoint: str) -> str:
    return f"…@{endpoint.rpartition('@')[2]}" if "@" in endpoint else endpoint


def _is_url(endpoint: str) -> bool:
    if not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        return False
    try:
        parts = urlsplit(endpoint)
        bad_port = parts.port == 0
    except ValueError:
        return False
    foreign = parts.query or parts.fragment or "@" in parts.netloc or bad_port
    return parts.scheme in {"http", "https"} and _is_host(parts.hostname or "") and not foreign


def _is_host(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return ":" in host or all(0 < len(label) <= 63 for label in labels)


def is_foreign(endpoint: str) -> bool:
    """Return whether an endpoint is not AWS's own; an engine elsewhere takes any region."""
    host = urlsplit(endpoint).hostname or ""
    return not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))
