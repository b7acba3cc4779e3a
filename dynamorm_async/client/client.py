"""The client: one way to one DynamoDB, shared by every task of a program."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, Unpack, cast, overload

import anyio

from dynamorm_async.client.batches import keys_with_targets, writes_with_targets
from dynamorm_async.client.collection import Collection
from dynamorm_async.client.known import Known
from dynamorm_async.client.loader import Loader
from dynamorm_async.client.plans import new_token
from dynamorm_async.client.query import Asking
from dynamorm_async.client.statement import Statement
from dynamorm_async.client.table import Table
from dynamorm_async.client.transaction import Transaction, TransactionOutcome, commit_all
from dynamorm_async.codecs import Codecs, PlainItems, Policy
from dynamorm_async.errors import (
    ConditionFailed,
    InvalidKey,
    InvalidModel,
    InvalidRequest,
    UniqueViolation,
    quoted,
)
from dynamorm_async.executors import BatchOptions, BatchStream, OnError, OnProgress, batch_stream, one
from dynamorm_async.executors import batch as run_batch
from dynamorm_async.expressions import Path
from dynamorm_async.model import check_table_name, spec_of
from dynamorm_async.plan import (
    BatchPlan,
    BatchRetry,
    Delete,
    Duplicates,
    Key,
    Put,
    Target,
    batch_get_of_several,
    name_of_key,
    statement,
)
from dynamorm_async.plan import batch_get as plan_batch_get
from dynamorm_async.plan import batch_write as plan_batch_write
from dynamorm_async.plan import transact_get as plan_transact_get
from dynamorm_async.transport import Waist

if TYPE_CHECKING:
    from dynamorm_async.admin import Admin

K = TypeVar("K")
M = TypeVar("M")
N = TypeVar("N")
P = TypeVar("P")
V = TypeVar("V")

_CONFLICT_BASE = 0.01
_CONFLICT_LONGEST = 1.0
_MOST_TARGETS = 1024


class Client:
    """An open client; made by `connect`, closed by `async with` or `aclose`.

    It is safe for thousands of tasks of one event loop. It holds credentials and connections and
    refuses to be pickled.
    """

    def __init__(
        self,
        waist: Waist,
        *,
        codecs: Codecs,
        table_prefix: str,
        cursor_keys: Sequence[bytes],
        now: Callable[[], datetime],
        jitter: Callable[[], float],
        token: Callable[[], str] = new_token,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
    ) -> None:
        self._waist = waist
        self._codecs = codecs
        self._prefix = table_prefix
        self._now = now
        self._jitter = jitter
        self._token = token
        self._sleep = sleep
        self._closed = False
        known = Known()
        self._asking = Asking(
            send=waist.send,
            now=now,
            known=known,
            cursor_keys=cursor_keys,
            tell=waist.tell,
        )
        self._targets: dict[tuple[type[Any], str], Target[Any]] = {}
        self._known = known

    @cached_property
    def admin(self) -> Admin:
        """Tables as things with a life: create, ensure, change, describe, back up, delete."""
        from dynamorm_async.admin import Admin  # most processes don't need it, and it takes 15 ms

        return Admin(self._waist.send, target=self._target, learn=self._known.refresh)

    @property
    def transport(self) -> str:
        """Which way calls go: "fast", "aiobotocore" or "memory"."""
        return self._waist.transport

    def table(self, model: type[M], *, name: str | None = None) -> Table[M]:
        """Return the table handle of a model.

        Args:
            model: A class decorated with `@model`.
            name: The table's name or ARN, instead of the model's own and the prefix.

        Raises:
            InvalidModel: The class is no model, or a field's type cannot be stored.
        """
        return Table(self._target(model, name), self._asking, self._token)

    @overload
    def collection(
        self, first: type[M], /, *, name: str | None = None, unknown: Policy = "drop"
    ) -> Collection[M]: ...
    @overload
    def collection(
        self, first: type[M], second: type[N], /, *, name: str | None = None, unknown: Policy = "drop"
    ) -> Collection[M | N]: ...
    @overload
    def collection(
        self,
        first: type[M],
        second: type[N],
        third: type[P],
        /,
        *,
        name: str | None = None,
        unknown: Policy = "drop",
    ) -> Collection[M | N | P]: ...
    @overload
    def collection(
        self, *models: type[Any], name: str | None = None, unknown: Policy = "drop"
    ) -> Collection[Any]: ...
    def collection(
        self, *models: type[Any], name: str | None = None, unknown: Policy = "drop"
    ) -> Collection[Any]:
        """Return several models of one table, to be asked for by one query.

        `db.collection(User, Order).where(User.user == "ana")` gives instances of both, in the order of
        their keys; each item is read by the model whose entity it names.

        Args:
            models: Models of one table, each with an entity of its own.
            name: The table's name or ARN, instead of the models' own and the prefix.
            unknown: What becomes of items of other entities: "drop" leaves them out (the service
                does, and they are paid for), "refuse" makes them an InvalidValue.

        Raises:
            InvalidModel: A model has no entity, two have the same, or they are of different tables.
        """
        return Collection([self._target(model, name) for model in models], self._asking, unknown=unknown)

    @overload
    def execute(
        self,
        text: str,
        parameters: Sequence[object] = (),
        *,
        model: type[M],
        consistent: bool = False,
        page_size: int | None = None,
    ) -> Statement[M]: ...
    @overload
    def execute(
        self,
        text: str,
        parameters: Sequence[object] = (),
        *,
        model: None = None,
        consistent: bool = False,
        page_size: int | None = None,
    ) -> Statement[dict[str, Any]]: ...
    def execute(
        self,
        text: str,
        parameters: Sequence[object] = (),
        *,
        model: type[Any] | None = None,
        consistent: bool = False,
        page_size: int | None = None,
    ) -> Statement[Any]:
        """Return a PartiQL statement; awaiting it sends it and gives its items.

        `await db.execute('SELECT * FROM "bookmarks" WHERE "user" = ?', ["ana"], model=Bookmark)`. One
        ExecuteStatement a page, through the aiobotocore client. Nothing of it is looked at: table
        names stand in it as they are, without `table_prefix`; times, versions and templates are not
        kept; a SELECT without a partition key reads the whole table. A statement that writes is never
        repeated where its answer was lost.

        Args:
            text: The statement, with a question mark for each parameter.
            parameters: Values for the question marks; never put them into the text.
            model: A model to read the items as; without one they are dicts by attribute name.
            consistent: Read what was written last; twice the price.
            page_size: Items to evaluate for each request.

        Raises:
            LimitExceeded: The text is empty, or longer than the service takes.
            InvalidValue: A parameter cannot be stored.
        """
        reader = PlainItems() if model is None else self._codecs.record(model)
        walk = statement(text, parameters, reader, consistent=consistent, page_size=page_size)
        return Statement(walk, self._waist.send)

    @overload
    async def batch_get(
        self,
        keys: Iterable[Key[M]],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: None = None,
        **options: Unpack[BatchOptions],
    ) -> list[M | None]: ...
    @overload
    async def batch_get(
        self,
        keys: Iterable[Key[M]],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: Mapping[type[M], type[V]],
        **options: Unpack[BatchOptions],
    ) -> list[V | None]: ...
    @overload
    async def batch_get(
        self,
        keys: Iterable[object],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: Mapping[type[Any], type[Any] | Sequence[Path[Any, Any] | str]] | None = None,
        **options: Unpack[BatchOptions],
    ) -> list[Any]: ...
    async def batch_get(
        self,
        keys: Iterable[object],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: Mapping[type[Any], type[Any] | Sequence[Path[Any, Any] | str]] | None = None,
        consistent: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        on_error: OnError | None = None,
    ) -> list[Any]:
        """Return the items of many keys of several models and tables, in the order of the keys.

        As `table.batch_get`, with None where there is no item; each call asks for up to 100 keys of
        any of the tables.

        Args:
            keys: Keys that say of which model they are: `Key(User, "ana")`, or instances.
            names: The table's name or ARN for a model, instead of the model's own and the prefix.
            select: A view, or fields, by model, as in `table.batch_get`: `{User: UserCard}`; models that
                are not named are read as a whole.
            consistent: As in `table.batch_get`, and so are the other options.
            concurrency: Most calls in flight.
            retry: When to ask again for what was left unprocessed.
            timeout: Seconds for everything.
            on_progress: Called with how many keys are dealt with, and how many there are.
            on_error: Called with each failure; it returns to go on, or raises to stop.

        Raises:
            InvalidKey: One of the keys fits no model, or two models mean one item; nothing was sent.
            InvalidModel, InvalidRequest: What is selected is no view, or no field; nothing was sent.
            PartialBatch: Not everything was read.
            TableNotFound, AccessDenied, CredentialsError: Nothing was read, for this reason.
        """
        asked = keys_with_targets(keys, self._target, names)
        plan = batch_get_of_several(asked, consistent=consistent, select=select)
        return await run_batch(
            plan,
            self._waist.send,
            concurrency=concurrency,
            retry=retry,
            timeout=timeout,
            on_progress=on_progress,
            on_error=on_error,
        )

    @overload
    def batch_stream(
        self,
        keys: Iterable[Key[M]] | AsyncIterable[Key[M]],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: None = None,
        **options: Unpack[BatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[Key[M], M]]: ...
    @overload
    def batch_stream(
        self,
        keys: Iterable[Key[M]] | AsyncIterable[Key[M]],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: Mapping[type[M], type[V]],
        **options: Unpack[BatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[Key[M], V]]: ...
    @overload
    def batch_stream(
        self,
        keys: Iterable[K] | AsyncIterable[K],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: Mapping[type[Any], type[Any] | Sequence[Path[Any, Any] | str]] | None = None,
        **options: Unpack[BatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[K, Any]]: ...
    def batch_stream(
        self,
        keys: Iterable[Any] | AsyncIterable[Any],
        *,
        names: Mapping[type[Any], str] | None = None,
        select: Mapping[type[Any], type[Any] | Sequence[Path[Any, Any] | str]] | None = None,
        consistent: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        on_error: OnError | None = None,
    ) -> AbstractAsyncContextManager[BatchStream[Any, Any]]:
        """Return a block in which many keys of several models and tables are iterated with their items.

        As `table.batch_stream`: in no order, and for any number of keys.

        Args:
            keys: Keys that say of which model they are: `Key(User, "ana")`, or instances.
            names: The table's name or ARN for a model, instead of the model's own and the prefix.
            select: As in `batch_get`.
            consistent: As in `table.batch_stream`, and so are the other options.
            concurrency: Most calls in flight.
            retry: When to ask again for what was left unprocessed.
            timeout: Seconds for each line of calls.
            on_progress: Called with how many keys are dealt with, and how many there are.
            on_error: Called with each failure; it returns to go on, or raises to stop.

        Raises:
            InvalidKey: One of the keys fits no model, or two models mean one item.
            InvalidModel, InvalidRequest: As `batch_get`.
            PartialBatch: In the loop: not everything was read.
            TableNotFound, AccessDenied, CredentialsError: In the loop: nothing was read.
        """

        def plan_of(some: Sequence[Any], *, first: int = 0) -> BatchPlan[list[Any]]:
            asked = keys_with_targets(some, self._target, names, first)
            return batch_get_of_several(asked, consistent=consistent, select=select, first=first)

        return batch_stream(
            keys,
            plan_of,
            self._waist.send,
            concurrency=concurrency,
            retry=retry,
            timeout=timeout,
            on_progress=on_progress,
            on_error=on_error,
        )

    async def batch_write(
        self,
        writes: Iterable[Put[Any] | Delete],
        *,
        names: Mapping[type[Any], str] | None = None,
        duplicates: Duplicates = "refuse",
        unchecked: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Put and delete many items of several models and tables: `[Put(item), Delete(Key(…))]`.

        As `table.batch_put` and `table.batch_delete`: no conditions, no order, no transaction.

        Args:
            writes: Puts of instances and deletes of `Key(Model, …)` or instances; a key may be in
                one of them only.
            names: The table's name or ARN for a model, instead of the model's own and the prefix.
            duplicates: What to do with two puts, or two deletes, of one key: "refuse" or "last".
            unchecked: Take instances that hold a version.
            concurrency: Most calls in flight.
            retry: When to ask again for what was left unprocessed.
            timeout: Seconds for everything.
            on_progress: Called with how many writes are dealt with, and how many there are.

        Raises:
            InvalidRequest: A write is refused (`writes[3]: …`); nothing was sent.
            PartialBatch: Not everything was written.
            TableNotFound, AccessDenied, CredentialsError: Nothing was written, for this reason.
        """
        plan = plan_batch_write(
            writes_with_targets(writes, self._target, names),
            now=self._now(),
            duplicates=duplicates,
            unchecked=unchecked,
        )
        await run_batch(
            plan,
            self._waist.send,
            concurrency=concurrency,
            retry=retry,
            timeout=timeout,
            on_progress=on_progress,
        )

    def transaction(self, *, token: str | None = None, timeout: float | None = None) -> Transaction:
        """Return a transaction: writes to several items and tables that happen together or not at all.

        `async with db.transaction() as tx: tx.create(mark); tx.update(Key(User, "ana"), …)` sends them
        as one TransactWriteItems at the end of the block, and nothing where the block raises;
        `await db.transaction().create(mark).commit()` is the same in one line.

        Args:
            token: An idempotency token of 1 to 36 characters, where the caller keeps one to send the
                same transaction again, within ten minutes; by default a new one. Not together with
                changes of unique fields, for which what is sent depends on what is stored.
            timeout: Seconds for the call that the end of the block makes.

        Raises:
            InvalidRequest: By the transaction's methods, where an operation can't be sent; the rest by
                `Transaction.commit`.
        """
        return Transaction(
            self._target,
            self._waist.send,
            now=self._now,
            token=self._token() if token is None else token,
            is_given=token is not None,
            timeout=timeout,
        )

    async def transact(
        self,
        fill: Callable[[Transaction], object | Awaitable[object]],
        *,
        token: str | None = None,
        timeout: float | None = None,
    ) -> list[Any]:
        """Let a function fill a transaction, send it, and return what each operation gave.

        Args:
            fill: Gets the transaction; it may be a coroutine function. Where it raises, nothing is sent.
            token: As in `transaction`.
            timeout: Seconds for the call.

        Raises:
            InvalidRequest: `fill` is no function; nothing was sent.
            TransactionFailed: As `Transaction.commit` does.
        """
        if not callable(fill):
            raise InvalidRequest(
                f"transact({quoted(fill)}): a function that fills a transaction is taken",
                fix="db.transact(lambda tx: tx.put(a).delete(b)), or await db.transaction().put(a).commit()",
                code="client.no-transaction",
            )
        async with self.transaction(token=token, timeout=timeout) as transaction:
            filled = fill(transaction)
            if inspect.isawaitable(filled):
                await filled
        return transaction.results

    async def transact_many(
        self, transactions: Iterable[Transaction], *, concurrency: int = 8, timeout: float | None = None
    ) -> list[TransactionOutcome]:
        """Send independent transactions at the same time and return what became of each, in order.

        Together they are not atomic: some may be committed and others not. An error of one stops none
        of the others.

        Args:
            transactions: Filled and not sent: `[db.transaction().put(a).delete(b), …]`.
            concurrency: Most calls in flight, under the client's own limit.
            timeout: Seconds for each.

        Raises:
            InvalidRequest: `concurrency` or `timeout` is none, or what is given is no transaction.
        """
        return await commit_all(transactions, concurrency=concurrency, timeout=timeout)

    @overload
    async def transact_get(
        self, first: Key[M], /, *, names: Mapping[type[Any], str] | None = None, timeout: float | None = None
    ) -> tuple[M | None]: ...
    @overload
    async def transact_get(
        self,
        first: Key[M],
        second: Key[N],
        /,
        *,
        names: Mapping[type[Any], str] | None = None,
        timeout: float | None = None,
    ) -> tuple[M | None, N | None]: ...
    @overload
    async def transact_get(
        self,
        first: Key[M],
        second: Key[N],
        third: Key[P],
        /,
        *,
        names: Mapping[type[Any], str] | None = None,
        timeout: float | None = None,
    ) -> tuple[M | None, N | None, P | None]: ...
    @overload
    async def transact_get(
        self,
        *keys: Key[Any],
        names: Mapping[type[Any], str] | None = None,
        timeout: float | None = None,
    ) -> tuple[Any, ...]: ...
    async def transact_get(
        self,
        *keys: Key[Any],
        names: Mapping[type[Any], str] | None = None,
        timeout: float | None = None,
    ) -> tuple[Any, ...]:
        """Return the items of up to 100 keys as they were at one moment, None where there is none.

        One TransactGetItems: two read units for each 4 KB of an item. Between the reads of a query or
        a batch, others may write; here they can't.

        Args:
            keys: `Key(User, "ana")`, of any models and tables.
            names: The table's name or ARN for a model, instead of the model's own and the prefix.
            timeout: Seconds.

        Raises:
            TransactionFailed: Others wrote to these items, to the end of all attempts.
            InvalidRequest, LimitExceeded: Before anything is sent: no key, a wrong one, or over 100.
        """
        plan = plan_transact_get(keys_with_targets(list(keys), self._target, names))
        return await one(plan, self._waist.send, timeout=timeout)

    def loader(
        self,
        model: type[M],
        *,
        name: str | None = None,
        consistent: bool = False,
        concurrency: int = 8,
        timeout: float | None = None,
    ) -> Loader[M]:
        """Return what makes the finds of one turn of the event loop one batch.

        For resolvers and templates that ask for one item at a time, many of them at once:
        `await users.find("ana")`.

        Args:
            model: A class decorated with `@model`.
            name: The table's name or ARN, as in `table`.
            consistent: Read what was written last; twice the price.
            concurrency: Most calls in flight for what one turn asks for.
            timeout: Seconds for what one turn asks for.

        Raises:
            InvalidModel: The class is no model, or a field's type cannot be stored.
        """
        target = self._target(model, name)

        async def carry(plan: BatchPlan[list[M | None]], on_error: OnError) -> list[M | None]:
            return await run_batch(
                plan, self._waist.send, concurrency=concurrency, timeout=timeout, on_error=on_error
            )

        return Loader(
            partial(plan_batch_get, target, consistent=consistent), partial(name_of_key, target), carry
        )

    async def retry_on_conflict(
        self,
        key: Key[M],
        change: Callable[[M], M | Awaitable[M]],
        *,
        name: str | None = None,
        attempts: int = 20,
        timeout: float | None = None,
    ) -> M:
        """Read an item, change it and save it; again from the start where another writer was faster.

        Args:
            key: The item's key.
            change: Gets the stored instance and returns the changed one (`evolve(item, …)`), or an
                awaitable of it; it may run several times.
            name: The table's name or ARN, as in `table`.
            attempts: How often, at most.
            timeout: Seconds for each call.

        Returns:
            The instance as saved.

        Raises:
            VersionConflict: Every attempt lost; it is the last one's.
            UniqueViolation: The change gave a unique field a value that another item has.
            ItemNotFound: There is no such item.
            InvalidModel: The model has no version field, so that no conflict could be seen.
        """
        _check_retried(key, attempts)
        table = self.table(key.model, name=name)
        for attempt in range(1, attempts + 1):
            changed = change(await table.get(key, consistent=True, timeout=timeout))
            item = await cast("Awaitable[M]", changed) if inspect.isawaitable(changed) else cast("M", changed)
            try:
                return await table.save(item, timeout=timeout)
            except UniqueViolation:
                raise  # which another attempt would meet again
            except ConditionFailed:
                # The save demands nothing but the version, or, of an item without one, its absence.
                if attempt == attempts:
                    raise
            # Full jitter: writers that met once should not meet again.
            longest = min(_CONFLICT_LONGEST, _CONFLICT_BASE * 2**attempt)
            await self._sleep(self._jitter() * longest)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def aclose(self) -> None:
        """Give connections and tasks back; may be called twice.

        Raises:
            InvalidRequest: The client belongs to another event loop; it stays open.
        """
        was_closed, self._closed = self._closed, True
        try:
            await self._waist.aclose()
        except InvalidRequest:
            self._closed = was_closed
            raise

    async def __aenter__(self) -> Self:
        if self._closed:
            raise InvalidRequest(
                "this client is closed", fix="make another one with connect(...)", code="client.closed"
            )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Client holds connections and credentials and cannot be pickled")

    def __repr__(self) -> str:
        return f"<Client over {self.transport}>"

    def _target(self, model: type[M], name: str | None) -> Target[M]:
        spec = spec_of(model)
        table = name if name is not None else self._named(spec.table)
        target: Target[M] | None = self._targets.get((model, table))
        record = self._codecs.record(model)
        if target is None or target.record is not record:
            check_table_name(table, owner=spec.name)
            # A name for each tenant should not grow without end; a handle made before keeps its own.
            if len(self._targets) >= _MOST_TARGETS:
                del self._targets[next(iter(self._targets))]
            target = self._targets[model, table] = Target(record, table)
        return target

    def _named(self, table: str) -> str:
        # A prefix means nothing before an ARN, which names one table of one account.
        return table if table.startswith("arn:") else f"{self._prefix}{table}"


def _check_retried(key: Key[Any], attempts: int) -> None:
    if not isinstance(key, Key):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidKey(f"{quoted(key)} does not say of which model it is", fix="use Key(Model, …)")
    if attempts < 1:
        raise InvalidRequest(f"retry_on_conflict(attempts={quoted(attempts)})", fix="give at least 1")
    spec = spec_of(key.model)
    if spec.version is None:
        raise InvalidModel(
            f"retry_on_conflict needs a version field, and {spec.name} has none",
            why="without one, writers overwrite each other and nobody notices",
            fix="declare one: revision: Attr[int] = version(); or use update(...)",
            code="client.no-version",
        )
