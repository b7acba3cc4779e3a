"""A table as one model sees it: the verbs of single items."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Generic, Literal, TypeVar, Unpack, overload

from dynamorm_async.client.batches import Batch
from dynamorm_async.client.mending import MendedClaims, mend_claims
from dynamorm_async.client.plans import Plans, new_token
from dynamorm_async.client.query import Asking, Query, Selection
from dynamorm_async.client.writer import BatchWriter
from dynamorm_async.errors import InvalidRequest
from dynamorm_async.executors import (
    BatchOptions,
    BatchStream,
    OnError,
    OnProgress,
    batch_stream,
    check_bounds,
    check_policies,
    one,
    steps,
)
from dynamorm_async.executors import batch as run_batch
from dynamorm_async.expressions import Condition, Path, Update
from dynamorm_async.plan import (
    BatchPlan,
    BatchRetry,
    Delete,
    Duplicates,
    EncodedWrite,
    Plan,
    Put,
    QueryPlan,
    Question,
    Returning,
    Target,
    WorkUnit,
    encoded_write,
    plan_of,
)
from dynamorm_async.plan import batch_get as plan_batch_get
from dynamorm_async.plan import find as plan_find
from dynamorm_async.plan import get as plan_get
from dynamorm_async.wire import LIMITS

K = TypeVar("K")
M = TypeVar("M")
V = TypeVar("V")


class Table(Generic[M]):
    """A table handle for model `M`, from `db.table(Model)`; cheap, and safe to share between tasks.

    A key is what the model's key has: `get("ana", "aws")`, and wherever one argument stands for a
    key, a tuple `("ana", "aws")`, a bare value, `Key(Bookmark, "ana", "aws")`, or an instance.

    Every verb takes `timeout=`, in seconds for the whole verb, and may raise:

        InvalidRequest: before anything is sent: a wrong key, value, condition or change.
        TableNotFound, AccessDenied, CredentialsError, Throttled, ServiceError: the service's answer.
        EndpointUnreachable, CallTimeout, ConnectionLost, ProtocolError: no usable answer came.
        OutcomeUnknown: a write was sent, and nobody knows whether it was applied.

    Every verb that writes takes `retry_ambiguous=`: with True, a write is sent again although its
    answer was lost and it may then be applied twice, as the AWS SDKs do. Writes that are harmless
    to repeat, or whose own condition stops a second application, are sent again in any case. A
    condition that fails after a lost answer is an OutcomeUnknown with it, too: the write itself may
    be what it met.

    create, put, update and delete take `idempotent=`: with True, the write is a transaction of its
    own with a token that is drawn for it, and is applied exactly once however often it has to be
    sent, for up to 300 seconds. It takes twice the write units, and an update returns nothing. What
    DynamoDB answers is then certain, a failed condition as well. save and upsert have no such
    argument: they return the item as it is then stored, which a transaction does not tell.

    Of a model with unique fields, a write that changes their values is a transaction with a claim for
    each value that it takes or frees, of two write units each, and the item takes twice its own. What
    is assumed to be stored is an instance's values; a bare key is read first, and a write whose
    assumption was wrong is sent again. A value that another item has is a UniqueViolation.

    Instances handed in are never changed; the verbs that write return the stored one.
    """

    def __init__(self, target: Target[M], asking: Asking, token: Callable[[], str] = new_token) -> None:
        self._target = target
        self._asking = asking
        self._send = asking.send
        self._now = asking.now
        self._token = token
        self.plan = Plans(target, asking.now, token)
        self._write = steps if target.is_unique else one

    @property
    def name(self) -> str:
        """The table's name or ARN, as it is sent."""
        return self._target.table

    @property
    def model(self) -> type[M]:
        """The model."""
        return self._target.spec.cls

    def __repr__(self) -> str:
        return f"<Table {self.name} of {self.model.__name__}>"

    async def get(self, *key: object, consistent: bool = False, timeout: float | None = None) -> M:
        """Return the item of a key. One GetItem: half a read unit for each 4 KB.

        Args:
            key: The key's values.
            consistent: Read what was written last; twice the price.
            timeout: Seconds.

        Raises:
            ItemNotFound: There is no such item.
            InvalidValue: The stored item does not fit the model; the text has the path.
        """
        return await one(plan_get(self._target, key, consistent=consistent), self._send, timeout=timeout)

    async def find(self, *key: object, consistent: bool = False, timeout: float | None = None) -> M | None:
        """Return the item of a key, or None where there is none; otherwise like `get`."""
        return await one(plan_find(self._target, key, consistent=consistent), self._send, timeout=timeout)

    async def create(
        self,
        item: M,
        *,
        when: Condition[M] | None = None,
        idempotent: bool = False,
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> M:
        """Store a new item and return it as stored: created and updated now, version 0.

        One PutItem under the condition that the key is free: one write unit for each 1 KB.

        Raises:
            ConditionFailed: An item of this key is stored (`error.item`); it stays as it is.
            UniqueViolation: Another item has the value of a unique field.
        """
        plan = self.plan.create(item, when=when, idempotent=idempotent, retry_ambiguous=retry_ambiguous)
        return await self._write(plan, self._send, timeout=timeout)

    async def put(
        self,
        item: M,
        *,
        when: Condition[M] | None = None,
        idempotent: bool = False,
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> M:
        """Store an item over whatever is there, and return it as stored.

        One PutItem, without a condition unless the instance holds a version, which must then be the
        stored one. created is kept where the instance has it.

        Raises:
            VersionConflict: The stored version is another than the instance's, or the item is gone.
            ConditionFailed: `when` does not hold.
        """
        plan = self.plan.put(item, when=when, idempotent=idempotent, retry_ambiguous=retry_ambiguous)
        return await self._write(plan, self._send, timeout=timeout)

    async def save(
        self,
        item: M,
        *,
        fields: Sequence[Path[M, Any] | str] | None = None,
        when: Condition[M] | None = None,
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> M:
        """Write an instance's fields over the stored ones and return the item as it is then stored.

        One UpdateItem. The version must be the stored one and goes up by one; an instance without
        one demands that none is stored. Attributes without a field and created stay untouched.

        Args:
            item: The instance.
            fields: Write only these (and updated and version), `[Bookmark.title]`.
            when: A further condition.
            retry_ambiguous: As the class says; a save is sent again in any case.
            timeout: Seconds.

        Raises:
            VersionConflict: Another writer was faster, or the item is gone; `error.item` is what is
                stored. `db.retry_on_conflict` reads again and repeats.
            ConditionFailed: There is no such item, or `when` does not hold.
            InvalidExpression: `fields` names a key or an unknown field.
        """
        plan = self.plan.save(item, fields=fields, when=when, retry_ambiguous=retry_ambiguous)
        return await self._write(plan, self._send, timeout=timeout)

    async def upsert(
        self,
        item: M,
        *,
        when: Condition[M] | None = None,
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> M:
        """Create the item or write its fields over the stored ones; return it as it is then stored.

        One UpdateItem. The stored created is kept; the version starts at 0 or goes up by one. An
        instance that holds a version demands that this one, or no item, is stored.

        Raises:
            VersionConflict: The instance holds a version and another one is stored.
            ConditionFailed: `when` does not hold.
        """
        plan = self.plan.upsert(item, when=when, retry_ambiguous=retry_ambiguous)
        return await self._write(plan, self._send, timeout=timeout)

    @overload
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["NONE"] = "NONE",
        idempotent: bool = False,
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> None: ...
    @overload
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["ALL_OLD", "ALL_NEW"],
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> M: ...
    @overload
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Literal["UPDATED_OLD", "UPDATED_NEW"],
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> dict[str, Any]: ...
    async def update(
        self,
        key: object,
        *updates: Update[M],
        when: Condition[M] | None = None,
        returning: Returning = "NONE",
        idempotent: bool = False,
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> M | dict[str, Any] | None:
        """Change an item that must be there: `update(key, Bookmark.visits.add(1))`.

        One UpdateItem. updated and the version are written along; an instance as key brings the
        version that it holds as a condition.

        Args:
            key: The key, in any form; an instance brings its version.
            updates: The changes; each attribute once.
            when: A condition on the item before the change.
            returning: "NONE"; the whole item with "ALL_OLD" or "ALL_NEW"; or, with "UPDATED_OLD" and
                "UPDATED_NEW", a dict of the changed fields, where a field of which a part was
                changed is a JSON-like value of that part.
            idempotent: Apply it exactly once, as the class says; only with returning "NONE".
            retry_ambiguous: Send a change that would add up again although its answer was lost. It
                may then count twice, and old values returned may be those after the first time.
            timeout: Seconds.

        Raises:
            ConditionFailed: There is no such item (`error.item` is None), or `when` does not hold.
            VersionConflict: The instance's version is not the stored one.
            InvalidExpression: A key is changed, changes overlap, or only a part of a template's
                fields is given.
            InvalidRequest: An idempotent update that returns something.
            OutcomeUnknown: An answer was lost. A change that would add up (`add`, `append`, any
                change that raises a version) is not repeated then, nor one that returns old values,
                unless `idempotent` or `retry_ambiguous` says so.
        """
        update: Callable[..., Plan[Any]] = self.plan.update
        plan = update(
            key,
            *updates,
            when=when,
            returning=returning,
            idempotent=idempotent,
            retry_ambiguous=retry_ambiguous,
        )
        result: M | dict[str, Any] | None = await self._write(plan, self._send, timeout=timeout)
        return result

    async def delete(
        self,
        *key: object,
        when: Condition[M] | None = None,
        idempotent: bool = False,
        retry_ambiguous: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Delete an item; one that is absent is fine unless something is demanded of it.

        One DeleteItem. An instance as key brings the version that it holds as a condition.

        Raises:
            VersionConflict: The instance's version is not the stored one, or the item is gone.
            ConditionFailed: `when` does not hold.
        """
        plan = self.plan.delete(*key, when=when, idempotent=idempotent, retry_ambiguous=retry_ambiguous)
        return await self._write(plan, self._send, timeout=timeout)

    def where(self, *conditions: Condition[M]) -> Query[M]:
        """Return a query for the items that meet all of these conditions, in any order.

        Nothing is sent until it is iterated, listed or counted. A partition key that is compared
        with `==` is queried; anything else needs `allow_scan()`.

        Raises:
            InvalidExpression, NoUsableIndex: By what ends the query, before anything is sent: two
                conditions contradict each other, or no key answers them completely.
        """
        return Query(self._target, Question(conditions=conditions), self._asking)

    @overload
    async def batch_get(
        self,
        keys: Iterable[object],
        *,
        select: None = None,
        **options: Unpack[BatchOptions],
    ) -> list[M | None]: ...
    @overload
    async def batch_get(
        self,
        keys: Iterable[object],
        *,
        select: type[V],
        **options: Unpack[BatchOptions],
    ) -> list[V | None]: ...
    @overload
    async def batch_get(
        self,
        keys: Iterable[object],
        *,
        select: Sequence[Path[M, Any] | str],
        **options: Unpack[BatchOptions],
    ) -> list[dict[str, Any] | None]: ...
    async def batch_get(
        self,
        keys: Iterable[object],
        *,
        select: type[Any] | Sequence[Path[M, Any] | str] | None = None,
        consistent: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        on_error: OnError | None = None,
    ) -> list[Any]:
        """Return the items of many keys, in their order, with None where there is no item.

        One BatchGetItem for each 100 different keys, and further ones for what the service leaves
        unprocessed or cuts off at 16 MB. Half a read unit for each 4 KB of each item.

        Args:
            keys: Keys in any form; equal ones are asked for once and answered at each place.
            select: Read only some fields: into a view, an attrs class or dataclass that declares some of
                the model's fields alike, or into dicts of the fields that are named. What is read is
                paid for as a whole all the same.
            consistent: Read what was written last; twice the price.
            concurrency: Most calls in flight.
            retry: When to ask again for what was left unprocessed; by default after waits between 0
                and 0.1 s that grow to 5 s, until 3 calls in a row made no progress.
            timeout: Seconds for everything.
            on_progress: Called with how many keys are dealt with, and how many there are.
            on_error: Called with a `BatchFailure` for keys that a call failed for, or whose item
                does not fit the model: it returns to go on, and these are None in the result; or
                it raises, and the batch ends. Without it, the first failure ends the batch. Like
                `on_progress` it is a plain function: a coroutine function is refused.

        Raises:
            InvalidKey: One of the keys is none of the model's; nothing was sent.
            InvalidModel, InvalidRequest: What is selected is no view, or no field; nothing was sent.
            PartialBatch: Not everything was read: `succeeded`, `failed` and `unprocessed` say what,
                `results` has what was read. Its cause is the first failure. It is itself the cause of
                what `on_progress` or `on_error` raised.
            TableNotFound, AccessDenied, CredentialsError: Nothing was read, for this reason.
        """
        plan = plan_batch_get(self._target, keys, consistent=consistent, select=select)
        return await run_batch(
            plan,
            self._send,
            concurrency=concurrency,
            retry=retry,
            timeout=timeout,
            on_progress=on_progress,
            on_error=on_error,
        )

    @overload
    def batch_stream(
        self,
        keys: Iterable[K] | AsyncIterable[K],
        *,
        select: None = None,
        **options: Unpack[BatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[K, M]]: ...
    @overload
    def batch_stream(
        self,
        keys: Iterable[K] | AsyncIterable[K],
        *,
        select: type[V],
        **options: Unpack[BatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[K, V]]: ...
    @overload
    def batch_stream(
        self,
        keys: Iterable[K] | AsyncIterable[K],
        *,
        select: Sequence[Path[M, Any] | str],
        **options: Unpack[BatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[K, dict[str, Any]]]: ...
    def batch_stream(
        self,
        keys: Iterable[K] | AsyncIterable[K],
        *,
        select: type[Any] | Sequence[Path[M, Any] | str] | None = None,
        consistent: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        on_error: OnError | None = None,
    ) -> AbstractAsyncContextManager[BatchStream[K, Any]]:
        """Return a block in which many keys are iterated with their items, as they come, in no order.

        `async with bookmarks.batch_stream(keys) as found: async for key, item in found: …`. As
        `batch_get`, and for any number of keys, from an iterable or an async one: for each of
        `concurrency` calls it holds up to 100 keys and one answer, and asks for more when that one
        was taken. Leaving the block stops all calls.

        Args:
            keys: Keys in any form, each handed out with its item or None. Equal ones of one call are
                asked for once; one that comes again later is read again.
            select: As in `batch_get`.
            consistent: Read what was written last; twice the price.
            concurrency: Most calls in flight.
            retry: When to ask again for what was left unprocessed, as in `batch_get`; it is joined
                with the keys that come next.
            timeout: Seconds for each of `concurrency` lines of calls, without what the loop and the
                keys take in between.
            on_progress: Called with how many keys are dealt with, and how many there are; of keys
                that have no length, how many were taken by now.
            on_error: As in `batch_get`; keys whose failure it accepts are not handed out.

        Raises:
            InvalidKey: One of the keys is none of the model's (`keys[3]: …`); of a list, before
                anything is sent, and else in the loop, when it is its turn.
            InvalidModel, InvalidRequest: As `batch_get`, before anything is sent.
            PartialBatch: In the loop, when everything that was read is handed out: `failed` and
                `unprocessed` say what was not. Keys that were not taken from an iterator by then are
                still to come from it (an async one is cancelled where it is waited for); of a list,
                they are unprocessed.
            TableNotFound, AccessDenied, CredentialsError: In the loop: nothing was read.
        """
        plan_of = partial(plan_batch_get, self._target, consistent=consistent, select=select)
        return batch_stream(
            keys,
            plan_of,
            self._send,
            concurrency=concurrency,
            retry=retry,
            timeout=timeout,
            on_progress=on_progress,
            on_error=on_error,
        )

    def batch(self) -> Batch[M, M]:
        """Return a `batch_get` to be put together step by step; nothing is sent before `execute`.

        `await bookmarks.batch().keys(keys).consistent().concurrency(16).execute()`
        """
        return Batch(self._target, self._send)

    async def batch_put(
        self,
        items: Iterable[M],
        *,
        duplicates: Duplicates = "refuse",
        unchecked: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[M]:
        """Store many items over whatever is there, and return them as stored, in their order.

        One BatchWriteItem for each 25 items or 16 MB: one write unit for each 1 KB of each item,
        as `put` costs. Not a transaction: each item is stored, or not, by itself. A batch takes no
        condition, so versions are not checked; created, updated and version are written as `put`
        writes them.

        Args:
            items: Instances.
            duplicates: What to do with items of one key: "refuse" them, or store the "last".
            unchecked: Take instances that hold a version, and store them over any other.
            concurrency: Most calls in flight.
            retry: When to ask again for what was left unprocessed, as in `batch_get`.
            timeout: Seconds for everything.
            on_progress: Called with how many items are dealt with, and how many there are.

        Raises:
            InvalidValue: An item cannot be stored (`items[3]: …`); nothing was sent.
            InvalidKey: Two items have one key; nothing was sent.
            InvalidRequest: An item holds a version; nothing was sent.
            PartialBatch: Not everything was stored: `succeeded`, `failed` and `unprocessed` say
                what. An item that the service refuses is found and is the only one to fail; any
                other failure of a call ends the batch.
            TableNotFound, AccessDenied, CredentialsError: Nothing was stored, for this reason.
        """
        plan = self.plan.batch_put(items, duplicates=duplicates, unchecked=unchecked)
        return await run_batch(
            plan, self._send, concurrency=concurrency, retry=retry, timeout=timeout, on_progress=on_progress
        )

    async def batch_delete(
        self,
        keys: Iterable[object],
        *,
        duplicates: Duplicates = "refuse",
        unchecked: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Delete the items of many keys; those that are absent are fine.

        One BatchWriteItem for each 25 keys: one write unit for each 1 KB of each deleted item, at
        least one for each key. Otherwise like `batch_put`; an instance as key may hold a version
        only with `unchecked`.

        Raises:
            InvalidKey: A key is none of the model's, or two are equal; nothing was sent.
            InvalidRequest: An instance holds a version; nothing was sent.
            PartialBatch: Not everything was deleted.
            TableNotFound, AccessDenied, CredentialsError: Nothing was deleted, for this reason.
        """
        plan = self.plan.batch_delete(keys, duplicates=duplicates, unchecked=unchecked)
        await run_batch(
            plan, self._send, concurrency=concurrency, retry=retry, timeout=timeout, on_progress=on_progress
        )

    def batch_writer(
        self,
        *,
        unchecked: bool = False,
        concurrency: int = 8,
        retry: BatchRetry | None = None,
        timeout: float | None = None,
    ) -> BatchWriter[M]:
        """Return what takes a stream of puts and deletes of any length and writes them in batches.

        `async with bookmarks.batch_writer() as writer: await writer.put(mark)`. It holds at most
        25 writes for each call in flight, and writes them together when it has so many.

        Args:
            unchecked: Take instances that hold a version, as in `batch_put`.
            concurrency: Most calls in flight.
            retry: When to ask again for what was left unprocessed.
            timeout: Seconds for the writing of what it holds, each time.

        Raises:
            InvalidRequest: One of the options means nothing.
        """
        check_bounds(concurrency, timeout)
        check_policies(retry)
        target = self._target

        def encode(write: Put[Any] | Delete) -> EncodedWrite:
            return encoded_write(target, write, now=self._now(), unchecked=unchecked)

        async def carry(plan: BatchPlan[None]) -> None:
            await run_batch(plan, self._send, concurrency=concurrency, retry=retry, timeout=timeout)

        return BatchWriter(encode, carry, most=LIMITS.batch_writes * concurrency)

    async def mend_claims(self, *, concurrency: int = 8) -> MendedClaims:
        """Make the claims on unique values those of the items that are stored, and tell what was amiss.

        For a table that was written before its fields were unique, or past the verbs: by PartiQL,
        another service, a restored backup. Others may write meanwhile. Both tables are scanned; for
        each claim its item is read, for each value its claim, and each repair is a transaction of four
        write units or more.

        Args:
            concurrency: Most calls in flight.

        Returns:
            Counts, and in `conflicts` the items that have a value that another item has claimed; they
            stay as they are.

        Raises:
            InvalidRequest: The model has no unique fields.
            InvalidValue: A stored item does not fit the model.
        """
        items = aiter(self.scan(consistent=True))
        return await mend_claims(self._target, items, self._send, token=self._token, concurrency=concurrency)

    def scan(self, *filters: Condition[M], consistent: bool = False) -> Query[M]:
        """Return a query that reads the whole table, page by page, and keeps what the filters keep.

        Nothing is sent until it is iterated or listed. Every item is paid for, kept or not.
        """
        question = Question(conditions=filters, is_scan=True, consistent=consistent)
        return Query(self._target, question, self._asking)

    def run(self, unit: WorkUnit) -> Selection[M, Any]:
        """Return the query of one work unit of `scan(...).split(n)`, here or in another process.

        It gives what the scan would: instances, or dicts where fields were selected. `start(cursor)`
        goes on where one stopped, at a BudgetSpent's `cursor`.

        Raises:
            InvalidRequest: By what ends it: the unit is of another model or table, or forged; or it is
                refined, which is the scan's matter.
        """
        asked = Question(is_scan=True)

        def planner(question: Question, index: str | None) -> QueryPlan[Any]:
            del index  # a unit has its own; a cursor of another one is foreign to it
            if question != asked:
                raise InvalidRequest(
                    "a work unit is run as it is",
                    fix="refine the scan before split(...)",
                    code="client.refined-unit",
                )
            statistics = self._asking.known.of(self._target.table)
            return plan_of(self._target, unit, statistics=statistics)

        return Selection(self._target, asked, self._asking, planner=planner)
