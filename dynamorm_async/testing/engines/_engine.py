"""What a started engine is: the facts that a client needs, as values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from dynamorm_async.errors import EngineUnavailable

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from dynamorm_async.client import Client

REGION = "eu-west-1"
# DynamoDB Local refuses an access key that is not alphanumeric.
ACCESS_KEY = "AKIADYNAMORMASYNCTEST"
SECRET_KEY = "not-a-secret"  # noqa: S105 - local engines check no signature


@attrs.frozen(kw_only=True)
class Engine:
    """One running DynamoDB.

    Attributes:
        name: As given to `started`.
        url: `memory://…`, or None where there is an endpoint.
        endpoint: `http://127.0.0.1:49152`, or None: in this process, or the service itself.
        region: A region, or None to have it resolved as always.
        access_key: None to have credentials resolved as always.
        secret_key: None to have credentials resolved as always.
        disposable: Whether everything in it is gone when it stops.
    """

    name: str
    url: str | None = None
    endpoint: str | None = None
    region: str | None = REGION
    access_key: str | None = ACCESS_KEY
    secret_key: str | None = attrs.field(default=SECRET_KEY, repr=False)
    disposable: bool = True

    @property
    def options(self) -> Mapping[str, Any]:
        """The keyword arguments that point `connect` at this engine."""
        options: dict[str, Any] = {"url": self.url, "endpoint": self.endpoint, "region": self.region}
        if self.access_key is not None and self.secret_key is not None and self.url is None:
            from dynamorm_async.transport import Credentials

            options["credentials"] = Credentials(self.access_key, self.secret_key)
        return {name: value for name, value in options.items() if value is not None}

    def connect(self, **more: Any) -> "AbstractAsyncContextManager[Client]":
        """Return `connect(…)` for this engine; `more` is added and wins."""
        from dynamorm_async.client import connect

        return connect(**{**self.options, **more})


@attrs.frozen
class Lack:
    """Why an engine cannot start here, and what would change that."""

    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.why}; {self.fix}"

    def error(self, engine: str) -> EngineUnavailable:
        """Return the error to raise for `engine`."""
        return EngineUnavailable(f"engine {engine} cannot start", why=self.why, fix=self.fix)
