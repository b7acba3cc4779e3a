"""Find out where requests go, and as whom they are signed.

Takes what `connect` was given and the environment; gives a `Route`. Where everything is given or
in the environment, nothing of botocore is imported; where only credentials are to be found, `chain`
asks botocore. Everything else is left to a real aiobotocore
client: it is made to build one request, which shows what its endpoint rules, profile, credentials
and user agent came to, and which is stopped before it is sent.
"""

import asyncio
import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import msgspec

from dynamorm_async.transport.aws_client import (
    LOCAL_REGION,
    AiobotocoreTransport,
    check_endpoint,
    check_region,
    is_foreign,
)
from dynamorm_async.transport.credentials import Credentials
from dynamorm_async.transport.failures import no_credentials
from dynamorm_async.transport.redaction import redacting
from dynamorm_async.transport.serving import why_not_handlers

# How long the call that starts a look at credentials waits for it: enough where nothing is refreshed.
GLANCE_SECONDS = 0.05
# How long a look that no call waits for may take.
REFRESH_SECONDS = 20.0
# The partition "aws" of botocore's rules; the others have hosts of their own.
_PLAIN_REGION = re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+")
# Settings that change where or how requests go; the aiobotocore client knows their rules.
_SETTINGS = frozenset(
    {
        "AWS_ACCOUNT_ID",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_DATA_PATH",
        "AWS_DEFAULT_PROFILE",
        "AWS_PROFILE",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
    }
)
_SETTINGS_IN_FILES = re.compile(
    r"endpoint|retry_mode|ca_bundle|use_fips|use_dualstack|account_id|defaults_mode|app_id|services|"
    r"auth_scheme|tcp_keepalive|sigv4a",
    re.IGNORECASE,
)
_REGION_IN_FILES = re.compile(r"^\s*region\b", re.MULTILINE)
_CREDENTIAL = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d{8}/([^/]+)/dynamodb/aws4_request,")


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests go and as whom.

    Attributes:
        url: The endpoint, scheme to path.
        region: What the signature is for.
        keys: What to sign with.
        user_agent: How the client names itself.
        bundle: File or folder of certificates to trust, or None for the system's.
        keepalive: Whether the configuration has the system probe idle connections.
    """

    url: str
    region: str
    keys: Credentials
    user_agent: str
    bundle: str | None = None
    keepalive: bool = False


class Unroutable(Exception):
    """The fast path can't serve after all; the text says why."""


class Router(Protocol):
    """Finds the route of the next requests."""

    lasts: bool
    """Whether a route, once found, is good for ever."""

    async def route(self) -> Route:
        """Return the route; botocore's errors where there is none, Unroutable where it isn't ours."""
        ...

    def expired(self) -> bool:
        """Return whether the keys of the last route are known to be over."""
        ...

    async def renew(self, access_key: str | None) -> bool:
        """Fetch other credentials if the rejected ones are still in use; return whether others are."""
        ...

    def close(self) -> None:
        """End what is still being looked up."""
        ...


class GivenRouter:
    """A route that was known from the start.

    Args:
        route: The route.
    """

    lasts = True

    def __init__(self, route: Route) -> None:
        self._route = route

    async def route(self) -> Route:
        """Return the route."""
        return self._route

    def expired(self) -> bool:
        """Return False: nobody said until when they hold."""
        return False

    async def renew(self, access_key: str | None) -> bool:
        """Return False: there are no others."""
        del access_key
        return False

    def close(self) -> None:
        """Do nothing: nothing is looked up."""


