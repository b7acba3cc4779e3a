"""What the fast path serves, and the one line that says why it does not."""

import sys
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.httpxsession import HttpxSession
from aiobotocore.session import AioSession
from botocore.config import Config

from dynamorm_async.transport.serving import settings_of, why_not

PROXY = {"HTTPS_PROXY": "http://proxy:3128"}


def session_with(event: str, handler: Any) -> Any:
    session: Any = AioSession()
    session.register(event, handler)
    return session


def session_behind_a_proxy() -> Any:
    session: Any = AioSession()
    session.set_default_client_config(AioConfig(proxies={"https": "p"}))
    return session


def handle(**_: Any) -> None:
    """Stand for a handler of the user's."""


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"session": AioSession()}, {}, id="a plain session"),
        pytest.param({"config": AioConfig()}, {}, id="a plain config"),
        pytest.param({"config": Config(region_name="eu-west-1")}, {}, id="botocore's Config"),
        pytest.param(
            {
                "config": AioConfig(
                    connect_timeout=1,
                    read_timeout=2,
                    max_pool_connections=3,
                    tcp_keepalive=True,
                    user_agent_extra="x",
                    use_fips_endpoint=True,
                    retries={"mode": "standard", "total_max_attempts": 2},
                    connector_args={"keepalive_timeout": 5, "ttl_dns_cache": 1, "use_dns_cache": True},
                )
            },
            {},
            id="all that is honoured",
        ),
        pytest.param({"endpoint": "http://h:8000"}, PROXY, id="a proxy for https, an endpoint without"),
        pytest.param({"endpoint": "https://h"}, {**PROXY, "NO_PROXY": "a,h"}, id="exempt from the proxy"),
        pytest.param({"endpoint": "https://x.corp"}, {**PROXY, "no_proxy": ".corp"}, id="exempt domain"),
        pytest.param({"endpoint": "https://h"}, {**PROXY, "no_proxy": "*"}, id="all exempt"),
        pytest.param({}, {"FTP_PROXY": "x", "https_proxy": ""}, id="proxies for other things"),
        pytest.param({}, {"AWS_RETRY_MODE": "standard"}, id="standard mode"),
    ],
)
def test_these_are_served(options: dict[str, Any], environ: dict[str, str]) -> None:
    assert why_not(options, environ) is None


@pytest.mark.parametrize(
    ("options", "environ", "why"),
    [
        pytest.param({}, PROXY, "proxy", id="proxy"),
        pytest.param({}, {"http_proxy": "http://p"}, "proxy", id="http proxy, endpoint unknown"),
        pytest.param({"endpoint": "https://h"}, {**PROXY, "NO_PROXY": "hh"}, "proxy", id="not exempt"),
        pytest.param({}, {"AWS_RETRY_MODE": "adaptive"}, "adaptive", id="adaptive variable"),
        pytest.param({}, {"AWS_ENABLE_ENDPOINT_DISCOVERY": "true"}, "discovery", id="discovery"),
        pytest.param({}, {"AWS_AUTH_SCHEME_PREFERENCE": "sigv4a"}, "signature", id="scheme preference"),
        pytest.param({}, {"AWS_DEFAULTS_MODE": "standard"}, "defaults mode", id="defaults mode"),
        pytest.param({"config": AioConfig(retries={"mode": "adaptive"})}, {}, "adaptive", id="adaptive"),
        pytest.param({"config": AioConfig(proxies={"https": "p"})}, {}, "proxies", id="config's proxies"),
        pytest.param({"config": AioConfig(client_cert="c.pem")}, {}, "client_cert", id="certificate"),
        pytest.param({"config": AioConfig(signature_version="v4a")}, {}, "signature", id="signature"),
        pytest.param({"config": AioConfig(inject_host_prefix=False)}, {}, "inject_host_prefix", id="option"),
        pytest.param({"config": AioConfig(defaults_mode="auto")}, {}, "defaults_mode", id="config's mode"),
        pytest.param(
            {"config": AioConfig(connector_args={"force_close": True})}, {}, "force_close", id="connector"
        ),
        pytest.param({"config": AioConfig(http_session_cls=HttpxSession)}, {}, "HTTP session", id="httpx"),
        pytest.param({"config": object()}, {}, "not a botocore Config", id="no config"),
        pytest.param({"session": object()}, {}, "not an aiobotocore session", id="no session"),
        pytest.param(
            {"session": session_with("before-sign.dynamodb", handle)},
            {},
            "event handler",
            id="event handler",
        ),
        pytest.param(
            {"session": session_with("request-created", partial(dict))},
            {},
            "event handler",
            id="foreign function",
        ),
        pytest.param(
            {"session": session_behind_a_proxy()},
            {},
            "proxies",
            id="config on the session",
        ),
    ],
)
def test_these_are_left_to_aiobotocore_and_it_is_said_why(
    options: dict[str, Any], environ: dict[str, str], why: str
) -> None:
    assert why in (why_not(options, environ) or "")


def test_an_instrumented_botocore_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrapped:
        """As wrapt's FunctionWrapper: callable, and no function."""

        def __call__(self) -> None: ...

    patched = SimpleNamespace(AioBaseClient=SimpleNamespace(_make_api_call=Wrapped()))
    monkeypatch.setitem(sys.modules, "aiobotocore.client", patched)

    assert why_not({}, {}) == "AioBaseClient is instrumented"


@pytest.mark.parametrize(("enabled", "refused"), [(True, True), (False, False)])
def test_a_mock_that_hooks_into_botocore_is_left_alone_while_it_is_on(
    monkeypatch: pytest.MonkeyPatch, *, enabled: bool, refused: bool
) -> None:
    class Stubber:
        def __init__(self) -> None:
            self.enabled = enabled

        def __call__(self, **_: object) -> None: ...

    handlers = SimpleNamespace(BUILTIN_HANDLERS=[("before-send", Stubber())])
    monkeypatch.setitem(sys.modules, "botocore.handlers", handlers)

    assert (why_not({}, {}) is not None) is refused


def test_settings_are_those_of_the_config() -> None:
    settings = settings_of(
        AioConfig(
            connect_timeout=1,
            read_timeout=2,
            max_pool_connections=3,
            tcp_keepalive=True,
            connector_args={"keepalive_timeout": 5, "use_dns_cache": False},
        ),
        max_connections=64,
    )

    assert (settings.connect_timeout, settings.read_timeout, settings.max_connections) == (1, 2, 3)
    assert (settings.longest_idle, settings.keepalive, settings.dns_seconds) == (5, True, 0.0)


def test_without_a_config_there_are_defaults() -> None:
    settings = settings_of(None, max_connections=64)

    assert (settings.connect_timeout, settings.read_timeout, settings.max_connections) == (None, None, 64)
    assert (settings.longest_idle, settings.keepalive, settings.dns_seconds) == (12.0, False, 10.0)
