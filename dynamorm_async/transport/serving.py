"""Decide whether the fast path can serve what `connect` was given, and with which settings.

Takes options and environment; gives None or one line that says why not, and `Settings`. Pure but
for a look at what other packages have hung into botocore. What is not known here is never
ignored: an option without a line below leads to the aiobotocore path.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

# What a user may set in a botocore Config and is honoured here, is about something else, or is
# taken over by the resolving client (which gets the same Config).
_HONOURED = frozenset(
    {
        "account_id_endpoint_mode",
        "connect_timeout",
        "connector_args",
        "disable_request_compression",
        "http_session_cls",
        "ignore_configured_endpoint_urls",
        "max_pool_connections",
        "parameter_validation",
        "read_timeout",
        "region_name",
        "request_checksum_calculation",
        "request_min_compression_size_bytes",
        "response_checksum_validation",
        "retries",
        "s3",
        "s3_disable_express_session_auth",
        "signature_version",
        "tcp_keepalive",
        "use_dualstack_endpoint",
        "use_fips_endpoint",
        "user_agent",
        "user_agent_appid",
        "user_agent_extra",
        "warm_up_loader_caches",
    }
)
_CONNECTOR_ARGS = frozenset({"keepalive_timeout", "ssl_context", "ttl_dns_cache", "use_dns_cache"})
_OURS = ("aiobotocore", "botocore", "dynamorm_async")
_NO_LIMIT = 10**9


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the network side was configured with.

    Attributes:
        max_connections: Connections at the same time.
        connect_timeout: Seconds for one connection; None for what the attempt has.
        read_timeout: Seconds for one answer; None for what the attempt has.
        longest_idle: Seconds after which an unused connection is closed.
        keepalive: Whether the system probes idle connections.
        dns_seconds: How long addresses are kept.
        ssl_context: The user's own, or None.
    """

    max_connections: int = 64
    connect_timeout: float | None = None
    read_timeout: float | None = None
    longest_idle: float = 12.0
    keepalive: bool = False
    dns_seconds: float = 10.0
    ssl_context: Any = None