class ResolvingRouter:
    """Routes as a real aiobotocore client finds them.

    Args:
        client: The transport whose client is asked.
        static: The credentials that the client was given, or None for those of the session.
        environ: For the bundle of certificates.
        user_agent: Put behind the client's own.
    """

    lasts = False

    def __init__(
        self,
        client: AiobotocoreTransport,
        static: Credentials | None,
        environ: Mapping[str, str],
        user_agent: str,
    ) -> None:
        self._transport = client
        self._static = static
        self._environ = environ
        self._user_agent = user_agent
        self._source: Any = None
        self._route: Route | None = None
        self._renewing = asyncio.Lock()
        self._refreshing: asyncio.Task[Any] | None = None

    async def route(self) -> Route:
        """Return the route, found anew where the credentials are others than last time."""
        with redacting():  # the answers of STS and SSO hold keys and tokens
            client = await self._transport.client()
            keys = self._static or await self._current_keys()
            if self._route is None or self._route.keys != keys:
                self._route = await self._found(client, keys)
            return self._route

    def expired(self) -> bool:
        """Return whether the keys of the last route are known to be over."""
        return self._static is None and is_over(self._source)

    async def renew(self, access_key: str | None) -> bool:
        """Go through the chain of credentials again, once for all whose key was rejected."""
        if self._static is not None:
            return False
        async with self._renewing:
            with redacting():
                return await self._renewed(access_key)

    def close(self) -> None:
        """End a refresh that is made ahead of time; another look-up ends with who asked for it."""
        if self._refreshing is not None:
            self._refreshing.cancel()
            self._refreshing = None

    async def _renewed(self, access_key: str | None) -> bool:
        keys = await self._current_keys()
        if keys.access_key != access_key:
            return True
        client = await self._transport.client()
        provider = _forgetful(self._transport.session, client.meta.region_name)
        self._source = await provider.load_credentials()
        self.close()  # what the rejected source would refresh is of no use any more
        return (await self._current_keys()).access_key != access_key

    async def _current_keys(self) -> Credentials:
        if self._source is None:
            self._source = await self._transport.session.get_credentials()
        if self._source is None:
            raise no_credentials()
        frozen = await self._frozen(self._source)
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or None)

    async def _frozen(self, source: Any) -> Any:
        """Return the source's keys as one set, never half old and half new.

        Who asks for them first within a quarter of an hour of their end refreshes them, and who asks
        meanwhile gets those that still hold: so a task asks first.
        """
        if not (hasattr(source, "refresh_needed") and source.refresh_needed()):
            return await source.get_frozen_credentials()
        refreshing = self._refreshing
        if refreshing is None:
            refreshing = self._refreshing = asyncio.create_task(_refreshed(source))
            refreshing.add_done_callback(self._refreshed)
            await asyncio.wait([refreshing], timeout=GLANCE_SECONDS)
        if refreshing.done() and not refreshing.cancelled():
            return refreshing.result()
        return await source.get_frozen_credentials()

    def _refreshed(self, refreshing: "asyncio.Task[Any]") -> None:
        if self._refreshing is refreshing:
            self._refreshing = None
        if not refreshing.cancelled():
            refreshing.exception()  # perhaps nobody waits any more

    async def _found(self, client: Any, keys: Credentials) -> Route:
        why = why_not_handlers(client.meta.events) or _why_not_session_settings(self._transport.session)
        if why is not None:
            raise Unroutable(why)
        url, headers = await _request_of(client)
        found = _CREDENTIAL.match(headers.get("Authorization", ""))
        parts = urlsplit(url)
        if found is None or parts.query or not parts.hostname:
            raise Unroutable("the aiobotocore client signs in a way of its own")
        return Route(
            url=url,
            region=found[1],
            keys=keys,
            user_agent=_checked(f"{headers.get('User-Agent', '')} {self._user_agent}"),
            bundle=self._transport.session.get_config_variable("ca_bundle")
            or self._environ.get("REQUESTS_CA_BUNDLE"),
            keepalive=_keepalive(client, self._transport.session),
        )


async def _refreshed(source: Any) -> Any:
    async with asyncio.timeout(REFRESH_SECONDS):
        return await source.get_frozen_credentials()


def is_over(source: Any) -> bool:
    """Return whether botocore's credentials say themselves that their time is over."""
    refresh_needed = getattr(source, "refresh_needed", None)
    return refresh_needed is not None and bool(refresh_needed(refresh_in=0))


