"""Send the ten data operations over connections of our own, signed here.

Takes a `Call` and gives the `Answer` as it came. Where requests go and as whom is `routes`' matter,
the signature `signing`'s, connections are `pool`'s and `http1`'s. Every other operation, table ARNs
(whose account picks the host), and whatever turns out not to be servable, goes through an
aiobotocore client, made when it is first needed.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NoReturn
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec.structs import replace

from dynamorm_async.errors import CredentialsError, EndpointUnreachable, InvalidRequest
from dynamorm_async.transport.aws_client import AiobotocoreTransport, check_over, misused
from dynamorm_async.transport.chain import ChainRouter, can_ask_botocore
from dynamorm_async.transport.credentials import Credentials
from dynamorm_async.transport.dialing import Dialer, Tls
from dynamorm_async.transport.failures import NOT_READY, failure
from dynamorm_async.transport.invocation import Invocation
from dynamorm_async.transport.pool import Pool
from dynamorm_async.transport.profiles import files_of
from dynamorm_async.transport.routes import (
    GLANCE_SECONDS,
    REFRESH_SECONDS,
    GivenRouter,
    ResolvingRouter,
    Route,
    Router,
    Unroutable,
    given_route,
)
from dynamorm_async.transport.serving import Settings, settings_of
from dynamorm_async.transport.signing import PORTS, Signer
from dynamorm_async.wire import DATA_OPERATIONS, Answer, Call

# DynamoDB takes signatures that are up to five minutes off.
SKEW_SECONDS = 60.0
_SKEW_CODES = frozenset({"InvalidSignatureException", "RequestTimeTooSkewed", "RequestExpired"})
_LOOK_SECONDS = 1.0
_USER_AGENT = f"dynamorm_async md/fast lang/python#{sys.version_info[0]}.{sys.version_info[1]}"
_log = logging.getLogger("dynamorm_async.transport")


class _Line(msgspec.Struct, frozen=True):
    """A route, ready for requests."""

    signer: Signer
    pool: Pool
    read_timeout: float | None
    generation: int
    """How many renewals there had been when the route was asked for."""


class _Renewal(msgspec.Struct, frozen=True):
    """The last time that credentials were fetched because a key was rejected."""

    access_key: str
    others: bool


class FastTransport:
    """DynamoDB over HTTP/1.1 connections of our own, for asyncio.

    Args:
        region: Region name; None is what environment and profile say.
        endpoint: `http://` or `https://` URL instead of the region's own endpoint.
        profile: Profile of the AWS configuration; not together with `session`.
        session: An aiobotocore `AioSession` to take credentials and configuration from.
        config: An `AioConfig`; its retries and parameter validation are overruled.
        credentials: Static credentials in place of what the session finds.
        max_connections: Most connections that are open at once.
        environ: The environment; None for the process's.
        clock: Seconds since the epoch, for signatures and nothing else.

    Attributes:
        name: Which way data operations go: "fast", or "aiobotocore" once it has turned out that the
            fast path can't serve.

    Whether the options can be served is `why_not`'s question, to be asked before.

    Raises:
        InvalidRequest: An endpoint that is no URL, a control character, profile with session.
    """

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
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = "fast"
        self._options: dict[str, Any] = {
            "region": region,
            "endpoint": endpoint,
            "profile": profile,
            "session": session,
            "config": config,
            "credentials": credentials,
        }
        self._inner = AiobotocoreTransport(**self._options, max_connections=max_connections)
        self._environ = os.environ if environ is None else environ
        self._clock = clock
        self._offset = 0.0
        self._max_connections = max_connections
        self._settings: Settings | None = None
        self._router: Router | None = None
        self._pools: dict[tuple[str, str | None, int], Pool] = {}
        self._line: _Line | None = None
        self._line_until = 0.0
        self._slow = False
        self._generation = 0
        self._renewal: _Renewal | None = None
        self._renewing = asyncio.Lock()
        self._preparing = asyncio.Lock()
        self._looking: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._closed = False

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The pools of connections, one for each host; for looking at."""
        return tuple(self._pools.values())

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        """Send the call once, as `wire.Transport` says; `timeout` is in seconds.

        Raises:
            InvalidRequest: The configuration is wrong, or the transport is closed, or it belongs
                to another event loop or to the parent process. Nothing was sent.
        """
        return await self.attempt_of(None, call, timeout)

    async def attempt_of(self, invocation: Invocation | None, call: Call, timeout: float) -> Answer:
        """Send the call once, as `attempt` does, and say which attempt of which call it is."""
        if not self._is_ours(call):
            return await self._inner.attempt(call, timeout=timeout)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop is not self._loop or os.getpid() != self._process or self._closed:
            self._own(call, loop)
        if loop is None:
            self._give_way("the event loop is not asyncio's")
            return await self._inner.attempt(call, timeout=timeout)
        started = loop.time()
        deadline = started + timeout
        line = self._line
        if line is None or started >= self._line_until:
            line = await self._prepared(call, deadline, started)
            if line is None:
                return await self._inner.attempt(call, timeout=timeout)
        now = self._clock()
        pool = line.pool
        connection = pool.take()
        if connection is None:
            connection = await pool.wait(deadline)
            now = self._clock()  # dated when it is sent
        try:
            numbers = invocation.headers if invocation is not None else b""
            if line.read_timeout is not None and line.read_timeout < deadline - loop.time():
                timeout = line.read_timeout
                deadline = loop.time() + timeout
            # No name for the head, which holds the session token: locals may be shown with an error.
            waiting = connection.send(
                call, line.signer.head(call.operation, call.body, int(now + self._offset), numbers)
            )
            pool.watch(connection, deadline, timeout)
            try:
                answer = await waiting
            except asyncio.CancelledError:
                if waiting.done() and not waiting.cancelled():
                    waiting.exception()  # nobody else will ask for it
                raise
        finally:
            pool.give_back(connection)
        if answer.status < 400:
            return answer
        return replace(answer, access_key=line.signer.keys.access_key, generation=line.generation)

    async def renew(self, error: CredentialsError, answer: Answer) -> bool:
        """Correct the clock by the answer's date, or fetch other credentials, as `Renewing` says.

        Credentials are fetched once for all calls whose key was rejected, even if they come out the
        same; a call is worth another attempt where the clock was off or other credentials are there
        now.
        """
        if error.service_code in _SKEW_CODES and self._corrected(answer):
            return True
        router, access_key = self._router, answer.access_key
        if router is None or access_key is None:
            return False
        try:
            async with asyncio.timeout(REFRESH_SECONDS), self._renewing:
                renewal = self._renewal
                if (
                    renewal is None
                    or renewal.access_key != access_key
                    or answer.generation >= self._generation
                ):
                    renewal = await self._renew(router, access_key)
        except TimeoutError:
            _log.debug("other credentials could not be fetched in %g s", REFRESH_SECONDS)
            return False
        return renewal.others

    async def _renew(self, router: Router, access_key: str) -> _Renewal:
        others = False
        try:
            others = await router.renew(access_key)
        except Exception as failed:  # noqa: BLE001 - the answer's own error says more
            _log.debug("other credentials could not be fetched: %s", type(failed).__name__)
        self._renewal = _Renewal(access_key, others)
        self._generation += 1
        if self._looking is not None:
            self._looking.cancel()  # it looks at what was rejected
            self._looking = None
        self._line_until = 0.0
        return self._renewal

    async def client(self) -> Any:
        """Return an aiobotocore client, as `AiobotocoreTransport.client` does."""
        return await self._inner.client()

    async def aclose(self) -> None:
        """Close all connections; may be called twice.

        Raises:
            InvalidRequest: The transport belongs to another event loop; it stays as it is.
        """
        if self._closed:
            return
        # The parent's sockets are the parent's, and a loop that is gone has taken its own along.
        is_own_process = self._loop is not None and self._process == os.getpid()
        is_here = is_own_process and _running_loop() is self._loop
        if is_own_process and not is_here:
            check_over(self._loop)
        self._inner.check_closable()
        self._closed = True
        looking = self._looking if is_here else None
        if looking is not None:
            looking.cancel()
        if is_here and self._router is not None:
            self._router.close()
        pools = tuple(self._pools.values()) if is_here else ()
        for pool in pools:  # before anything that may be cancelled
            pool.close()
        await self._inner.aclose()
        for pool in pools:
            await pool.aclose()
        if looking is not None:
            await asyncio.wait([looking])

    def __reduce__(self) -> NoReturn:
        message = "a FastTransport holds connections and credentials and cannot be pickled"
        raise TypeError(message)

    def _is_ours(self, call: Call) -> bool:
        if self._slow or call.operation not in DATA_OPERATIONS:
            return False
        for table in call.tables:
            if table.startswith("arn:"):
                return False
        return bool(call.tables) or b'"arn:' not in call.body

    def _own(self, call: Call, loop: asyncio.AbstractEventLoop | None) -> None:
        if self._closed:
            raise misused(call, "this client is closed", "connect again, or keep it open while it is used")
        if self._process == 0:
            self._loop, self._process = loop, os.getpid()
        elif self._process != os.getpid():
            raise misused(
                call, "this client was made before the process forked", "connect in the child process"
            )
        elif self._loop is not loop:
            raise misused(
                call, "this client belongs to another event loop", "connect once in each event loop"
            )

    def _give_way(self, why: str) -> None:
        if not self._slow:
            self._slow = True
            self.name = self._inner.name
            _log.debug("aiobotocore carries out all calls of this client: %s", why)

    async def _prepared(self, call: Call, deadline: float, now: float) -> _Line | None:
        """Return the line of this second's requests, or None where aiobotocore must serve."""
        if self._holds():
            await self._glance(deadline, now)
            if self._slow or self._holds():
                return None if self._slow else self._line
        try:
            async with asyncio.timeout_at(deadline), self._preparing:
                if self._line is None or now >= self._line_until:
                    await self._prepare(now)
        except Unroutable as why:
            self._give_way(str(why))
            return None
        except TimeoutError as error:
            raise _not_ready(call) from error
        except Exception as error:
            ours = failure(error, call, sent=False)
            if ours is None or ours is error:
                raise
            raise ours from error
        return None if self._slow else self._line

    def _holds(self) -> bool:
        """Return whether there is a line whose keys are neither rejected nor known to be over."""
        line, router = self._line, self._router
        if line is None or router is None or line.generation != self._generation:
            return False
        return not router.expired()

    async def _glance(self, deadline: float, now: float) -> None:
        """See to it that credentials are looked at, beside the calls if it takes long."""
        self._line_until = now + _LOOK_SECONDS  # the others go on meanwhile
        if self._looking is None:
            looking = self._looking = asyncio.create_task(self._look(now))
            looking.add_done_callback(self._looked)
            await asyncio.wait([looking], timeout=min(GLANCE_SECONDS, max(0.0, deadline - now)))

    async def _look(self, now: float) -> None:
        try:
            async with asyncio.timeout(REFRESH_SECONDS):
                await self._prepare(now)
        except Unroutable as why:
            self._give_way(str(why))
        except Exception as failed:  # noqa: BLE001 - the keys that are there still hold
            _log.debug("credentials could not be looked at: %s", type(failed).__name__)

    def _looked(self, looking: "asyncio.Task[None]") -> None:
        if self._looking is looking:
            self._looking = None

    async def _prepare(self, now: float) -> None:
        if self._slow:
            return
        if self._router is None:
            self._router = self._routed()
        generation = self._generation
        route = await self._router.route()
        line = self._line
        if line is not None and line.generation > generation:
            return  # a renewal was quicker
        if line is None or route.keys != line.signer.keys or line.generation != generation:
            self._line = self._lined(route, generation)
        # Credentials are looked at once a second; what asks for them anew sees to their refresh.
        if generation != self._generation:
            self._line_until = 0.0  # they were rejected meanwhile
        elif self._router.lasts:
            self._line_until = float("inf")
        else:
            self._line_until = max(self._line_until, now + _LOOK_SECONDS)

    def _routed(self) -> Router:
        files = "\n".join(files_of(self._environ))
        given = given_route(self._options, self._environ, files, _USER_AGENT)
        self._settings = settings_of(self._options["config"], max_connections=self._max_connections)
        if given is not None:
            return GivenRouter(given)
        static = self._options["credentials"]
        resolving = ResolvingRouter(self._inner, static, self._environ, _USER_AGENT)
        if can_ask_botocore(self._options, self._environ, files):
            return ChainRouter(self._options, files, _USER_AGENT, resolving)
        return resolving

    def _lined(self, route: Route, generation: int) -> _Line:
        parts = urlsplit(route.url)
        place = (parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme])
        if place not in self._pools:
            self._pools[place] = self._pool(parts, route)
        signer = Signer(
            url=route.url,
            region=route.region,
            keys=route.keys,
            user_agent=route.user_agent,
        )
        settings = self._settings or Settings()
        return _Line(signer, self._pools[place], settings.read_timeout, generation)

    def _pool(self, parts: SplitResult, route: Route) -> Pool:
        settings = self._settings or Settings()
        session = self._inner.session
        if session is not None:
            # A config that hangs on the session holds as well, behind the one that was given.
            settings = settings_of(
                _merged(session.get_default_client_config(), self._options["config"]),
                max_connections=self._max_connections,
            )
            self._settings = settings
        dialer = Dialer(
            parts.hostname or "",
            parts.port or PORTS[parts.scheme],
            tls=Tls(bundle=route.bundle, context=settings.ssl_context) if parts.scheme == "https" else None,
            connect_timeout=settings.connect_timeout,
            keepalive=settings.keepalive or route.keepalive,
            dns_seconds=settings.dns_seconds,
        )
        return Pool(
            dialer.dial,
            loop=asyncio.get_running_loop(),
            most=settings.max_connections,
            longest_idle=settings.longest_idle,
        )

    def _corrected(self, answer: Answer) -> bool:
        """Set the clock by the service's, and return whether it was off."""
        from email.utils import parsedate_to_datetime  # 5 ms that hardly any program needs

        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except (ValueError, OverflowError):  # no date, or one that no clock can show
            return False
        offset = theirs - self._clock()
        # The clock itself may have been put right meanwhile, which makes the old correction wrong.
        if abs(offset) < SKEW_SECONDS and abs(offset - self._offset) < SKEW_SECONDS:
            return False
        self._offset = offset
        return True


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _merged(default: Any, given: Any) -> Any:
    if default is None or given is None:
        return given if default is None else default
    return default.merge(given)


def _not_ready(call: Call) -> EndpointUnreachable | InvalidRequest:
    subject = f"{call.operation} on {call.table}" if call.table else call.operation
    return EndpointUnreachable(
        f"{subject}: the time was over before anything was sent",
        why="the credentials were not ready in time",
        fix="raise attempt_timeout, or check where the credentials come from",
        code=NOT_READY,
    )
