"""Choose the way to the service: the fast path where it can serve, aiobotocore everywhere else.

Takes what `connect` was given; gives a transport, or InvalidRequest where the fast path was
demanded and can't serve. Whoever gets aiobotocore without having asked for it finds one line that
says why in the log, at debug level.
"""

import logging
import os
import sys
from typing import Any, Literal

from dynamorm_async.errors import InvalidRequest
from dynamorm_async.transport.aws_client import AiobotocoreTransport, is_trio
from dynamorm_async.transport.fast import FastTransport
from dynamorm_async.transport.serving import why_not

_KEPT_ELSEWHERE = frozenset({"darwin", "win32"})
_log = logging.getLogger("dynamorm_async.transport")


def choose_transport(
    wanted: Literal["fast", "aiobotocore"] | None = None, **options: Any
) -> FastTransport | AiobotocoreTransport:
    """Return the transport for these options.

    Args:
        wanted: "fast" to have the fast path or an error, "aiobotocore" for the other one, None for
            the fast path where it can serve.
        options: As `FastTransport` and `AiobotocoreTransport` take them.

    Raises:
        InvalidRequest: The fast path can't serve these options, or an option means nothing.
    """
    if wanted == "aiobotocore":
        return AiobotocoreTransport(**options)
    why = _why_not_here() or why_not(options, _environment())
    if why is None:
        return FastTransport(**options)
    if wanted == "fast":
        raise InvalidRequest(
            'connect(transport="fast"): the fast path cannot serve this configuration',
            why=why,
            fix="leave transport= out, and calls go through aiobotocore; or change the configuration",
            code="transport.not-fast",
        )
    _log.debug("aiobotocore carries out all calls of this client: %s", why)
    return AiobotocoreTransport(**options)


def _why_not_here() -> str | None:
    return "the event loop is trio's" if is_trio() else None


def _environment() -> dict[str, str]:
    """Return the environment, with the proxies that macOS and Windows keep elsewhere."""
    if sys.platform not in _KEPT_ELSEWHERE:
        return dict(os.environ)
    from urllib.request import getproxies

    return {**{f"{scheme}_proxy": url for scheme, url in getproxies().items()}, **os.environ}