def given_route(
    options: Mapping[str, Any], environ: Mapping[str, str], files: str, user_agent: str
) -> Route | None:
    """Return the route if it follows from options and environment alone, or None.

    Args:
        options: What `connect` was given.
        environ: The environment.
        files: The text of the AWS configuration files, "" where there are none.
        user_agent: How the client names itself.
    """
    asked = any(options.get(name) is not None for name in ("session", "config", "profile"))
    if asked or settings_elsewhere(environ, files):
        return None
    keys = options.get("credentials") or _keys_of(environ)
    region = options.get("region") or environ.get("AWS_DEFAULT_REGION")
    url = options.get("endpoint") or _endpoint_of(environ) or _endpoint_in(region)
    if region is None and url is not None and is_foreign(url) and not _REGION_IN_FILES.search(files):
        region = LOCAL_REGION
    if keys is None or region is None or url is None:
        return None
    check_region(region)
    check_endpoint(url)
    app = environ.get("AWS_SDK_UA_APP_ID")
    return Route(
        url=url,
        region=region,
        keys=keys,
        user_agent=f"{user_agent} app/{app}" if app and app.isascii() and app.isalnum() else user_agent,
        bundle=environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE"),
    )


def settings_elsewhere(environ: Mapping[str, str], files: str) -> bool:
    """Return whether environment or files set something whose rules only the AWS client knows."""
    return any(environ.get(name) for name in _SETTINGS) or bool(_SETTINGS_IN_FILES.search(files))


def _keys_of(environ: Mapping[str, str]) -> Credentials | None:
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key or not secret_key:
        return None
    token = environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_SECURITY_TOKEN")
    return Credentials(access_key, secret_key, token or None)


def _endpoint_of(environ: Mapping[str, str]) -> str | None:
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get("AWS_ENDPOINT_URL_DYNAMODB") or environ.get("AWS_ENDPOINT_URL") or None


def _endpoint_in(region: str | None) -> str | None:
    if region is None or not _PLAIN_REGION.fullmatch(region):
        return None
    return f"https://dynamodb.{region}.amazonaws.com"


def _keepalive(client: Any, session: Any) -> bool:
    """Return what the client's config says of probes, or else the configuration files."""
    given: bool | None = client.meta.config.tcp_keepalive
    return bool(session.get_config_variable("tcp_keepalive") if given is None else given)


def _why_not_session_settings(session: Any) -> str | None:
    if session.get_config_variable("retry_mode") == "adaptive":
        return "the retry mode is adaptive (AWS configuration)"
    if session.get_config_variable("endpoint_discovery_enabled") is True:
        return "endpoint discovery is on (AWS configuration)"
    return None


def _forgetful(session: Any, region: str) -> Any:
    """Return the session's chain of credentials, with empty caches.

    From a cache the key that was rejected would come back until it is about to expire; and what
    assumes roles can be asked only once, or takes its own first profile for a loop.
    """
    chain = session.get_component("credential_provider")
    providers: Any = getattr(chain, "providers", None)
    if providers is None:
        return chain  # the user's own
    from aiobotocore import credentials

    module: Any = credentials
    fresh = module.create_credential_resolver(session, region_name=region).providers
    by_type: dict[Any, Any] = {type(provider): provider for provider in fresh if hasattr(provider, "cache")}
    return module.AioCredentialResolver([by_type.get(type(each), each) for each in providers])


class _Stopped(Exception):
    """Ends the building of a request before it is sent."""


_built: ContextVar[list[Any] | None] = ContextVar("dynamorm_async_built", default=None)


def _stop(request: Any, **_: Any) -> None:
    built = _built.get()
    if built is not None:
        built.append(request)
        raise _Stopped


async def _request_of(client: Any) -> tuple[str, dict[str, str]]:
    """Return URL and headers of a request as the client would send it."""
    client.meta.events.register_first(
        "before-send.dynamodb.GetItem", _stop, unique_id="dynamorm-async-routes"
    )
    built: list[Any] = []
    token = _built.set(built)
    try:
        await client.get_item(TableName="dynamorm", Key={"dynamorm": {"S": "dynamorm"}})
    except _Stopped:
        pass
    finally:
        _built.reset(token)
    if not built:
        raise Unroutable("the aiobotocore client builds no requests")
    request = built[0]
    headers = {str(name): _text(value) for name, value in request.headers.items()}
    return cast("str", request.url), headers


def _checked(user_agent: str) -> str:
    if not user_agent.isascii() or not user_agent.isprintable():
        raise Unroutable("the user agent has characters that no header may have")
    return user_agent.strip()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