def why_not(options: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """Return why the fast path can't serve these options, or None if it can.

    Args:
        options: What `connect` was given: endpoint, session, config and the like.
        environ: The process's environment, with the system's proxies in it.
    """
    reasons = (
        _why_not_proxies(options.get("endpoint"), environ),
        _why_not_environment(environ),
        _why_not_config(options.get("config")),
        _why_not_session(options.get("session")),
        _why_not_patched(),
    )
    return next((reason for reason in reasons if reason is not None), None)


def settings_of(config: object, *, max_connections: int) -> Settings:
    """Return the settings that a Config asks for, over the client's own."""
    given = provided(config)
    connector: Mapping[str, Any] = given.get("connector_args") or {}
    dns_seconds = connector.get("ttl_dns_cache", 10.0)
    if connector.get("use_dns_cache") is False:
        dns_seconds = 0.0
    idle = connector.get("keepalive_timeout", 12.0)
    return Settings(
        max_connections=given.get("max_pool_connections") or max_connections,
        connect_timeout=given.get("connect_timeout"),
        read_timeout=given.get("read_timeout"),
        longest_idle=_NO_LIMIT if idle is None else idle,
        keepalive=bool(given.get("tcp_keepalive")),
        dns_seconds=_NO_LIMIT if dns_seconds is None else dns_seconds,
        ssl_context=connector.get("ssl_context"),
    )


def provided(config: object) -> Mapping[str, Any]:
    """Return the options that a user gave a Config, without its defaults."""
    # The one private name: without it a default and a choice look alike.
    return getattr(config, "_user_provided_options", None) or {}


def why_not_handlers(events: object) -> str | None:
    """Return why the handlers of a session's or client's events can't be served, or None."""
    try:
        foreign = [handler for handler in _handlers(events) if _is_foreign(handler)]
    except (AttributeError, KeyError, TypeError):
        return "the session's event handlers can't be looked at"
    if foreign:
        return f"an event handler is registered on the session ({_origin(foreign[0])})"
    return None


def _why_not_proxies(endpoint: str | None, environ: Mapping[str, str]) -> str | None:
    lowered = {name.lower(): value for name, value in environ.items() if value}
    parts = urlsplit(endpoint or "")
    for scheme in [parts.scheme] if parts.scheme else ["http", "https"]:
        if f"{scheme}_proxy" not in lowered:
            continue
        if parts.hostname and _is_exempt(parts.hostname, lowered.get("no_proxy", "")):
            continue
        return f"a proxy is set in the environment ({scheme}_proxy)"
    return None


def _is_exempt(host: str, no_proxy: str) -> bool:
    """Return whether `no_proxy` names the host, or a domain that it is in."""
    names = [name.strip().lower().lstrip(".").partition(":")[0] for name in no_proxy.split(",")]
    return any(name == "*" or (name and f".{host}".endswith(f".{name}")) for name in names)


def _why_not_environment(environ: Mapping[str, str]) -> str | None:
    if environ.get("AWS_RETRY_MODE", "").lower() == "adaptive":
        return "the retry mode is adaptive (AWS_RETRY_MODE)"
    if environ.get("AWS_ENABLE_ENDPOINT_DISCOVERY", "").lower() == "true":
        return "endpoint discovery is on (AWS_ENABLE_ENDPOINT_DISCOVERY)"
    if environ.get("AWS_AUTH_SCHEME_PREFERENCE"):
        return "another signature is preferred (AWS_AUTH_SCHEME_PREFERENCE)"
    if environ.get("AWS_DEFAULTS_MODE", "legacy").lower() != "legacy":
        return "a defaults mode is set (AWS_DEFAULTS_MODE)"
    return None


def _why_not_config(config: object) -> str | None:
    given = {name: value for name, value in provided(config).items() if value is not None}
    if config is not None and not hasattr(config, "_user_provided_options"):
        return "the config is not a botocore Config"
    unknown = sorted(set(given) - _HONOURED)
    if unknown:
        return f"the config sets {', '.join(unknown)}"
    connector = sorted(set(given.get("connector_args") or {}) - _CONNECTOR_ARGS)
    if connector:
        return f"the config's connector_args set {', '.join(connector)}"
    retries: Mapping[str, Any] = given.get("retries") or {}
    if retries.get("mode") == "adaptive":
        return "the retry mode is adaptive"
    if given.get("signature_version", "v4") != "v4":
        return "the config asks for another signature"
    session_class = given.get("http_session_cls")
    if session_class is not None and getattr(session_class, "__name__", "") != "AIOHTTPSession":
        return "the config names another HTTP session class"
    return None


def _why_not_session(session: Any) -> str | None:
    if session is None:
        return None
    try:
        default = session.get_default_client_config()
        events = session.get_component("event_emitter")
    except Exception:  # noqa: BLE001 - whatever it is, it is no session that is known here
        return "the session is not an aiobotocore session"
    return _why_not_config(default) or why_not_handlers(events)


def _why_not_patched() -> str | None:
    # Instrumentation (X-Ray, OpenTelemetry) wraps the method; moto and its like add a built-in handler.
    for module, name in (("aiobotocore.client", "AioBaseClient"), ("botocore.client", "BaseClient")):
        method = getattr(getattr(sys.modules.get(module), name, None), "_make_api_call", None)
        if method is not None and type(method).__name__ != "function":
            return f"{name} is instrumented"
    builtin: Any = getattr(sys.modules.get("botocore.handlers"), "BUILTIN_HANDLERS", ())
    foreign = [entry[1] for entry in builtin if _is_foreign(entry[1])]
    return f"botocore has a handler of {_origin(foreign[0])}" if foreign else None


def _handlers(events: Any) -> Iterator[object]:
    emitter = getattr(events, "_emitter", events)
    nodes = [emitter._handlers._root]  # noqa: SLF001 - botocore has no other list of them
    while nodes:
        node = nodes.pop()
        nodes.extend(node["children"].values())
        for section in node["values"] or ():
            yield from section


def _is_foreign(handler: object) -> bool:
    return _origin(handler).partition(".")[0] not in _OURS and bool(getattr(handler, "enabled", True))


def _origin(handler: object) -> str:
    plain: Any = getattr(handler, "func", handler)  # of a functools.partial
    module: object = getattr(plain, "__module__", None) or type(plain).__module__
    return str(module)
