"""Find credentials and region through botocore's own chain, without importing aiobotocore.

Takes what `connect` was given where that leaves credentials open; gives a `Route`. botocore blocks,
so it is asked in a thread, one question at a time, and who comes meanwhile shares the answer. It is
half of aiobotocore's cold start. Whatever asks for more than botocore's session can tell (endpoints
by account id, settings in the files) is left to the router behind.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Thread
from typing import Any, TypeVar

import msgspec

from dynamorm_async.transport.credentials import Credentials
from dynamorm_async.transport.failures import no_credentials
from dynamorm_async.transport.redaction import redacting
from dynamorm_async.transport.routes import (
    GLANCE_SECONDS,
    Route,
    Router,
    Unroutable,
    given_route,
    is_over,
    settings_elsewhere,
)

T = TypeVar("T")
_PROFILES = frozenset({"AWS_DEFAULT_PROFILE", "AWS_PROFILE"})


class _Found(msgspec.Struct, frozen=True):
    """What the chain came to."""

    keys: Credentials
    account_id: str | None
    region: str | None
    lasts: bool


class ChainRouter:
    """Routes with the credentials that botocore finds.

    Args:
        options: What `connect` was given.
        files: The text of the AWS configuration files.
        user_agent: How the client names itself.
        behind: Serves where this one can't.
    """

    lasts = False

    def __init__(self, options: Mapping[str, Any], files: str, user_agent: str, behind: Router) -> None:
        self._options = options
        self._files = files
        self._user_agent = user_agent
        self._behind = behind
        self._given_up = False
        self._session: Any = None
        self._source: Any = None
        # The look-up under way. A caller who is cancelled leaves it to itself, and the next one waits
        # for what it finds: however long a source hangs, it holds one thread.
        self._looking: asyncio.Task[_Found] | None = None
        self._looking_anew = False
        self._beside: asyncio.Task[_Found] | None = None
        self._renewing = asyncio.Lock()
        self._found: _Found | None = None
        self._route: Route | None = None

    async def route(self) -> Route:
        """Return the route, found anew where the credentials are others than last time."""
        if self._given_up:
            return await self._behind.route()
        found = self._found
        if found is None or not found.lasts:
            found = self._found = await self._ask(anew=False)
        if self._route is None or self._route.keys != found.keys:
            self._route = self._given(found)
            if self._route is None:
                self._given_up = True
                return await self._behind.route()
        return self._route

    def expired(self) -> bool:
        """Return whether the keys of the last route are known to be over."""
        return self._behind.expired() if self._given_up else is_over(self._source)

    async def renew(self, access_key: str | None) -> bool:
        """Go through the chain again, once for all whose key was rejected."""
        if self._given_up:
            return await self._behind.renew(access_key)
        async with self._renewing:
            if self._found is None or self._found.keys.access_key == access_key:
                self._found = await self._ask(anew=True)
            return self._found.keys.access_key != access_key

    def close(self) -> None:
        """End the look-up under way; its thread ends with the program, if the source hangs."""
        for looking in (self._looking, self._beside):
            if looking is not None:
                looking.cancel()
        self._behind.close()

    async def _ask(self, *, anew: bool) -> _Found:
        while anew and self._looking is not None and not self._looking_anew:
            await asyncio.wait([self._looking])
        looking = self._looking
        if looking is None:
            looking = self._looking = asyncio.create_task(self._looked(anew=anew))
            looking.add_done_callback(self._came)
            self._looking_anew = anew
        if self._found is None:
            looking = await self._first(looking)
        await asyncio.wait([looking])
        if looking.cancelled():
            raise Unroutable("the client was closed")
        return looking.result()

    async def _first(self, looking: "asyncio.Task[_Found]") -> "asyncio.Task[_Found]":
        """Return what comes first: the look-up, or keys that hold while their refresh hangs.

        Who asks for keys first within a quarter of an hour of their end refreshes them, and who asks
        meanwhile gets those that still hold; so a second thread asks, once the first has a source.
        """
        while not looking.done() and self._source is None:
            await asyncio.wait([looking], timeout=GLANCE_SECONDS)
        await asyncio.wait([looking], timeout=GLANCE_SECONDS)
        if looking.done():
            return looking
        beside = self._beside
        if beside is None:
            beside = self._beside = asyncio.create_task(self._looked(anew=False))
            beside.add_done_callback(self._came_beside)
        await asyncio.wait([looking, beside], return_when=asyncio.FIRST_COMPLETED)
        return looking if looking.done() else beside

    def _came_beside(self, beside: "asyncio.Task[_Found]") -> None:
        self._beside = None
        if not beside.cancelled():
            beside.exception()  # perhaps nobody waits any more

    def _came(self, looking: "asyncio.Task[_Found]") -> None:
        self._looking = None
        if not looking.cancelled():
            looking.exception()  # perhaps nobody waits any more

    async def _looked(self, *, anew: bool) -> _Found:
        with redacting():  # the answers of STS and SSO hold keys and tokens
            return await _in_thread(partial(self._look, anew=anew))

    def _look(self, *, anew: bool) -> _Found:
        from botocore.session import Session

        if self._session is None or anew:  # a session keeps roles, and would give out the rejected one
            self._session = Session(profile=self._options.get("profile"))
        if self._source is None or anew:
            self._source = self._session.get_component("credential_provider").load_credentials()
        source = self._source
        if source is None:
            raise no_credentials()
        frozen: Any = source.get_frozen_credentials()  # one set, never half old and half new
        return _Found(
            keys=Credentials(frozen.access_key, frozen.secret_key, frozen.token or None),
            account_id=getattr(frozen, "account_id", None),
            region=self._options.get("region") or self._session.get_config_variable("region"),
            lasts=not hasattr(source, "refresh_needed"),
        )

    def _given(self, found: _Found) -> Route | None:
        if found.account_id is not None and self._options.get("endpoint") is None:
            return None  # the account picks the endpoint
        options = {**self._options, "profile": None, "credentials": found.keys, "region": found.region}
        return given_route(options, _without_profile(os.environ), self._files, self._user_agent)


def can_ask_botocore(options: Mapping[str, Any], environ: Mapping[str, str], files: str) -> bool:
    """Return whether only the credentials, and perhaps the region, are left to be found.

    Args:
        options: What `connect` was given.
        environ: The environment; botocore sees the process's, and no other.
        files: The text of the AWS configuration files.
    """
    asked = any(options.get(name) is not None for name in ("session", "config", "credentials"))
    return environ is os.environ and not asked and not settings_elsewhere(_without_profile(environ), files)


def _without_profile(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name not in _PROFILES}


async def _in_thread(work: Callable[[], T]) -> T:
    """Return what `work` gives, called in a thread of its own that nobody waits for at the end.

    The threads of asyncio hold a program up until they are done, and a source may hang; anyio's
    don't, but its back end takes 10 ms to import, and only here would this path need it.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def tell(error: BaseException | None, result: Any = None) -> None:
        if outcome.done():
            return  # whoever waited was cancelled
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)

    def run() -> None:
        try:
            told = partial(tell, None, work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            told = partial(tell, error)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(told)

    Thread(target=copy_context().run, args=(run,), name="dynamorm credentials", daemon=True).start()
    return await outcome
