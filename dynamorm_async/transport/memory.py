"""Answer calls from moto's DynamoDB, in this process, with no socket and no credentials.

Takes a `Call`, gives the `Answer` that moto's dispatcher makes of it. moto is imported with the
first attempt, so that nobody else pays for it. Each store is a backend of its own that moto's
global registry never sees: `mock_aws`, `MOTO_ACCOUNT_ID` and the AWS environment variables change
nothing here, and nothing here changes them.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from json import dumps
from typing import Any, NoReturn

import msgspec
from anyio.lowlevel import checkpoint

from dynamorm_async.errors import EngineUnavailable, InvalidRequest
from dynamorm_async.wire import Answer, Call

_REGISTERED_ACCOUNT = "123456789012"
INSTALL = "pip install 'dynamorm-async[memory]'"

_Dispatch = Callable[[Call], tuple[int, Mapping[str, str], str | bytes]]


class MemoryTransport:
    """A DynamoDB that lives in this process, made by moto.

    Args:
        store: Name of the data. None is a fresh store that ends with `aclose`; the same name in
            the same region is the same store everywhere in the process, and stays until it ends.
        region: What the stored ARNs say; any text, it needn't be a region of AWS.

    An attempt cannot be interrupted once it runs, so `timeout` is not looked at: it takes about a
    millisecond. What moto cannot do is a 500 `InternalServerError`, as a failing service would say.
    """

    name = "memory"

    def __init__(self, store: str | None = None, region: str = "us-east-1") -> None:
        self.region = region
        self._named = store is not None
        self._account = _account_of(f"{region}/{store}") if self._named else _random_account()
        self._dispatch: _Dispatch | None = None
        self._closed = False

    async def attempt(self, call: Call, *, timeout: float) -> Answer:
        """Answer the call; `timeout` is not looked at.

        Raises:
            EngineUnavailable: moto is not installed.
            InvalidRequest: The transport is closed.
        """
        del timeout
        await checkpoint()  # others run in between, and a cancelled caller is stopped before the write
        if self._closed:
            raise InvalidRequest(
                f"{call.operation}: this in-memory client is closed",
                fix="connect again, or keep the client open for as long as it is used",
                code="transport.closed",
            )
        dispatch = self._dispatch or self._load()
        status, headers, body = dispatch(call)
        raw = body.encode() if isinstance(body, str) else body
        return Answer(status=status, headers=headers, body=raw, checked=True)

    async def aclose(self) -> None:
        """Drop the data, unless the store has a name; may be called twice."""
        self._closed = True
        self._dispatch = None

    def __reduce__(self) -> NoReturn:
        message = "a MemoryTransport holds a store of this process and cannot be pickled"
        raise TypeError(message)

    def _load(self) -> _Dispatch:
        store = _named_store(self.region, self._account) if self._named else None
        store = store or _new_store(self.region, self._account)
        self._dispatch = _dispatcher(store)
        return self._dispatch


class _Store(msgspec.Struct, frozen=True):
    backend: Any  # moto's DynamoDBBackend
    region: str
    account: str
    lock: threading.Lock = msgspec.field(default_factory=threading.Lock)


# The one piece of module state of this room: `memory://name` means the same data to every client
# of the process, as a name in a service would. Only names go in; fresh stores end with their owner.
_named_stores: dict[str, _Store] = {}
_named_stores_lock = threading.Lock()


def _named_store(region: str, account: str) -> _Store:
    with _named_stores_lock:
        if account not in _named_stores:
            _named_stores[account] = _new_store(region, account)
        return _named_stores[account]


def _account_of(name: str) -> str:
    return f"{int.from_bytes(hashlib.sha256(name.encode('utf-8', 'surrogatepass')).digest()) % 10**12:012d}"


def _random_account() -> str:
    return f"{secrets.randbelow(10**12):012d}"


def _new_store(region: str, account: str) -> _Store:
    try:
        from moto.dynamodb.models import DynamoDBBackend
    except ImportError as error:
        raise EngineUnavailable(
            "memory://: moto is not installed", why=str(error), fix=INSTALL, code="transport.no-moto"
        ) from error
    return _Store(DynamoDBBackend(region, account), region, account)


def _dispatcher(store: _Store) -> _Dispatch:
    from botocore.model import OperationNotFoundError
    from moto.core.request import Request
    from moto.dynamodb.responses import DynamoHandler

    class Handler(DynamoHandler):
        """moto's handler over one backend that is ours, not one of moto's registry."""

        def get_current_account(self) -> str:
            # Only moto's IAM registry asks, and it keeps an entry for each account it was ever told;
            # the ARNs take theirs from the backend.
            return _REGISTERED_ACCOUNT

        def get_region_from_url(self, request: Any, full_url: str) -> str:
            del request, full_url
            return store.region

        @property
        def dynamodb_backend(self) -> Any:
            return store.backend

    def dispatch(call: Call) -> tuple[int, Mapping[str, str], str | bytes]:
        request = Request.from_primitives(
            "POST",
            "http://dynamodb.memory/",
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"DynamoDB_20120810.{call.operation}",
            },
            call.body,
        )
        try:
            with store.lock:  # a named store may be used from event loops in several threads
                status, headers, body = Handler.dispatch(request)
        except (NotImplementedError, OperationNotFoundError) as error:
            return _failure(400, "UnknownOperationException", f"moto: {error}")
        except Exception as error:  # noqa: BLE001 - a fault of the engine is the engine's answer
            return _failure(500, "InternalServerError", f"moto failed: {type(error).__name__}: {error}")
        return int(status), {name.lower(): str(value) for name, value in headers.items()}, body

    return dispatch


def _failure(status: int, code: str, message: str) -> tuple[int, Mapping[str, str], bytes]:
    body = dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})
    return status, {}, body.encode()
