"""An HTTP session of aiobotocore that follows no redirect and reads no endless answer.

aiohttp follows redirects by itself, and aiobotocore doesn't tell it not to: the session token
would go to whatever host a redirect names. aiobotocore takes another session class as a public
option; `_get_session` is the one private name needed, the same in 2.21 and in 3.10.
"""

from typing import Any

from anyio import current_time

from dynamorm_async.transport.capture import Capture, current


class DeadlinePassed(Exception):
    """The attempt's time was over before anything was sent."""


class AnswerTooLong(Exception):
    """More bytes came than the call reads."""


def guarded(session_class: Any) -> Any:
    """Return a subclass of aiobotocore's aiohttp session with the guards; another class as it is.

    The httpx session needs none for redirects: httpx follows them only when told to.
    """
    return _guarded(session_class) if uses_aiohttp(session_class) else session_class


def uses_aiohttp(session_class: object) -> bool:
    """Return whether this is a session class that `guarded` guards."""
    from aiobotocore.httpsession import AIOHTTPSession

    return isinstance(session_class, type) and issubclass(session_class, AIOHTTPSession)


def _guarded(session_class: Any) -> Any:
    inner = session_class._get_session  # noqa: SLF001 - see above

    async def get_session(self: Any, proxy_url: str | None) -> Any:
        return _Unredirected(await inner(self, proxy_url))

    return type("GuardedSession", (session_class,), {"_get_session": get_session})


class _Unredirected:
    """An aiohttp session for the one method that aiobotocore calls."""

    def __init__(self, session: Any) -> None:
        self._session = session

    async def request(self, method: str, **options: Any) -> Any:
        capture = current.get()
        if capture is not None:
            if current_time() >= capture.deadline:
                # The loop hasn't come to cancel us, because making the client doesn't yield.
                raise DeadlinePassed
            capture.sent = True
        response = await self._session.request(method, **{**options, "allow_redirects": False})
        return response if capture is None else _Capped(response, capture)


class _Capped:
    """An aiohttp response that is read up to a size."""

    def __init__(self, response: Any, capture: Capture) -> None:
        self._response = response
        self._capture = capture

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)

    async def read(self) -> bytes:
        chunks: list[bytes] = []
        left = self._capture.cap
        try:
            async for chunk in self._response.content.iter_any():
                left -= len(chunk)
                if left < 0:
                    self._capture.too_long = True
                    raise AnswerTooLong
                chunks.append(chunk)
        except BaseException:
            self._response.close()
            raise
        self._response.release()
        return b"".join(chunks)
